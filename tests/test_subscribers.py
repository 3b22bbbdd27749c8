"""Subscribers: each has its own queue and thread, and what one of them does touches nobody else."""

import threading

import pytest
from recorder import Recorder, described
from waiting import SOON

import taskvisor as tv


def waits(ctx):
    ctx.wait()


class Held:
    """A subscriber that comes to a gate with every event."""

    def __init__(self, gate, name="held", queue_capacity=1024):
        self.gate = gate
        self.name = name
        self.queue_capacity = queue_capacity
        self.events = []

    def on_event(self, event):
        self.gate()
        self.events.append(event)


class Raising(Recorder):
    """Raises what it was made with, for every event or for those of one kind."""

    name = "raising"

    def __init__(self, error, kind=None):
        super().__init__()
        self.error = error
        self.kind = kind

    def on_event(self, event):
        super().on_event(event)
        if self.kind in (None, event.kind):
            raise self.error


def info_of(sup, name):
    """What subscribers() says of one: queued, delivered, dropped, raised."""
    (info,) = [each for each in sup.subscribers() if each.name == name]
    assert type(info) is tv.SubscriberInfo
    return info.queued, info.delivered, info.dropped, info.raised


def of_kind(recorder, kind):
    return [event for event in recorder.events if event.kind == kind]


# --- what is accepted ----------------------------------------------------------------------------


@pytest.mark.rule("R6.18")
def test_base_class_and_any_object_with_on_event_are_accepted():
    seen = []

    class Derived(tv.Subscribe):
        def on_event(self, event):
            seen.append("derived")

    class Duck:
        def on_event(self, event):
            seen.append("duck")

    with tv.Supervisor(subscribers=[Derived(), Duck()]) as sup:
        assert [info.name for info in sup.subscribers()] == ["Derived", "Duck"]
    assert sorted(set(seen)) == ["derived", "duck"]
    assert tv.Subscribe.queue_capacity == 1024


@pytest.mark.rule("R6.19")
def test_name_and_capacity_are_read_once_by_the_constructor():
    class Reads:
        def __init__(self):
            self.reads = []

        @property
        def name(self):
            self.reads.append("name")
            return "reads"

        @property
        def queue_capacity(self):
            self.reads.append("queue_capacity")
            return 8

        def on_event(self, event):
            pass

    reads = Reads()
    sup = tv.Supervisor(subscribers=[reads])
    assert sorted(reads.reads) == ["name", "queue_capacity"]
    with sup.serve() as handle:
        handle.subscribers()
    assert sorted(reads.reads) == ["name", "queue_capacity"]


class Shaped:
    """A subscriber with whatever attributes it is given."""

    def __init__(self, **attributes):
        vars(self).update(attributes)

    def on_event(self, event):
        pass


@pytest.mark.rule("R6.19", "R0.5", "R0.7")
@pytest.mark.parametrize(
    ("attributes", "error"),
    [
        ({"queue_capacity": 0}, ValueError),
        ({"queue_capacity": -1}, ValueError),
        ({"queue_capacity": "7"}, TypeError),
        ({"queue_capacity": 1.5}, TypeError),
        ({"queue_capacity": True}, TypeError),
        ({"name": ""}, ValueError),
        ({"name": "nul\0"}, ValueError),
        ({"name": "\udc80"}, ValueError),
        ({"name": 7}, TypeError),
        ({"on_event": 7}, TypeError),
    ],
)
def test_bad_subscriber_is_an_error_of_the_constructor(attributes, error):
    with pytest.raises(error):
        tv.Supervisor(subscribers=[Shaped(), Shaped(**attributes)])


@pytest.mark.rule("R6.19")
@pytest.mark.parametrize("bad", [None, 7, object(), b"on_event", dict])
def test_what_is_no_subscriber_is_a_type_error(bad):
    with pytest.raises(TypeError):
        tv.Supervisor(subscribers=[bad])
    with pytest.raises(TypeError):
        tv.Supervisor(subscribers=bad)


@pytest.mark.rule("R6.19")
def test_async_on_event_is_a_type_error():
    class Async(tv.Subscribe):
        async def on_event(self, event):
            pass

    with pytest.raises(TypeError, match="on_event"):
        tv.Supervisor(subscribers=[Async()])


@pytest.mark.rule("R6.19")
def test_error_out_of_a_property_comes_out_of_the_constructor():
    class Broken:
        @property
        def name(self):
            raise LookupError("no name today")

        def on_event(self, event):
            pass

    with pytest.raises(LookupError, match="no name today"):
        tv.Supervisor(subscribers=[Broken()])


@pytest.mark.rule("R6.20")
def test_second_subscriber_of_a_name_is_numbered_everywhere(serve, recorder):
    first = Raising(ValueError("x"), tv.EventKind.TASK_ADDED)
    second = Raising(ValueError("x"), tv.EventKind.TASK_ADDED)
    sup = serve(first, second, recorder, Raising(ValueError("x"), tv.EventKind.TASK_ADDED))
    names = ["raising", "raising#2", "recorder", "raising#3"]
    assert [info.name for info in sup.subscribers()] == names
    sup.add(tv.TaskSpec.once(dict)).outcome(SOON)
    sup.shutdown()
    panicked = of_kind(recorder, "subscriber_panicked")
    assert {event.task for event in panicked} == {"raising", "raising#2", "raising#3"}
    assert len(panicked) == 3


# --- delivery ------------------------------------------------------------------------------------


