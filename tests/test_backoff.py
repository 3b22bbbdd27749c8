"""How long a task waits before each retry: the curve, the jitters, draws that can be repeated."""

import math

import pytest
from kinds import every_kind
from waiting import SOON

import taskvisor as tv
from taskvisor.testing import ManualClock

pytestmark = [every_kind, pytest.mark.rule("R8.4")]

LONG = 1000.0


def failing(times: int):
    """A body that fails `times` times and then returns."""
    calls = iter(range(times + 1))

    def body():
        if next(calls) < times:
            raise tv.Fail("x")

    return body


def delays_of(serve, recorder, backoff, times=6, **config):
    """The delays, in ms, of a task that fails `times` times."""
    spec = tv.TaskSpec(failing(times), name="a", backoff=backoff)
    return waited(serve, recorder, spec, times, **config)


def waited(serve, recorder, spec, times, **config):
    """The delays, in ms, that are told of a task and that it waits, which are the same."""
    clock = ManualClock()
    handle = serve(recorder, clock=clock, **config).add(spec)
    delays = []
    for n in range(1, times + 1):
        delays.append(recorder.wait_for("backoff_scheduled", "a", count=n).delay_ms)
        waited_ns = round((clock.advance_to_next() or 0) * 10**9)  # no delay: it has gone on
        assert waited_ns // 10**6 == delays[-1]
    assert handle.outcome(SOON).kind in ("completed", "canceled")
    assert len(recorder.of("a", "backoff_scheduled")) == times
    return delays


def first_delays(serve, recorder, backoff, tasks, **config):
    """The delay, in ms, before the first retry of each of many tasks, by acceptance."""
    spec = tv.TaskSpec(failing(1), backoff=backoff, max_retries=None)

    def always():
        raise tv.Fail("x")

    sup = serve(recorder, restart="on_failure", **config)
    names = [f"t{n}" for n in range(tasks)]
    sup.add_many([spec.replace(fn=always)] * tasks, names=names)
    scheduled = "backoff_scheduled"
    recorder.wait_for(scheduled, count=tasks)
    delays = {e.task: e.delay_ms for e in recorder.events if e.kind == scheduled}
    return [delays[name] for name in names]


@pytest.mark.rule("R1.41", "R3.1", "R3.3")
@pytest.mark.parametrize(
    ("backoff", "delays"),
    [
        (dict(first=0.001, max=0.01, factor=2.0), [1, 2, 4, 8, 10, 10]),
        (dict(first=0.002, max=1.0, factor=1.5), [2, 3, 4, 6, 10, 15]),
        (dict(first=0.003, max=0.003, factor=5.0), [3] * 6),
        (dict(first=0, max=1.0, factor=9.0), [0] * 6),
        (dict(first=0.001, max=1.0, factor=1.0), [1] * 6),
    ],
)
def test_delay_grows_from_first_by_factor_up_to_max(serve, recorder, backoff, delays):
    policy = tv.BackoffPolicy(**backoff, jitter="none")
    assert delays_of(serve, recorder, policy) == delays


@pytest.mark.rule("R3.2", "R3.1")
def test_base_that_is_not_finite_is_max(serve, recorder):
    policy = tv.BackoffPolicy(first=0.001, max=0.004, factor=1e200, jitter="none")
    assert delays_of(serve, recorder, policy, times=5) == [1, 4, 4, 4, 4]
    assert policy.next(100) == 0.004
    assert policy.preview(4) == [(0.001, 0.001)] + [(0.004, 0.004)] * 3


@pytest.mark.rule("R3.12")
@pytest.mark.parametrize(
    ("jitter", "bounds"),
    [
        ("none", [(1.0, 1.0), (2.0, 2.0), (4.0, 4.0), (5.0, 5.0)]),
        ("full", [(0.0, 1.0), (0.0, 2.0), (0.0, 4.0), (0.0, 5.0)]),
        ("equal", [(0.5, 1.0), (1.0, 2.0), (2.0, 4.0), (2.5, 5.0)]),
        ("decorrelated", [(1.0, 3.0), (1.0, 5.0), (1.0, 5.0), (1.0, 5.0)]),
    ],
)
def test_preview_tells_the_lowest_and_the_highest_delay(jitter, bounds):
    policy = tv.BackoffPolicy(first=1.0, max=5.0, factor=2.0, jitter=jitter)
    assert policy.preview(4) == bounds
    assert policy.preview(0) == []


