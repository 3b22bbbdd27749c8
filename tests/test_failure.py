"""What counts as a failure, what its text is, how often it is tried again, and who is told."""

import asyncio
import inspect
import logging
import sys

import pytest
from kinds import every_kind, plain_bodies, sleep, wait
from waiting import until

import taskvisor as tv

pytestmark = [every_kind, pytest.mark.rule("R8.4")]

SOON = tv.BackoffPolicy.constant(0.0)
REASON_BYTES = 4096


def raises(error: BaseException):
    """A body that raises."""

    def body():
        raise error

    return body


def fails(times: int, then=lambda: "ok"):
    """A body that fails `times` times and then does something else."""
    calls = iter(range(times + 1))

    def body():
        n = next(calls)
        if n < times:
            raise tv.Fail(f"f{n + 1}")
        return then()

    return body


async def waits(ctx):
    """A body that returns as soon as it is asked to stop."""
    await wait(ctx)


def outcome_of(serve, body, **options):
    """How a task of this body ends; it is not tried again unless `options` say so."""
    options = {"restart": "never", "backoff": SOON, **options}
    return serve().add(tv.TaskSpec(body, name="a", **options)).outcome(timeout=30)


class Quiet(Exception):
    """Has no text."""


class Rude(Exception):
    """Has no text to be had."""

    def __str__(self):
        raise RuntimeError("no")


class Base(BaseException):
    """No Exception."""


@pytest.mark.rule("R1.62", "R1.64", "R4.34")
@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (tv.Fail("told"), "told"),
        (tv.Fail(""), ""),
        (ValueError("bad"), "ValueError: bad"),
        (KeyError("k"), "KeyError: 'k'"),
        (Quiet(), "Quiet"),
        (Rude(), "Rude"),
        (TimeoutError(), "TimeoutError"),
        (KeyboardInterrupt(), "KeyboardInterrupt"),
        (KeyboardInterrupt("stop"), "KeyboardInterrupt: stop"),
        (GeneratorExit(), "GeneratorExit"),
        (Base("b"), "Base: b"),
        (BaseExceptionGroup("g", [Base()]), "BaseExceptionGroup: g (1 sub-exception)"),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"),
         "UnicodeDecodeError: 'utf-8' codec can't decode byte 0xff in position 0: bad"),
    ],
)  # fmt: skip
def test_any_other_exception_is_a_failure_told_by_type_and_text(serve, error, reason):
    outcome = outcome_of(serve, raises(error))
    assert (outcome.kind, outcome.reason) == ("failed", f"execution failed: {reason}")
    assert outcome.exception is error
    assert outcome.exit_code is None


@plain_bodies
@pytest.mark.rule("R1.64")
def test_stop_iteration_of_a_plain_body_is_a_failure_as_any_other(serve):
    error = StopIteration(3)
    outcome = outcome_of(serve, raises(error))
    assert (outcome.kind, outcome.reason) == ("failed", "execution failed: StopIteration: 3")
    assert outcome.exception is error


@pytest.mark.rule("R1.61")
def test_fatal_text(serve):
    assert outcome_of(serve, raises(tv.Fatal("f"))).reason == "fatal error (no retry): f"


@pytest.mark.rule("R1.64")
def test_subclasses_of_fail_fatal_and_canceled_are_what_they_are(serve):
    class Mine(tv.Fail): ...

    class Worse(tv.Fatal): ...

    class Enough(tv.Canceled): ...

    ends = [outcome_of(serve, raises(e)) for e in (Mine("m", exit_code=9), Worse("w"), Enough())]
    assert [(e.kind, e.reason, e.exit_code) for e in ends] == [
        ("failed", "execution failed: m", 9),
        ("fatal", "fatal error (no retry): w", None),
        ("canceled", None, None),
    ]


@pytest.mark.rule("R1.65", "R8.6")
@pytest.mark.parametrize("error", [SystemExit(), SystemExit(None), SystemExit(0)])
def test_system_exit_with_none_or_zero_is_a_return_of_none(serve, recorder, error):
    handle = serve(recorder).add(tv.TaskSpec(raises(error), name="a"))
    outcome = handle.outcome(timeout=30)
    assert (outcome.kind, outcome.value, outcome.reason) == ("completed", None, None)
    assert recorder.removed("a")[2:] == [
        "task_starting attempt=1",
        "task_stopped attempt=1 duration",
        "actor_exhausted attempt=1 reason=policy_exhausted_success",
        "task_removed",
    ]