@pytest.mark.rule("R6.16")
def test_events_come_one_at_a_time_in_order_on_one_thread(serve):
    inside = threading.Lock()
    seen, threads = [], set()

    class Checks:
        queue_capacity = 100_000

        def on_event(self, event):
            assert inside.acquire(blocking=False)
            seen.append(event.seq)
            threads.add(threading.get_ident())
            inside.release()

    sup = serve(Checks())
    names = [str(n) for n in range(300)]
    sup.add_many([tv.TaskSpec.once(dict)] * 300, names=names)
    sup.join()
    sup.shutdown()
    assert len(seen) == 300 * 6 + 2
    assert seen == sorted(seen)
    assert len(threads) == 1


@pytest.mark.rule("R6.17", "R4.32")
def test_slow_subscriber_holds_up_neither_tasks_nor_others(serve, recorder, gate):
    held = gate()
    slow = Held(held)
    sup = serve(slow, recorder)
    handles = [sup.add(tv.TaskSpec.once(dict, name=str(n))) for n in range(50)]
    assert {handle.outcome(SOON).kind for handle in handles} == {"completed"}
    recorder.wait(lambda events: len(events) == 300)
    assert len(slow.events) == 0
    held.open()
    sup.shutdown()
    assert slow.events == recorder.events


@pytest.mark.rule("R6.12", "R6.17", "R4.32", "R5.27")
def test_a_thousand_tasks_end_beside_a_queue_of_one_that_blocks_for_ever(serve, gate):
    held = gate()
    stuck = Held(held, queue_capacity=1)
    sup = serve(stuck, subscriber_grace=0.1)
    names = [str(n) for n in range(1000)]
    sup.remove("nobody")
    held.wait_inside()
    handles = sup.add_many([tv.TaskSpec.once(dict)] * 1000, names=names)
    assert {handle.outcome(SOON).kind for handle in handles} == {"completed"}
    assert sup.list() == []
    queued, delivered, dropped, raised = info_of(sup, "held")
    assert (queued, delivered, raised) == (1, 1, 0)
    assert dropped >= 5998
    ended = threading.Thread(target=sup.shutdown)
    ended.start()
    ended.join(SOON)
    assert not ended.is_alive()


@pytest.mark.rule("R6.18")
def test_queue_capacity_is_1024_by_default(serve, gate):
    class Plain:
        def on_event(self, event):
            held()

    held = gate()
    sup = serve(Plain())
    sup.remove("nobody")
    held.wait_inside()
    for _ in range(600):
        sup.remove("nobody")  # two events each
    assert info_of(sup, "Plain") == (1024, 1, 2 + 1200 + 1 - 1025, 0)


# --- raising -------------------------------------------------------------------------------------


@pytest.mark.rule("R6.10")
@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ValueError("bad"), "ValueError: bad"),
        (KeyError("k"), "KeyError: 'k'"),
        (RuntimeError(), "RuntimeError"),
        (SystemExit(3), "SystemExit: 3"),
        (KeyboardInterrupt(), "KeyboardInterrupt"),
        (tv.Fail("down"), "Fail: down"),
        (GeneratorExit("g"), "GeneratorExit: g"),
    ],
)
def test_whatever_a_subscriber_raises_is_told_and_it_goes_on(serve, recorder, error, reason):
    raising = Raising(error, tv.EventKind.TASK_ADDED)
    sup = serve(raising, recorder)
    handle = sup.add(tv.TaskSpec.once(dict))
    assert handle.outcome(SOON).kind == "completed"
    sup.shutdown()
    (event,) = of_kind(recorder, "subscriber_panicked")
    assert described(event) == f"subscriber_panicked reason={reason}"
    assert (event.task, event.id, event.is_diagnostic) == ("raising", None, True)
    assert raising.events == recorder.events
    assert info_of(sup, "raising") == (0, len(raising.events), 0, 1)


@pytest.mark.rule("R6.11")
def test_raise_on_a_diagnostic_is_not_told(serve, recorder):
    raising = Raising(ValueError("always"))
    sup = serve(raising, recorder)
    sup.add(tv.TaskSpec.once(dict)).outcome(SOON)
    sup.shutdown()
    events = recorder.events
    causes = [event for event in events if not event.is_diagnostic]
    assert len(causes) == 8
    assert len(events) - len(causes) == 8
    assert raising.events == events
    assert info_of(sup, "raising") == (0, 16, 0, 16)


@pytest.mark.rule("R6.10", "R1.68")
def test_reason_of_a_raise_is_cut_and_escaped_as_that_of_a_body(serve, recorder):
    raising = Raising(ValueError("\udc80" + "x" * 10_000), tv.EventKind.TASK_ADDED)
    sup = serve(raising, recorder)
    sup.add(tv.TaskSpec.once(dict)).outcome(SOON)
    sup.shutdown()
    (event,) = of_kind(recorder, "subscriber_panicked")
    assert event.reason.startswith(r"ValueError: \udc80xxx")
    assert len(event.reason.encode()) <= 4096 + len("ValueError: ")


@pytest.mark.rule("R6.10")
def test_exception_of_a_subscriber_that_cannot_be_shown_is_told_by_its_type(serve, recorder):
    class Unshowable(Exception):
        def __str__(self):
            raise RuntimeError("no text")

    sup = serve(Raising(Unshowable(), tv.EventKind.TASK_ADDED), recorder)
    sup.add(tv.TaskSpec.once(dict)).outcome(SOON)
    sup.shutdown()
    (event,) = of_kind(recorder, "subscriber_panicked")
    assert event.reason == "Unshowable"
