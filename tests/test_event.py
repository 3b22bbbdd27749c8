"""The type Event: immutable values that compare, hash, show and pickle by their fields."""

import pickle
import time

import pytest

import taskvisor as tv

SOON = 30.0


def fails():
    raise tv.Fail("down", exit_code=3)


FULL = {
    "task": "a", "id": 7, "attempt": 2, "reason": "r", "timeout_ms": 3, "delay_ms": 4,
    "exit_code": -5, "backoff_source": tv.BackoffSource.FAILURE, "duration": 0.5,
}  # fmt: skip


@pytest.mark.rule("R6.8")
def test_event_made_by_hand_has_its_fields_seq_zero_and_the_time_of_now():
    before = time.time()
    event = tv.Event(tv.EventKind.TASK_FAILED, **FULL)
    after = time.time()
    assert {name: getattr(event, name) for name in FULL} == FULL
    assert event.kind is tv.EventKind.TASK_FAILED
    assert event.seq == 0
    assert before - 0.01 <= event.at <= after + 0.01


@pytest.mark.rule("R6.8", "R0.11")
def test_event_takes_texts_for_members_and_leaves_all_else_unset():
    event = tv.Event("backoff_scheduled", backoff_source="success")
    assert event.kind is tv.EventKind.BACKOFF_SCHEDULED
    assert event.backoff_source is tv.BackoffSource.SUCCESS
    assert [name for name in FULL if getattr(event, name) is not None] == ["backoff_source"]


@pytest.mark.rule("R0.7", "R6.8")
@pytest.mark.parametrize(
    ("args", "fields", "error"),
    [
        ((), {}, TypeError),
        (("no such kind",), {}, ValueError),
        ((7,), {}, TypeError),
        (("task_failed",), {"no_such_field": 1}, TypeError),
        (("task_failed",), {"task": 7}, TypeError),
        (("task_failed",), {"attempt": "7"}, TypeError),
        (("task_failed",), {"backoff_source": "both"}, ValueError),
        (("task_failed",), {"duration": "1"}, TypeError),
        (("task_failed", "a"), {}, TypeError),
    ],
)
def test_event_refuses_what_is_no_field_or_no_value_of_one(args, fields, error):
    with pytest.raises(error):
        tv.Event(*args, **fields)


@pytest.mark.rule("R6.7", "R0.8")
@pytest.mark.parametrize("name", [*FULL, "seq", "at", "kind", "is_diagnostic", "other"])
def test_event_is_immutable(name):
    event = tv.Event("task_failed", **FULL)
    with pytest.raises(AttributeError):
        setattr(event, name, None)
    with pytest.raises((AttributeError, TypeError)):
        delattr(event, name)


@pytest.mark.rule("R6.7")
def test_repr_shows_only_what_is_set():
    shown = repr(tv.Event("task_failed", task="a", reason="down"))
    assert shown.startswith("Event(")
    assert "'a'" in shown
    assert "'down'" in shown
    unset = ["id", "attempt", "timeout_ms", "delay_ms", "exit_code", "backoff_source", "duration"]
    assert [name for name in unset if f"{name}=" in shown] == []
    assert "None" not in shown
    assert all(f"{name}=" in repr(tv.Event("task_failed", **FULL)) for name in FULL)


@pytest.mark.rule("R0.9")
def test_events_compare_and_hash_by_all_their_fields(serve, recorder):
    sup = serve(recorder)
    streams = [sup.events(), sup.events()]
    sup.add(tv.TaskSpec.once(dict)).outcome(SOON)
    sup.shutdown()
    first, second = (list(stream) for stream in streams)
    assert first == second == recorder.events
    assert [hash(e) for e in first] == [hash(e) for e in second]
    assert len(set(first + second)) == len(first) == 8
    assert first[0] != first[1]
    assert first[0] != "task_add_requested"
    assert (first[0] == tv.Event("task_add_requested", task="dict", id=first[0].id)) is False


@pytest.mark.rule("R0.9")
@pytest.mark.parametrize("name", FULL)
def test_events_that_differ_in_one_field_are_not_equal(name):
    event = tv.Event("task_failed", **FULL)
    state = pickle.loads(pickle.dumps(event))
    assert state == event
    other = tv.Event("task_failed", **{**FULL, name: None})
    assert other != event


@pytest.mark.rule("R0.10")
@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_events_pickle_with_their_number_and_time(recorder, protocol):
    spec = tv.TaskSpec(fails, max_retries=1, backoff=tv.BackoffPolicy.constant(0))
    tv.Supervisor(subscribers=[recorder]).run([spec])
    events = recorder.events
    again = pickle.loads(pickle.dumps(events, protocol))
    assert again == events
    assert [(e.seq, e.at) for e in again] == [(e.seq, e.at) for e in events]
    assert [repr(e) for e in again] == [repr(e) for e in events]


@pytest.mark.rule("R6.9")
def test_diagnostics_are_the_two_kinds_about_subscribers():
    diagnostics = {kind for kind in tv.EventKind if tv.Event(kind).is_diagnostic is True}
    assert diagnostics == {
        tv.EventKind.SUBSCRIBER_OVERFLOW,
        tv.EventKind.SUBSCRIBER_PANICKED,
    }
    others = set(tv.EventKind) - diagnostics
    assert {tv.Event(kind).is_diagnostic for kind in others} == {False}


def test_events_cannot_be_subclassed_into_something_mutable():
    event = tv.Event("task_failed")
    with pytest.raises(AttributeError):
        event.__dict__  # noqa: B018
