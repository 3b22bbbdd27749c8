"""Grace: how long a shutdown waits, and the one verdict for all who ask when it was too short."""

import pickle
import threading

import pytest
from kinds import every_kind, plain_bodies, plain_supervisors, wait
from waiting import SOON, in_thread

import taskvisor as tv

pytestmark = [every_kind, pytest.mark.rule("R8.4", "R8.30")]


async def waits(ctx):
    """A body that stops when it is asked to."""
    await wait(ctx)


def verdict(call, *args, **kwargs):
    """The GraceExceeded that a call raises."""
    with pytest.raises(tv.GraceExceeded) as caught:
        call(*args, **kwargs)
    return caught.value


def exceeded(sup, clock, grace):
    """The verdict of a shutdown on a manual clock, when its grace is over."""
    sup.shutdown(grace, wait=False)
    clock.advance(grace)
    return verdict(sup.shutdown)


@pytest.mark.rule("R5.23", "R5.24", "R4.45", "R2.3")
def test_grace_exceeded_names_exactly_the_stuck(serve, recorder, clock, gate):
    held = gate()
    sup = serve(recorder, clock=clock)
    stuck = [sup.add(tv.TaskSpec.once(held, name=name)) for name in ("b", "a")]
    ended = sup.add(tv.TaskSpec.once(waits))
    recorder.wait_line("waits", "task_starting")
    held.wait_inside(2)
    sup.shutdown(grace=0.05, wait=False)
    assert recorder.removed("waits")[-1] == "task_removed"
    error = exceeded(sup, clock, 0.05)
    assert (error.grace, error.stuck) == (0.05, ["a", "b"])
    assert str(error) == 'shutdown timeout 50ms exceeded; stuck: ["a", "b"]'
    assert isinstance(error, TimeoutError)
    assert isinstance(error, tv.SupervisorError)
    assert [h.outcome(0).kind for h in stuck] == ["abandoned", "abandoned"]
    assert ended.outcome(0).kind == "canceled"
    assert recorder.words()[-3:] == [
        "waits: task_stopped attempt=1 duration",
        "waits: task_removed",
        "grace_exceeded",
    ]
    assert len(recorder.of("a")) == len(recorder.of("b")) == 3


@pytest.mark.rule("R4.34", "R4.35", "R5.23")
def test_outcome_of_a_body_stuck_in_a_shutdown_has_its_attempts_and_no_reason(serve, gate):
    held = gate()
    sup = serve()
    handle = sup.add(tv.TaskSpec.once(held))
    held.wait_inside()
    verdict(sup.shutdown, grace=0)
    outcome = handle.outcome(0)
    assert (outcome.kind, outcome.attempts) == (tv.OutcomeKind.ABANDONED, 1)
    assert (outcome.value, outcome.exception, outcome.reason, outcome.exit_code) == (None,) * 4
    with pytest.raises(tv.OutcomeError) as caught:
        handle.result(0)
    assert caught.value.outcome == outcome


@plain_supervisors
@pytest.mark.rule("R5.32")
def test_verdict_is_published_before_the_first_task_is_abandoned(serve, clock, gate):
    held, heard, one_at_a_time = gate(), [], threading.Lock()
    sup = serve(clock=clock)
    stream = sup.events()

    def callback(handle):
        with one_at_a_time:
            heard.append(list(up_to_now(stream))[-1:])

    names = [str(n) for n in range(300)]
    handles = sup.add_many([tv.TaskSpec.once(held, grace=100_000)] * 300, names=names)
    held.wait_inside(300)
    for handle in handles:
        handle.add_done_callback(callback)
    exceeded(sup, clock, 60)
    assert {handle.state for handle in handles} == {tv.TaskState.ABANDONED}
    assert heard[0] == [tv.EventKind.GRACE_EXCEEDED]
    assert heard[1:] == [[]] * 299


def up_to_now(stream):
    """The kinds of the events that have been published and not been read."""
    while True:
        try:
            yield stream.next(0).kind
        except (TimeoutError, StopIteration):
            return


@pytest.mark.rule("R5.25")
@pytest.mark.parametrize(("count", "rest"), [(20, ""), (21, " and 1 more"), (25, " and 5 more")])
def test_text_names_twenty_and_the_error_all(serve, gate, count, rest):
    held = gate()
    sup = serve()
    names = [f"task-{n:02}" for n in range(count)]
    sup.add_many([tv.TaskSpec.once(held)] * count, names=names[::-1])
    held.wait_inside(count)
    error = verdict(sup.shutdown, grace=0.01)
    assert error.stuck == names
    shown = ", ".join(f'"{name}"' for name in names[:20])
    assert str(error) == f"shutdown timeout 10ms exceeded; stuck: [{shown}]{rest}"


@pytest.mark.rule("R5.26", "R8.15")
def test_stacks_show_where_each_stuck_body_is(serve, of_kind, gate):
    held = gate()

    async def outer():
        await held.through()

    sup = serve()
    sup.add_many([tv.TaskSpec.once(outer), tv.TaskSpec.once(held, name="direct")])
    held.wait_inside(2)
    stacks = verdict(sup.shutdown, grace=0.01).stacks
    assert sorted(stacks) == ["direct", "outer"]
    assert "in outer\n" in stacks["outer"]
    assert "in outer\n" not in stacks["direct"]
    inner = "in _opened\n" if of_kind.has_coroutines else "in __call__\n"
    assert all("gates.py" in text and inner in text for text in stacks.values())


