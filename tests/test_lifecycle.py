"""From add to TaskRemoved: what each end of a body leads to, and a cancel at any time."""

import threading

import pytest
from kinds import every_kind, plain_bodies, wait
from recorder import described

import taskvisor as tv

pytestmark = [every_kind, pytest.mark.rule("R8.4")]

ADDED = ["task_add_requested", "task_added"]
EXHAUSTED = "actor_exhausted attempt=1 reason=policy_exhausted_success"
FOREVER = 3600.0


def attempt(n: int, end: str = "task_stopped", rest: str = "") -> list[str]:
    """The word of one attempt."""
    return [f"task_starting attempt={n}", f"{end} attempt={n} duration{rest}"]


def raises(error: BaseException):
    """A body that raises."""

    def body():
        raise error

    return body


def nothing():
    """A body that returns."""


async def waits(ctx):
    """A body that returns as soon as it is asked to stop."""
    return await wait(ctx)


@pytest.mark.rule("R1.8", "R1.11", "R1.30", "R2.1", "R4.1", "R4.30", "R6.1")
@pytest.mark.parametrize("restart", ["never", "on_failure"])
def test_body_that_returns_ends_its_task_completed(serve, recorder, restart):
    handle = serve(recorder).add(tv.TaskSpec(lambda: 7, name="a", restart=restart))
    outcome = handle.outcome(timeout=30)
    assert recorder.removed("a") == [*ADDED, *attempt(1), EXHAUSTED, "task_removed"]
    assert outcome == tv.TaskOutcome("completed", value=7, attempts=1)


@pytest.mark.rule("R1.33", "R1.61", "R2.2", "R4.35", "R6.1")
@pytest.mark.parametrize("restart", ["never", "on_failure", "always"])
def test_fatal_ends_the_task_under_every_policy(serve, recorder, restart):
    error = tv.Fatal("disk gone", exit_code=4)
    handle = serve(recorder).add(tv.TaskSpec(raises(error), name="a", restart=restart))
    outcome = handle.outcome(timeout=30)
    text = "fatal error (no retry): disk gone"
    assert recorder.removed("a") == [
        *ADDED,
        "task_starting attempt=1",
        f"task_failed attempt=1 exit_code=4 duration reason={text}",
        f"actor_dead attempt=1 exit_code=4 reason={text}",
        "task_removed",
    ]
    assert (outcome.kind, outcome.reason, outcome.exit_code) == ("fatal", text, 4)
    assert outcome.exception is error


@pytest.mark.rule("R1.34", "R1.63", "R2.1")
@pytest.mark.parametrize("restart", ["never", "on_failure", "always"])
def test_canceled_by_the_body_itself_ends_the_task_under_every_policy(serve, recorder, restart):
    error = tv.Canceled()
    handle = serve(recorder).add(tv.TaskSpec(raises(error), name="a", restart=restart))
    outcome = handle.outcome(timeout=30)
    assert recorder.removed("a") == [*ADDED, *attempt(1), "task_removed"]
    assert str(error) == "context canceled"
    assert outcome == tv.TaskOutcome("canceled", exception=error, attempts=1)


@pytest.mark.rule("R1.35", "R1.62", "R2.2")
def test_failure_under_never_ends_the_task_failed_with_the_errors_text(serve, recorder):
    spec = tv.TaskSpec.once(raises(tv.Fail("no", exit_code=3)), name="a")
    outcome = serve(recorder).add(spec).outcome(timeout=30)
    assert recorder.removed("a") == [
        *ADDED,
        "task_starting attempt=1",
        "task_failed attempt=1 exit_code=3 duration reason=execution failed: no",
        "actor_exhausted attempt=1 exit_code=3 reason=execution failed: no",
        "task_removed",
    ]
    assert (outcome.kind, outcome.exit_code) == ("failed", 3)


@pytest.mark.rule("R1.1", "R1.37", "R1.41", "R1.11", "R6.1")
def test_failure_is_tried_again_after_its_backoff(serve, recorder):
    ends = iter([raises(tv.Fail("one")), raises(tv.Fail("two", exit_code=2)), lambda: "ok"])
    backoff = tv.BackoffPolicy(first=0.002, max=1.0, factor=2.0, jitter="none")
    spec = tv.TaskSpec.restartable(lambda: next(ends)(), name="a", backoff=backoff)
    outcome = serve(recorder).add(spec).outcome(timeout=30)
    one, two = "execution failed: one", "execution failed: two"
    assert recorder.removed("a") == [
        *ADDED,
        *attempt(1, "task_failed", f" reason={one}"),
        f"backoff_scheduled attempt=1 delay_ms=2 backoff_source=failure reason={one}",
        "task_starting attempt=2",
        f"task_failed attempt=2 exit_code=2 duration reason={two}",
        f"backoff_scheduled attempt=2 delay_ms=4 backoff_source=failure reason={two}",
        *attempt(3),
        "actor_exhausted attempt=3 reason=policy_exhausted_success",
        "task_removed",
    ]
    assert outcome == tv.TaskOutcome("completed", value="ok", attempts=3)


