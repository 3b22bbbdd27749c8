"""ControllerConfig, ControllerSpec and SlotInfo: what they take, and that they are values."""

import copy
import pickle
from dataclasses import replace

import pytest

import taskvisor as tv


def work():
    """A body of the module, so that it can be pickled."""


TASK = tv.TaskSpec(work)
OTHER = tv.TaskSpec(work, name="other")

VALUES = [
    lambda: tv.ControllerConfig(),
    lambda: tv.ControllerConfig(queue_capacity=3),
    lambda: tv.ControllerConfig(max_slot_queue=3),
    lambda: tv.ControllerSpec("queue", TASK),
    lambda: tv.ControllerSpec("replace", TASK),
    lambda: tv.ControllerSpec("queue", OTHER, slot="work"),
    lambda: tv.ControllerSpec("queue", TASK, slot="other"),
    lambda: tv.SlotInfo("s", tv.SlotStatus.RUNNING, "a", 1, 2.0, ["b", "c"]),
]


@pytest.mark.rule("R0.16")
def test_defaults_and_limits_of_the_config():
    config = tv.ControllerConfig()
    assert (config.queue_capacity, config.max_slot_queue) == (1024, 100)
    least = tv.ControllerConfig(queue_capacity=1, max_slot_queue=0)
    assert (least.queue_capacity, least.max_slot_queue) == (1, 0)


@pytest.mark.rule("R0.16")
@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [("queue_capacity", 0, "at least 1, not 0"), ("max_slot_queue", -1, "at least 0, not -1")],
)
def test_count_that_is_too_small_is_refused(name, value, shown):
    with pytest.raises(ValueError, match=f"{name} must be {shown}"):
        tv.ControllerConfig(**{name: value})


@pytest.mark.rule("R0.16")
@pytest.mark.parametrize("name", ["queue_capacity", "max_slot_queue"])
@pytest.mark.parametrize("value", [True, 1.0, "1", None])
def test_count_of_another_type_is_refused(name, value):
    with pytest.raises(TypeError, match=name):
        tv.ControllerConfig(**{name: value})


@pytest.mark.rule("R0.16")
def test_config_takes_keywords_only():
    with pytest.raises(TypeError):
        tv.ControllerConfig(5)


@pytest.mark.rule("R0.17")
@pytest.mark.parametrize("make", VALUES)
def test_value_cannot_be_changed(make):
    value = make()
    for name in [*value.__dataclass_fields__, "other"]:
        with pytest.raises(AttributeError):
            setattr(value, name, 1)
        with pytest.raises(AttributeError):
            delattr(value, name)
    assert value == make()


@pytest.mark.rule("R0.17")
@pytest.mark.parametrize("make", VALUES)
def test_values_compare_by_their_fields_and_pickle(make):
    assert [other() == make() for other in VALUES].count(True) == 1
    for other in (pickle.loads(pickle.dumps(make())), copy.copy(make()), copy.deepcopy(make())):
        assert other == make()
        assert type(other) is type(make())


@pytest.mark.rule("R0.17")
def test_values_hash_as_far_as_what_they_hold_does():
    hashable = VALUES[:-1]
    assert [hash(make()) for make in hashable] == [hash(make()) for make in hashable]
    assert len({make() for make in hashable}) == len(hashable)
    with pytest.raises(TypeError):
        hash(tv.ControllerSpec("queue", tv.TaskSpec(dict, args=([],))))


@pytest.mark.rule("R0.17")
def test_spec_is_generic_in_the_result():
    assert tv.ControllerSpec[int].__origin__ is tv.ControllerSpec


@pytest.mark.rule("R0.17", "R0.33")
def test_replaced_field_is_checked_as_a_given_one():
    spec = tv.ControllerSpec("queue", TASK)
    assert replace(spec, admission="replace") == tv.ControllerSpec.replace(TASK)
    with pytest.raises(ValueError, match="slot"):
        replace(spec, slot="")