@plain_bodies
@pytest.mark.rule("R5.26")
def test_stack_of_a_body_without_a_python_frame_is_empty(serve, recorder):
    lock = threading.Lock()
    lock.acquire()
    sup = serve(recorder)
    sup.add(tv.TaskSpec.once(lock.acquire, name="c"))
    recorder.wait_line("c", "task_starting")
    error = verdict(sup.shutdown, grace=0.01)
    lock.release()
    assert (error.stuck, error.stacks) == (["c"], {"c": ""})


@pytest.mark.rule("R5.26", "R5.5")
def test_callers_share_the_stacks_and_each_gets_an_error_of_its_own(serve, gate):
    held = gate()
    sup = serve()
    sup.add(tv.TaskSpec.once(held))
    held.wait_inside()
    callers = [in_thread(sup.shutdown, grace=0.05) for _ in range(4)]
    errors = [caller() for caller in callers]
    errors += [verdict(sup.shutdown), verdict(sup.shutdown, grace=5)]
    assert {type(error) for error in errors} == {tv.GraceExceeded}
    assert len(set(map(id, errors))) == 6
    assert all(error == errors[0] for error in errors)
    assert errors[0].stacks["Gate"] != ""


@pytest.mark.rule("R0.13")
def test_verdict_of_a_shutdown_pickles_with_its_stacks(serve, gate):
    held = gate()
    sup = serve()
    sup.add(tv.TaskSpec.once(held))
    held.wait_inside()
    error = verdict(sup.shutdown, grace=0.01)
    again = pickle.loads(pickle.dumps(error))
    assert (again.grace, again.stuck, again.stacks) == (error.grace, error.stuck, error.stacks)
    assert str(again) == str(error)


@pytest.mark.rule("R5.5")
def test_shutdown_is_done_once_however_often_it_is_asked_for(serve, recorder):
    sup = serve(recorder)
    sup.add(tv.TaskSpec.once(waits))
    callers = [in_thread(sup.shutdown) for _ in range(4)]
    assert [caller() for caller in callers] == [None] * 4
    assert sup.shutdown() is None
    assert sup.shutdown(grace=0) is None
    assert recorder.words().count("shutdown_requested") == 1
    assert recorder.words().count("all_stopped_within_grace") == 1


@pytest.mark.rule("R5.5", "R5.1")
def test_run_is_a_caller_too_and_gets_the_verdict_of_a_shutdown(run, recorder, gate):
    held = gate()
    handles = []

    async def body(ctx):
        handles.append(ctx.supervisor)
        await held.through()

    running = in_thread(run, [tv.TaskSpec.once(body)], recorder)
    held.wait_inside()
    error = verdict(handles[0].shutdown, grace=0.05)
    held.open()  # asyncio.run waits for what it has left
    told = running()
    assert type(told) is tv.GraceExceeded
    assert told is not error
    assert told == error


@pytest.mark.rule("R5.6", "R5.8")
def test_later_grace_shortens_for_all(serve, recorder, clock, gate):
    held = gate()
    sup = serve(recorder, clock=clock)
    sup.add(tv.TaskSpec.once(held))
    held.wait_inside()
    first = in_thread(sup.shutdown, grace=100_000)
    recorder.wait_for("shutdown_requested")
    assert exceeded(sup, clock, 0.05).grace == 0.05
    assert first().grace == 0.05


@pytest.mark.rule("R5.6", "R5.8")
def test_later_grace_never_lengthens(serve, clock, gate):
    held = gate()
    sup = serve(clock=clock)
    sup.add(tv.TaskSpec.once(held))
    held.wait_inside()
    sup.shutdown(grace=0.1, wait=False)
    sup.shutdown(grace=100_000, wait=False)
    assert clock.advance_to_next() == 0.1
    assert verdict(sup.shutdown, grace=100_000).grace == 0.1


@pytest.mark.rule("R0.42")
def test_grace_left_out_is_the_configs_for_the_first_caller(serve, gate):
    held = gate()
    sup = serve(grace=0.03)
    sup.add(tv.TaskSpec.once(held))
    held.wait_inside()
    assert verdict(sup.shutdown).grace == 0.03


@pytest.mark.rule("R0.42")
def test_grace_left_out_by_a_later_caller_changes_nothing(serve, clock, gate):
    held = gate()
    sup = serve(clock=clock, grace=0.01)
    sup.add(tv.TaskSpec.once(held, grace=200_000))
    held.wait_inside()
    sup.shutdown(grace=100_000, wait=False)
    sup.shutdown(wait=False)
    sup.shutdown(None, wait=False)
    assert clock.advance_to_next() == 100_000
    assert verdict(sup.shutdown).grace == 100_000


@pytest.mark.rule("R5.30")
def test_grace_zero_gives_up_on_running_bodies_at_once(serve, gate):
    held = gate()
    sup = serve()
    sup.add(tv.TaskSpec.once(held))
    held.wait_inside()
    error = verdict(sup.shutdown, grace=0)
    assert (error.grace, str(error)) == (0, 'shutdown timeout 0ns exceeded; stuck: ["Gate"]')


@pytest.mark.rule("R5.30", "R0.60")
def test_grace_zero_is_enough_for_tasks_without_a_body_running(serve, recorder):
    sup = serve(recorder)
    handle = sup.add(tv.TaskSpec.periodic(dict, 100_000))
    recorder.wait_line("dict", "backoff_scheduled")
    assert sup.shutdown(grace=0) is None
    assert handle.outcome(0).kind == "canceled"


@pytest.mark.parametrize("bad", [-1, float("nan"), float("inf")])
def test_bad_grace_is_refused_and_nothing_is_shut_down(serve, bad):
    sup = serve()
    with pytest.raises(ValueError, match=str(bad)):
        sup.shutdown(grace=bad)
    assert sup.add(tv.TaskSpec.once(dict)).result(SOON) == {}
