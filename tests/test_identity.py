"""Names and ids: how tasks are added, found, listed, removed and cancelled."""

import threading

import pytest
from recorder import Recorder

import taskvisor as tv

ADDED = ["task_add_requested", "task_added"]
FOREVER = 3600.0


def idle(ctx):
    """A body that ends as soon as it is asked to."""
    return ctx.wait()


def fails():
    """A body that fails."""
    raise tv.Fail("x")


def in_threads(count, call):
    """What `call(n)` returned or raised in each of `count` threads that begin together."""
    results, together = [None] * count, threading.Barrier(count)

    def run(n):
        together.wait()
        try:
            results[n] = call(n)
        except Exception as error:
            results[n] = error

    threads = [threading.Thread(target=run, args=(n,)) for n in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


# --- names and ids


@pytest.mark.rule("R4.8", "R6.4")
def test_ids_rise_over_all_supervisors_and_are_never_used_again(serve, recorder):
    first, second = serve(recorder), serve()
    handles = [sup.add(tv.TaskSpec(int, name="a")) for sup in (first, second)]
    handles += first.add_many([tv.TaskSpec(int)] * 3, names=["b", "c", "d"])
    handles[0].outcome(timeout=30)
    first.join(timeout=30)
    handles.append(first.add(tv.TaskSpec(int, name="a")))
    ids = [handle.id for handle in handles]
    assert all(isinstance(id, int) and id >= 1 for id in ids)
    assert ids == sorted(set(ids))
    handles[-1].outcome(timeout=30)
    recorder.wait_line("a", "task_removed", 2)
    per_task = [e.id for e in recorder.of("a")]
    assert per_task == [ids[0]] * (len(per_task) // 2) + [ids[-1]] * (len(per_task) // 2)


@pytest.mark.rule("R4.8")
def test_refused_tasks_leave_no_two_tasks_with_one_id(serve):
    sup = serve()
    sup.add(tv.TaskSpec(idle, name="a"))

    def add(n):
        for m in range(50):
            try:
                sup.add(tv.TaskSpec(idle, name=f"t{m}"))
            except tv.TaskAlreadyExists:
                pass

    assert in_threads(4, add) == [None] * 4
    infos = sup.tasks()
    assert len({info.id for info in infos}) == len(infos) == 51


@pytest.mark.rule("R4.2", "R6.4", "R6.1", "R0.62")
def test_name_that_is_taken_is_refused_with_two_events(serve, recorder):
    sup = serve(recorder)
    first = sup.add(tv.TaskSpec(idle, name="a"))
    recorder.wait_line("a", "task_starting")
    with pytest.raises(tv.TaskAlreadyExists, match=r"^task 'a' already exists in registry$") as no:
        sup.add(tv.TaskSpec(fails, name="a"))
    recorder.wait_line("a", "task_added reason")
    assert no.value.name == "a"
    assert recorder.words("a") == [
        *ADDED,
        "task_starting attempt=1",
        "task_add_requested",
        "task_added reason=already_exists",
    ]
    assert [e.id for e in recorder.of("a")] == [first.id] * 3 + [None] * 2


@pytest.mark.rule("R4.2", "R4.9")
@pytest.mark.parametrize("body", [idle, fails])
def test_name_is_taken_in_every_state_of_its_task(serve, recorder, body):
    sup = serve(recorder, backoff=tv.BackoffPolicy.constant(FOREVER))
    sup.add(tv.TaskSpec(body, name="a"))
    recorder.wait_line("a", "backoff_scheduled" if body is fails else "task_starting")
    with pytest.raises(tv.TaskAlreadyExists):
        sup.add(tv.TaskSpec(int, name="a"))


@pytest.mark.rule("R4.9")
def test_name_stays_taken_while_a_removed_body_runs(serve, gate):
    sup, held = serve(), gate()
    handle = sup.add(tv.TaskSpec(held, name="a"))
    held.wait_inside()
    sup.remove("a")
    assert sup.list() == ["a"]
    with pytest.raises(tv.TaskAlreadyExists):
        sup.add(tv.TaskSpec(int, name="a"))
    held.open()
    handle.outcome(timeout=30)
    assert sup.add(tv.TaskSpec(int, name="a")).result(timeout=30) == 0


@pytest.mark.rule("R4.31", "R4.30")
@pytest.mark.parametrize("end", [int, fails, lambda: (_ for _ in ()).throw(tv.Canceled())])
def test_whoever_sees_an_outcome_can_take_the_name_again(serve, end):
    sup = serve()
    spec = tv.TaskSpec.once(end, name="a")
    for _ in range(300):
        sup.add(spec).outcome(timeout=30)
    assert sup.join(timeout=30) is True


@pytest.mark.rule("R4.30", "R4.54")
def test_outcome_is_set_and_the_name_free_when_removed_is_published(serve):
    seen, handles, known = [], {}, threading.Event()

    class Look:
        def on_event(self, event):
            if event.kind == "task_removed":
                known.wait(30)
                seen.append((handles["a"].done(), sup.list()))

    sup = serve(Look())
    handles["a"] = sup.add(tv.TaskSpec(int, name="a"))
    known.set()
    sup.shutdown()
    assert seen == [(True, [])]


@pytest.mark.rule("R4.1", "R0.62")
def test_accepted_before_anything_starts(serve, recorder):
    sup = serve(recorder)
    names = [f"t{n}" for n in range(200)]
    for name in names:
        sup.add(tv.TaskSpec(int, name=name))
    sup.join(timeout=30)
    sup.shutdown()
    for name in names:
        requested, added, starting = recorder.of(name)[:3]
        assert [requested.kind, added.kind] == ["task_add_requested", "task_added"]
        assert added.seq == requested.seq + 1
        assert starting.kind == "task_starting"


@pytest.mark.rule("R4.7")
def test_one_spec_serves_many_tasks_under_names_given_at_add(serve):
    sup, spec = serve(), tv.TaskSpec(lambda ctx: ctx.name, name="a")
    handles = [sup.add(spec, name="b"), *sup.add_many([spec, spec], names=["c", "d"])]
    assert [handle.name for handle in handles] == ["b", "c", "d"]
    assert [handle.result(timeout=30) for handle in handles] == ["b", "c", "d"]


@pytest.mark.rule("R4.7", "R0.21")
@pytest.mark.parametrize(
    ("names", "error"),
    [
        ([], ValueError),
        (["x"], ValueError),
        (["x", "y", "z"], ValueError),
        (["x", ""], ValueError),
        (["x", "a\0"], ValueError),
        (["x", "\udc80"], ValueError),
        (["x", 5], TypeError),
        (["x", b"y"], TypeError),
    ],
)
def test_names_that_do_not_fit_are_refused_and_leave_nothing(serve, recorder, names, error):
    sup, spec = serve(recorder), tv.TaskSpec(idle)
    with pytest.raises(error):
        sup.add_many([spec, spec], names=names)
    assert (sup.list(), sup.tasks()) == ([], [])
    sup.shutdown()
    assert recorder.words() == ["shutdown_requested", "all_stopped_within_grace"]


@pytest.mark.rule("R0.21")
@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("", ValueError),
        ("a\0b", ValueError),
        ("\ud800", ValueError),
        (5, TypeError),
        (b"a", TypeError),
    ],
)
def test_name_at_add_is_checked_as_a_specs(serve, recorder, name, error):
    sup = serve(recorder)
    with pytest.raises(error):
        sup.add(tv.TaskSpec(idle), name=name)
    sup.shutdown()
    assert recorder.words() == ["shutdown_requested", "all_stopped_within_grace"]


