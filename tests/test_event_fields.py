"""Events carry exactly the fields that the table of rule R6.1 says: every kind, in every case."""

from contextlib import suppress

import pytest
from claims import CONTROLLER, claim
from pages import events
from waiting import SOON, until

import taskvisor as tv

FIELDS = (
    "task", "attempt", "reason", "timeout_ms", "delay_ms", "exit_code", "backoff_source",
    "duration",
)  # fmt: skip

# A failure may carry an exit code; that it mostly does not needs no word in the table.
SELDOM = {"exit_code"}


def fails(code):
    raise tv.Fail("down", code)


def dies(code):
    raise tv.Fatal("no table", code)


def returns_once(ctx):
    if ctx.attempt > 1:
        raise tv.Canceled


def waits(ctx):
    ctx.wait(SOON)


class Raises(tv.Subscribe):
    """A subscriber that has no good word for any event."""

    def on_event(self, event):
        raise ValueError("bad day")


class Full(tv.Subscribe):
    """A subscriber that is held in its first event."""

    queue_capacity = 1

    def __init__(self, held):
        self._held = held

    def on_event(self, event):
        self._held()


def play_tasks(sup):
    """Ends of every kind, retries, intervals, a timeout, names that are taken or unknown."""
    no_delay = tv.BackoffPolicy.constant(0)
    sup.add(tv.TaskSpec.once(dict)).outcome(SOON)
    for code in (None, 3):
        sup.add(tv.TaskSpec(fails, args=(code,), backoff=no_delay, max_retries=1)).outcome(SOON)
        sup.add(tv.TaskSpec.once(dies, args=(code,))).outcome(SOON)
    sup.add(tv.TaskSpec.periodic(returns_once, 0)).outcome(SOON)
    sup.add(tv.TaskSpec.once(waits, name="late", timeout=0.01)).outcome(SOON)
    sup.remove("nobody")
    sup.add(tv.TaskSpec.once(waits, name="taken"))
    with pytest.raises(tv.TaskAlreadyExists):
        sup.add(tv.TaskSpec.once(waits, name="taken"))
    sup.cancel("taken", SOON)


def play_slots(sup):
    """A submission that starts, one that replaces it, one that is dropped."""
    sup.submit(claim("queue", "first", waits))
    last = sup.submit(claim("replace", "second", waits))
    sup.submit(claim("drop_if_running", "third", waits))
    sup.cancel_slot("s")
    last.outcome(SOON)


def play_stuck(sup, held):
    """A task that outlives its own grace, and one that outlives the shutdown's."""
    own = sup.add(tv.TaskSpec.once(held, name="own", grace=0))
    other = sup.add(tv.TaskSpec.once(held, name="other"))
    until(lambda: {"own", "other"} <= set(sup.snapshot()))
    with pytest.raises(tv.TaskRemoveTimeout):
        own.cancel()
    with suppress(tv.GraceExceeded):
        sup.shutdown(0)
    assert other.outcome(SOON).kind == "abandoned"


@pytest.fixture
def published(serve, recorder, gate):
    """Events of every kind."""
    held, busy = gate(), gate()
    stuck = serve(recorder, Full(busy), Raises(), grace=SOON)
    sup = serve(recorder, controller=CONTROLLER)
    play_tasks(sup)
    play_slots(sup)
    sup.shutdown()
    stuck.add(tv.TaskSpec.once(dict)).outcome(SOON)
    busy.wait_inside()
    stuck.add(tv.TaskSpec.once(list)).outcome(SOON)
    recorder.wait_for("subscriber_overflow")
    recorder.wait_for("subscriber_panicked")
    busy.open()
    play_stuck(stuck, held)
    return recorder.events


def fits(event, case) -> bool:
    """Has an event all fields of a case, and no other? What stands under a condition may lack."""
    found = {name for name in FIELDS if getattr(event, name) is not None}
    told = {field.name for field in case}
    needed = {field.name for field in case if not field.condition} - SELDOM
    return needed <= found <= told


@pytest.mark.rule("R6.1")
def test_events_have_the_fields_of_their_kind_and_no_others(published):
    told = events.event_fields()
    odd = [e for e in published if not any(fits(e, case) for case in told[e.kind.name])]
    assert odd == []
    assert {e.kind for e in published} == set(tv.EventKind)


@pytest.mark.rule("R6.1")
def test_every_case_and_condition_of_the_table_comes_true(published):
    silent = []
    for kind, cases in events.event_fields().items():
        seen = [e for e in published if e.kind.name == kind]
        for case in cases:
            hits = [e for e in seen if fits(e, case)]
            fields = [f.name for f in case if f.condition or f.name in SELDOM]
            silent += [kind] if not hits else []
            silent += [(kind, f) for f in fields if all(getattr(e, f) is None for e in hits)]
            silent += [(kind, f) for f in fields if all(getattr(e, f) is not None for e in hits)]
    assert silent == []


def test_table_that_has_drifted_is_found(published):
    table = events.event_fields()
    [failed] = table["TASK_FAILED"]
    event = next(e for e in published if e.kind.name == "TASK_FAILED")
    assert fits(event, failed)
    assert not fits(event, [field for field in failed if field.name != "duration"])
    assert not fits(event, [*failed, events.Field("delay_ms")])
    assert fits(event, [*failed, events.Field("delay_ms", "if late")])