def counted(total: int, error: BaseException | None = None):
    """A body that returns `total` - 1 times and then raises Canceled (or `error`)."""
    calls = iter(range(1, total + 1))

    def body():
        if next(calls) == total:
            raise error or tv.Canceled()

    return body


@pytest.mark.rule("R1.31", "R6.1")
@pytest.mark.parametrize(("interval", "delay_ms"), [(0, 0), (0.003, 3)])
def test_always_with_an_interval_pauses_after_each_success(serve, recorder, interval, delay_ms):
    spec = tv.TaskSpec.periodic(counted(3), interval, name="a")
    serve(recorder).add(spec).outcome(timeout=30)
    assert recorder.removed("a") == [
        *ADDED,
        *attempt(1),
        f"backoff_scheduled attempt=1 delay_ms={delay_ms} backoff_source=success",
        *attempt(2),
        f"backoff_scheduled attempt=2 delay_ms={delay_ms} backoff_source=success",
        *attempt(3),
        "task_removed",
    ]


@pytest.mark.rule("R1.32")
def test_always_without_interval_starts_again_with_no_event_between(serve, recorder):
    spec = tv.TaskSpec(counted(4), name="a", restart=tv.RestartPolicy.ALWAYS)
    serve(recorder).add(spec).outcome(timeout=30)
    attempts = [line for n in range(1, 5) for line in attempt(n)]
    assert recorder.removed("a") == [*ADDED, *attempts, "task_removed"]


@pytest.mark.rule("R1.32")
def test_always_without_interval_goes_behind_every_other_ready_attempt(serve, recorder, gate):
    sup, first = serve(recorder, max_concurrent=1), gate()
    sup.add(tv.TaskSpec(first, name="first"))
    first.wait_inside()
    handles = [sup.add(tv.TaskSpec(counted(4), name=name, restart="always")) for name in "abc"]
    first.open()
    for handle in handles:
        handle.outcome(timeout=30)
    recorder.removed("c")
    started = [(e.task, e.attempt) for e in recorder.events if e.kind == "task_starting"]
    assert started[1:] == [(name, n) for n in range(1, 5) for name in "abc"]


@pytest.mark.rule("R1.44")
def test_interval_runs_from_the_end_of_a_body_to_the_next_start(serve, recorder, clock, gate):
    sup, held = serve(recorder, clock=clock), gate()
    sup.add(tv.TaskSpec.periodic(held, 60, name="a"))
    held.wait_inside()
    clock.advance(200)  # longer than the interval
    held.open()
    recorder.wait_for("backoff_scheduled", "a")
    assert recorder.of("a", "task_stopped")[0].duration == 200
    assert clock.advance_to_next() == 60
    recorder.wait_line("a", "task_starting attempt=2")


@pytest.mark.rule("R1.20", "R1.21", "R2.1", "R4.21")
@pytest.mark.parametrize("restart", ["never", "on_failure", "always", tv.RestartPolicy.always(0)])
def test_cancelled_body_that_returns_ends_canceled_with_nothing_between(serve, recorder, restart):
    sup = serve(recorder)
    handle = sup.add(tv.TaskSpec(waits, name="a", restart=restart))
    recorder.wait_line("a", "task_starting")
    assert sup.remove(handle) is True
    outcome = handle.outcome(timeout=30)
    assert recorder.removed("a") == [
        *ADDED,
        "task_starting attempt=1",
        "task_remove_requested",
        "task_stopped attempt=1 duration",
        "task_removed",
    ]
    assert outcome == tv.TaskOutcome("canceled", value=True, attempts=1)