@pytest.mark.rule("R0.21")
def test_names_are_compared_as_text_and_nothing_else(serve):
    class Hostile(str):
        def __eq__(self, other):
            raise RuntimeError("eq")

        def __hash__(self):
            raise RuntimeError("hash")

    sup = serve()
    handle = sup.add(tv.TaskSpec(idle, name=Hostile("a")))
    assert type(handle.name) is str
    with pytest.raises(tv.TaskAlreadyExists):
        sup.add(tv.TaskSpec(idle), name=Hostile("a"))
    assert sup.is_alive(Hostile("a")) in (True, False)
    assert sup.cancel(Hostile("a"), timeout=30) is True


@pytest.mark.rule("R0.21", "R4.20")
def test_names_may_be_any_text(serve, recorder):
    sup = serve(recorder)
    names = ["é", "名前", "𝄞", " ", "a\nb", "%s{}", "x" * 100_000]
    for name in names:
        sup.add(tv.TaskSpec(idle, name=name))
    assert sup.list() == sorted(names)
    for name in names:
        assert sup.cancel(name, timeout=30) is True
    sup.shutdown()
    assert {event.task for event in recorder.events} == {None, *names}


@pytest.mark.rule("R0.21")
def test_a_long_prefix_in_common_is_no_common_name(serve):
    sup = serve()
    handles = [sup.add(tv.TaskSpec(idle, name="x" * 5000 + str(n))) for n in range(3)]
    assert len({handle.id for handle in handles}) == 3


