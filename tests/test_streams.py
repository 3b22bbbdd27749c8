"""Event streams: from the call to the last event, told once of each gap, never past the end."""

import threading
from datetime import timedelta

import pytest
from kinds import every_kind, plain_bodies, wait
from recorder import lines
from waiting import SOON, in_thread

import taskvisor as tv

pytestmark = [every_kind, pytest.mark.rule("R8.4", "R8.30")]


async def waits(ctx):
    await wait(ctx)


def lost_by(call):
    """The count of the Lagged that a call raises."""
    with pytest.raises(tv.Lagged) as caught:
        call()
    return caught.value.count


@pytest.mark.rule("R6.30")
def test_stream_gives_what_is_published_from_the_call_on_and_ends(serve):
    sup = serve()
    sup.add(tv.TaskSpec.once(dict, name="before")).outcome(SOON)
    stream = sup.events()
    sup.add(tv.TaskSpec.once(dict, name="after")).outcome(SOON)
    sup.shutdown()
    assert lines(stream) == [
        "after: task_add_requested",
        "after: task_added",
        "after: task_starting attempt=1",
        "after: task_stopped attempt=1 duration",
        "after: actor_exhausted attempt=1 reason=policy_exhausted_success",
        "after: task_removed",
        "shutdown_requested",
        "all_stopped_within_grace",
    ]
    assert stream.lost == 0


@pytest.mark.rule("R6.30")
def test_stream_is_its_own_iterator_and_can_be_left_and_entered_again(serve):
    sup = serve()
    stream = sup.events()
    sup.add(tv.TaskSpec.once(dict)).outcome(SOON)
    assert iter(stream) is stream
    for event in stream:
        assert event.kind == "task_add_requested"
        break
    assert next(stream).kind == "task_added"
    assert stream.next().kind == "task_starting"
    sup.shutdown()
    assert len(list(stream)) == 5
    assert list(stream) == []


@pytest.mark.rule("R6.33")
def test_end_is_told_every_time_it_is_asked_for(serve):
    sup = serve()
    stream = sup.events()
    sup.shutdown()
    assert len(list(stream)) == 2
    for call in (stream.next, lambda: stream.next(0), lambda: stream.next(5), lambda: next(stream)):
        with pytest.raises(StopIteration):
            call()


@pytest.mark.rule("R6.33", "R5.28")
def test_end_reaches_a_reader_that_waits(serve):
    sup = serve()
    stream = sup.events()
    reading = in_thread(lambda: lines(stream))
    sup.shutdown()
    assert reading() == ["shutdown_requested", "all_stopped_within_grace"]


@pytest.mark.rule("R6.30")
def test_stream_of_a_run_ends_with_the_last_removal(run):
    streams = []

    def body(ctx):
        streams.append(ctx.supervisor.events())

    run([tv.TaskSpec.once(body)])
    assert lines(streams[0]) == [
        "body: task_stopped attempt=1 duration",
        "body: actor_exhausted attempt=1 reason=policy_exhausted_success",
        "body: task_removed",
    ]


@pytest.mark.rule("R6.33")
def test_close_wakes_a_waiting_reader(serve):
    sup = serve()
    stream = sup.events()
    sup.add(tv.TaskSpec.once(waits))
    first = threading.Event()

    def read():
        kinds = []
        for event in stream:
            kinds.append(event.kind)
            if event.kind == "task_starting":
                first.set()
        return kinds

    reading = in_thread(read)
    assert first.wait(SOON)
    stream.close()
    assert reading() == ["task_add_requested", "task_added", "task_starting"]


@pytest.mark.rule("R6.33")
def test_close_wakes_every_waiting_reader(serve):
    stream = serve().events()

    def read():
        try:
            stream.next()
        except StopIteration:
            return "ended"

    readings = [in_thread(read) for _ in range(5)]
    stream.close()
    assert [reading() for reading in readings] == ["ended"] * 5


@pytest.mark.rule("R6.33")
def test_closed_stream_gives_nothing_more_and_can_be_closed_again(serve):
    sup = serve()
    stream = sup.events()
    sup.add(tv.TaskSpec.once(dict)).outcome(SOON)
    stream.close()
    stream.close()
    assert list(stream) == []
    with pytest.raises(StopIteration):
        stream.next()
    sup.add(tv.TaskSpec.once(dict)).outcome(SOON)
    assert list(stream) == []


@pytest.mark.rule("R6.33")
def test_leaving_its_context_closes_a_stream(serve):
    sup = serve()
    with sup.events() as stream:
        sup.add(tv.TaskSpec.once(dict)).outcome(SOON)
        assert stream.next(SOON).kind == "task_add_requested"
    assert list(stream) == []
    with pytest.raises(KeyError), sup.events() as stream:
        raise KeyError
    assert list(stream) == []


@pytest.mark.rule("R6.34", "R0.45")
@pytest.mark.parametrize("timeout", [0, 0.01, timedelta(milliseconds=1)])
def test_next_raises_timeout_error_when_nothing_came(serve, timeout):
    stream = serve().events()
    with pytest.raises(TimeoutError) as caught:
        stream.next(timeout)
    assert type(caught.value) is TimeoutError
    with pytest.raises(TimeoutError):
        stream.next(timeout=timeout)


@pytest.mark.rule("R6.34")
def test_next_goes_on_after_a_timeout_error(serve):
    sup = serve()
    stream = sup.events()
    with pytest.raises(TimeoutError):
        stream.next(0)
    sup.add(tv.TaskSpec.once(dict)).outcome(SOON)
    assert stream.next(0).kind == "task_add_requested"


@pytest.mark.rule("R0.40")
def test_next_without_a_timeout_waits_for_the_event(serve):
    sup = serve()
    stream = sup.events()
    reading = in_thread(stream.next)
    sup.add(tv.TaskSpec.once(dict)).outcome(SOON)
    assert reading().kind == "task_add_requested"


