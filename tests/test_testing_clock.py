"""ManualClock: what goes by it and what does not, for every kind of body and supervisor."""

import asyncio
import os
import threading
from datetime import timedelta

import pytest
from gates import Gate
from kinds import as_given, every_kind, plain_supervisors, sleep, wait
from loops import Stubborn, run, scenario
from programs import run_well
from waiting import SOON, in_thread

import taskvisor as tv
from taskvisor.testing import ManualClock, Recorder, await_until, wait_until

pytestmark = every_kind

HOUR = 3600.0
HOURLY = tv.BackoffPolicy.constant(HOUR)


def failing(times):
    """A body that fails `times` times and then returns."""
    calls = iter(range(times + 1))

    def body():
        if next(calls) < times:
            raise tv.Fail("x")

    return body


async def sleeper(ctx):
    await sleep(ctx, HOUR)
    return "slept"


async def waiter(ctx):
    return await wait(ctx, HOUR)


# --- standing still ------------------------------------------------------------------------------


@pytest.mark.rule("R11.1")
def test_clock_begins_at_zero_and_stands_still_until_it_is_advanced(clock):
    assert (clock.now(), repr(clock)) == (0.0, "<ManualClock now=0.0>")
    clock.advance(1.5)
    clock.advance(timedelta(milliseconds=500))
    clock.advance(0)
    assert clock.now() == 2.0


@pytest.mark.rule("R11.1", "R11.2")
def test_backoff_ends_when_its_delay_is_over_and_no_sooner(serve, recorder, clock):
    spec = tv.TaskSpec(failing(2), name="a", backoff=tv.BackoffPolicy(60, HOUR, 2.0, "none"))
    sup = serve(recorder, clock=clock)
    handle = sup.add(spec)
    for delay in (60.0, 120.0):
        recorder.wait_for("backoff_scheduled", "a", count=1 + (delay > 60))
        assert sup.tasks()[0].next_start_in == delay
        clock.advance(delay - 1)
        assert (handle.state, sup.tasks()[0].next_start_in) == ("backoff", 1.0)
        clock.advance(1)
    assert handle.outcome(timeout=SOON).attempts == 3


@pytest.mark.rule("R11.2", "R11.3")
def test_interval_starts_one_run_for_each_advance_however_long(serve, recorder, clock):
    sup = serve(recorder, clock=clock)
    sup.add(tv.TaskSpec.periodic(dict, HOUR, name="a"))
    for run_of in range(1, 5):
        recorder.wait_for("backoff_scheduled", "a", count=run_of)
        assert len(recorder.of("a", "task_starting")) == run_of
        clock.advance(100 * HOUR)
    sup.cancel("a")


@pytest.mark.rule("R11.2", "R11.3")
def test_timeout_is_decided_when_the_advance_returns(serve, recorder, clock, gate):
    sup, held = serve(recorder, clock=clock), gate()
    handle = sup.add(tv.TaskSpec.once(held, name="a", timeout=HOUR))
    held.wait_inside()
    clock.advance(HOUR - 1e-9)
    assert handle.state == "running"
    clock.advance(1e-9)
    assert handle.state == "stopping"
    held.open()
    assert handle.outcome(timeout=SOON).reason == "timed out after 3600s"
    assert recorder.wait_for("task_failed", "a").duration == HOUR


@pytest.mark.rule("R11.2")
def test_run_as_long_as_reset_after_makes_failures_forgotten(serve, recorder, clock, gate):
    held = gate()

    async def body(ctx):
        if ctx.attempt == 2:
            await held.through()
        raise tv.Fail("x")

    sup = serve(recorder, clock=clock, backoff=HOURLY, max_retries=1, reset_after=60)
    sup.add(tv.TaskSpec(body, name="a"))
    recorder.wait_for("backoff_scheduled", "a")
    clock.advance(HOUR)
    held.wait_inside()
    clock.advance(60)
    held.open()
    recorder.wait_for("backoff_scheduled", "a", count=2)


