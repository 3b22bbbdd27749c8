"""Subscribe, the base class of observers: what it gives a subclass, and what is refused."""

import dataclasses
import functools

import pytest

import taskvisor as tv


class Plain(tv.Subscribe):
    def on_event(self, event):
        pass


def named_by(subscriber):
    """The name a supervisor gives it."""
    with tv.Supervisor(subscribers=[subscriber]) as sup:
        (info,) = sup.subscribers()
    return info.name


@pytest.mark.rule("R6.18")
def test_name_is_that_of_the_class_until_another_is_given():
    class Named(Plain):
        name = "by class"

    class Below(Named):
        pass

    assert (tv.Subscribe.name, Plain.name, Plain().name) == ("Subscribe", "Plain", "Plain")
    assert (Named().name, Below().name) == ("by class", "by class")
    one = Plain()
    one.name = "by instance"
    assert (one.name, Plain().name) == ("by instance", "Plain")
    assert [named_by(each) for each in (Plain(), Below(), one)] == [
        "Plain", "by class", "by instance",
    ]  # fmt: skip


@pytest.mark.rule("R6.18")
def test_defaults_serve_as_those_of_a_dataclass():
    @dataclasses.dataclass
    class Made(tv.Subscribe):
        queue_capacity: int
        name: str

        def on_event(self, event):
            pass

    made = Made()
    assert (made.name, made.queue_capacity) == ("Made", 1024)
    assert named_by(Made(name="mine", queue_capacity=2)) == "mine"


@pytest.mark.rule("R6.18")
def test_slots_and_other_bases_go_with_it():
    class Other:
        __slots__ = ("seen",)

    class Both(tv.Subscribe, Other):
        __slots__ = ()

        def on_event(self, event):
            self.seen += 1

    both = Both()
    both.seen = 1
    with pytest.raises(AttributeError):
        both.unknown = 1
    assert named_by(both) == "Both"


def test_base_takes_no_arguments_and_its_on_event_may_be_called_by_a_subclass():
    class Calls(tv.Subscribe):
        def on_event(self, event):
            return super().on_event(event)

    with pytest.raises(TypeError):
        tv.Subscribe(1)
    assert Calls().on_event(tv.Event("task_added")) is None


class CallsLater:
    async def __call__(self, event):
        pass


class Holds:
    def __init__(self, on_event):
        self.on_event = on_event


async def coroutine(event):
    pass


def generator(event):
    yield event


async def async_generator(event):
    yield event


@pytest.mark.rule("R6.19")
@pytest.mark.parametrize(
    "on_event",
    [coroutine, generator, async_generator, CallsLater(), functools.partial(coroutine)],
)
def test_on_event_that_would_run_later_is_refused(on_event):
    with pytest.raises(TypeError, match="on_event must be a plain function"):
        tv.Supervisor(subscribers=[Holds(on_event)])


@pytest.mark.rule("R6.19")
@pytest.mark.parametrize(
    ("bad", "match"),
    [
        (tv.Subscribe(), "its own on_event"),
        (type("Forgets", (tv.Subscribe,), {"on_even": print})(), "its own on_event"),
        (Plain, "an object of a class"),
        (object(), r"an on_event\(event\)"),
        (Holds(None), "callable"),
    ],
)
def test_what_would_never_get_an_event_is_refused(bad, match):
    with pytest.raises(TypeError, match=match):
        tv.Supervisor(subscribers=[bad])


@pytest.mark.rule("R6.18")
def test_callables_of_every_kind_serve_as_on_event():
    seen = []

    class ByClass:
        @classmethod
        def on_event(cls, event):
            seen.append("class")

    class Object:
        def __call__(self, event):
            seen.append("object")

    held = [Object(), functools.partial(seen.insert, 0), seen.append]
    subscribers = [ByClass, *map(Holds, held)]
    with tv.Supervisor(subscribers=subscribers) as sup:
        sup.remove("nobody")
    assert {each if isinstance(each, str) else type(each) for each in seen} == {
        "class", "object", tv.Event,
    }  # fmt: skip
    assert len(seen) == 4 * 4


@pytest.mark.rule("R6.18")
def test_on_event_is_looked_up_for_each_event():
    class Changes:
        def __init__(self):
            self.seen = []

        def on_event(self, event):
            self.seen.append("first")
            self.on_event = lambda event: self.seen.append("then")

    changes = Changes()
    with tv.Supervisor(subscribers=[changes]):
        pass
    assert changes.seen == ["first", "then"]
