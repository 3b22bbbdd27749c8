"""The values of the package are frozen dataclasses to all that asks."""

import copy
import dataclasses
import pickle
import pprint

import pytest

import taskvisor as tv

VALUES = [
    tv.SupervisorConfig(grace=3, seed=7),
    tv.RestartPolicy.always(1.5),
    tv.BackoffPolicy(jitter="full"),
    tv.TaskOutcome("failed", reason="x", attempts=2),
    tv.TaskInfo(1, "a", tv.TaskState.BACKOFF, 2, 1, "x", next_start_in=0.5),
    tv.SubscriberInfo("log", queued=0, delivered=5, dropped=1, raised=2),
    tv.ControllerConfig(max_slot_queue=0),
    tv.SlotInfo("s", tv.SlotStatus.RUNNING, "a", owner_id=1, since=0.5, waiting=["b"]),
]
every_value = pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)


def names_of(value):
    return [field.name for field in dataclasses.fields(value)]


@every_value
@pytest.mark.rule("R0.8")
def test_change_of_a_value_is_refused_by_the_error_of_dataclasses(value):
    for name in [*names_of(value), "other"]:
        with pytest.raises(dataclasses.FrozenInstanceError, match=name):
            setattr(value, name, None)
        with pytest.raises(dataclasses.FrozenInstanceError, match=name):
            delattr(value, name)
    assert not hasattr(value, "__dict__")


@every_value
@pytest.mark.rule("R0.9", "R0.10")
def test_copies_of_a_value_are_equal_and_differ_where_a_field_does(value):
    again = [copy.copy(value), copy.deepcopy(value), pickle.loads(pickle.dumps(value))]
    again += [dataclasses.replace(value), type(value)(**as_arguments(value))]
    assert [each == value for each in again] == [True] * 5
    assert not any(each != value for each in again)
    for name in names_of(value):
        other = copy.copy(value)
        object.__setattr__(other, name, object())
        assert other != value
    assert (value == as_tuple(value), value == object()) == (False, False)


def as_arguments(value):
    return {name: getattr(value, name) for name in names_of(value)}


def as_tuple(value):
    return tuple(as_arguments(value).values())


@every_value
@pytest.mark.rule("R0.9")
def test_values_that_are_equal_hash_alike_and_unlike_those_with_another_field(value):
    if isinstance(value, tv.SlotInfo):  # it has a list
        with pytest.raises(TypeError):
            hash(value)
        return
    other = copy.copy(value)
    object.__setattr__(other, names_of(value)[0], "other")
    assert hash(copy.copy(value)) == hash(value) != hash(other)


@every_value
def test_value_is_shown_with_each_field_also_by_pprint(value):
    fields = ", ".join(f"{name}={each!r}" for name, each in as_arguments(value).items())
    assert repr(value) == f"{type(value).__name__}({fields})"
    assert pprint.pformat(value, width=1000) == repr(value)
    assert type(value).__match_args__ == tuple(names_of(value))
    assert dataclasses.asdict(value).keys() == as_arguments(value).keys()


def test_outcome_that_holds_itself_can_be_shown():
    holds: list[object] = []
    outcome = tv.TaskOutcome("completed", value=holds)
    holds.append(outcome)
    assert "value=[...]," in repr(outcome)


def test_subclass_of_a_value_is_equal_to_its_own_kind_only():
    class Mine(tv.TaskOutcome[int]):
        __slots__ = ()

    mine = Mine("completed", 3)
    assert mine == Mine("completed", 3)
    assert mine != tv.TaskOutcome("completed", 3)
    assert copy.copy(mine) == mine
    assert "Mine(kind=<OutcomeKind.COMPLETED: 'completed'>, value=3" in repr(mine)


@pytest.mark.parametrize("missing", ["raised", "name"])
def test_value_without_a_field_is_refused(missing):
    arguments = {"name": "log", "queued": 0, "delivered": 5, "dropped": 1, "raised": 2}
    del arguments[missing]
    with pytest.raises(TypeError, match=missing):
        tv.SubscriberInfo(**arguments)