@pytest.mark.rule("R11.2")
def test_grace_of_a_task_is_over_when_the_clock_says_so(serve, recorder, clock, gate):
    sup, held = serve(recorder, clock=clock), gate()
    handle = sup.add(tv.TaskSpec(held, name="a", grace=HOUR))
    held.wait_inside()
    sup.remove("a")
    clock.advance(HOUR - 1)
    assert not handle.done()
    clock.advance(1)
    assert handle.outcome(timeout=SOON).kind == "abandoned"
    held.open()
    recorder.removed("a")


@pytest.mark.rule("R11.2", "R11.6")
@plain_supervisors
def test_shutdown_waits_until_the_clock_has_passed_its_grace(serve, clock, gate):
    sup, held = serve(clock=clock), gate()
    sup.add(tv.TaskSpec(held, name="a"))
    held.wait_inside()
    sup.shutdown(HOUR, wait=False)
    answer = in_thread(sup.shutdown)
    clock.advance(HOUR)
    error = answer()
    assert (type(error), error.grace, error.stuck) == (tv.GraceExceeded, HOUR, ["a"])


@pytest.mark.rule("R11.2")
@as_given
def test_stuck_subscriber_is_given_up_when_the_clock_says_so(serve, clock):
    held = Gate()

    class Stuck:
        def on_event(self, event):
            held()

    sup = serve(Stuck(), clock=clock, subscriber_grace=HOUR)
    answer = in_thread(sup.shutdown)
    held.wait_inside()
    wait_until(lambda: clock.advance_to_next() == HOUR)
    assert answer() is None
    held.open()


@pytest.mark.rule("R11.2")
@as_given
def test_slot_tells_since_when_by_the_clock(serve, clock, gate):
    sup, held = serve(clock=clock, controller=tv.ControllerConfig()), gate()
    for slot in "xy":
        sup.submit(tv.ControllerSpec.queue(tv.TaskSpec.once(held, name=slot)))
        clock.advance(HOUR)
    x, y = sorted(sup.controller_snapshot(), key=lambda info: info.name)
    assert y.since - x.since == pytest.approx(HOUR, abs=1e-3)  # floats of a wall clock


# --- patience ------------------------------------------------------------------------------------


@pytest.mark.rule("R11.9")
def test_grace_is_over_where_nobody_advances_for_who_waits(serve, gate):
    sup, held = serve(clock=ManualClock(patience=0.02), grace=HOUR), gate()
    sup.add(tv.TaskSpec(held, name="a", grace=HOUR))
    held.wait_inside()
    error = in_thread(sup.shutdown)()
    assert (type(error), error.grace, error.stuck) == (tv.GraceExceeded, 0.0, ["a"])


@pytest.mark.rule("R11.9")
@as_given
def test_failing_test_says_why_and_which_body_is_stuck():
    held, clock = Gate(), ManualClock(patience=timedelta(milliseconds=20))
    with pytest.raises(AssertionError) as caught, clock.supervisor() as sup:
        sup.add(tv.TaskSpec(held, name="a"))
        held.wait_inside()
        raise AssertionError
    held.open()
    assert caught.value.__notes__ == ['shutdown timeout 0ns exceeded; stuck: ["a"]']


@pytest.mark.rule("R11.9")
@as_given
def test_clock_goes_on_for_subscribers_too_where_nobody_advances_it():
    held, clock = Gate(), ManualClock(patience=0.02)

    class Stuck:
        def on_event(self, event):
            held()

    config = tv.SupervisorConfig(subscriber_grace=0.02)
    assert in_thread(clock.supervisor(config, subscribers=[Stuck()]).serve().shutdown)() is None
    held.open()


