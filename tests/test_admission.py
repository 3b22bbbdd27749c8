"""What a submission does to its slot: every pair of slot and policy, with the exact events."""

from functools import partial

import pytest
from claims import CONTROLLER, FOREVER, claim, slots, told
from kinds import every_kind, wait
from waiting import SOON

import taskvisor as tv

pytestmark = [every_kind, pytest.mark.rule("R8.4")]

POLICIES = {"queue": "Queue", "replace": "Replace", "drop_if_running": "DropIfRunning"}
TRANSITION = "s: controller_slot_transition reason=running→terminating (replace)"

queue = partial(claim, "queue")
replace = partial(claim, "replace")
drop = partial(claim, "drop_if_running")


def added(name):
    """The events of an accepted add."""
    return [f"{name}: task_add_requested", f"{name}: task_added"]


def refused(name):
    """The events of an add whose name is taken."""
    return [f"{name}: task_add_requested", f"{name}: task_added reason=already_exists"]


def submitted(reason, slot="s"):
    return f"{slot}: controller_submitted reason={reason}"


def rejected(reason, slot="s"):
    return f"{slot}: controller_rejected reason={reason}"


def ended(name):
    """The events of a body that returned after its task was asked to leave."""
    return [f"{name}: task_stopped attempt=1 duration", f"{name}: task_removed"]


def ran(name):
    """The events of a body that returned by itself."""
    exhausted = f"{name}: actor_exhausted attempt=1 reason=policy_exhausted_success"
    return [f"{name}: task_stopped attempt=1 duration", exhausted, f"{name}: task_removed"]


def rejection(kind, reason):
    """The outcome of a rejected submission."""
    return tv.TaskOutcome("rejected", reason=reason, rejection=kind)


@pytest.fixture
def stream(serve):
    """stream(sup): its events from now on."""
    streams = []

    def open_stream(sup):
        streams.append(sup.events(65_536))
        return streams[-1]

    yield open_stream
    for each in streams:
        each.close()


@pytest.fixture
def owned(serve, gate, stream):
    """owned(**controller): a supervisor, the gate inside of the owner of slot s, and its events.

    The owner is called "owner"; it ignores its token. What led here is no longer in the stream.
    """

    def make(**controller):
        sup, held = serve(controller=tv.ControllerConfig(**controller)), gate()
        events = stream(sup)
        sup.submit(queue("owner", held))
        held.wait_inside()
        told(events)
        return sup, held, events

    return make


# ---- an idle slot -------------------------------------------------------------------------------


@pytest.mark.rule("R7.20", "R7.10", "R7.14")
@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("call", ["submit", "try_submit"])
def test_submission_to_an_idle_slot_starts(serve, gate, recorder, policy, call):
    sup, held = serve(recorder, controller=CONTROLLER), gate()
    handle = getattr(sup, call)(claim(policy, "a", held))
    assert slots(sup) == {"s": ("running", "a", [])}
    held.open()
    assert handle.result(SOON) == "through"
    sup.shutdown()
    assert recorder.words()[:-2] == [
        *added("a"),
        submitted(f"admission={POLICIES[policy]} status=running"),
        "a: task_starting attempt=1",
        *ran("a"),
    ]
    assert {event.id for event in recorder.events[:-2]} == {handle.id}


@pytest.mark.rule("R7.21", "R7.13", "R7.3", "R7.14")
@pytest.mark.parametrize("policy", POLICIES)
def test_submission_whose_name_is_taken_outside_its_idle_slot_is_rejected(
    serve, gate, recorder, policy
):
    sup, held = serve(recorder, controller=CONTROLLER), gate()
    sup.add(tv.TaskSpec(held, name="a"))
    held.wait_inside()
    handle = sup.submit(claim(policy, "a"))
    reason = "add_failed: task 'a' already exists in registry"
    assert handle.outcome(0) == rejection("already_exists", reason)
    assert slots(sup) == {}
    held.open()
    sup.shutdown()
    assert recorder.words()[3:6] == [*refused("a"), rejected(reason)]
    assert [event.id for event in recorder.events[3:6]] == [None, None, handle.id]