@pytest.mark.parametrize(
    ("bad", "error"),
    [(-1, ValueError), (float("nan"), ValueError), ("1", TypeError), (True, TypeError)],
)
def test_bad_timeout_of_next_is_refused(serve, bad, error):
    stream = serve().events()
    with pytest.raises(error):
        stream.next(bad)


@pytest.mark.rule("R0.5")
@pytest.mark.parametrize("bad", [0, -1])
def test_capacity_below_one_is_refused(serve, bad):
    with pytest.raises(ValueError, match=str(bad)):
        serve().events(capacity=bad)


@pytest.mark.rule("R6.31", "R6.32")
def test_full_stream_drops_its_oldest_and_tells_once(serve):
    sup = serve()
    stream = sup.events(capacity=2)
    sup.add(tv.TaskSpec.once(dict)).outcome(SOON)  # six events
    sup.shutdown()  # and two
    assert lost_by(stream.next) == 6
    assert [event.kind for event in stream] == ["shutdown_requested", "all_stopped_within_grace"]
    assert stream.lost == 6


@pytest.mark.rule("R6.32", "R8.36")
def test_gap_is_raised_out_of_a_for_loop_which_can_be_entered_again(serve):
    sup = serve()
    stream = sup.events(capacity=1)
    sup.add(tv.TaskSpec.once(dict)).outcome(SOON)
    sup.shutdown()
    seen = []
    with pytest.raises(tv.Lagged) as caught:
        for event in stream:
            seen.append(event)
    assert (caught.value.count, seen) == (7, [])
    assert [event.kind for event in stream] == ["all_stopped_within_grace"]


@pytest.mark.rule("R6.32", "R8.36")
def test_each_gap_is_told_with_its_own_count_and_lost_counts_all(serve):
    sup = serve()
    stream = sup.events(capacity=4)
    sup.add(tv.TaskSpec.once(dict)).outcome(SOON)
    assert stream.lost == 2
    assert lost_by(lambda: stream.next(0)) == 2
    assert stream.next(0).kind == "task_starting"
    sup.add(tv.TaskSpec.once(dict)).outcome(SOON)
    assert stream.lost == 7
    assert lost_by(lambda: next(stream)) == 5
    sup.shutdown()
    assert lost_by(lambda: stream.next()) == 2
    assert [event.kind for event in stream] == [
        "actor_exhausted",
        "task_removed",
        "shutdown_requested",
        "all_stopped_within_grace",
    ]
    assert stream.lost == 9


@pytest.mark.rule("R6.31")
def test_capacity_left_out_is_that_of_the_bus(serve):
    sup = serve(bus_capacity=3)
    streams = [sup.events(), sup.events(None), sup.events(capacity=5)]
    sup.add(tv.TaskSpec.once(dict)).outcome(SOON)
    assert [stream.lost for stream in streams] == [3, 3, 1]


@pytest.mark.rule("R6.17", "R6.31")
def test_full_stream_touches_neither_tasks_nor_other_receivers(serve, recorder):
    sup = serve(recorder)
    full, roomy = sup.events(capacity=1), sup.events(capacity=10_000)
    names = [str(n) for n in range(500)]
    handles = sup.add_many([tv.TaskSpec.once(dict)] * 500, names=names)
    assert sup.join() is True
    assert {handle.outcome(0).kind for handle in handles} == {tv.OutcomeKind.COMPLETED}
    assert full.lost == 500 * 6 - 1
    sup.shutdown()
    assert list(roomy) == recorder.events
    assert len(recorder.events) == 500 * 6 + 2


@pytest.mark.rule("R6.16")
def test_readers_of_one_stream_share_its_events(serve):
    sup = serve()
    stream = sup.events(capacity=10_000)

    def read():
        return [event.seq for event in stream]

    readings = [in_thread(read) for _ in range(4)]
    names = [str(n) for n in range(200)]
    sup.add_many([tv.TaskSpec.once(dict)] * 200, names=names)
    sup.join()
    sup.shutdown()
    shares = [reading() for reading in readings]
    assert all(share == sorted(share) for share in shares)
    every = [seq for share in shares for seq in share]
    assert len(every) == len(set(every)) == 200 * 6 + 2


@pytest.mark.rule("R6.30")
def test_streams_opened_and_dropped_beside_running_tasks_disturb_nobody(serve, recorder):
    sup = serve(recorder)
    stop = threading.Event()

    def opens():
        opened = 0
        while not stop.is_set():
            streams = [sup.events(capacity=2) for _ in range(3)]
            streams[0].close()
            opened += len(streams)
        return opened

    opening = in_thread(opens)
    for n in range(100):
        sup.add(tv.TaskSpec.once(dict, name=str(n))).outcome(SOON)
    stop.set()
    assert opening() > 0
    sup.shutdown()
    assert len(recorder.events) == 602


@pytest.mark.rule("R5.43")
def test_stream_asked_for_after_the_end_has_ended(serve):
    sup = serve()
    sup.shutdown()
    stream = sup.events()
    assert list(stream) == []
    assert stream.lost == 0
    with pytest.raises(StopIteration):
        stream.next(0)


def test_stream_cannot_be_made_by_hand():
    with pytest.raises(TypeError):
        tv.EventStream()


@plain_bodies
@pytest.mark.rule("R6.30")
def test_events_read_in_a_body_are_those_of_its_own_supervisor(serve):
    def body(ctx):
        with ctx.supervisor.events() as stream:
            ctx.supervisor.add(tv.TaskSpec.once(dict)).outcome(SOON)
            return stream.next(SOON).task

    assert serve().add(tv.TaskSpec.once(body)).result(SOON) == "dict"