@pytest.mark.rule("R11.9")
def test_shutdown_that_nobody_waits_for_is_not_hurried(serve, gate):
    sup, held = serve(clock=(clock := ManualClock(patience=0)), grace=HOUR), gate()
    handle = sup.add(tv.TaskSpec(held, name="a", grace=2 * HOUR))
    held.wait_inside()
    sup.shutdown(wait=False)
    with pytest.raises(TimeoutError):
        handle.outcome(timeout=0.05)
    assert clock.advance_to_next() == HOUR
    assert handle.outcome(timeout=SOON).kind == "abandoned"


@pytest.mark.rule("R11.9")
@pytest.mark.parametrize(("patience", "error"), [(-1, ValueError), ("1", TypeError)])
@as_given
def test_patience_that_makes_no_sense_is_refused(patience, error):
    with pytest.raises(error, match="patience"):
        ManualClock(patience=patience)


# --- bodies that wait ----------------------------------------------------------------------------


@pytest.mark.rule("R11.5")
@pytest.mark.parametrize(("body", "result"), [(sleeper, "slept"), (waiter, False)])
def test_waits_of_a_body_end_at_their_time(serve, clock, body, result):
    handle = serve(clock=clock).add(tv.TaskSpec.once(body))
    wait_until(lambda: clock.sleeping == 1)
    clock.advance(HOUR - 1)
    assert (clock.sleeping, handle.done()) == (1, False)
    clock.advance(1)
    assert clock.sleeping == 0
    assert handle.result(timeout=SOON) == result


@pytest.mark.rule("R11.5")
@pytest.mark.parametrize(("body", "kind"), [(sleeper, "canceled"), (waiter, "canceled")])
def test_waits_of_a_body_end_with_its_cancel(serve, clock, body, kind):
    sup = serve(clock=clock)
    handle = sup.add(tv.TaskSpec.once(body))
    wait_until(lambda: clock.sleeping == 1)
    sup.remove(handle)
    assert handle.outcome(timeout=SOON).kind == kind
    wait_until(lambda: clock.sleeping == 0)


@pytest.mark.rule("R11.5")
def test_timeout_that_falls_due_with_the_wait_comes_first(serve, clock):
    handle = serve(clock=clock).add(tv.TaskSpec.once(waiter, timeout=HOUR))
    wait_until(lambda: clock.sleeping == 1)
    clock.advance(HOUR)
    outcome = handle.outcome(timeout=SOON)
    assert (outcome.kind, outcome.value) == ("failed", True)


@pytest.mark.rule("R11.5")
def test_waits_of_no_time_and_without_limit_are_not_the_clocks(serve, clock):
    async def body(ctx):
        waits = [await wait(ctx, 0), await sleep(ctx, 0)]
        await wait(ctx)
        return waits

    sup = serve(clock=clock)
    handle = sup.add(tv.TaskSpec.once(body))
    wait_until(lambda: sup.is_alive(handle))
    clock.advance(HOUR)
    assert (clock.sleeping, handle.done()) == (0, False)
    sup.cancel(handle)
    assert handle.outcome().value == [False, None]


@pytest.mark.rule("R11.5")
@as_given
def test_sleeping_coroutines_wake_in_the_order_of_their_times(serve, clock):
    woken = []

    async def body(ctx, seconds):
        await ctx.asleep(seconds)
        woken.append(seconds)

    sup = serve(clock=clock)
    times = [5.0, 1.0, 3.0]
    handles = [sup.add(tv.TaskSpec.once(body, name=f"{s}", args=(s,))) for s in times]
    wait_until(lambda: clock.sleeping == 3)
    clock.advance(HOUR)
    for handle in handles:
        handle.result(SOON)
    assert woken == sorted(times)


@pytest.mark.rule("R11.5")
@as_given
def test_kept_context_still_waits_by_the_clock(serve, clock):
    ctx = serve(clock=clock).add(tv.TaskSpec.once(lambda: tv.current())).result(SOON)
    answer = in_thread(ctx.wait, HOUR)
    wait_until(lambda: clock.sleeping == 1)
    clock.advance(HOUR)
    assert answer() is False


