"""A timeout is a stop request: when it is made, what it leads to, and what it does not."""

import sys
import time
from datetime import timedelta

import pytest
from kinds import every_kind, wait
from waiting import until

import taskvisor as tv

pytestmark = [every_kind, pytest.mark.rule("R8.4")]

SOON = tv.BackoffPolicy.constant(0.0)
HOUR = 3600.0
TEXT = "timed out after 10ms"
TIMED_OUT = [
    "task_starting attempt=1",
    "timeout_hit attempt=1 timeout_ms=10",
    f"task_failed attempt=1 duration reason={TEXT}",
]


async def waits(ctx):
    """A body that ends as soon as it is asked to."""
    return await wait(ctx)


def then(end):
    """A body that waits until it is asked to end, and then returns `end` or raises it."""

    async def body(ctx):
        await wait(ctx)
        if isinstance(end, BaseException):
            raise end
        return end

    return body


@pytest.mark.rule("R1.35", "R1.60", "R2.2", "R2.6", "R6.1")
def test_timeout_is_hit_and_then_the_attempt_fails(serve, recorder):
    handle = serve(recorder).add(tv.TaskSpec.once(waits, name="a", timeout=0.01))
    outcome = handle.outcome(timeout=30)
    assert recorder.removed("a")[2:] == [
        *TIMED_OUT,
        f"actor_exhausted attempt=1 reason={TEXT}",
        "task_removed",
    ]
    assert outcome == tv.TaskOutcome("failed", value=True, reason=TEXT, attempts=1)


@pytest.mark.rule("R2.6", "R2.22")
def test_timeout_cancels_the_attempts_token_with_reason_timeout(serve):
    async def body(ctx):
        return await wait(ctx), ctx.cancelled, ctx.token.is_cancelled, ctx.cancel_reason

    handle = serve().add(tv.TaskSpec.once(body, timeout=0.01))
    assert handle.outcome(timeout=30).value == (True, True, True, "timeout")


@pytest.mark.rule("R2.7", "R4.33")
@pytest.mark.parametrize(
    "end", [None, "late", tv.Fail("f", exit_code=3), tv.Fatal("f"), tv.Canceled(), OSError("x")]
)
@pytest.mark.parametrize("restart", ["never", "on_failure"])
def test_however_the_body_ends_after_its_deadline_it_has_timed_out(serve, recorder, end, restart):
    spec = tv.TaskSpec(then(end), name="a", timeout=0.01, restart=restart, max_retries=0)
    outcome = serve(recorder).add(spec).outcome(timeout=30)
    text = TEXT if restart == "never" else f"max_retries_exceeded(0/0): {TEXT}"
    assert recorder.removed("a")[2:] == [
        *TIMED_OUT,
        f"actor_exhausted attempt=1 reason={text}",
        "task_removed",
    ]
    raised = isinstance(end, BaseException)
    assert (outcome.kind, outcome.reason, outcome.exit_code) == ("failed", text, None)
    assert outcome.exception is (end if raised else None)
    assert outcome.value is (None if raised else end)


@pytest.mark.rule("R2.8", "R4.57", "R4.62", "R1.37")
def test_timed_out_body_stays_stopping_until_it_ends_and_the_retry_waits_for_that(
    serve, recorder, clock, gate
):
    sup, held = serve(recorder, clock=clock), gate()
    spec = tv.TaskSpec(held, name="a", timeout=0.01, grace=0, backoff=SOON)
    handle = sup.add(spec)
    held.wait_inside()
    clock.advance(0.01)
    clock.advance(HOUR)
    assert (handle.state, sup.is_alive("a"), held.came) == ("stopping", True, 1)
    held.open()
    assert handle.outcome(timeout=30) == tv.TaskOutcome("completed", value="through", attempts=2)
    assert recorder.removed("a")[2:] == [
        *TIMED_OUT,
        f"backoff_scheduled attempt=1 delay_ms=0 backoff_source=failure reason={TEXT}",
        "task_starting attempt=2",
        "task_stopped attempt=2 duration",
        "actor_exhausted attempt=2 reason=policy_exhausted_success",
        "task_removed",
    ]


@pytest.mark.rule("R1.4", "R1.36")
def test_timeout_forgets_no_failures_however_long_it_ran(serve):
    spec = tv.TaskSpec(waits, timeout=0.01, reset_after=0, max_retries=1, backoff=SOON)
    outcome = serve().add(spec).outcome(timeout=30)
    assert outcome.reason == f"max_retries_exceeded(1/1): {TEXT}"
    assert outcome.attempts == 2


@pytest.mark.rule("R1.42", "R1.37")
def test_timeout_under_always_is_a_failure_with_backoff(serve, recorder):
    spec = tv.TaskSpec(
        waits, name="a", restart="always", timeout=0.01, max_retries=1, backoff=SOON
    )  # fmt: skip
    serve(recorder).add(spec).outcome(timeout=30)
    assert recorder.removed("a")[5] == (
        f"backoff_scheduled attempt=1 delay_ms=0 backoff_source=failure reason={TEXT}"
    )


@pytest.mark.rule("R2.5")
@pytest.mark.parametrize("timeout", [None, 0, 0.0, timedelta(0)])
def test_timeout_of_none_or_zero_is_none(serve, recorder, clock, timeout):
    async def body(ctx):
        return await wait(ctx, HOUR)

    spec = tv.TaskSpec(body, name="a", timeout=timeout)
    handle = serve(recorder, clock=clock, timeout=0.01).add(spec)
    until(lambda: clock.sleeping)
    assert clock.advance_to_next() == HOUR
    assert handle.result(timeout=30) is False
    assert recorder.removed("a")[3] == "task_stopped attempt=1 duration"