# --- many at once


@pytest.mark.rule("R4.4", "R4.5")
@pytest.mark.parametrize(
    ("names", "refused"),
    [
        (["a", "b", "a"], "a"),
        (["b", "taken", "c"], "taken"),
        (["b", "b", "taken"], "b"),
        (["taken", "b", "b"], "taken"),
    ],
)
def test_batch_is_accepted_whole_or_not_at_all(serve, recorder, names, refused):
    sup = serve(recorder)
    sup.add(tv.TaskSpec(idle, name="taken"))
    with pytest.raises(tv.TaskAlreadyExists) as caught:
        sup.add_many([tv.TaskSpec(idle)] * len(names), names=names)
    assert caught.value.name == refused
    assert sup.list() == ["taken"]
    assert sup.add(tv.TaskSpec(int, name="b")).result(timeout=30) == 0
    sup.shutdown()
    assert {event.task for event in recorder.events} == {"taken", "b", None}
    assert sum(e.kind == "task_added" for e in recorder.events) == 2


@pytest.mark.rule("R4.4")
def test_batch_is_accepted_before_any_of_it_starts(serve, recorder):
    sup = serve(recorder)
    names = [f"t{n}" for n in range(1000)]
    handles = sup.add_many([tv.TaskSpec(int)] * 1000, names=names)
    assert [handle.name for handle in handles] == names
    assert sup.join(timeout=30) is True
    sup.shutdown()
    kinds = [e.kind for e in recorder.events]
    assert kinds.index("task_starting") == 2000
    added = [e for e in recorder.events if e.kind == "task_added"]
    assert [(e.task, e.id) for e in added] == [(h.name, h.id) for h in handles]


@pytest.mark.rule("R4.4")
def test_batch_may_be_any_iterable_and_empty(serve, recorder):
    sup = serve(recorder)
    assert sup.add_many([]) == []
    handles = sup.add_many(tv.TaskSpec(int, name=f"t{n}") for n in range(3))
    assert [handle.result(timeout=30) for handle in handles] == [0, 0, 0]


@pytest.mark.rule("R4.5")
def test_batch_with_something_that_is_no_spec_leaves_nothing(serve, recorder):
    sup = serve(recorder)

    def broken():
        yield tv.TaskSpec(idle, name="a")
        raise KeyError("mine")

    with pytest.raises(TypeError):
        sup.add_many([tv.TaskSpec(idle, name="a"), "b"])
    with pytest.raises(KeyError, match="mine"):
        sup.add_many(broken())
    with pytest.raises(TypeError):
        sup.add("a")
    sup.shutdown()
    assert recorder.words() == ["shutdown_requested", "all_stopped_within_grace"]


@pytest.mark.rule("R4.4", "R4.6")
def test_of_batches_that_share_names_at_most_one_is_accepted(serve):
    sup, spec = serve(), tv.TaskSpec(idle, restart="never")
    names = [f"t{n}" for n in range(3000)]

    def add(n):
        return sup.add_many([spec] * len(names), names=names[::-1] if n % 2 else names)

    # Nobody is let through to run, so only adding counts.
    blocker = sup.add(tv.TaskSpec(idle, name="blocker"))
    results = in_threads(4, add)
    winners = [result for result in results if isinstance(result, list)]
    losers = [result for result in results if not isinstance(result, list)]
    assert len(winners) <= 1
    assert {type(error) for error in losers} == {tv.TaskAlreadyExists}
    expected = {"blocker", *names} if winners else {"blocker"}
    assert set(sup.list()) == expected
    assert sup.cancel(blocker, timeout=30) is True