@pytest.mark.rule("R1.66", "R8.6")
@pytest.mark.parametrize("code", [1, 3, -1, 255, 2**31 - 1, -(2**31)])
def test_system_exit_with_an_int_of_32_bits_is_a_failure_with_that_code(serve, recorder, code):
    handle = serve(recorder).add(tv.TaskSpec.once(raises(SystemExit(code)), name="a"))
    outcome = handle.outcome(timeout=30)
    text = f"execution failed: SystemExit: {code}"
    assert (outcome.kind, outcome.reason, outcome.exit_code) == ("failed", text, code)
    assert recorder.removed("a")[3:] == [
        f"task_failed attempt=1 exit_code={code} duration reason={text}",
        f"actor_exhausted attempt=1 exit_code={code} reason={text}",
        "task_removed",
    ]


@pytest.mark.rule("R1.67")
@pytest.mark.parametrize(
    ("code", "text"),
    [
        (2**31, "2147483648"),
        (-(2**31) - 1, "-2147483649"),
        ("gone", "gone"),
        (1.5, "1.5"),
        (("a", 1), "('a', 1)"),
    ],
)
def test_system_exit_with_anything_else_is_a_failure_with_code_1(serve, code, text):
    error = SystemExit()
    error.code = code
    error.args = (code,)
    outcome = outcome_of(serve, raises(error))
    assert outcome.reason == f"execution failed: SystemExit: {text}"
    assert (outcome.kind, outcome.exit_code) == ("failed", 1)


@pytest.mark.kinds("coroutine-aio")
@pytest.mark.rule("R8.6", "R8.41")
@pytest.mark.parametrize("error", [SystemExit(3), SystemExit(), KeyboardInterrupt()])
@pytest.mark.parametrize("after_a_step", [False, True])
def test_exit_out_of_a_coroutine_leaves_the_callers_loop_too(serve, error, after_a_step):
    async def body():
        if after_a_step:
            await asyncio.sleep(0)
        raise error

    sup = serve()
    before = [sup.add(tv.TaskSpec(waits, name=f"t{n}")) for n in range(3)]
    assert sup.add(tv.TaskSpec.once(body)).outcome(timeout=30).exception in (error, None)
    assert sup.left_by == [type(error)]
    assert [handle.cancel(timeout=30) for handle in before] == [True] * 3


@pytest.mark.rule("R1.68", "R1.71")
@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ValueError("x" * 100_000_000), "ValueError: " + "x" * (REASON_BYTES - 12)),
        (tv.Fail("x" * 5000), "x" * REASON_BYTES),
        (tv.Fail("x" * REASON_BYTES), "x" * REASON_BYTES),
        (tv.Fail("x" + "é" * 5000), "x" + "é" * 2047),
        (ValueError("€" * 5000), "ValueError: " + "€" * 1361),
        (tv.Fail("xx" + "𝄞" * 5000), "xx" + "𝄞" * 1023),
    ],
)  # fmt: skip
def test_reason_is_cut_at_4_kib_of_utf8_on_a_character(serve, error, reason):
    assert outcome_of(serve, raises(error)).reason == f"execution failed: {reason}"


@pytest.mark.rule("R1.68", "R1.61")
def test_reason_of_fatal_is_cut_too(serve, recorder):
    serve(recorder).add(tv.TaskSpec(raises(tv.Fatal("y" * 10_000)), name="a"))
    reason = "fatal error (no retry): " + "y" * REASON_BYTES
    assert recorder.wait_line("a", "actor_dead").reason == reason


@pytest.mark.rule("R1.69")
@pytest.mark.parametrize("error", [tv.Fail("a\ud800b"), tv.Fail("a\udcffb"), ValueError("a\ud800")])
def test_lone_surrogates_in_a_reason_are_escaped(serve, error):
    text = str(error) if not isinstance(error, tv.Fail) else error.reason
    plain = text.encode("utf-8", "backslashreplace").decode()
    kind = "" if isinstance(error, tv.Fail) else "ValueError: "
    reason = outcome_of(serve, raises(error)).reason
    assert reason == f"execution failed: {kind}{plain}"
    assert "\\ud" in reason