@pytest.mark.rule("R11.5", "R8.6")
@as_given
def test_wait_that_would_block_a_loop_is_refused_on_a_manual_clock_too(serve, clock):
    async def body(ctx):
        ctx.sleep(HOUR)

    outcome = serve(clock=clock).add(tv.TaskSpec.once(body)).outcome(SOON)
    assert type(outcome.exception) is RuntimeError
    assert clock.sleeping == 0


@pytest.mark.rule("R11.5")
@as_given
def test_cancelled_wait_of_a_coroutine_leaves_no_alarm(serve, clock):
    async def body(ctx):
        waits = asyncio.ensure_future(ctx.asleep(HOUR))
        await await_until(lambda: clock.sleeping == 1)
        waits.cancel()
        await asyncio.wait([waits])
        return clock.sleeping

    assert serve(clock=clock).add(tv.TaskSpec.once(body)).result(SOON) == 0


# --- what does not go by it ----------------------------------------------------------------------


@pytest.mark.rule("R11.6")
def test_callers_that_wait_do_so_by_the_systems_clock(serve, recorder, clock, gate):
    sup, held = serve(recorder, clock=clock), gate()
    handle = sup.add(tv.TaskSpec(held, name="a"))
    held.wait_inside()
    clock.advance(1000 * HOUR)
    with pytest.raises(TimeoutError):
        handle.outcome(timeout=0.01)
    with pytest.raises(tv.TaskRemoveTimeout):
        handle.cancel(timeout=0.01)
    assert sup.join(0.01) is False
    assert recorder.wait_for("task_starting").at == pytest.approx(recorder.events[0].at, abs=60)


@pytest.mark.rule("R11.6")
@as_given
def test_token_waits_by_the_systems_clock(serve, clock):
    handle = serve(clock=clock).add(tv.TaskSpec.once(lambda ctx: ctx.token.wait(0.01)))
    assert handle.result(SOON) is False


@pytest.mark.rule("R11.6")
@as_given
def test_coroutine_that_swallows_its_cancel_is_cancelled_again_in_real_time(serve, clock):
    stubborn = Stubborn()
    sup = serve(clock=clock)
    handle = sup.add(tv.TaskSpec.once(stubborn, grace=0.02))
    wait_until(lambda: stubborn.is_there)
    sup.remove(handle)
    wait_until(lambda: stubborn.cancels == 2)
    assert not handle.done()
    stubborn.let_go()
    handle.outcome(SOON)


# --- several, from anywhere ----------------------------------------------------------------------


@pytest.mark.rule("R11.4")
def test_supervisors_on_one_clock_are_led_from_deadline_to_deadline(serve, clock):
    heard = [Recorder() for _ in range(3)]
    for seconds, recorder in zip((30, 10, 20), heard, strict=True):
        backoff = tv.BackoffPolicy.constant(seconds)
        serve(recorder, clock=clock, backoff=backoff).add(tv.TaskSpec(failing(1), name="a"))
        recorder.wait_for("backoff_scheduled")
    for recorder in (heard[1], heard[2], heard[0]):
        assert len(recorder.of("a", "task_starting")) == 1
        assert clock.advance_to_next() == 10.0
        recorder.wait_for("task_removed", "a")
    assert clock.advance_to_next() is None
    assert clock.now() == 30.0


@pytest.mark.rule("R11.4", "R11.5")
@as_given
def test_next_may_be_the_end_of_a_bodys_wait(serve, clock):
    handle = serve(clock=clock).add(tv.TaskSpec.once(sleeper, timeout=2 * HOUR))
    wait_until(lambda: clock.sleeping == 1)
    assert clock.advance_to_next() == HOUR
    assert handle.result(SOON) == "slept"