@pytest.mark.rule("R4.3", "R4.6")
def test_batch_beside_a_shutdown_is_accepted_whole_or_refused_whole(serve):
    for _ in range(20):
        recorder = Recorder()
        recorder.queue_capacity = 1 << 17
        sup = serve(recorder, max_concurrent=1)
        names = [f"t{n}" for n in range(3000)]

        def add(n, sup=sup, names=names):
            if n == 0:
                return sup.shutdown()
            return sup.add_many([tv.TaskSpec(idle)] * len(names), names=names)

        result = in_threads(2, add)[1]
        sup.shutdown()
        added = sum(event.kind == "task_added" for event in recorder.events)
        if isinstance(result, list):
            assert {handle.outcome(timeout=30).kind for handle in result} == {"canceled"}
            assert added == 3000
        else:
            assert isinstance(result, tv.ShuttingDown)
            assert added == 0
        assert sup.list() == []


@pytest.mark.rule("R4.3")
def test_add_after_admission_closed_is_refused_without_an_event(serve, recorder, gate):
    sup, held = serve(recorder), gate()
    sup.add(tv.TaskSpec(held, name="a"))
    held.wait_inside()
    sup.shutdown(wait=False)
    recorder.wait_for("shutdown_requested")
    for add in (
        lambda: sup.add(tv.TaskSpec(int, name="b")),
        lambda: sup.add(tv.TaskSpec(int, name="a")),
        lambda: sup.add_many([tv.TaskSpec(int, name="b")]),
    ):
        with pytest.raises(tv.ShuttingDown):
            add()
    held.open()
    sup.shutdown()
    assert {event.task for event in recorder.events} == {"a", None}
    with pytest.raises(tv.ShuttingDown):
        sup.add(tv.TaskSpec(int, name="b"))


# --- leaving


@pytest.fixture(params=["handle", "id", "name"])
def reach(request):
    """How a task is named in a call: by its handle, its id or its name."""
    return {"handle": lambda h: h, "id": lambda h: h.id, "name": lambda h: h.name}[request.param]


@pytest.mark.rule("R4.20", "R4.21", "R6.1")
def test_remove_asks_and_does_not_wait(serve, recorder, gate, reach):
    sup, held = serve(recorder), gate()
    handle = sup.add(tv.TaskSpec(held, name="a"))
    held.wait_inside()
    assert sup.remove(reach(handle)) is True
    assert not handle.done()
    assert handle.state == "stopping"
    held.open()
    assert handle.outcome(timeout=30).kind == "canceled"
    assert recorder.removed("a")[2:] == [
        "task_starting attempt=1",
        "task_remove_requested",
        "task_stopped attempt=1 duration",
        "task_removed",
    ]


@pytest.mark.rule("R4.24", "R4.20")
def test_second_remove_is_false_and_makes_no_second_request(serve, recorder, gate, reach):
    sup, held = serve(recorder), gate()
    handle = sup.add(tv.TaskSpec(held, name="a"))
    held.wait_inside()
    assert [sup.remove(reach(handle)) for _ in range(3)] == [True, False, False]
    held.open()
    word = recorder.removed("a")
    assert [line for line in word if "remove_requested" in line] == ["task_remove_requested"]


@pytest.mark.rule("R4.22", "R6.1", "R6.4")
def test_remove_of_an_unknown_name_is_told_by_two_events(serve, recorder):
    sup = serve(recorder)
    assert sup.remove("ghost") is False
    sup.shutdown()
    assert recorder.words()[:2] == [
        "ghost: task_remove_requested",
        "ghost: task_removed reason=task_not_found",
    ]
    assert [event.id for event in recorder.of("ghost")] == [None, None]


@pytest.mark.rule("R4.23", "R4.25")
@pytest.mark.parametrize("call", ["remove", "cancel"])
def test_unknown_id_or_ended_handle_is_false_without_an_event(serve, recorder, call):
    sup = serve(recorder)
    ended = sup.add(tv.TaskSpec(int, name="a"))
    ended.outcome(timeout=30)
    sup.join(timeout=30)
    again = sup.add(tv.TaskSpec(idle, name="a"))
    before = recorder.wait_line("a", "task_starting", 2).seq
    leave = getattr(sup, call)
    assert [leave(what) for what in (ended, ended.id, 0, 2**62, again.id + 1)] == [False] * 5
    assert not again.done()
    sup.shutdown()
    later = [event for event in recorder.events if event.seq > before]
    assert later[0].kind == "shutdown_requested"