# ---- a running slot -----------------------------------------------------------------------------


@pytest.mark.rule("R7.22", "R7.29", "R7.10")
def test_queued_submissions_wait_and_follow_in_order(owned):
    sup, held, events = owned()
    handles = [sup.submit(queue(name, held)) for name in "abc"]
    assert told(events) == [submitted(f"admission=Queue depth={n}") for n in (1, 2, 3)]
    assert slots(sup) == {"s": ("running", "owner", ["a", "b", "c"])}
    assert {handle.state for handle in handles} == {"queued"}
    held.open()
    assert [handle.result(SOON) for handle in handles] == ["through"] * 3
    expected = ran("owner")
    for name, left in (("a", 2), ("b", 1), ("c", 0)):
        expected += [*added(name), submitted(f"started_from_queue depth={left}")]
        expected += [f"{name}: task_starting attempt=1", *ran(name)]
    assert told(events) == expected
    assert slots(sup) == {}


@pytest.mark.rule("R7.24", "R7.13")
@pytest.mark.parametrize("most", [0, 1, 2])
def test_queue_at_its_limit_rejects(owned, most):
    sup, _, events = owned(max_slot_queue=most)
    for n in range(most):
        sup.submit(queue(f"a{n}"))
    told(events)
    reason = f"queue_full: {most}/{most}"
    assert sup.submit(queue("b")).outcome(0) == rejection("queue_full", reason)
    assert sup.try_submit(queue("c")).outcome(0).reason == reason
    assert told(events) == [rejected(reason)] * 2
    assert slots(sup)["s"][2] == [f"a{n}" for n in range(most)]


@pytest.mark.rule("R7.24")
def test_limit_is_of_one_slot(owned):
    sup, held, _ = owned(max_slot_queue=1)
    sup.submit(queue("other", held, slot="t"))
    assert sup.submit(queue("a")).state == sup.submit(queue("b", slot="t")).state == "queued"


@pytest.mark.rule("R7.25", "R7.29", "R7.14")
def test_replace_asks_the_owner_to_leave_and_follows_it(serve, gate, recorder):
    sup, held = serve(recorder, controller=CONTROLLER), gate()
    owner = sup.submit(queue("owner", held))
    held.wait_inside()
    handle = sup.submit(replace("a"))
    assert slots(sup) == {"s": ("terminating", "owner", ["a"])}
    assert (owner.state, handle.state) == ("stopping", "queued")
    held.open()
    assert handle.result(SOON) == 0
    assert owner.outcome(0) == tv.TaskOutcome("canceled", value="through", attempts=1)
    sup.shutdown()
    assert recorder.words()[4:-2] == [
        TRANSITION,
        "owner: task_remove_requested",
        submitted("admission=Replace depth=1"),
        *ended("owner"),
        *added("a"),
        submitted("started_from_queue depth=0"),
        "a: task_starting attempt=1",
        *ran("a"),
    ]
    ids = [event.id for event in recorder.events[4:-2]]
    assert ids == [owner.id] * 2 + [handle.id] + [owner.id] * 2 + [handle.id] * 7


@pytest.mark.rule("R7.27", "R7.25", "R7.31")
def test_replace_takes_the_place_of_the_head_alone(owned):
    sup, _, events = owned(max_slot_queue=3)
    handles = [sup.submit(queue(name)) for name in "abc"]
    told(events)
    sup.submit(replace("x"))
    superseded = "superseded_by_replace"
    assert handles[0].outcome(0) == rejection("superseded", superseded)
    assert told(events) == [
        rejected(superseded),
        TRANSITION,
        "owner: task_remove_requested",
        submitted("admission=Replace depth=3"),
    ]
    assert slots(sup) == {"s": ("terminating", "owner", ["x", "b", "c"])}
    assert {handle.state for handle in handles[1:]} == {"queued"}