@pytest.mark.rule("R1.70")
@pytest.mark.parametrize("kind", [tv.Fail, tv.Fatal])
@pytest.mark.parametrize("reason", [None, 3, b"x", ValueError("x")])
def test_reason_of_fail_and_fatal_that_is_no_str_is_refused(kind, reason):
    with pytest.raises(TypeError):
        kind(reason)


@pytest.mark.rule("R1.71")
def test_deep_recursion_is_a_failure(serve):
    def body():
        return body()

    reason = outcome_of(serve, body).reason
    assert reason.startswith("execution failed: RecursionError: maximum recursion depth exceeded")


@pytest.mark.rule("R1.71")
def test_raising_del_in_a_body_changes_nothing(serve, monkeypatch):
    seen = []
    monkeypatch.setattr(sys, "unraisablehook", lambda args: seen.append(type(args.exc_value)))

    class Bad:
        def __del__(self):
            raise OSError("del")

    assert outcome_of(serve, lambda: (Bad(), 5)[1]).value == 5
    assert seen == [OSError]


@pytest.mark.rule("R1.36", "R1.40")
@pytest.mark.parametrize("retries", [0, 1, 3])
@pytest.mark.parametrize("restart", ["on_failure", "always"])
def test_max_retries_allows_one_more_failing_attempt(serve, recorder, retries, restart):
    spec = tv.TaskSpec(
        fails(99), name="a", max_retries=retries, backoff=SOON, restart=restart
    )  # fmt: skip
    outcome = serve(recorder).add(spec).outcome(timeout=30)
    last = retries + 1
    text = f"max_retries_exceeded({retries}/{retries}): execution failed: f{last}"
    word = recorder.removed("a")
    assert word[-3:] == [
        f"task_failed attempt={last} duration reason=execution failed: f{last}",
        f"actor_exhausted attempt={last} reason={text}",
        "task_removed",
    ]
    assert sum(line.startswith("backoff_scheduled") for line in word) == retries
    assert (outcome.kind, outcome.reason, outcome.attempts) == ("failed", text, last)


@pytest.mark.rule("R1.36")
def test_retries_used_up_keep_the_exit_code(serve, recorder):
    spec = tv.TaskSpec(raises(tv.Fail("x", exit_code=7)), name="a", max_retries=0)
    assert serve(recorder).add(spec).outcome(timeout=30).exit_code == 7
    assert recorder.removed("a")[-2] == (
        "actor_exhausted attempt=1 exit_code=7 "
        "reason=max_retries_exceeded(0/0): execution failed: x"
    )


@pytest.mark.rule("R1.35")
def test_never_looks_at_no_budget(serve):
    outcome = outcome_of(serve, fails(1), restart="never", max_retries=5)
    assert (outcome.reason, outcome.attempts) == ("execution failed: f1", 1)


@pytest.mark.rule("R0.29", "R1.37")
def test_no_max_retries_is_no_limit(serve):
    outcome = outcome_of(serve, fails(200), restart="on_failure", max_retries=None)
    assert (outcome.kind, outcome.attempts) == ("completed", 201)


@pytest.mark.rule("R1.2", "R1.42", "R1.1")
def test_success_gives_the_whole_budget_back(serve, recorder):
    # Two failures, a success, three failures: the budget of 2 is used up by the last three alone.
    ends = iter([tv.Fail("1"), tv.Fail("2"), None, tv.Fail("4"), tv.Fail("5"), tv.Fail("6")])

    def body():
        if (end := next(ends)) is not None:
            raise end

    backoff = tv.BackoffPolicy(first=0.001, max=1.0, factor=3.0, jitter="none")
    spec = tv.TaskSpec(body, name="a", restart="always", max_retries=2, backoff=backoff)
    outcome = serve(recorder).add(spec).outcome(timeout=30)
    recorder.removed("a")
    delays = [(e.attempt, e.delay_ms) for e in recorder.of("a", "backoff_scheduled")]
    assert delays == [(1, 1), (2, 3), (4, 1), (5, 3)]
    assert outcome.reason == "max_retries_exceeded(2/2): execution failed: 6"
    assert outcome.attempts == 6


