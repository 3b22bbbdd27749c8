"""Outcomes, states and the records of readers: closed lists with stable texts, frozen values."""

import pickle

import pytest

from taskvisor import (
    BackoffSource,
    CancelReason,
    EventKind,
    Fail,
    OutcomeKind,
    RejectionKind,
    SubscriberInfo,
    TaskInfo,
    TaskOutcome,
    TaskState,
)

LISTS = {
    TaskState: "queued waiting running stopping backoff paused abandoned done",
    OutcomeKind: "completed failed fatal canceled abandoned rejected",
    CancelReason: "shutdown removed replaced timeout",
    RejectionKind: "slot_busy queue_full superseded already_exists removed_from_queue"
    " shutting_down",
    BackoffSource: "success failure",
    EventKind: "subscriber_panicked subscriber_overflow shutdown_requested"
    " all_stopped_within_grace grace_exceeded task_starting task_stopped task_failed timeout_hit"
    " backoff_scheduled task_add_requested task_added task_remove_requested task_removed"
    " actor_exhausted actor_dead controller_rejected controller_submitted"
    " controller_slot_transition",
}


@pytest.mark.parametrize("enum", LISTS)
class TestLists:
    def test_members_and_texts_are_these_in_this_order(self, enum):
        assert [str(member) for member in enum] == LISTS[enum].split()
        assert [member.name for member in enum] == LISTS[enum].upper().split()

    def test_a_text_gives_its_member(self, enum):
        for member in enum:
            assert enum(str(member)) is member
            assert member == str(member)


class TestTaskOutcome:
    def test_what_is_not_given_is_none(self):
        outcome = TaskOutcome(OutcomeKind.COMPLETED, attempts=1)
        assert outcome.kind is OutcomeKind.COMPLETED
        assert outcome.attempts == 1
        unset = (outcome.value, outcome.exception, outcome.reason, outcome.exit_code)
        assert (*unset, outcome.rejection) == (None,) * 5

    def test_fields_stand_in_the_documented_order(self):
        error = Fail("down", 3)
        outcome = TaskOutcome("rejected", 1, error, "down", 3, 2, "queue_full")
        assert outcome.kind is OutcomeKind.REJECTED
        assert (outcome.value, outcome.exception, outcome.reason) == (1, error, "down")
        assert (outcome.exit_code, outcome.attempts) == (3, 2)
        assert outcome.rejection is RejectionKind.QUEUE_FULL

    def test_a_kind_that_is_none_is_refused(self):
        with pytest.raises(ValueError, match="'done'"):
            TaskOutcome("done")
        with pytest.raises(TypeError, match="kind"):
            TaskOutcome(3)
        with pytest.raises(ValueError, match="rejection"):
            TaskOutcome("rejected", rejection="bored")
        with pytest.raises(ValueError, match="-1"):
            TaskOutcome("failed", attempts=-1)

    def test_it_can_be_written_with_its_result_type(self):
        assert TaskOutcome[int]("completed", 5) == TaskOutcome("completed", 5)

    def test_it_hashes_as_far_as_its_value_does(self):
        assert hash(TaskOutcome("completed", (1, 2))) == hash(TaskOutcome("completed", (1, 2)))
        with pytest.raises(TypeError, match="unhashable"):
            hash(TaskOutcome("completed", [1, 2]))

    def test_it_pickles_as_far_as_what_it_holds_does(self):
        outcome = TaskOutcome("failed", [1], Fail("down", 3), "execution failed: down", 3, 4)
        assert pickle.loads(pickle.dumps(outcome)) == outcome
        with pytest.raises((pickle.PicklingError, AttributeError, TypeError)):
            pickle.dumps(TaskOutcome("completed", lambda: None))


INFO = {
    "id": 7,
    "name": "poller",
    "state": TaskState.BACKOFF,
    "attempt": 3,
    "failures": 2,
    "last_error": "execution failed: down",
    "next_start_in": 1.5,
}
COUNTS = {"name": "LogWriter", "queued": 1, "delivered": 5, "dropped": 2, "raised": 0}


@pytest.mark.parametrize(
    ("record", "values"),
    [(TaskInfo, INFO), (SubscriberInfo, COUNTS), (TaskOutcome, {"kind": OutcomeKind.FATAL})],
)
class TestRecords:
    def test_it_gives_back_what_it_was_made_of(self, record, values):
        made = record(**values)
        assert {name: getattr(made, name) for name in values} == values

    def test_it_compares_hashes_and_pickles_by_value(self, record, values):
        made = record(**values)
        assert made == record(*values.values())
        assert hash(made) == hash(record(**values))
        assert pickle.loads(pickle.dumps(made)) == made

    def test_it_cannot_be_changed(self, record, values):
        made = record(**values)
        for name in values:
            with pytest.raises(AttributeError):
                setattr(made, name, values[name])