@pytest.mark.rule("R3.4", "R3.5", "R3.6", "R3.7", "R3.11")
@pytest.mark.parametrize(
    ("jitter", "previous", "low", "high"),
    [
        ("full", None, 0.0, 4.0),
        ("equal", None, 2.0, 4.0),
        ("decorrelated", None, 1.0, 3.0),
        ("decorrelated", 2.0, 1.0, 6.0),
        ("decorrelated", 9.0, 1.0, 10.0),
        ("full", 9.0, 0.0, 4.0),
        ("equal", 9.0, 2.0, 4.0),
    ],
)
def test_next_draws_uniformly_from_its_range(jitter, previous, low, high):
    policy = tv.BackoffPolicy(first=1.0, max=10.0, factor=2.0, jitter=jitter)
    assert_uniform([policy.next(2, previous) for _ in range(4000)], low, high)


def assert_uniform(draws, low, high):
    """All within the range, and each tenth of it hit about as often as the others (> 10 sigma)."""
    assert low <= min(draws)
    assert max(draws) <= high
    tenths = [0] * 10
    for draw in draws:
        tenths[min(9, int((draw - low) / (high - low) * 10))] += 1
    assert all(0.5 < n * 10 / len(draws) < 1.5 for n in tenths), tenths


@pytest.mark.rule("R3.4", "R3.5", "R3.6", "R3.7", "R3.9")
@pytest.mark.parametrize(
    ("jitter", "low", "high"), [("full", 0, 1), ("equal", 0.5, 1), ("decorrelated", 1, 3)]
)
def test_delays_of_many_tasks_are_spread_uniformly(serve, recorder, jitter, low, high):
    backoff = tv.BackoffPolicy(first=LONG, max=5 * LONG, jitter=jitter)
    delays = first_delays(serve, recorder, backoff, 2000, seed=7)
    assert_uniform([ms / 1000 for ms in delays], low * LONG - 0.001, high * LONG)


@pytest.mark.rule("R3.6")
def test_decorrelated_draws_up_to_three_times_the_last_delay(serve, recorder):
    backoff = tv.BackoffPolicy(first=0.001, max=0.02, jitter="decorrelated")
    delays = delays_of(serve, recorder, backoff, times=12, seed=3)
    highs = [3, *(min(20, 3 * (ms + 1)) for ms in delays)]
    assert all(1 <= ms <= high for ms, high in zip(delays, highs, strict=False))
    assert max(delays) > 3


@pytest.mark.rule("R3.6", "R1.2")
def test_decorrelated_starts_again_from_first_after_a_success(serve, recorder):
    # Fails four times, succeeds, and so on: every fifth delay is drawn from [first, 3 * first].
    calls = iter(range(40))

    def body():
        n = next(calls, None)
        if n is None:
            raise tv.Canceled
        if n % 5 != 4:
            raise tv.Fail("x")

    backoff = tv.BackoffPolicy(first=0.001, max=0.05, jitter="decorrelated")
    spec = tv.TaskSpec(body, name="a", restart="always", backoff=backoff)
    delays = waited(serve, recorder, spec, 32, seed=1)
    assert all(1 <= ms <= 3 for ms in delays[::4])
    assert max(delays) > 9


@pytest.mark.rule("R3.8")
@pytest.mark.parametrize("jitter", ["full", "equal", "decorrelated"])
def test_same_seed_gives_the_same_delays(serve, jitter, recorder):
    backoff = tv.BackoffPolicy(first=LONG, max=9 * LONG, jitter=jitter)
    runs = [first_delays(serve, type(recorder)(), backoff, 50, seed=seed) for seed in (42, 42, 43)]
    assert runs[0] == runs[1] != runs[2]


@pytest.mark.rule("R3.8")
def test_same_seed_gives_the_same_sequence_to_one_task(serve, recorder):
    backoff = tv.BackoffPolicy(first=0.005, max=0.02, jitter="full")
    runs = [delays_of(serve, type(recorder)(), backoff, times=10, seed=seed) for seed in (5, 5, 6)]
    assert runs[0] == runs[1] != runs[2]


