"""Recorder and the waits of taskvisor.testing: what they give, raise, and refuse."""

import threading

import pytest
from loops import scenario
from programs import run_well
from waiting import in_thread

import taskvisor as tv
from taskvisor.testing import ManualClock, Recorder, await_until, wait_until


@pytest.fixture
def filled(events):
    """A Recorder that has heard a few events."""
    for task, kind, fields in [
        ("a", "task_starting", dict(attempt=1)),
        ("b", "task_starting", dict(attempt=1)),
        ("a", "task_failed", dict(attempt=1, duration=0.5, exit_code=3, reason="no")),
        ("a", "task_starting", dict(attempt=2)),
        (None, "shutdown_requested", {}),
    ]:
        events.on_event(tv.Event(kind, task=task, seq=1, id=7, **fields))
    return events


@pytest.mark.rule("R11.10")
def test_recorder_hears_every_event_in_order():
    recorder = Recorder()
    with tv.Supervisor(subscribers=[recorder]) as sup:
        sup.add(tv.TaskSpec.once(dict, name="a")).result(30)
    assert recorder.words() == [
        "a: task_add_requested",
        "a: task_added",
        "a: task_starting attempt=1",
        "a: task_stopped attempt=1 duration",
        "a: actor_exhausted attempt=1 reason=policy_exhausted_success",
        "a: task_removed",
        "shutdown_requested",
        "all_stopped_within_grace",
    ]
    seqs = [event.seq for event in recorder.events]
    assert seqs == sorted(seqs)


@pytest.mark.rule("R11.10")
def test_events_are_found_by_task_and_kind(filled):
    assert filled.of() == filled.events
    assert [event.attempt for event in filled.of("a", "task_starting")] == [1, 2]
    assert [event.task for event in filled.of(kind=tv.EventKind.TASK_STARTING)] == ["a", "b", "a"]
    assert len(filled.of("a")) == 3
    assert filled.of("c") == filled.of("b", "task_failed") == []


@pytest.mark.rule("R11.10")
def test_words_of_a_task_show_the_fields_that_are_set_but_none_that_differs_from_run_to_run(filled):
    assert filled.words("a")[1] == "task_failed attempt=1 exit_code=3 duration reason=no"
    assert filled.words("a")[1:2] == [word.removeprefix("a: ") for word in filled.words()[2:3]]
    assert filled.words()[-1] == "shutdown_requested"
    assert filled.words("c") == []


@pytest.mark.rule("R11.10")
def test_list_that_was_given_is_the_callers(filled):
    filled.events.clear()
    assert len(filled.events) == 5


@pytest.mark.rule("R11.11")
def test_event_that_has_come_is_found_at_once(filled):
    assert filled.wait_for("task_starting", timeout=0) is filled.events[0]
    assert filled.wait_for(tv.EventKind.TASK_STARTING, "a", count=2, timeout=0).attempt == 2
    assert filled.wait(lambda events: [e for e in events if e.task == "b"], timeout=0)


@pytest.mark.rule("R11.11")
def test_event_that_is_to_come_ends_the_wait(events):
    answer = in_thread(events.wait_for, "task_failed", "a", count=2)
    for task in ("a", "b", "a"):
        events.on_event(tv.Event("task_failed", task=task))
    assert answer() is events.events[2]


@pytest.mark.rule("R11.11")
def test_event_that_does_not_come_is_a_timeout_that_shows_those_that_have(filled, events):
    with pytest.raises(TimeoutError) as raised:
        filled.wait_for("task_stopped", timeout=0.01)
    assert str(raised.value).startswith("not seen within 0.01 s; the events:\na: task_starting")
    with pytest.raises(TimeoutError, match="events:\nnone"):
        Recorder().wait(len, timeout=0)


@pytest.mark.rule("R11.11")
@pytest.mark.parametrize(
    ("args", "error"),
    [
        (dict(kind="task_stoped"), ValueError),
        (dict(kind="task_stopped", timeout=-1), ValueError),
        (dict(kind="task_stopped", timeout="1"), TypeError),
    ],
)
def test_wait_that_makes_no_sense_is_refused(events, args, error):
    with pytest.raises(error):
        events.wait_for(**args)


@pytest.mark.rule("R11.12")
def test_condition_is_asked_until_it_is_true_and_its_answer_returned():
    answers = iter([0, None, [], "there"])
    assert wait_until(lambda: next(answers)) == "there"


@pytest.mark.rule("R11.12")
def test_condition_that_does_not_come_true_is_a_timeout():
    asked = []
    with pytest.raises(TimeoutError, match="not true within 0 s"):
        wait_until(lambda: asked.append(1), timeout=0)
    assert asked == [1]
    with pytest.raises(ZeroDivisionError):
        wait_until(lambda: 1 / 0)


@pytest.mark.rule("R11.12")
@scenario
async def test_coroutines_wait_without_holding_up_their_loop(events):
    async def body():
        return 1

    answers = iter([0, 0, "there"])
    assert await await_until(lambda: next(answers)) == "there"
    async with ManualClock().aio_supervisor(subscribers=[events]) as sup:
        handle = sup.add(tv.TaskSpec.once(body, name="a"))
        await await_until(lambda: events.of("a", "task_removed"))
        assert handle.done()
    with pytest.raises(TimeoutError, match=r"not true within 0\.01 s"):
        await await_until(lambda: False, timeout=0.01)


@pytest.mark.rule("R11.13")
@scenario
async def test_wait_that_would_block_a_loop_is_refused_and_says_what_to_await(filled):
    assert filled.wait_for("task_starting") is filled.events[0]
    assert wait_until(lambda: 3) == 3
    for wait in (lambda: filled.wait_for("task_stopped"), lambda: wait_until(lambda: False)):
        with pytest.raises(RuntimeError, match=r"await taskvisor\.testing\.await_until"):
            wait()


@pytest.mark.rule("R11.11")
def test_waiters_in_several_threads_each_see_their_event(events):
    count = 8
    answers = [in_thread(events.wait_for, "task_added", f"t{n}") for n in range(count)]
    threads = [
        threading.Thread(target=events.on_event, args=[tv.Event("task_added", task=f"t{n}")])
        for n in range(count)
    ]
    for thread in threads:
        thread.start()
    assert [answer().task for answer in answers] == [f"t{n}" for n in range(count)]
    for thread in threads:
        thread.join()


@pytest.mark.rule("R11.24")
def test_importing_starts_nothing_and_loads_no_asyncio():
    out = run_well("""
        import sys, threading
        import taskvisor.testing
        assert taskvisor.testing.wait_until(lambda: True)
        taskvisor.testing.ManualClock().supervisor(subscribers=[taskvisor.testing.Recorder()])
        print(threading.active_count(), "asyncio" in sys.modules)
    """)
    assert out == "1 False\n"