@pytest.mark.rule("R1.20", "R1.21", "R4.33", "R4.34")
@pytest.mark.parametrize(
    ("error", "line"),
    [
        (tv.Fail("x"), "task_failed attempt=1 duration reason=execution failed: x"),
        (tv.Fatal("x"), "task_failed attempt=1 duration reason=fatal error (no retry): x"),
        (tv.Canceled(), "task_stopped attempt=1 duration"),
        (OSError("x"), "task_failed attempt=1 duration reason=execution failed: OSError: x"),
    ],
)
def test_cancelled_body_that_raises_ends_canceled_with_its_attempt_event_only(
    serve, recorder, error, line
):
    async def body(ctx):
        await wait(ctx)
        raise error

    sup = serve(recorder)
    handle = sup.add(tv.TaskSpec(body, name="a"))
    recorder.wait_line("a", "task_starting")
    sup.remove("a")
    outcome = handle.outcome(timeout=30)
    assert recorder.removed("a")[-3:] == ["task_remove_requested", line, "task_removed"]
    assert (outcome.kind, outcome.exception, outcome.reason) == ("canceled", error, None)


@pytest.mark.rule("R1.24", "R0.62")
@pytest.mark.parametrize(
    ("body", "state"), [(raises(tv.Fail("x")), "backoff"), (nothing, "paused")]
)
def test_cancel_ends_a_waiting_backoff_or_interval_at_once(serve, recorder, body, state):
    sup = serve(recorder)
    long = tv.BackoffPolicy.constant(FOREVER)
    spec = tv.TaskSpec(body, name="a", restart=tv.RestartPolicy.always(FOREVER), backoff=long)
    handle = sup.add(spec)
    recorder.wait_line("a", "backoff_scheduled")
    assert handle.state == state
    assert sup.cancel("a", timeout=30) is True
    assert handle.outcome(timeout=0).kind == "canceled"
    recorder.removed("a")
    asked, removed = recorder.of("a")[-2:]
    assert described(asked) == "task_remove_requested reason=manual_cancel"
    assert (described(removed), removed.seq) == ("task_removed", asked.seq + 1)


@pytest.mark.rule("R4.40", "R4.41", "R4.34")
def test_body_past_its_grace_makes_the_task_abandoned(serve, recorder, gate):
    sup, stubborn = serve(recorder), gate()
    handle = sup.add(tv.TaskSpec(stubborn, name="a", grace=0.01))
    stubborn.wait_inside()
    sup.remove(handle)
    outcome = handle.outcome(timeout=30)
    assert (outcome.kind, outcome.reason, outcome.attempts) == ("abandoned", None, 1)
    assert handle.done()
    assert handle.state == "abandoned"
    recorder.wait_line("a", "grace_exceeded")
    assert recorder.words("a") == [
        *ADDED,
        "task_starting attempt=1",
        "task_remove_requested",
        "grace_exceeded attempt=1",
    ]


@pytest.mark.rule("R4.40")
def test_grace_left_out_is_the_configs(serve, recorder, gate):
    sup, stubborn = serve(recorder, grace=0.01), gate()
    handle = sup.add(tv.TaskSpec(stubborn, name="a"))
    stubborn.wait_inside()
    sup.remove(handle)
    assert handle.outcome(timeout=30).kind == "abandoned"


@pytest.mark.rule("R4.40")
def test_grace_runs_from_the_cancel_and_not_from_the_start(serve, clock, gate):
    sup, stubborn = serve(clock=clock), gate()
    handle = sup.add(tv.TaskSpec(stubborn, name="a", grace=60))
    stubborn.wait_inside()
    clock.advance(200)  # longer than the grace
    sup.remove(handle)
    assert not handle.done()
    assert clock.advance_to_next() == 60
    assert handle.outcome(timeout=30).kind == "abandoned"


@pytest.mark.rule("R4.9", "R4.43", "R4.44", "R4.33")
def test_abandoned_task_keeps_its_name_until_its_body_returns(serve, recorder, gate):
    sup, stubborn = serve(recorder), gate()
    spec = tv.TaskSpec(stubborn, name="a", grace=0)
    handle = sup.add(spec)
    stubborn.wait_inside()
    sup.remove(handle)
    outcome = handle.outcome(timeout=30)
    with pytest.raises(tv.TaskAlreadyExists):
        sup.add(spec)
    assert (sup.list(), sup.snapshot(), sup.is_alive("a")) == (["a"], ["a"], True)
    stubborn.open()
    assert recorder.removed("a")[-2:] == ["task_stopped attempt=1 duration", "task_removed"]
    assert handle.outcome(timeout=0) == outcome
    assert handle.state == "done"
    assert (sup.list(), sup.snapshot(), sup.is_alive(handle)) == ([], [], False)
    assert sup.add(spec).outcome(timeout=30).kind == "completed"