@pytest.mark.rule("R0.33")
def test_slot_is_the_tasks_name_unless_one_is_given():
    assert tv.ControllerSpec("queue", TASK).slot == "work"
    assert tv.ControllerSpec("queue", OTHER, slot=None).slot == "other"
    spec = tv.ControllerSpec("queue", OTHER, slot="µ/1")
    assert (spec.admission, spec.task, spec.slot) == (tv.AdmissionPolicy.QUEUE, OTHER, "µ/1")


@pytest.mark.rule("R0.33")
@pytest.mark.parametrize("slot", ["", "a\0b", "\ud800", "x\udfff"])
def test_slot_that_is_no_name_is_refused(slot):
    with pytest.raises(ValueError, match="slot must") as caught:
        tv.ControllerSpec("queue", TASK, slot=slot)
    assert repr(slot) in str(caught.value)


@pytest.mark.rule("R0.33")
@pytest.mark.parametrize("slot", [1, b"s", ["s"], True])
def test_slot_of_another_type_is_refused(slot):
    with pytest.raises(TypeError, match="slot must be a str"):
        tv.ControllerSpec("queue", TASK, slot=slot)


@pytest.mark.rule("R0.33")
def test_slot_is_copied_so_that_a_subclass_of_str_takes_no_part():
    class Hostile(str):
        def __eq__(self, other):
            raise RuntimeError

        __hash__ = __str__ = __len__ = __bool__ = __contains__ = __eq__

    spec = tv.ControllerSpec("queue", TASK, slot=Hostile("s"))
    assert (spec.slot, type(spec.slot)) == ("s", str)


@pytest.mark.rule("R0.33")
@pytest.mark.parametrize("task", [None, work, "work", tv.SupervisorConfig()])
def test_task_that_is_no_spec_is_refused(task):
    with pytest.raises(TypeError, match="task must be a TaskSpec"):
        tv.ControllerSpec("queue", task)


@pytest.mark.rule("R0.33", "R0.34")
def test_admission_is_accepted_as_its_text():
    assert [str(policy) for policy in tv.AdmissionPolicy] == ["queue", "replace", "drop_if_running"]
    for policy in tv.AdmissionPolicy:
        made = getattr(tv.ControllerSpec, policy)(TASK, slot="s")
        assert made == tv.ControllerSpec(policy, TASK, slot="s")
        assert made == tv.ControllerSpec(str(policy), TASK, slot="s")
        assert made.admission is policy
    with pytest.raises(ValueError, match="'drop'"):
        tv.ControllerSpec("drop", TASK)
    with pytest.raises(TypeError, match="admission"):
        tv.ControllerSpec(None, TASK)


@pytest.mark.rule("R7.5")
def test_statuses_are_texts_too():
    assert [str(status) for status in tv.SlotStatus] == ["running", "terminating"]


@pytest.mark.rule("R7.75")
@pytest.mark.parametrize("controller", [5, {}, tv.SupervisorConfig(), tv.ControllerConfig])
def test_controller_of_another_type_is_refused(controller):
    with pytest.raises(TypeError, match="ControllerConfig"):
        tv.Supervisor(controller=controller)


@pytest.mark.rule("R7.75")
@pytest.mark.parametrize("spec", [None, TASK, "work", tv.ControllerSpec])
def test_submission_of_another_type_is_refused_and_publishes_nothing(serve, spec):
    sup = serve(controller=tv.ControllerConfig())
    with sup.events() as stream:
        for call in (sup.submit, sup.try_submit):
            with pytest.raises(TypeError, match="ControllerSpec"):
                call(spec)
        with pytest.raises(TimeoutError):
            stream.next(timeout=0)


@pytest.mark.rule("R7.75")
@pytest.mark.parametrize(("slot", "error"), [(5, TypeError), (None, TypeError), ("", ValueError)])
def test_cancel_slot_takes_a_name(serve, slot, error):
    with pytest.raises(error, match="slot"):
        serve(controller=tv.ControllerConfig()).cancel_slot(slot)