@pytest.mark.rule("R7.31")
@pytest.mark.parametrize("most", [0, 1])
def test_replace_knows_no_limit_of_the_queue(owned, most):
    sup, _, _ = owned(max_slot_queue=most)
    assert sup.submit(replace("a")).state == "queued"
    assert sup.submit(replace("b")).state == "queued"
    assert slots(sup)["s"][2] == ["b"]
    assert sup.submit(queue("c")).outcome(0).rejection == ("queue_full")


@pytest.mark.rule("R7.11", "R7.28", "R7.13")
def test_drop_if_running_is_rejected_by_a_running_slot(owned):
    sup, _, events = owned()
    sup.submit(queue("a"))
    told(events)
    reason = "dropped: slot busy (status=running)"
    assert sup.submit(drop("b")).outcome(0) == rejection("slot_busy", reason)
    assert sup.try_submit(drop("c")).outcome(0).reason == reason
    assert told(events) == [rejected(reason)] * 2
    assert slots(sup) == {"s": ("running", "owner", ["a"])}


@pytest.mark.rule("R7.32")
def test_replaced_owner_is_told_so(serve, recorder):
    async def body(ctx):
        await wait(ctx)
        return ctx.cancel_reason

    sup = serve(recorder, controller=CONTROLLER)
    owner = sup.submit(queue("owner", body))
    recorder.wait_line("owner", "task_starting")
    assert sup.submit(replace("a")).result(SOON) == 0
    assert owner.outcome(0).value is tv.CancelReason.REPLACED


# ---- a terminating slot -------------------------------------------------------------------------

ASKED = {
    "remove by name": lambda sup, owner: sup.remove("owner"),
    "remove by id": lambda sup, owner: sup.remove(owner["owner_id"]),
    "cancel_slot": lambda sup, owner: sup.cancel_slot("s", purge=False),
    "cancel_slot and purge": lambda sup, owner: sup.cancel_slot("s"),
    "replace": lambda sup, owner: sup.submit(replace("next")),
}


@pytest.mark.rule("R7.5", "R7.34")
@pytest.mark.parametrize("ask", ASKED)
def test_slot_is_terminating_whoever_asked_its_owner_to_leave(owned, ask):
    sup, _, events = owned()
    ASKED[ask](sup, {"owner_id": sup.controller_snapshot()[0].owner_id})
    assert slots(sup)["s"][:2] == ("terminating", "owner")
    assert (TRANSITION in told(events)) == (ask == "replace")
    assert "terminating" in sup.submit(drop("b")).outcome(0).reason


@pytest.mark.rule("R7.23", "R7.24")
def test_terminating_slot_queues_as_a_running_one(owned):
    sup, held, events = owned(max_slot_queue=2)
    sup.remove("owner")
    told(events)
    handles = [sup.submit(queue(name)) for name in "abc"]
    assert told(events) == [
        submitted("admission=Queue status=terminating depth=1"),
        submitted("admission=Queue status=terminating depth=2"),
        rejected("queue_full: 2/2"),
    ]
    held.open()
    kinds = [handle.outcome(SOON).kind for handle in handles]
    assert kinds == ["completed", "completed", "rejected"]


@pytest.mark.rule("R7.26", "R7.27")
def test_replace_in_a_terminating_slot_asks_nobody_again(owned):
    sup, held, events = owned()
    sup.remove("owner")
    told(events)
    first = sup.submit(replace("a"))
    assert told(events) == [submitted("admission=Replace status=terminating depth=1")]
    behind, last = sup.submit(queue("b")), sup.submit(replace("c"))
    assert told(events)[1:] == [
        rejected("superseded_by_replace"),
        submitted("admission=Replace status=terminating depth=2"),
    ]
    assert first.outcome(0).rejection == "superseded"
    assert slots(sup) == {"s": ("terminating", "owner", ["c", "b"])}
    held.open()
    assert (last.result(SOON), behind.result(SOON)) == (0, 0)


@pytest.mark.rule("R7.28")
def test_drop_if_running_is_rejected_by_a_terminating_slot(owned):
    sup, _, events = owned()
    sup.remove("owner")
    told(events)
    reason = "dropped: slot busy (status=terminating)"
    assert sup.submit(drop("a")).outcome(0) == rejection("slot_busy", reason)
    assert told(events) == [rejected(reason)]


