"""What there is to watch: each kind of event with exactly its fields, in order; lines of it."""

import threading
import time

import pytest
from kinds import every_kind, sleep, wait
from programs import run_well
from recorder import described, lines
from waiting import SOON

import taskvisor as tv

pytestmark = [every_kind, pytest.mark.rule("R8.4")]

NOW = tv.BackoffPolicy.constant(0)
FIELDS = (
    "task", "id", "attempt", "reason", "timeout_ms", "delay_ms", "exit_code", "backoff_source",
    "duration",
)  # fmt: skip


async def waits(ctx):
    await wait(ctx)


def fails():
    raise tv.Fail("down", exit_code=3)


def set_fields(event):
    """The names of an event's fields that are set, besides seq, at and kind."""
    return [name for name in FIELDS if getattr(event, name) is not None]


@pytest.fixture
def watch(run, recorder):
    """watch(spec): the events of one task run to its natural end."""

    def start(spec):
        run([spec], recorder)
        return recorder.events

    return start


@pytest.mark.rule("R6.1")
def test_kinds_are_these_nineteen_and_their_text_is_their_name_in_lower_case():
    assert [str(kind) for kind in tv.EventKind] == [kind.name.lower() for kind in tv.EventKind]
    assert sorted(kind.name for kind in tv.EventKind) == [
        "ACTOR_DEAD", "ACTOR_EXHAUSTED", "ALL_STOPPED_WITHIN_GRACE", "BACKOFF_SCHEDULED",
        "CONTROLLER_REJECTED", "CONTROLLER_SLOT_TRANSITION", "CONTROLLER_SUBMITTED",
        "GRACE_EXCEEDED", "SHUTDOWN_REQUESTED", "SUBSCRIBER_OVERFLOW", "SUBSCRIBER_PANICKED",
        "TASK_ADDED", "TASK_ADD_REQUESTED", "TASK_FAILED", "TASK_REMOVED", "TASK_REMOVE_REQUESTED",
        "TASK_STARTING", "TASK_STOPPED", "TIMEOUT_HIT",
    ]  # fmt: skip


@pytest.mark.rule("R6.1", "R1.30", "R2.1", "R4.30", "R1.11")
def test_events_of_a_success_have_exactly_these_fields(watch):
    events = watch(tv.TaskSpec.once(dict))
    assert [(str(e.kind), set_fields(e)) for e in events] == [
        ("task_add_requested", ["task", "id"]),
        ("task_added", ["task", "id"]),
        ("task_starting", ["task", "id", "attempt"]),
        ("task_stopped", ["task", "id", "attempt", "duration"]),
        ("actor_exhausted", ["task", "id", "attempt", "reason"]),
        ("task_removed", ["task", "id"]),
    ]
    assert {e.task for e in events} == {"dict"}


@pytest.mark.rule("R6.1", "R1.36", "R1.37", "R2.2")
def test_events_of_a_failure_have_exactly_these_fields(watch):
    events = watch(tv.TaskSpec(fails, max_retries=1, backoff=NOW))
    assert [(str(e.kind), set_fields(e)) for e in events[2:]] == [
        ("task_starting", ["task", "id", "attempt"]),
        ("task_failed", ["task", "id", "attempt", "reason", "exit_code", "duration"]),
        (
            "backoff_scheduled",
            ["task", "id", "attempt", "reason", "delay_ms", "backoff_source"],
        ),
        ("task_starting", ["task", "id", "attempt"]),
        ("task_failed", ["task", "id", "attempt", "reason", "exit_code", "duration"]),
        ("actor_exhausted", ["task", "id", "attempt", "reason", "exit_code"]),
        ("task_removed", ["task", "id"]),
    ]
    assert [described(e) for e in events[2:]] == [
        "task_starting attempt=1",
        "task_failed attempt=1 exit_code=3 duration reason=execution failed: down",
        "backoff_scheduled attempt=1 delay_ms=0 backoff_source=failure"
        " reason=execution failed: down",
        "task_starting attempt=2",
        "task_failed attempt=2 exit_code=3 duration reason=execution failed: down",
        "actor_exhausted attempt=2 exit_code=3"
        " reason=max_retries_exceeded(1/1): execution failed: down",
        "task_removed",
    ]


