"""A slot and its owner: one at a time, freed by the end of a body; leaving a queue; the views."""

import threading
import time
from functools import partial

import pytest
from claims import CONTROLLER, FOREVER, Inside, claim, slots, told
from kinds import every_kind, plain_supervisors, wait
from waiting import SOON, in_thread, until

import taskvisor as tv

pytestmark = [every_kind, pytest.mark.rule("R8.4")]

queue = partial(claim, "queue")
replace = partial(claim, "replace")
drop = partial(claim, "drop_if_running")

REMOVED = tv.TaskOutcome("rejected", reason="removed_from_queue", rejection="removed_from_queue")
OUT = "s: controller_rejected reason=removed_from_queue"


async def waits(ctx):
    """A body that stops when it is asked to."""
    await wait(ctx)


@pytest.fixture
def inside():
    """The count of who is inside; no slot may have had two at one time."""
    counted = Inside()
    yield counted
    assert counted.peak <= 1


@pytest.fixture
def owned(serve, recorder, gate):
    """A supervisor, the handle of the owner of slot s, and its gate; the owner is inside."""
    sup, held = serve(recorder, controller=CONTROLLER), gate()
    owner = sup.submit(queue("owner", held, grace=FOREVER))
    held.wait_inside()
    return sup, owner, held


# ---- one owner at a time ------------------------------------------------------------------------


@pytest.mark.rule("R7.1", "R7.4")
@pytest.mark.parametrize("next_one", [queue, replace])
def test_next_owner_waits_until_one_that_ignores_its_cancellation_returns(
    serve, gate, inside, next_one
):
    sup, held = serve(controller=CONTROLLER), gate()

    async def body():
        with inside("s"):
            return await held.through()

    owner = sup.submit(queue("owner", body, grace=FOREVER))
    held.wait_inside()
    sup.remove(owner)
    handle = sup.submit(next_one("a", body))
    with pytest.raises(TimeoutError):
        handle.outcome(timeout=0.05)
    assert (handle.state, held.came, slots(sup)["s"][0]) == ("queued", 1, "terminating")
    held.open()
    assert handle.result(SOON) == "through"
    assert owner.outcome(0).kind == "canceled"


@pytest.mark.rule("R7.1", "R7.6", "R7.28", "R7.23")
def test_abandoned_owner_leaves_the_slot_terminating_until_its_body_returns(
    serve, recorder, gate, inside
):
    sup, held = serve(recorder, controller=CONTROLLER), gate()

    async def body():
        with inside("s"):
            return await held.through()

    owner = sup.submit(queue("owner", body, grace=0.01))
    held.wait_inside()
    first = sup.submit(replace("a", body))
    assert owner.outcome(SOON).kind == "abandoned"
    assert slots(sup) == {"s": ("terminating", "owner", ["a"])}
    assert sup.submit(drop("b")).outcome(0).reason.endswith("(status=terminating)")
    second = sup.submit(queue("c", body))
    assert (first.state, second.state, held.came) == ("queued", "queued", 1)
    held.open()
    assert (first.result(SOON), second.result(SOON)) == ("through", "through")
    assert owner.outcome(0).kind == "abandoned"
    recorder.removed("c")
    word = [f"{e.task}: {e.kind}" for e in recorder.events if e.task in ("owner", "a")]
    assert word.index("owner: task_removed") < word.index("a: task_add_requested")


@pytest.mark.rule("R7.1", "R7.7", "R7.28", "R7.22", "R7.25")
def test_owner_that_has_outlived_its_timeout_leaves_the_slot_running(serve, recorder, gate, inside):
    sup, held = serve(recorder, controller=CONTROLLER), gate()

    async def body():
        with inside("s"):
            return await held.through()

    retries = dict(restart="on_failure", backoff=tv.BackoffPolicy.constant(FOREVER))
    owner = sup.submit(queue("owner", body, timeout=0.01, **retries))
    recorder.wait_line("owner", "timeout_hit")
    assert (owner.state, slots(sup)["s"][0]) == ("stopping", "running")
    assert sup.submit(drop("b")).outcome(0).reason.endswith("(status=running)")
    behind = sup.submit(queue("c", body))
    handle = sup.submit(replace("d", body))
    assert behind.outcome(0).rejection == "superseded"
    recorder.wait_line("s", "controller_slot_transition")
    held.open()
    assert handle.result(SOON) == "through"
    assert owner.outcome(0) == tv.TaskOutcome(
        "canceled", value="through", reason="timed out after 10ms", attempts=1
    )