@pytest.mark.rule("R1.3")
def test_failure_that_ran_at_least_reset_after_forgets_those_before_it(serve):
    outcome = outcome_of(serve, fails(6), restart="on_failure", max_retries=1, reset_after=0)
    assert (outcome.kind, outcome.attempts) == ("completed", 7)


@pytest.mark.rule("R1.3", "R1.9")
def test_reset_after_counts_from_the_start_of_the_attempt(serve, clock):
    async def body(ctx):
        await sleep(ctx, 60)
        if ctx.attempt < 4:
            raise tv.Fail("x")

    spec = tv.TaskSpec(body, backoff=tv.BackoffPolicy.constant(0), max_retries=1, reset_after=60)
    handle = serve(clock=clock).add(spec)
    for _ in range(4):
        until(lambda: clock.sleeping)
        assert clock.advance_to_next() == 60
    outcome = handle.outcome(timeout=30)
    assert (outcome.kind, outcome.attempts) == ("completed", 4)


@pytest.mark.rule("R1.3")
@pytest.mark.parametrize("reset_after", [None, 3600])
def test_failure_that_ran_shorter_forgets_nothing(serve, reset_after):
    outcome = outcome_of(
        serve, fails(6), restart="on_failure", max_retries=1, reset_after=reset_after
    )
    assert outcome.reason == "max_retries_exceeded(1/1): execution failed: f2"


@pytest.mark.rule("R1.3")
def test_reset_after_comes_before_the_budget_and_not_instead_of_it(serve):
    outcome = outcome_of(serve, fails(6), restart="on_failure", max_retries=0, reset_after=0)
    assert outcome.reason == "max_retries_exceeded(0/0): execution failed: f1"


@pytest.mark.rule("R1.46", "R8.13")
@pytest.mark.parametrize("message", [(), ("why",)])
def test_cancelled_error_of_a_body_nobody_cancelled_is_a_failure(serve, message):
    outcome = outcome_of(serve, raises(asyncio.CancelledError(*message)))
    reason = "execution failed: CancelledError: not requested"
    assert (outcome.kind, outcome.reason) == ("failed", reason)


@pytest.mark.rule("R1.45")
def test_cancelled_error_of_a_cancelled_body_is_a_canceled(serve, recorder):
    async def body(ctx):
        await wait(ctx)
        raise asyncio.CancelledError

    sup = serve(recorder)
    handle = sup.add(tv.TaskSpec(body, name="a"))
    recorder.wait_line("a", "task_starting")
    sup.remove("a")
    assert handle.outcome(timeout=30).kind == "canceled"
    assert recorder.removed("a")[-2:] == ["task_stopped attempt=1 duration", "task_removed"]


@pytest.mark.rule("R1.46", "R2.7")
def test_cancelled_error_of_a_timed_out_body_is_the_timeout(serve):
    async def body(ctx):
        await wait(ctx)
        raise asyncio.CancelledError

    outcome = outcome_of(serve, body, timeout=0.01)
    assert (outcome.kind, outcome.reason) == ("failed", "timed out after 10ms")


@pytest.mark.rule("R1.46")
def test_cancelled_error_after_the_body_cancelled_its_own_context_is_a_failure(serve):
    def body(ctx):
        ctx.token.cancel()
        raise asyncio.CancelledError

    assert outcome_of(serve, body).reason == "execution failed: CancelledError: not requested"


@plain_bodies
@pytest.mark.rule("R1.47")
def test_coroutine_returned_by_a_plain_body_is_closed_and_a_failure(serve):
    async def work():
        pass

    made = []

    def body():
        made.append(work())
        return made[0]

    outcome = outcome_of(serve, body)
    reason = "execution failed: TypeError: body returned a coroutine"
    assert (outcome.kind, outcome.reason) == ("failed", reason)
    assert inspect.getcoroutinestate(made[0]) == inspect.CORO_CLOSED


