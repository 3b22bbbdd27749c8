"""Overflow: a full queue drops the new event for its subscriber alone; the others are told once."""

import threading

import pytest
from recorder import Recorder, described
from waiting import until

import taskvisor as tv


class Turnstile(Recorder):
    """Lets everything pass at first; once it is closed each event needs a turn to be done with."""

    name = "turns"

    def __init__(self, queue_capacity, name="turns"):
        super().__init__()
        self.name = name
        self.queue_capacity = queue_capacity
        self.turns = threading.Semaphore(0)
        self.closed = False
        self.done = 0

    def on_event(self, event):
        super().on_event(event)
        if self.closed:
            assert self.turns.acquire(timeout=60)
        self.done += 1


def info_of(sup, name):
    """What subscribers() says of one: queued, delivered, dropped, raised."""
    (info,) = [each for each in sup.subscribers() if each.name == name]
    assert type(info) is tv.SubscriberInfo
    return info.queued, info.delivered, info.dropped, info.raised


def of_kind(recorder, kind):
    return [event for event in recorder.events if event.kind == kind]


class Publisher:
    """A supervisor whose tasks are all inside their bodies, so that each remove() is one event.

    Its subscribers are turnstiles, closed and with nothing in hand or queue, and a recorder.
    """

    def __init__(self, serve, gate, *turnstiles, tasks=40):
        held = gate()
        self.recorder = Recorder()
        self.sup = serve(*turnstiles, self.recorder)
        names = [f"task-{n}" for n in range(tasks)]
        self.sup.add_many([tv.TaskSpec.once(held)] * tasks, names=names)
        held.wait_inside(tasks)
        until(lambda: self.has_all("recorder", len(self.recorder.events)))
        for turns in turnstiles:
            until(lambda turns=turns: self.is_idle(turns))
            turns.closed = True
        self.left = iter(names)
        self.told_before = len(of_kind(self.recorder, "subscriber_overflow"))
        self.published = 3 * tasks + self.told_before

    def is_idle(self, turns):
        return self.has_all(turns.name, turns.done)

    def has_all(self, name, done):
        queued, delivered, _, _ = info_of(self.sup, name)
        return queued == 0 and delivered == done > 0

    def publish(self, count, told=0):
        """Publishes `count` events, of which `told` cause a SubscriberOverflow each."""
        for _ in range(count):
            assert self.sup.remove(next(self.left)) is True
        self.published += count + told
        self.recorder.wait(lambda events: len(events) >= self.published)
        assert len(self.recorder.events) == self.published

    def fill(self, turns):
        """Gives one event into the hand of each, and as many as it holds into its queue."""
        before = {each: len(each.events) for each in turns}
        self.publish(1)
        for each in turns:
            each.wait(lambda events, each=each: len(events) > before[each])
        self.publish(turns[0].queue_capacity)

    def let_go(self, turns, count):
        """Has `count` more events done; the next one is in hand then."""
        before = len(turns.events)
        turns.turns.release(count)
        turns.wait(lambda events: len(events) == before + count)

    def told(self):
        """What was told of overflows since the turnstiles were closed."""
        return of_kind(self.recorder, "subscriber_overflow")[self.told_before :]


@pytest.fixture
def publisher(serve, gate):
    """publisher(*turnstiles): one with these; all turnstiles are open at the end."""
    opened = []

    def make(*turnstiles):
        opened.extend(turnstiles)
        return Publisher(serve, gate, *turnstiles)

    yield make
    for turns in opened:
        turns.turns.release(10_000)


@pytest.mark.rule("R6.12", "R6.1", "R6.9", "R6.15")
@pytest.mark.parametrize("capacity", [1, 2, 5])
def test_first_drop_is_told_right_after_the_event_that_was_dropped(publisher, capacity):
    turns = Turnstile(capacity)
    pub = publisher(turns)
    pub.fill([turns])
    assert pub.told() == []
    pub.publish(1, told=1)
    dropped, event = pub.recorder.events[-2:]
    assert described(dropped) == "task_remove_requested"
    assert described(event) == "subscriber_overflow reason=subscriber=turns reason=full"
    assert (event.task, event.id, event.is_diagnostic) == ("turns", None, True)