# ---- an owner without a body --------------------------------------------------------------------


def fails():
    raise tv.Fail("x")


BETWEEN = {
    "backoff": dict(fn=fails, restart="on_failure", backoff=tv.BackoffPolicy.constant(FOREVER)),
    "paused": dict(fn=int, restart=tv.RestartPolicy.always(FOREVER)),
    "waiting": dict(fn=int),
}


@pytest.mark.rule("R7.33", "R7.8")
@pytest.mark.parametrize("state", BETWEEN)
@pytest.mark.parametrize("before", [0, 1, 3])
def test_replace_of_an_owner_without_a_body_starts_in_the_same_step(
    serve, gate, recorder, stream, state, before
):
    sup, held = serve(recorder, max_concurrent=1, controller=CONTROLLER), gate()
    if state == "waiting":
        sup.add(tv.TaskSpec(held, name="has the permit"))
        held.wait_inside()
    owner = sup.submit(queue("owner", **BETWEEN[state]))
    if state != "waiting":
        recorder.wait_line("owner", "backoff_scheduled")
        sup.add(tv.TaskSpec(held, name="has the permit"))
        held.wait_inside()
    assert (owner.state, slots(sup)["s"][0]) == (state, "running")
    for n in range(before):
        sup.submit(queue(f"q{n}"))
    events = stream(sup)
    handle = sup.submit(replace("a"))
    left = max(before - 1, 0)
    assert told(events) == [
        *([rejected("superseded_by_replace")] if before else []),
        TRANSITION,
        "owner: task_remove_requested",
        submitted(f"admission=Replace depth={left + 1}"),
        "owner: task_removed",
        *added("a"),
        submitted(f"started_from_queue depth={left}"),
    ]
    assert owner.outcome(0).kind == "canceled"
    assert handle.state == "waiting"
    assert slots(sup) == {"s": ("running", "a", [f"q{n}" for n in range(1, before)])}


# ---- heads that cannot start --------------------------------------------------------------------


@pytest.mark.rule("R7.30", "R7.29", "R7.13", "R7.2")
def test_head_whose_name_is_taken_is_rejected_and_the_next_one_starts(owned, gate):
    sup, held, events = owned()
    outside = gate()
    for name in "xz":
        sup.add(tv.TaskSpec(outside, name=name))
    outside.wait_inside(2)
    handles = [sup.submit(queue(name)) for name in "xyz"]
    told(events)
    held.open()
    reason = "queue_start_failed: task '{}' already exists in registry"
    assert [handle.outcome(SOON) for handle in handles] == [
        rejection("already_exists", reason.format("x")),
        tv.TaskOutcome("completed", value=0, attempts=1),
        rejection("already_exists", reason.format("z")),
    ]
    assert told(events) == [
        *ran("owner"),
        *refused("x"),
        rejected(reason.format("x")),
        *added("y"),
        submitted("started_from_queue depth=1"),
        "y: task_starting attempt=1",
        *ran("y"),
        *refused("z"),
        rejected(reason.format("z")),
    ]
    assert slots(sup) == {}


@pytest.mark.rule("R7.29", "R7.2")
def test_head_may_have_the_name_of_the_owner_before_it(owned):
    sup, held, _ = owned()
    handles = [sup.submit(queue("owner", lambda n=n: n)) for n in range(3)]
    held.open()
    assert [handle.result(SOON) for handle in handles] == [0, 1, 2]


@pytest.mark.rule("R7.30")
def test_long_row_of_heads_that_cannot_start_ends_in_one_that_can(owned, gate):
    sup, held, _ = owned(max_slot_queue=600)
    outside = gate()
    sup.add(tv.TaskSpec(outside, name="x"))
    outside.wait_inside()
    handles = [sup.submit(queue("x")) for _ in range(500)]
    last = sup.submit(queue("y"))
    held.open()
    assert last.result(SOON) == 0
    assert {handle.outcome(0).rejection for handle in handles} == {"already_exists"}
    assert slots(sup) == {}