@pytest.mark.rule("R2.3", "R2.6")
def test_body_that_ends_before_its_deadline_has_no_timeout(serve, recorder):
    handle = serve(recorder).add(tv.TaskSpec(lambda: 1, name="a", timeout=3600))
    assert handle.result(timeout=30) == 1
    assert recorder.removed("a")[2:4] == [
        "task_starting attempt=1",
        "task_stopped attempt=1 duration",
    ]


@pytest.mark.rule("R2.9")
@pytest.mark.parametrize("timeout", [None, 3600])
def test_timeout_error_of_the_body_itself_is_an_ordinary_failure(serve, recorder, timeout):
    def body():
        raise TimeoutError("socket")

    handle = serve(recorder).add(tv.TaskSpec.once(body, name="a", timeout=timeout))
    text = "execution failed: TimeoutError: socket"
    assert handle.outcome(timeout=30).reason == text
    assert recorder.removed("a")[3:5] == [
        f"task_failed attempt=1 duration reason={text}",
        f"actor_exhausted attempt=1 reason={text}",
    ]


@pytest.mark.rule("R1.22")
def test_cancel_disarms_the_timeout(serve, recorder, clock, gate):
    sup, held = serve(recorder, clock=clock), gate()
    handle = sup.add(tv.TaskSpec(held, name="a", timeout=60, grace=HOUR))
    held.wait_inside()
    sup.remove(handle)
    assert clock.advance_to_next() == HOUR
    held.open()
    handle.outcome(timeout=30)
    word = recorder.removed("a")
    after = word[word.index("task_remove_requested") :]
    assert [line for line in after if line.startswith("timeout_hit")] == []


@pytest.mark.rule("R1.23", "R1.20", "R1.21", "R4.34")
@pytest.mark.parametrize("end", ["value", tv.Fail("x"), tv.Fatal("x"), tv.Canceled()])
def test_timeout_hit_before_the_cancel_stays(serve, recorder, gate, end):
    held = gate()

    async def body():
        await held.through()
        if isinstance(end, BaseException):
            raise end
        return end

    sup = serve(recorder)
    handle = sup.add(tv.TaskSpec(body, name="a", timeout=0.01))
    recorder.wait_line("a", "timeout_hit")
    sup.remove(handle)
    held.open()
    outcome = handle.outcome(timeout=30)
    assert recorder.removed("a")[2:] == [
        *TIMED_OUT[:2],
        "task_remove_requested",
        TIMED_OUT[2],
        "task_removed",
    ]
    assert (outcome.kind, outcome.reason) == ("canceled", TEXT)


@pytest.mark.rule("R4.34", "R4.41")
def test_abandoned_task_whose_attempt_timed_out_has_that_text_as_reason(serve, recorder, gate):
    sup, held = serve(recorder), gate()
    handle = sup.add(tv.TaskSpec(held, name="a", timeout=0.01, grace=0))
    recorder.wait_line("a", "timeout_hit")
    sup.remove(handle)
    outcome = handle.outcome(timeout=30)
    assert (outcome.kind, outcome.reason) == ("abandoned", TEXT)
    held.open()
    assert recorder.removed("a")[-2:] == [TIMED_OUT[2], "task_removed"]


@pytest.mark.rule("R1.9")
def test_timeout_does_not_count_the_wait_for_a_permit(serve, recorder, clock, gate):
    sup, held = serve(recorder, clock=clock, max_concurrent=1), gate()
    sup.add(tv.TaskSpec(held, name="held"))
    held.wait_inside()
    handle = sup.add(tv.TaskSpec(lambda: "done", name="a", timeout=60))
    clock.advance(HOUR)
    held.open()
    assert handle.result(timeout=30) == "done"
    assert recorder.removed("a")[2:4] == [
        "task_starting attempt=1",
        "task_stopped attempt=1 duration",
    ]
    assert recorder.of("a", "task_stopped")[0].duration == 0


@pytest.mark.rule("R2.10")
def test_deadline_is_decided_while_the_main_thread_never_gives_the_gil_away(serve, gate):
    sup, held = serve(), gate()
    handle = sup.add(tv.TaskSpec(held, name="a", timeout=0.05))
    held.wait_inside()
    stream, interval = sup.events(), sys.getswitchinterval()
    sys.setswitchinterval(1000.0)
    try:
        deadline = time.monotonic() + 30
        while (state := handle.state) == "running" and time.monotonic() < deadline:
            pass
        end = time.time()
    finally:
        sys.setswitchinterval(interval)
    assert state == "stopping"
    hit = stream.next(timeout=30)
    assert (hit.kind, hit.task) == ("timeout_hit", "a")
    assert hit.at <= end + 0.001


@pytest.mark.rule("R6.5")
@pytest.mark.parametrize(
    ("timeout", "timeout_ms", "shown"),
    [(0.0019, 1, "1.9ms"), (0.00025, 0, "250µs"), (1e-9, 0, "1ns"), (0.0105, 10, "10.5ms")],
)
def test_timeout_ms_is_floored_while_the_text_is_exact(serve, recorder, timeout, timeout_ms, shown):
    handle = serve(recorder).add(tv.TaskSpec.once(waits, name="a", timeout=timeout))
    assert handle.outcome(timeout=30).reason == f"timed out after {shown}"
    assert recorder.wait_line("a", "timeout_hit").timeout_ms == timeout_ms


@pytest.mark.rule("R6.6", "R2.2")
def test_duration_is_in_seconds_and_covers_the_whole_body(serve, recorder, clock, gate):
    held = gate()
    serve(recorder, clock=clock).add(tv.TaskSpec.once(held, name="a", timeout=60))
    held.wait_inside()
    clock.advance(60)
    clock.advance(1.5)
    held.open()
    assert recorder.wait_for("task_failed", "a").duration == 61.5
