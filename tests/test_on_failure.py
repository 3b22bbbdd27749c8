"""on_failure: a subscriber is told of each task that ends badly, with the exception."""

import logging
import traceback

import pytest
from kinds import every_kind, plain_supervisors
from waiting import SOON, in_thread

import taskvisor as tv

pytestmark = every_kind


class Taker:
    """A subscriber that keeps what it is told."""

    def __init__(self):
        self.told = []

    def on_event(self, event):
        pass

    def on_failure(self, handle, outcome):
        self.told.append((handle.name, handle.id, outcome))


def raising(error):
    async def body():
        raise error

    return body


@pytest.mark.rule("R6.46")
def test_each_bad_end_is_told_once_with_its_outcome_and_no_other_end_is(serve, clock, gate):
    taker, held = Taker(), gate()
    sup = serve(taker, clock=clock, max_retries=2, backoff=tv.BackoffPolicy.constant(0))
    specs = {
        "failed": tv.TaskSpec(raising(KeyError("x"))),
        "fatal": tv.TaskSpec(raising(tv.Fatal("no"))),
        "completed": tv.TaskSpec.once(dict),
        "canceled": tv.TaskSpec(raising(tv.Canceled())),
        "abandoned": tv.TaskSpec(held, grace=60),
    }
    handles = {kind: sup.add(spec, name=kind) for kind, spec in specs.items()}
    held.wait_inside()
    for kind in set(specs) - {"abandoned"}:
        handles[kind].outcome(timeout=SOON)
    sup.remove("abandoned")
    clock.advance(60)
    outcomes = {kind: handle.outcome(timeout=SOON) for kind, handle in handles.items()}
    assert {kind: outcome.kind for kind, outcome in outcomes.items()} == {k: k for k in specs}
    held.open()
    sup.shutdown()
    told = {name: (id, outcome) for name, id, outcome in taker.told}
    bad = ["failed", "fatal", "abandoned"]
    assert told == {name: (handles[name].id, outcomes[name]) for name in bad}
    assert len(taker.told) == 3
    assert told["failed"][1].exception is outcomes["failed"].exception
    assert (told["failed"][1].attempts, told["abandoned"][1].exception) == (3, None)


@plain_supervisors
@pytest.mark.rule("R6.46")
def test_failure_is_told_where_the_queue_of_events_is_full(serve, gate):
    held = gate()

    class Stuck(Taker):
        queue_capacity = 1

        def on_event(self, event):
            held()

    stuck = Stuck()
    sup = serve(stuck)
    names = [str(n) for n in range(20)]
    for handle in sup.add_many([tv.TaskSpec.once(raising(KeyError("x")))] * 20, names=names):
        handle.outcome(timeout=SOON)
    assert sup.subscribers()[0].dropped > 0
    held.open()
    sup.shutdown()
    assert sorted(name for name, _, _ in stuck.told) == sorted(names)


@pytest.mark.rule("R6.47")
@pytest.mark.parametrize("error", [ValueError("in it"), SystemExit(3)])
def test_error_of_on_failure_is_logged_and_harms_nobody(serve, recorder, caplog, error):
    class Raises(Taker):
        def on_failure(self, handle, outcome):
            raise error

    taker = Taker()
    sup = serve(Raises(), taker, recorder)
    handle = sup.add(tv.TaskSpec.once(raising(KeyError("x")), name="a"))
    assert handle.outcome(timeout=SOON).kind == "failed"
    sup.shutdown()
    assert [name for name, _, _ in taker.told] == ["a"]
    (record,) = [each for each in caplog.records if each.name == "taskvisor"]
    assert record.getMessage() == "on_failure of Raises raised for task 'a'"
    assert record.exc_info[1] is error
    assert (record.levelno, record.task, record.task_id) == (logging.ERROR, "a", handle.id)


@plain_supervisors
@pytest.mark.rule("R6.47")
def test_stuck_on_failure_holds_a_shutdown_for_the_subscriber_grace_only(serve, clock, gate):
    held = gate()

    class Stuck(Taker):
        def on_failure(self, handle, outcome):
            held()

    sup = serve(Stuck(), clock=clock, subscriber_grace=60)
    sup.add(tv.TaskSpec.once(raising(KeyError("x")))).outcome(timeout=SOON)
    held.wait_inside()
    sup.shutdown(wait=False)
    waiting = in_thread(sup.shutdown)
    assert clock.advance_to_next() == 60
    assert waiting() is None


async def later(handle, outcome):
    """Runs only if somebody runs it."""


@pytest.mark.rule("R6.48")
@pytest.mark.parametrize(
    ("given", "text"), [(3, "callable"), (later, "plain function"), ("x", "callable")]
)
def test_on_failure_that_cannot_be_called_is_refused(given, text):
    taker = Taker()
    taker.on_failure = given
    with pytest.raises(TypeError, match=f"on_failure must be a? ?{text}"):
        tv.Supervisor(subscribers=[taker])


@pytest.mark.rule("R6.48")
def test_on_failure_of_none_is_none(serve):
    taker = Taker()
    taker.on_failure = None
    sup = serve(taker)
    sup.add(tv.TaskSpec.once(raising(KeyError("x")))).outcome(timeout=SOON)
    sup.shutdown()


@pytest.mark.rule("R6.49")
def test_logging_subscriber_makes_one_record_with_the_traceback_of_the_last_attempt(serve, caplog):
    caplog.set_level(logging.DEBUG, logger="mine")
    sup = serve(tv.LoggingSubscriber("mine"), backoff=tv.BackoffPolicy.constant(0), max_retries=3)
    handle = sup.add(tv.TaskSpec(raising(KeyError("x")), name="a"))
    outcome = handle.outcome(timeout=SOON)
    sup.shutdown()
    assert {record.name for record in caplog.records} - {"asyncio"} == {"mine"}
    (record,) = [each for each in caplog.records if each.exc_info]
    assert record.exc_info[1] is outcome.exception
    assert "in body" in "".join(traceback.format_exception(record.exc_info[1]))
    assert record.getMessage() == f"task 'a' ended failed: {outcome.reason}"
    assert (record.levelno, record.task, record.task_id) == (logging.ERROR, "a", handle.id)
    assert (record.outcome, record.attempts, record.reason) == ("failed", 4, outcome.reason)
    event = next(each for each in caplog.records if hasattr(each, "event"))
    told = set(vars(event)) - {"message", "asctime"}
    assert told <= set(vars(record))
    assert (record.event, record.seq, record.at, record.duration) == (None,) * 4


@pytest.mark.rule("R6.49")
def test_logging_subscriber_adds_nothing_where_no_exception_is_the_cause(
    serve, clock, gate, caplog
):
    held = gate()
    caplog.set_level(logging.DEBUG, logger="taskvisor")
    sup = serve(tv.LoggingSubscriber(), clock=clock)
    handle = sup.add(tv.TaskSpec.once(held, name="a", timeout=60))
    held.wait_inside()
    clock.advance(60)
    held.open()
    assert handle.outcome(timeout=SOON).kind == "failed"
    sup.shutdown()
    assert [each.getMessage() for each in caplog.records if not hasattr(each, "event")] == []
    assert any(each.event == "actor_exhausted" for each in caplog.records)