@pytest.mark.rule("R3.8", "R3.9")
def test_draws_depend_on_the_place_in_the_order_and_not_on_what_others_draw(serve, recorder):
    backoff = tv.BackoffPolicy(first=LONG, max=LONG, jitter="full")
    alone = first_delays(serve, recorder, backoff, 3, seed=9)
    sup, other = serve(other := type(recorder)(), seed=9), other
    busy = tv.TaskSpec(failing(40), name="t0", backoff=tv.BackoffPolicy(0, 0, jitter="full"))
    sup.add(busy).outcome(timeout=30)
    sup.add(tv.TaskSpec(lambda: 1, name="t1")).outcome(timeout=30)
    sup.add(tv.TaskSpec(failing(1), name="t2", backoff=backoff))
    assert other.wait_line("t2", "backoff_scheduled").delay_ms == alone[2]
    assert len(set(alone)) == 3


@pytest.mark.rule("R3.8", "R4.2")
def test_refused_add_takes_no_place_in_the_order(serve, recorder):
    backoff = tv.BackoffPolicy(first=LONG, max=LONG, jitter="full")
    plain = first_delays(serve, recorder, backoff, 2, seed=9)
    sup, other = serve(other := type(recorder)(), seed=9), other
    spec = tv.TaskSpec(failing(1), name="t0", backoff=backoff)
    sup.add(spec)
    with pytest.raises(tv.TaskAlreadyExists):
        sup.add(spec)
    with pytest.raises(tv.TaskAlreadyExists):
        sup.add_many([spec.replace(name="t9"), spec])
    sup.add(tv.TaskSpec(failing(1), name="t1", backoff=backoff))
    assert other.wait_line("t1", "backoff_scheduled").delay_ms == plain[1]


@pytest.mark.rule("R3.8")
def test_without_a_seed_two_supervisors_draw_differently(serve, recorder):
    backoff = tv.BackoffPolicy(first=LONG, max=LONG, jitter="full")
    runs = [first_delays(serve, type(recorder)(), backoff, 8) for _ in range(2)]
    assert runs[0] != runs[1]


@pytest.mark.rule("R3.10", "R0.7")
@pytest.mark.parametrize(
    ("fields", "value"),
    [
        (dict(factor=0.99), "0.99"),
        (dict(factor=-2.0), "-2.0"),
        (dict(factor=math.inf), "inf"),
        (dict(factor=math.nan), "nan"),
        (dict(first=-0.1), "-0.1"),
        (dict(first=math.nan), "nan"),
        (dict(max=math.inf), "inf"),
        (dict(max=math.nan), "nan"),
        (dict(first=2.0, max=1.0), "2.0"),
        (dict(jitter="some"), "some"),
    ],
)
def test_policy_that_makes_no_sense_is_refused(fields, value):
    with pytest.raises(ValueError, match=value.replace(".", r"\.")):
        tv.BackoffPolicy(**fields)


@pytest.mark.rule("R3.13")
def test_constant_waits_the_same_before_each_retry(serve, recorder):
    policy = tv.BackoffPolicy.constant(0.002)
    assert policy.jitter == "none"
    assert delays_of(serve, recorder, policy, times=4) == [2] * 4
    assert tv.BackoffPolicy.constant(2, jitter="full").preview(2) == [(0.0, 2.0)] * 2


@pytest.mark.rule("R3.14")
def test_defaults_of_the_policy():
    policy = tv.BackoffPolicy()
    fields = (policy.first, policy.max, policy.factor, policy.jitter)
    assert fields == (0.2, 30.0, 2.0, tv.JitterPolicy.EQUAL)


@pytest.mark.rule("R6.5")
@pytest.mark.parametrize(
    ("delay", "delay_ms"),
    [(0.9999, 999), (5_000_000.0, 2**32 - 1), (4294967.295, 2**32 - 1), (4294967.294, 2**32 - 2)],
)
def test_delay_ms_is_floored_and_capped(serve, recorder, delay, delay_ms):
    spec = tv.TaskSpec(failing(1), name="a", backoff=tv.BackoffPolicy.constant(delay))
    serve(recorder).add(spec)
    assert recorder.wait_line("a", "backoff_scheduled").delay_ms == delay_ms
