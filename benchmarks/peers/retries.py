"""The work of the benchmarks with retry libraries."""

from benchmarks.measure import Sample, Ticks, Watch


def failing_body(ticks: Ticks, n: int):
    """Raises n - 1 times, then returns."""
    tick = ticks.tick

    def body() -> None:
        if tick() < n - 1:
            raise ValueError("no")

    return body


def tenacity_attempts(n: int) -> Sample:
    """One call of n attempts, without a pause between them."""
    import tenacity

    ticks, watch = Ticks(), Watch()
    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(ValueError), wait=tenacity.wait_none()
    )
    body = failing_body(ticks, n)
    with watch.running():
        retrying(body)
    return watch.per(n, ticks.total())


def tenacity_one_retry(n: int) -> Sample:
    """n calls that fail once."""
    import tenacity

    ticks, watch = Ticks(), Watch()
    tick = ticks.tick

    @tenacity.retry(retry=tenacity.retry_if_exception_type(ValueError), wait=tenacity.wait_none())
    def body() -> None:
        if tick() % 2 == 0:
            raise ValueError("no")

    with watch.running():
        for _ in range(n):
            body()
    return watch.per(n, ticks.total())


def stamina_one_retry(n: int) -> Sample:
    """n calls that fail once."""
    import stamina

    ticks, watch = Ticks(), Watch()
    tick = ticks.tick
    stamina.instrumentation.set_on_retry_hooks([])

    @stamina.retry(on=ValueError, attempts=3, wait_initial=0.0, wait_max=0.0, wait_jitter=0.0)
    def body() -> None:
        if tick() % 2 == 0:
            raise ValueError("no")

    with watch.running():
        for _ in range(n):
            body()
    return watch.per(n, ticks.total())


def stamina_attempts(n: int) -> Sample:
    """One call of n attempts, without a pause between them."""
    import stamina

    ticks, watch = Ticks(), Watch()
    stamina.instrumentation.set_on_retry_hooks([])
    body = failing_body(ticks, n)
    retried = stamina.retry(
        on=ValueError, attempts=None, timeout=None, wait_initial=0.0, wait_max=0.0, wait_jitter=0.0
    )(body)
    with watch.running():
        retried()
    return watch.per(n, ticks.total())