@pytest.mark.rule("R6.1", "R1.33")
def test_events_of_a_fatal_end_have_exactly_these_fields(watch):
    def body():
        raise tv.Fatal("gone", exit_code=-4)

    events = watch(tv.TaskSpec(body))
    assert [(str(e.kind), set_fields(e)) for e in events[3:]] == [
        ("task_failed", ["task", "id", "attempt", "reason", "exit_code", "duration"]),
        ("actor_dead", ["task", "id", "attempt", "reason", "exit_code"]),
        ("task_removed", ["task", "id"]),
    ]
    assert {e.reason for e in events[3:5]} == {"fatal error (no retry): gone"}
    assert {e.exit_code for e in events[3:5]} == {-4}


@pytest.mark.rule("R6.1", "R2.6", "R2.7", "R1.35")
def test_events_of_a_timeout_have_exactly_these_fields(watch):
    events = watch(tv.TaskSpec.once(waits, timeout=0.0125))
    assert [(str(e.kind), set_fields(e)) for e in events[3:]] == [
        ("timeout_hit", ["task", "id", "attempt", "timeout_ms"]),
        ("task_failed", ["task", "id", "attempt", "reason", "duration"]),
        ("actor_exhausted", ["task", "id", "attempt", "reason"]),
        ("task_removed", ["task", "id"]),
    ]
    assert events[3].timeout_ms == 12
    assert {e.reason for e in events[4:6]} == {"timed out after 12.5ms"}


@pytest.mark.rule("R6.1", "R1.31")
def test_events_of_an_interval_have_exactly_these_fields(watch):
    def body(ctx):
        if ctx.attempt == 2:
            raise tv.Canceled

    events = watch(tv.TaskSpec.periodic(body, 0.0029))
    scheduled = [e for e in events if e.kind == tv.EventKind.BACKOFF_SCHEDULED]
    assert [set_fields(e) for e in scheduled] == [
        ["task", "id", "attempt", "delay_ms", "backoff_source"]
    ]
    assert (scheduled[0].delay_ms, scheduled[0].backoff_source) == (2, tv.BackoffSource.SUCCESS)


@pytest.mark.rule("R6.1", "R6.4", "R4.2", "R4.22", "R4.26")
def test_events_of_refused_and_removed_tasks_have_exactly_these_fields(serve, recorder):
    sup = serve(recorder)
    handle = sup.add(tv.TaskSpec.once(waits))
    recorder.wait_line("waits", "task_starting")
    with pytest.raises(tv.TaskAlreadyExists):
        sup.add(tv.TaskSpec.once(waits))
    handle.cancel()
    sup.remove("nobody")
    sup.shutdown()
    events = recorder.events[3:]
    assert [(str(e.kind), set_fields(e)) for e in events] == [
        ("task_add_requested", ["task"]),
        ("task_added", ["task", "reason"]),
        ("task_remove_requested", ["task", "id", "reason"]),
        ("task_stopped", ["task", "id", "attempt", "duration"]),
        ("task_removed", ["task", "id"]),
        ("task_remove_requested", ["task"]),
        ("task_removed", ["task", "reason"]),
        ("shutdown_requested", []),
        ("all_stopped_within_grace", []),
    ]
    assert lines(events)[1] == "waits: task_added reason=already_exists"
    assert lines(events)[6] == "nobody: task_removed reason=task_not_found"