@plain_bodies
@pytest.mark.rule("R1.47")
def test_asyncio_future_returned_by_a_body_is_cancelled_and_a_failure(serve):
    loop = asyncio.new_event_loop()
    future = loop.create_future()
    try:
        outcome = outcome_of(serve, lambda: future)
        reason = "execution failed: TypeError: body returned a Future"
        assert (outcome.kind, outcome.reason) == ("failed", reason)
        assert future.cancelled()
    finally:
        loop.close()


@pytest.mark.rule("R1.48")
def test_task_handle_returned_by_a_body_is_its_value(serve):
    sup = serve()
    inner = sup.add(tv.TaskSpec(lambda: 1, name="inner"))
    assert sup.add(tv.TaskSpec(lambda: inner, name="outer")).result(timeout=30) is inner


@pytest.mark.rule("R1.48")
@pytest.mark.parametrize("value", [None, 0, "", [], object(), ValueError("a value"), iter([])])
def test_anything_returned_is_the_value(serve, value):
    outcome = outcome_of(serve, lambda: value)
    assert outcome.kind == "completed"
    assert outcome.value is value


def records(caplog) -> list[logging.LogRecord]:
    return [r for r in caplog.records if r.name == "taskvisor"]


@pytest.mark.rule("R1.49")
@pytest.mark.parametrize("streams", [0, 1])
@pytest.mark.parametrize("error", [tv.Fatal("the why"), tv.Fail("the why"), OSError("the why")])
def test_without_subscribers_a_final_failure_is_logged_once(serve, caplog, error, streams):
    sup = serve()
    kept = [sup.events() for _ in range(streams)]
    sup.add(tv.TaskSpec(raises(error), name="a", max_retries=2, backoff=SOON)).outcome(timeout=30)
    sup.shutdown()
    (record,) = records(caplog)
    assert record.levelno == logging.ERROR
    assert "the why" in record.getMessage()
    assert "'a'" in record.getMessage() or " a " in record.getMessage()
    assert record.exc_info[1] is error
    assert record.exc_info[2].tb_frame is not None
    assert len(kept) == streams


@pytest.mark.rule("R1.49")
def test_without_subscribers_a_final_timeout_is_logged_once(serve, caplog):
    sup = serve()
    sup.add(tv.TaskSpec.once(waits, name="a", timeout=0.01)).outcome(timeout=30)
    sup.shutdown()
    (record,) = records(caplog)
    assert (record.levelno, record.exc_info) == (logging.ERROR, None)
    assert "timed out after 10ms" in record.getMessage()


@pytest.mark.rule("R1.49")
def test_without_subscribers_an_abandoned_task_is_logged_once(serve, gate, caplog):
    sup, stubborn = serve(), gate()
    handle = sup.add(tv.TaskSpec(stubborn, name="a", grace=0))
    stubborn.wait_inside()
    sup.remove(handle)
    handle.outcome(timeout=30)
    stubborn.open()
    sup.join(timeout=30)
    sup.shutdown()
    (record,) = records(caplog)
    assert record.levelno == logging.ERROR


@pytest.mark.rule("R1.50")
def test_without_subscribers_nothing_else_is_logged(serve, caplog):
    caplog.set_level(logging.DEBUG, "taskvisor")
    sup = serve()
    sup.add(tv.TaskSpec(lambda: 1, name="good")).outcome(timeout=30)
    sup.add(tv.TaskSpec(fails(2), name="retried", backoff=SOON)).outcome(timeout=30)
    sup.add(tv.TaskSpec(raises(tv.Canceled()), name="enough")).outcome(timeout=30)
    waiting = sup.add(tv.TaskSpec(waits, name="waiting"))
    sup.cancel(waiting, timeout=30)
    sup.shutdown()
    assert records(caplog) == []


@pytest.mark.rule("R1.50")
def test_with_a_subscriber_no_failure_is_logged(serve, recorder, caplog):
    sup = serve(recorder)
    sup.add(tv.TaskSpec(raises(tv.Fatal("x")), name="a")).outcome(timeout=30)
    sup.add(tv.TaskSpec.once(raises(tv.Fail("x")), name="b")).outcome(timeout=30)
    sup.shutdown()
    assert records(caplog) == []
