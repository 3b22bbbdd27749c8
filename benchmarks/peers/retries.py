"""The work of the benchmarks with retry libraries."""

from collections.abc import Callable
from functools import partial

from benchmarks import bodies
from benchmarks.measure import Sample, Ticks, Watch

# Has a library call a body again and again until it succeeds, without pauses.
Retrying = Callable[[bodies.Function], Callable[[], object]]


def attempts(retrying: Retrying, n: int) -> Sample:
    """One call of n attempts, without a pause between them."""
    ticks, watch = Ticks(), Watch()
    retried = retrying(bodies.failing(ticks, n))
    with watch.running():
        retried()
    return watch.per(n, ticks.total())


def one_retry(retrying: Retrying, n: int) -> Sample:
    """n calls that fail once."""
    ticks, watch = Ticks(), Watch()
    retried = retrying(bodies.failing_first(ticks))
    with watch.running():
        for _ in range(n):
            retried()
    return watch.per(n, ticks.total())


def tenacity_call(body: bodies.Function) -> Callable[[], object]:
    """Called by a Retrying that is there already."""
    import tenacity

    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(ValueError), wait=tenacity.wait_none()
    )
    return partial(retrying, body)


def tenacity_decorated(body: bodies.Function) -> Callable[[], object]:
    """Under its decorator."""
    import tenacity

    decorate = tenacity.retry(
        retry=tenacity.retry_if_exception_type(ValueError), wait=tenacity.wait_none()
    )
    return decorate(body)


def stamina_endless(body: bodies.Function) -> Callable[[], object]:
    """As many attempts as it takes."""
    return stamina_decorated(body, attempts=None, timeout=None)


def stamina_few(body: bodies.Function) -> Callable[[], object]:
    """At most three attempts."""
    return stamina_decorated(body, attempts=3)


def stamina_decorated(body: bodies.Function, **limits: int | None) -> Callable[[], object]:
    """Under its decorator, without its hooks and waits."""
    import stamina

    stamina.instrumentation.set_on_retry_hooks([])
    return stamina.retry(on=ValueError, wait_initial=0.0, wait_max=0.0, wait_jitter=0.0, **limits)(
        body
    )