@pytest.mark.rule("R4.25")
def test_cancel_of_an_unknown_name_is_false_without_an_event(serve, recorder):
    sup = serve(recorder)
    assert sup.cancel("ghost") is False
    sup.shutdown()
    assert recorder.words() == ["shutdown_requested", "all_stopped_within_grace"]


@pytest.mark.rule("R4.20")
@pytest.mark.parametrize("call", ["remove", "cancel", "is_alive"])
@pytest.mark.parametrize("what", [None, 1.5, b"a", ("a",), object()])
def test_what_names_no_task_is_a_type_error(serve, call, what):
    with pytest.raises(TypeError):
        getattr(serve(), call)(what)


@pytest.mark.rule("R4.20")
@pytest.mark.parametrize("call", ["remove", "cancel", "is_alive"])
def test_handle_of_another_supervisor_reaches_no_task_of_the_same_name(serve, call):
    mine, other = serve(), serve()
    task = mine.add(tv.TaskSpec(idle, name="a"))
    foreign = other.add(tv.TaskSpec(idle, name="a"))
    assert getattr(mine, call)(foreign) is False
    assert getattr(mine, call)(foreign.id) is False
    assert not task.done()


@pytest.mark.rule("R4.26", "R4.27", "R4.20", "R4.58", "R6.1")
def test_cancel_asks_and_waits_for_the_end(serve, recorder, reach):
    sup = serve(recorder)
    handle = sup.add(tv.TaskSpec(idle, name="a"))
    recorder.wait_line("a", "task_starting")
    assert sup.cancel(reach(handle), timeout=30) is True
    assert handle.outcome(timeout=0).kind == "canceled"
    assert sup.list() == []
    assert recorder.removed("a")[2:] == [
        "task_starting attempt=1",
        "task_remove_requested reason=manual_cancel",
        "task_stopped attempt=1 duration",
        "task_removed",
    ]


@pytest.mark.rule("R4.26", "R4.27", "R4.58")
def test_of_many_cancels_exactly_one_claims_and_all_wait(serve, recorder, gate):
    sup, held = serve(recorder), gate()
    handle = sup.add(tv.TaskSpec(held, name="a"))
    held.wait_inside()
    calls = [
        lambda: sup.cancel("a", timeout=60),
        lambda: sup.cancel(handle, timeout=60),
        lambda: handle.cancel(timeout=60),
        lambda: sup.cancel(handle.id, timeout=None),
    ]
    opener = threading.Thread(
        target=lambda: (recorder.wait_line("a", "task_remove_requested"), held.open())
    )
    opener.start()
    results = in_threads(4, lambda n: (calls[n](), handle.done()))
    opener.join()
    # One that comes when all is over finds nothing to cancel, which is False too.
    assert sorted(results) == [(False, True)] * 3 + [(True, True)]
    word = recorder.removed("a")
    assert [line for line in word if "remove_requested" in line] == [
        "task_remove_requested reason=manual_cancel"
    ]


@pytest.mark.rule("R4.26", "R4.27", "R4.24")
def test_cancel_of_what_is_being_removed_waits_and_is_false(serve, recorder, gate):
    sup, held = serve(recorder), gate()
    handle = sup.add(tv.TaskSpec(held, name="a"))
    held.wait_inside()
    sup.remove("a")
    with pytest.raises(tv.TaskRemoveTimeout):
        sup.cancel("a", timeout=0.02)
    held.open()
    assert sup.cancel(handle, timeout=30) is False
    assert handle.done()
    word = recorder.removed("a")
    assert word.count("task_remove_requested") == 1
    assert "task_remove_requested reason=manual_cancel" not in word


@pytest.mark.rule("R4.28", "R0.45")
@pytest.mark.parametrize("timeout", [0, 0.02])
def test_cancel_past_its_timeout_raises_and_the_removal_goes_on(serve, recorder, gate, timeout):
    sup, held = serve(recorder), gate()
    handle = sup.add(tv.TaskSpec(held, name="a"))
    held.wait_inside()
    with pytest.raises(tv.TaskRemoveTimeout) as caught:
        sup.cancel("a", timeout=timeout)
    assert isinstance(caught.value, TimeoutError)
    assert (caught.value.name, caught.value.timeout) == ("a", timeout)
    assert not handle.done()
    held.open()
    assert handle.outcome(timeout=30).kind == "canceled"
    assert recorder.removed("a")[-1] == "task_removed"