@pytest.mark.rule("R7.1", "R7.8", "R7.4")
def test_owner_that_fails_keeps_the_slot_between_its_attempts(serve, inside):
    sup = serve(controller=CONTROLLER, backoff=tv.BackoffPolicy.constant(0.001))

    def body(ctx):
        with inside("s"):
            if ctx.attempt < 20:
                raise tv.Fail("x")

    specs = [queue(f"t{n}", body, restart="on_failure") for n in range(5)]
    assert [sup.submit(spec) for spec in specs][-1].outcome(SOON).attempts == 20
    assert inside.order["s"] == [f"t{n}" for n in range(5) for _ in range(20)]


@pytest.mark.rule("R7.1", "R7.8")
def test_owner_that_waits_for_a_permit_keeps_the_slot(serve, gate, inside):
    sup, held = serve(max_concurrent=1, controller=CONTROLLER), gate()

    def body():
        with inside("s"):
            pass

    sup.add(tv.TaskSpec(held, name="has the permit"))
    held.wait_inside()
    owner = sup.submit(queue("owner", body))
    assert (owner.state, slots(sup)["s"]) == ("waiting", ("running", "owner", []))
    assert sup.submit(drop("a", body)).outcome(0).rejection == "slot_busy"
    last = sup.submit(queue("b", body))
    held.open()
    assert last.outcome(SOON).kind == "completed"
    assert inside.order["s"] == ["owner", "b"]


@pytest.mark.rule("R7.1", "R7.12")
def test_owner_may_end_at_the_instant_a_replace_arrives(serve, gate, inside):
    sup, gates = serve(controller=CONTROLLER), [gate() for _ in range(400)]

    async def body(held):
        with inside("s"):
            await held.through()

    handles = []
    for n, held in enumerate(gates):
        handles.append(sup.submit(replace(f"t{n}", body, args=(held,))))
        held.wait_inside()
        held.open()
    outcomes = [handle.outcome(SOON) for handle in handles]
    assert {outcome.kind for outcome in outcomes} <= {"completed", "canceled"}
    assert {outcome.attempts for outcome in outcomes} == {1}
    assert outcomes[-1].kind == "completed"
    assert inside.order["s"] == [f"t{n}" for n in range(400)]
    assert slots(sup) == {}


@pytest.mark.rule("R7.1", "R7.33")
def test_owner_may_be_between_two_attempts_or_not_when_a_replace_arrives(serve, inside):
    sup = serve(controller=CONTROLLER)

    def body(ctx):
        with inside("s"):
            if ctx.attempt % 2:
                raise tv.Fail("x")

    restless = dict(restart="always", backoff=tv.BackoffPolicy.constant(0.0001))
    handles = []
    for n in range(100):
        handles.append(sup.submit(replace(f"t{n}", body, **restless)))
        until(lambda name=f"t{n}": inside.order["s"].count(name) >= 3)
    assert sup.cancel_slot("s") == 1
    assert {handle.outcome(SOON).kind for handle in handles} == {"canceled"}
    assert sorted(set(inside.order["s"])) == sorted(handle.name for handle in handles)


@pytest.mark.rule("R7.2", "R7.4")
def test_end_of_another_task_of_the_owners_name_frees_nothing(owned):
    sup, _, held = owned
    handle = sup.submit(queue("a"))
    assert sup.submit(queue("owner", slot="t")).outcome(0).rejection == "already_exists"
    assert slots(sup) == {"s": ("running", "owner", ["a"])}
    held.open()
    assert handle.result(SOON) == 0
    assert sup.submit(queue("owner", slot="t")).result(SOON) == 0


@pytest.mark.rule("R7.2")
def test_slot_may_have_the_name_of_any_task(owned):
    sup, _, _ = owned
    assert sup.submit(queue("s", slot="owner")).result(SOON) == 0
    assert sup.submit(queue("a", slot="owner")).result(SOON) == 0
    assert sup.remove("s") is False
    assert slots(sup) == {"s": ("running", "owner", [])}