@pytest.mark.rule("R11.3")
def test_clock_may_be_advanced_by_a_body_and_by_a_subscriber(serve, clock):
    class Hurried:
        def on_event(self, event):
            if event.kind == "backoff_scheduled":
                clock.advance(event.delay_ms / 1000)

    def body(ctx):
        clock.advance(1)
        if ctx.attempt < 4:
            raise tv.Fail("x")

    handle = serve(Hurried(), clock=clock, backoff=HOURLY).add(tv.TaskSpec(body))
    assert handle.outcome(timeout=SOON).attempts == 4
    assert clock.now() == 3 * HOUR + 4


@pytest.mark.rule("R11.1", "R11.4")
@as_given
def test_aio_supervisor_is_on_the_clock_with_the_loop_it_is_entered_on():
    clock, events = ManualClock(), Recorder()

    async def main():
        config = tv.SupervisorConfig(backoff=HOURLY)
        async with clock.aio_supervisor(config, subscribers=[events]) as sup:
            handle = sup.add(tv.TaskSpec(failing(1), name="a"))
            await await_until(lambda: events.of("a", "backoff_scheduled"))
            assert clock.advance_to_next() == HOUR
            return await handle.outcome()

    assert run(main).attempts == 2


@pytest.mark.rule("R11.1")
@scenario
async def test_aio_supervisor_takes_what_the_plain_one_takes():
    clock = ManualClock()
    async with clock.aio_supervisor(controller=tv.ControllerConfig()) as sup:
        assert sup.controller_snapshot() == []
    with pytest.raises(TypeError, match="config must be a SupervisorConfig, not int"):
        clock.aio_supervisor(3)


# --- what is refused, and the ends ---------------------------------------------------------------


@pytest.mark.rule("R11.7")
@pytest.mark.parametrize(
    ("seconds", "error"),
    [(-1, ValueError), (float("nan"), ValueError), ("1", TypeError), (True, TypeError)],
)
def test_time_that_makes_no_sense_is_refused_and_changes_nothing(clock, seconds, error):
    with pytest.raises(error, match="seconds"):
        clock.advance(seconds)
    assert clock.now() == 0.0


@pytest.mark.rule("R11.7")
def test_longest_times_are_cut(clock):
    for _ in range(2):
        clock.advance(2.0**63)
        assert clock.now() == pytest.approx(2**63 / 1e9)


@pytest.mark.rule("R11.7")
def test_clock_belongs_to_the_process_that_made_it(clock):
    calls = [clock.advance_to_next, clock.supervisor, lambda: clock.advance(1)]
    told, tell = os.pipe()
    pid = os.fork()
    if pid == 0:
        for call in calls:
            try:
                call()
            except RuntimeError as error:
                os.write(tell, b"x" if "fork" in str(error) else b"?")
        os._exit(0)
    os.waitpid(pid, 0)
    os.close(tell)
    assert os.read(told, 10) == b"xxx"
    os.close(told)


@pytest.mark.rule("R11.8")
def test_clock_goes_on_by_itself_when_the_interpreter_exits():
    out = run_well("""
        import threading
        import taskvisor as tv
        from taskvisor.testing import ManualClock
        held = threading.Event()
        class Tell:
            def on_event(self, event):
                if "grace" in event.kind:
                    print(event.kind, flush=True)
        clock = ManualClock()
        sup = clock.supervisor(tv.SupervisorConfig(grace=0.05), subscribers=[Tell()]).serve()
        sup.add(tv.TaskSpec.once(held.wait, name="stuck"))
        while not sup.is_alive("stuck"):
            pass
    """)
    assert out == "grace_exceeded\n"


@pytest.mark.rule("R11.8")
@as_given
def test_supervisor_that_keeps_its_clock_alive_is_dropped_as_any_other(gate):
    before = threading.active_count()
    sup = ManualClock().supervisor().serve()
    sup.add(tv.TaskSpec.once(lambda ctx: ctx.sleep(HOUR)))
    with pytest.warns(ResourceWarning, match="dropped"):
        del sup
    wait_until(lambda: threading.active_count() <= before)