@pytest.mark.rule("R4.26", "R4.27")
def test_cancel_returns_true_though_the_task_was_abandoned_on_the_way(serve, recorder, gate):
    sup, held = serve(recorder), gate()
    handle = sup.add(tv.TaskSpec(held, name="a", grace=0))
    held.wait_inside()
    opener = threading.Thread(
        target=lambda: (recorder.wait_line("a", "grace_exceeded"), held.open())
    )
    opener.start()
    assert sup.cancel("a", timeout=60) is True
    opener.join()
    assert handle.outcome(timeout=0).kind == "abandoned"
    assert sup.list() == []


# --- views


@pytest.mark.rule("R4.60")
def test_tasks_tells_of_each_task_in_the_order_of_ids(serve, recorder, gate):
    sup, held = serve(recorder, max_concurrent=2), gate()
    sup.add(tv.TaskSpec(fails, name="z", backoff=tv.BackoffPolicy.constant(FOREVER)))
    sup.add(tv.TaskSpec.periodic(int, FOREVER, name="y"))
    recorder.wait_line("z", "backoff_scheduled")
    recorder.wait_line("y", "backoff_scheduled")
    sup.add(tv.TaskSpec(held, name="x"))
    sup.add(tv.TaskSpec(held, name="w"))
    held.wait_inside(2)
    sup.add(tv.TaskSpec(int, name="v"))
    sup.remove("w")
    infos = sup.tasks()
    assert [info.id for info in infos] == sorted(info.id for info in infos)
    assert [(i.name, i.state, i.attempt, i.failures, i.last_error) for i in infos] == [
        ("z", "backoff", 1, 1, "execution failed: x"),
        ("y", "paused", 1, 0, None),
        ("x", "running", 1, 0, None),
        ("w", "stopping", 1, 0, None),
        ("v", "waiting", 0, 0, None),
    ]
    waits = [info.next_start_in for info in infos]
    assert all(0 < wait <= FOREVER for wait in waits[:2])
    assert waits[2:] == [None] * 3


@pytest.mark.rule("R4.61", "R4.63", "R4.62")
def test_list_is_all_and_snapshot_those_with_a_body_both_sorted(serve, recorder, gate):
    sup, held = serve(recorder, backoff=tv.BackoffPolicy.constant(FOREVER)), gate()
    for name, body in [("c", held), ("b", fails), ("d", held), ("a", held)]:
        sup.add(tv.TaskSpec(body, name=name))
    held.wait_inside(3)
    recorder.wait_line("b", "backoff_scheduled")
    sup.remove("d")
    assert sup.list() == ["a", "b", "c", "d"]
    assert sup.snapshot() == ["a", "c", "d"]
    assert [sup.is_alive(name) for name in "abcde"] == [True, False, True, True, False]


@pytest.mark.rule("R4.62", "R4.63")
@pytest.mark.parametrize(
    ("body", "line"), [(fails, "backoff_scheduled"), (int, "backoff_scheduled")]
)
def test_task_between_two_attempts_is_not_alive(serve, recorder, body, line):
    sup = serve(recorder)
    spec = tv.TaskSpec(
        body,
        name="a",
        restart=tv.RestartPolicy.always(FOREVER),
        backoff=tv.BackoffPolicy.constant(FOREVER),
    )
    handle = sup.add(spec)
    recorder.wait_line("a", line)
    assert (sup.is_alive(handle), sup.is_alive("a"), sup.is_alive(handle.id)) == (False,) * 3
    assert (sup.snapshot(), sup.list()) == ([], ["a"])


@pytest.mark.rule("R4.62")
def test_body_is_alive_for_itself(serve):
    def body(ctx):
        return ctx.supervisor.is_alive(ctx.id), ctx.supervisor.snapshot()

    assert serve().add(tv.TaskSpec(body, name="a")).result(timeout=30) == (True, ["a"])


@pytest.mark.rule("R4.64", "R0.45")
def test_join_is_false_past_its_timeout_and_true_when_nothing_is_left(serve, gate):
    sup, held = serve(), gate()
    assert sup.join() is True
    sup.add(tv.TaskSpec(held, name="a"))
    assert sup.join(timeout=0) is False
    assert sup.join(timeout=0.02) is False
    held.open()
    assert sup.join() is True
    assert sup.list() == []