@pytest.mark.rule("R7.3", "R7.70")
def test_slot_exists_only_while_it_has_an_owner(owned):
    sup, owner, held = owned
    assert list(slots(sup)) == ["s"]
    held.open()
    assert owner.result(SOON) == "through"
    assert slots(sup) == {}
    assert sup.submit(drop("b")).result(SOON) == 0


@plain_supervisors
@pytest.mark.rule("R7.10", "R7.12")
def test_callback_of_a_rejected_submission_is_called_at_once(owned):
    sup, _, _ = owned
    called = []
    handle = sup.submit(drop("a"))
    handle.add_done_callback(called.append)
    assert called == [handle]
    with pytest.raises(tv.OutcomeError) as caught:
        handle.result(0)
    assert caught.value.outcome.rejection == "slot_busy"


@pytest.mark.rule("R7.12")
def test_callback_of_a_waiting_submission_is_called_at_its_end(owned):
    sup, _, held = owned
    called = threading.Semaphore(0)
    handles = [sup.submit(queue(name)) for name in "ab"]
    for handle in handles:
        handle.add_done_callback(lambda handle: called.release())
    assert handles[0].cancel() is True
    held.open()
    for _ in handles:
        assert called.acquire(timeout=SOON)


# ---- leaving the queue --------------------------------------------------------------------------


def by_handle(sup, handle):
    return handle


def by_id(sup, handle):
    return handle.id


@pytest.mark.rule("R7.40", "R7.13", "R7.14")
@pytest.mark.parametrize("task", [by_handle, by_id])
@pytest.mark.parametrize("call", ["remove", "cancel"])
def test_waiting_submission_leaves_by_handle_or_id(owned, recorder, call, task):
    sup, _, held = owned
    handles = [sup.submit(queue(name)) for name in "abc"]
    stream = sup.events()
    assert getattr(sup, call)(task(sup, handles[1])) is True
    assert handles[1].outcome(0) == REMOVED
    assert getattr(sup, call)(task(sup, handles[1])) is False
    assert told(stream) == [OUT]
    assert slots(sup)["s"] == ("running", "owner", ["a", "c"])
    held.open()
    assert handles[2].result(SOON) == 0
    stream.close()
    events = recorder.wait(lambda events: [e for e in events if e.reason == REMOVED.reason])
    assert [event.id for event in events] == [handles[1].id]


@pytest.mark.rule("R7.40")
def test_one_of_many_callers_takes_a_submission_out(owned):
    sup, _, _ = owned
    handle = sup.submit(queue("a"))
    answers = [in_thread(handle.cancel) for _ in range(8)]
    assert sorted(answer() for answer in answers) == [False] * 7 + [True]


@pytest.mark.rule("R7.41")
def test_name_never_means_a_waiting_submission(owned):
    sup, _, _ = owned
    handle = sup.submit(queue("a"))
    stream = sup.events()
    assert (sup.remove("a"), sup.cancel("a"), sup.is_alive("a")) == (False, False, False)
    assert told(stream) == ["a: task_remove_requested", "a: task_removed reason=task_not_found"]
    assert handle.state == "queued"
    assert sup.add(tv.TaskSpec(int, name="a")).result(SOON) == 0
    stream.close()


@pytest.mark.rule("R7.42", "R7.29")
@pytest.mark.parametrize("call", ["remove", "cancel"])
def test_asking_the_owner_to_leave_does_not_touch_the_queue(serve, recorder, call):
    sup = serve(recorder, controller=CONTROLLER)
    sup.submit(queue("owner", waits))
    recorder.wait_line("owner", "task_starting")
    handles = [sup.submit(queue(name)) for name in "ab"]
    assert getattr(sup, call)("owner") is True
    assert [handle.result(SOON) for handle in handles] == [0, 0]


@pytest.mark.rule("R7.43", "R7.44", "R7.14")
def test_cancel_slot_empties_the_queue_and_asks_the_owner_to_leave(owned):
    sup, owner, held = owned
    handles = [sup.submit(queue(name)) for name in "abc"]
    stream = sup.events()
    assert sup.cancel_slot("s") == 4
    asked = "owner: task_remove_requested reason=manual_cancel"
    assert told(stream) == [OUT, OUT, OUT, asked]
    assert [handle.outcome(0) for handle in handles] == [REMOVED] * 3
    assert slots(sup) == {"s": ("terminating", "owner", [])}
    held.open()
    assert owner.outcome(SOON).kind == "canceled"
    assert slots(sup) == {}
    stream.close()