@pytest.mark.rule("R6.12", "R6.13")
def test_no_other_drop_is_told_before_the_queue_is_drained(publisher):
    turns = Turnstile(4)
    pub = publisher(turns)
    pub.fill([turns])
    pub.publish(1, told=1)
    pub.publish(20)
    assert len(pub.told()) == 1


@pytest.mark.rule("R6.13")
@pytest.mark.parametrize(
    ("capacity", "let_go", "again"),
    [
        (1, 1, True),
        (2, 1, True),
        (3, 1, False),
        (3, 2, True),
        (4, 1, False),
        (4, 2, True),
        (8, 3, False),
        (8, 4, True),
        (8, 8, True),
    ],
)
def test_drop_is_told_again_once_the_queue_was_down_to_half(publisher, capacity, let_go, again):
    turns = Turnstile(capacity)
    pub = publisher(turns)
    pub.fill([turns])
    pub.publish(1, told=1)
    pub.let_go(turns, let_go)
    pub.publish(let_go)
    pub.publish(1, told=int(again))
    pub.publish(1)
    assert len(pub.told()) == 1 + again


@pytest.mark.rule("R6.14")
def test_dropped_diagnostic_is_not_told(publisher):
    # Both are full at once; each drop is told once, and the telling finds both full.
    first, second = Turnstile(2, "first"), Turnstile(2, "second")
    pub = publisher(first, second)
    pub.fill([first, second])
    pub.publish(1, told=2)
    pub.publish(10)
    assert sorted(event.task for event in pub.told()) == ["first", "second"]


@pytest.mark.rule("R6.14", "R6.12")
def test_drop_after_that_of_a_diagnostic_is_told(publisher):
    # What is told of the first finds the second full; then an event does, too.
    first, second = Turnstile(2, "first"), Turnstile(3, "second")
    pub = publisher(first, second)
    pub.fill([first, second])
    pub.publish(1, told=1)
    assert info_of(pub.sup, "second")[0] == 3
    pub.publish(1, told=1)
    assert [event.task for event in pub.told()] == ["first", "second"]


@pytest.mark.rule("R6.12", "R6.17")
def test_dropped_event_is_missing_for_that_subscriber_alone(publisher):
    turns, roomy = Turnstile(3), Turnstile(10_000, "roomy")
    pub = publisher(turns, roomy)
    seen = len(turns.events)
    pub.fill([turns, roomy])
    pub.publish(5, told=1)
    turns.turns.release(10_000)
    roomy.turns.release(10_000)
    roomy.wait(lambda events: len(events) == pub.published)
    until(lambda: pub.is_idle(turns))
    assert roomy.events == pub.recorder.events
    assert turns.events[seen:] == pub.recorder.events[-10:-6]


@pytest.mark.rule("R6.21")
def test_counters_tell_what_was_queued_delivered_and_dropped(publisher):
    turns = Turnstile(3)
    pub = publisher(turns)
    _, delivered, dropped, _ = info_of(pub.sup, "turns")
    pub.fill([turns])
    assert info_of(pub.sup, "turns") == (3, delivered + 1, dropped, 0)
    pub.publish(5, told=1)  # what is told is dropped too
    assert info_of(pub.sup, "turns") == (3, delivered + 1, dropped + 6, 0)
    pub.let_go(turns, 2)
    assert info_of(pub.sup, "turns") == (1, delivered + 3, dropped + 6, 0)
    turns.turns.release(10_000)
    until(lambda: pub.is_idle(turns))
    assert info_of(pub.sup, "turns") == (0, delivered + 4, dropped + 6, 0)
    assert sum(info_of(pub.sup, "turns")) == pub.published