@pytest.mark.rule("R6.1", "R4.41", "R5.23")
def test_exceeded_grace_of_a_task_names_it_and_that_of_a_shutdown_nobody(serve, recorder, gate):
    held = gate()
    sup = serve(recorder)
    sup.add(tv.TaskSpec.once(held, name="mine", grace=0))
    held.wait_inside()
    sup.remove("mine")
    recorder.wait_line("mine", "grace_exceeded")
    with pytest.raises(tv.GraceExceeded):
        sup.shutdown(grace=0)
    exceeded = [e for e in recorder.events if e.kind == tv.EventKind.GRACE_EXCEEDED]
    assert [set_fields(e) for e in exceeded] == [["task", "id", "attempt"], []]


@pytest.mark.rule("R6.4")
def test_id_is_that_of_the_handle_from_the_request_on(serve, recorder):
    sup = serve(recorder)
    handles = [sup.add(tv.TaskSpec.once(dict, name=str(n))) for n in range(5)]
    sup.join()
    sup.shutdown()
    for handle in handles:
        assert {event.id for event in recorder.of(handle.name)} == {handle.id}
        assert len(recorder.of(handle.name)) == 6


@pytest.mark.rule("R6.2")
def test_seq_rises_for_every_receiver_and_is_unique_in_the_process(serve):
    sups = [serve(), serve()]
    streams = [sup.events() for sup in sups]
    together = threading.Barrier(2)

    def busy(sup):
        together.wait(SOON)
        for n in range(50):
            sup.add(tv.TaskSpec.once(dict, name=str(n)))
        sup.join()
        sup.shutdown()

    threads = [threading.Thread(target=busy, args=(sup,)) for sup in sups]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seqs = [[event.seq for event in stream] for stream in streams]
    assert [len(each) for each in seqs] == [302, 302]
    assert all(each == sorted(set(each)) for each in seqs)
    assert set(seqs[0]).isdisjoint(seqs[1])


@pytest.mark.rule("R6.2")
def test_seq_starts_at_one_and_every_published_event_takes_the_next():
    out = run_well("""
        import taskvisor as tv
        seqs = []
        class Keep:
            def on_event(self, event):
                seqs.append(event.seq)
        for n in range(2):
            tv.Supervisor(subscribers=[Keep()]).run([tv.TaskSpec.once(dict)])
        print(seqs)
    """)
    assert out == "[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]\n"


@pytest.mark.rule("R6.3", "R6.6")
def test_at_is_the_wall_clock_and_duration_is_in_seconds(watch):
    async def body(ctx):
        await sleep(ctx, 0.06)

    before = time.time()
    events = watch(tv.TaskSpec.once(body))
    after = time.time()
    assert all(isinstance(event.at, float) for event in events)
    assert all(before - 0.01 <= event.at <= after + 0.01 for event in events)
    starting, stopped = events[2], events[3]
    assert 0.06 <= stopped.duration <= after - before
    assert stopped.at - starting.at == pytest.approx(stopped.duration, abs=0.05)


@pytest.mark.rule("R6.5")
@pytest.mark.parametrize(
    ("seconds", "ms"),
    [
        (0.0019, 1),
        (0.0009999, 0),
        (4_294_967.295, 2**32 - 1),
        (4_294_968, 2**32 - 1),
        (1e9, 2**32 - 1),
    ],
)
def test_milliseconds_are_floored_and_capped(serve, recorder, seconds, ms):
    sup = serve(recorder)
    sup.add(tv.TaskSpec.periodic(dict, seconds))
    event = recorder.wait_line("dict", "backoff_scheduled")
    assert event.delay_ms == ms


@pytest.mark.rule("R6.2", "R6.16", "R5.27")
def test_every_receiver_sees_the_same_events_in_the_same_order(serve, recorder):
    class Other(type(recorder)):
        name = "other"

    other = Other()
    sup = serve(recorder, other)
    stream = sup.events(capacity=10_000)
    names = [str(n) for n in range(200)]
    sup.add_many([tv.TaskSpec(fails, max_retries=2, backoff=NOW)] * 200, names=names)
    sup.join()
    sup.shutdown()
    streamed = list(stream)
    assert len(streamed) == 200 * 12 + 2
    assert recorder.events == other.events == streamed