@pytest.mark.rule("R7.44")
def test_cancel_slot_does_not_ask_an_owner_again_that_is_leaving(owned):
    sup, _, _ = owned
    assert sup.cancel_slot("s") == 1
    stream = sup.events()
    assert sup.cancel_slot("s") == 0
    assert sup.cancel_slot("s", purge=False) == 0
    assert told(stream) == []
    handle = sup.submit(queue("a"))
    assert sup.cancel_slot("s", purge=False) == 0
    assert handle.state == "queued"
    told(stream)
    assert sup.cancel_slot("s") == 1
    assert told(stream) == [OUT]
    stream.close()


@pytest.mark.rule("R7.45", "R7.44")
def test_cancel_slot_may_leave_the_queue(owned):
    sup, owner, held = owned
    handles = [sup.submit(queue(name)) for name in "ab"]
    assert sup.cancel_slot("s", purge=False) == 1
    assert slots(sup) == {"s": ("terminating", "owner", ["a", "b"])}
    held.open()
    assert [handle.result(SOON) for handle in handles] == [0, 0]
    assert owner.outcome(0).kind == "canceled"


@pytest.mark.rule("R7.44")
@pytest.mark.parametrize("purge", [True, False])
def test_cancel_slot_of_no_slot_asks_nobody(owned, purge):
    sup, _, _ = owned
    stream = sup.events()
    assert sup.cancel_slot("owner", purge=purge) == 0
    assert told(stream) == []
    stream.close()


@pytest.mark.rule("R7.43")
@pytest.mark.parametrize("waiting", [0, 3000])
def test_cancel_slot_ends_an_owner_between_two_attempts_in_the_same_step(serve, recorder, waiting):
    controller = tv.ControllerConfig(queue_capacity=5000, max_slot_queue=5000)
    sup = serve(recorder, controller=controller)
    owner = sup.submit(queue("owner", restart=tv.RestartPolicy.always(FOREVER)))
    recorder.wait_line("owner", "backoff_scheduled")
    handles = [sup.submit(queue(f"t{n}")) for n in range(waiting)]
    assert sup.cancel_slot("s") == waiting + 1
    assert {handle.outcome(0) for handle in handles} <= {REMOVED}
    assert owner.outcome(0).kind == "canceled"
    assert slots(sup) == {}


@pytest.mark.rule("R7.46", "R7.13", "R7.12")
def test_shutdown_rejects_what_waits_before_it_cancels_any_task(owned, recorder):
    sup, owner, held = owned
    handles = [sup.submit(queue(name, slot=slot)) for name, slot in (("a", "s"), ("b", "s"))]
    sup.submit(queue("other", held, slot="t"))
    held.wait_inside(2)
    handles.append(sup.submit(queue("c", slot="t")))
    sup.shutdown(wait=False)
    outcome = tv.TaskOutcome("rejected", reason="shutting_down", rejection="shutting_down")
    assert [handle.outcome(SOON) for handle in handles] == [outcome] * 3
    held.open()
    sup.shutdown()
    words = recorder.words()
    begin = words.index("shutdown_requested")
    out = words[begin + 1 : begin + 4]
    rejected = "controller_rejected reason=shutting_down"
    assert sorted(out) == [f"s: {rejected}", f"s: {rejected}", f"t: {rejected}"]
    assert owner.outcome(0).kind == "canceled"


# ---- views --------------------------------------------------------------------------------------


@pytest.mark.rule("R7.70")
def test_snapshot_tells_of_each_slot(owned, recorder):
    sup, owner, held = owned
    before = time.time()
    other = sup.submit(queue("other", held, slot="t"))
    held.wait_inside(2)
    after = time.time()
    for name in "ba":
        sup.submit(queue(name))
    sup.remove(other)
    found = {info.name: info for info in sup.controller_snapshot()}
    assert set(found) == {"s", "t"}
    assert found["s"] == tv.SlotInfo(
        "s", tv.SlotStatus.RUNNING, "owner", owner.id, found["s"].since, ["b", "a"]
    )
    assert found["t"] == tv.SlotInfo(
        "t", tv.SlotStatus.TERMINATING, "other", other.id, found["t"].since, []
    )
    assert before - 0.01 <= found["t"].since <= after + 0.01
    assert found["s"].since < found["t"].since
    assert type(found["t"].status) is tv.SlotStatus