@pytest.mark.rule("R4.44")
@pytest.mark.parametrize("error", [tv.Fail("late"), tv.Fatal("late")])
def test_abandoned_body_that_fails_makes_no_terminal_actor_event(serve, recorder, gate, error):
    stubborn = gate()

    async def body():
        await stubborn.through()
        raise error

    sup = serve(recorder)
    handle = sup.add(tv.TaskSpec(body, name="a", grace=0))
    stubborn.wait_inside()
    sup.remove(handle)
    handle.outcome(timeout=30)
    stubborn.open()
    last = recorder.removed("a")[-3:]
    assert last[0] == "grace_exceeded attempt=1"
    assert last[1].startswith("task_failed attempt=1 duration reason=")
    assert last[2] == "task_removed"
    assert handle.outcome(timeout=0).kind == "abandoned"


@plain_bodies
@pytest.mark.rule("R4.42")
def test_worker_of_an_abandoned_task_is_replaced(serve, gate):
    sup = serve()
    stuck = [gate() for _ in range(8)]
    names = [f"stuck {n}" for n in range(8)]
    specs = [tv.TaskSpec(each, grace=0, restart="never") for each in stuck]
    handles = sup.add_many(specs, names=names)
    for each in stuck:
        each.wait_inside()
    for handle in handles:
        sup.remove(handle)
    assert {handle.outcome(timeout=30).kind for handle in handles} == {"abandoned"}
    threads = {sup.add(tv.TaskSpec(threading.get_ident, name="b")).result(timeout=30)}
    assert threads
    assert sup.list() == names


@pytest.mark.rule("R4.46")
def test_cancel_that_times_out_by_default_finds_the_outcome_abandoned(serve, gate):
    sup, stubborn = serve(), gate()
    handle = sup.add(tv.TaskSpec(stubborn, name="a", grace=0.02))
    stubborn.wait_inside()
    with pytest.raises(tv.TaskRemoveTimeout) as caught:
        sup.cancel(handle)
    assert (caught.value.name, caught.value.timeout) == ("a", 0.02)
    assert handle.outcome(timeout=0).kind == "abandoned"


@pytest.mark.rule("R4.32")
def test_every_task_has_one_outcome_with_a_full_queue_and_a_stuck_subscriber(serve, gate):
    held = gate()

    class Stuck:
        queue_capacity = 1

        def on_event(self, event):
            held()

    sup = serve(Stuck(), bus_capacity=1)
    stream = sup.events()
    outcomes = []
    for n in range(1000):
        sup.add(tv.TaskSpec(nothing, name=f"t{n}")).add_done_callback(
            lambda handle: outcomes.append(handle.name)
        )
    assert sup.join(timeout=30) is True
    held.open()
    sup.shutdown()
    assert sorted(outcomes) == sorted(f"t{n}" for n in range(1000))
    assert stream.lost > 0


@pytest.mark.rule("R4.70", "R4.71", "R4.74", "R5.31", "R8.34")
def test_run_ends_when_all_have_ended_however_they_did(run, recorder):
    specs = [
        tv.TaskSpec(nothing, name="good"),
        tv.TaskSpec.once(raises(tv.Fail("x")), name="bad"),
        tv.TaskSpec(raises(tv.Fatal("x")), name="dead"),
    ]
    assert run(specs, recorder) is None
    words = recorder.words()
    assert sorted(words[:6]) == sorted(
        f"{name}: {line}" for name in ["good", "bad", "dead"] for line in ADDED
    )
    assert [recorder.words(name)[-1] for name in ["good", "bad", "dead"]] == ["task_removed"] * 3
    assert not {"shutdown_requested", "all_stopped_within_grace", "grace_exceeded"} & set(words)


@pytest.mark.rule("R4.70", "R4.72")
def test_refused_run_publishes_nothing_and_does_not_count(recorder):
    sup = tv.Supervisor(subscribers=[recorder])
    before = threading.enumerate()
    with pytest.raises(tv.TaskAlreadyExists, match="task 'a' already exists in registry"):
        sup.run([tv.TaskSpec(nothing, name="a"), tv.TaskSpec(nothing, name="a")])
    assert threading.enumerate() == before
    sup.run([])
    sup.run()
    assert recorder.events == []
    sup.run([tv.TaskSpec(nothing, name="a")])
    assert recorder.words("a") == [*ADDED, *attempt(1), EXHAUSTED, "task_removed"]


@pytest.mark.rule("R4.73")
@pytest.mark.parametrize("first", ["run", "serve"])
@pytest.mark.parametrize("second", ["run", "serve"])
def test_supervisor_runs_or_serves_once(first, second):
    sup = tv.Supervisor()
    start = {"run": lambda: sup.run([tv.TaskSpec(nothing)]), "serve": lambda: sup.serve()}
    handle = start[first]()
    with pytest.raises(tv.AlreadyRunning):
        start[second]()
    if handle is not None:
        handle.shutdown()