@pytest.mark.rule("R7.70")
def test_since_is_when_the_owner_became_it_and_stays(owned, recorder):
    sup, _, _ = owned
    event = recorder.wait_line("owner", "task_added")
    sup.submit(queue("a"))
    snapshots = [sup.controller_snapshot() for _ in range(50)]
    assert [info.since for [info] in snapshots] == [snapshots[0][0].since] * 50
    assert snapshots[0][0].since == pytest.approx(event.at, abs=0.01)


@pytest.mark.rule("R7.70")
def test_snapshot_of_no_slot_is_an_empty_list(serve):
    assert serve(controller=CONTROLLER).controller_snapshot() == []


@pytest.mark.rule("R7.71")
def test_waiting_submission_is_queued_and_not_registered(owned):
    sup, _, held = owned
    handle = sup.submit(queue("a", held))
    assert (handle.state, handle.done()) == (tv.TaskState.QUEUED, False)
    assert (sup.list(), sup.snapshot(), sup.is_alive(handle)) == (["owner"], ["owner"], False)
    with pytest.raises(TimeoutError):
        handle.outcome(timeout=0)
    held.open()
    assert handle.result(SOON) == "through"
    assert handle.state == "done"


@pytest.mark.rule("R7.72")
def test_join_waits_for_the_queues_too(owned, gate):
    sup, owner, held = owned
    last = gate()
    handle = sup.submit(queue("a", last))
    assert sup.join(timeout=0) is False
    held.open()
    last.wait_inside()
    assert owner.done()
    assert sup.join(timeout=0) is False
    last.open()
    assert sup.join(SOON) is True
    assert handle.outcome(0).kind == "completed"


@pytest.mark.rule("R7.72", "R7.59")
def test_run_ends_when_nothing_waits_in_a_slot_any_more(run):
    ran = []

    def body(ctx):
        for n in range(3):
            ctx.supervisor.submit(queue(f"t{n}", lambda n=n: ran.append(n)))

    run([tv.TaskSpec.once(body)], controller=CONTROLLER)
    assert ran == [0, 1, 2]


CALLS = {
    "submit": lambda sup: sup.submit(queue("a")),
    "try_submit": lambda sup: sup.try_submit(queue("a")),
    "cancel_slot": lambda sup: sup.cancel_slot("s"),
    "controller_snapshot": lambda sup: sup.controller_snapshot(),
}


@pytest.mark.rule("R7.73")
@pytest.mark.parametrize("call", CALLS)
def test_without_a_controller_there_are_no_slots(serve, recorder, call):
    sup = serve(recorder)
    with pytest.raises(tv.ControllerNotConfigured) as caught:
        CALLS[call](sup)
    assert isinstance(caught.value, tv.ControllerError)
    sup.shutdown()
    assert recorder.words() == ["shutdown_requested", "all_stopped_within_grace"]
    with pytest.raises(tv.ControllerNotConfigured):
        CALLS[call](sup)


@pytest.mark.rule("R7.74", "R7.6")
def test_snapshot_goes_on_answering_after_a_shutdown(owned):
    sup, owner, held = owned
    sup.submit(queue("a"))
    with pytest.raises(tv.GraceExceeded):
        sup.shutdown(grace=0)
    assert slots(sup) == {"s": ("terminating", "owner", [])}
    assert sup.cancel_slot("s") == 0
    assert owner.outcome(0).kind == "abandoned"
    held.open()
    until(lambda: slots(sup) == {})


@pytest.mark.rule("R7.74")
def test_after_a_clean_shutdown_there_are_no_slots(serve):
    sup = serve(controller=CONTROLLER)
    handle = sup.submit(queue("a", waits))
    sup.shutdown()
    assert handle.outcome(0).kind == "canceled"
    assert (sup.controller_snapshot(), sup.cancel_slot("s")) == ([], 0)
