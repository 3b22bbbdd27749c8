"""Many submissions at once: one owner per slot, an outcome each, and the order of every queue."""

import random
import threading
from collections import Counter
from functools import partial

import pytest
from claims import CONTROLLER, Inside, at_once, claim, slots
from kinds import every_kind, gives_way, plain_supervisors, sleep, stay, wait
from waiting import SOON, until

import taskvisor as tv

pytestmark = [every_kind, pytest.mark.rule("R8.4")]

queue = partial(claim, "queue")
replace = partial(claim, "replace")
drop = partial(claim, "drop_if_running")


@pytest.fixture
def inside():
    """The count of who is inside; no slot may have had two at one time."""
    counted = Inside()
    yield counted
    assert counted.peak <= 1


def together(calls):
    """Makes all calls at the same time; what their lists have, as one list."""
    return [one for made in at_once(calls) for one in made]


def accepted(recorder):
    """The ids of the submissions as they were accepted, the first one first."""
    kinds = [e for e in recorder.events if e.kind == "controller_submitted"]
    return [e.id for e in kinds if e.reason.startswith("admission=")]


def rejections(recorder):
    """How many ControllerRejected each submission has, by id."""
    return Counter(e.id for e in recorder.events if e.kind == "controller_rejected")


@pytest.mark.rule("R7.1", "R7.25", "R7.26", "R7.27", "R7.12")
def test_fifty_replaces_leave_one_owner_the_last_that_was_accepted(serve, recorder, inside):
    sup = serve(recorder, controller=CONTROLLER)

    async def body(ctx):
        with inside("s"):
            await wait(ctx)

    handles = at_once([partial(sup.submit, replace(f"t{n}", body)) for n in range(50)])
    until(lambda: slots(sup)["s"][0::2] == ("running", []))
    [info] = sup.controller_snapshot()
    until(lambda: [handle.id for handle in handles if not handle.done()] == [info.owner_id])
    others = [handle.outcome(0) for handle in handles if handle.id != info.owner_id]
    assert {outcome.kind for outcome in others} <= {"canceled", "rejected"}
    assert {outcome.rejection for outcome in others} <= {None, "superseded"}
    sup.shutdown()
    assert sorted(accepted(recorder)) == sorted(handle.id for handle in handles)
    assert accepted(recorder)[-1] == info.owner_id
    rejected = [h.id for h in handles if h.outcome(0).kind == "rejected"]
    assert rejections(recorder) == Counter(rejected)


@pytest.mark.rule("R7.28", "R7.12", "R7.1")
def test_forty_drop_if_running_start_one_and_reject_the_others(serve, recorder, gate):
    sup, held = serve(recorder, controller=CONTROLLER), gate()
    handles = at_once([partial(sup.submit, drop(f"t{n}", held)) for n in range(40)])
    outcomes = [handle.outcome(0) for handle in handles if handle.done()]
    assert [outcome.rejection for outcome in outcomes] == ["slot_busy"] * 39
    [owner] = [handle for handle in handles if not handle.done()]
    assert slots(sup) == {"s": ("running", owner.name, [])}
    held.open()
    assert owner.result(SOON) == "through"
    sup.shutdown()
    assert held.came == 1
    assert sorted(rejections(recorder).values()) == [1] * 39


@pytest.mark.rule("R7.20", "R7.70")
def test_hundred_and_twenty_eight_slots_run_at_once(serve, gate):
    sup, held = serve(controller=CONTROLLER), gate()
    names = [f"t{n}" for n in range(128)]
    handles = [sup.submit(queue(name, held, slot=f"slot {name}")) for name in names]
    held.wait_inside(128)
    assert (held.peak, len(sup.snapshot())) == (128, 128)
    assert slots(sup) == {f"slot {name}": ("running", name, []) for name in names}
    held.open()
    assert {handle.result(SOON) for handle in handles} == {"through"}
    assert slots(sup) == {}


@plain_supervisors
@pytest.mark.rule("R7.22", "R7.29", "R7.1", "R7.50")
def test_ten_thousand_submissions_over_a_hundred_slots_keep_the_order_of_each(serve, gate, inside):
    sup = serve(controller=tv.ControllerConfig(queue_capacity=10_000, max_slot_queue=100))
    held = gate()
    slot_names = [f"slot {n}" for n in range(100)]

    async def owner(slot):
        with inside(slot):
            await held.through()

    def body(slot):
        with inside(slot):
            pass

    def submit_to(mine):
        """Round and round, so that the slots of one thread fill up side by side."""
        names = [
            (slot, f"{slot}/{k:02}", body if k else owner) for k in range(100) for slot in mine
        ]
        return [sup.submit(queue(name, fn, slot=s, args=(s,))) for s, name, fn in names]

    handles = together([partial(submit_to, slot_names[n::4]) for n in range(4)])
    assert [len(names) for _, _, names in slots(sup).values()] == [99] * 100
    held.open()
    assert {handle.outcome(SOON).kind for handle in handles} == {"completed"}
    expected = {slot: [f"{slot}/{k:02}" for k in range(100)] for slot in slot_names}
    assert dict(inside.order) == expected
    assert slots(sup) == {}


@pytest.mark.rule("R7.50", "R7.53", "R7.56", "R7.57")
def test_many_callers_share_little_room_and_all_of_them_run(serve, inside):
    sup = serve(controller=tv.ControllerConfig(queue_capacity=3))
    waiting = []

    async def body(slot):
        with inside(slot):
            await gives_way()

    def submit_to(n):
        slot = f"slot {n % 4}"
        made = []
        for k in range(40):
            made.append(sup.submit(queue(f"{n}/{k}", body, slot=slot, args=(slot,))))
            waiting.append(sum(len(info.waiting) for info in sup.controller_snapshot()))
        return made

    handles = together([partial(submit_to, n) for n in range(16)])
    assert {handle.outcome(SOON).kind for handle in handles} == {"completed"}
    assert max(waiting) <= 3
    assert sum(len(order) for order in inside.order.values()) == 16 * 40
    for n in range(16):
        mine = [name for name in inside.order[f"slot {n % 4}"] if name.startswith(f"{n}/")]
        assert mine == [f"{n}/{k}" for k in range(40)]


class Restless:
    """Bodies of all kinds that count who is inside their slot, drawn by a generator of its own."""

    def __init__(self, seed, inside):
        self.random = random.Random(seed)
        self.inside = inside

    def returns(self, ctx, slot):
        with self.inside(slot):
            return ctx.attempt

    async def waits(self, ctx, slot):
        with self.inside(slot):
            await sleep(ctx, self.short)

    async def ignores(self, ctx, slot):
        with self.inside(slot):
            await stay(self.short)

    def fails(self, ctx, slot):
        with self.inside(slot):
            raise tv.Fail("x")

    short = 0.002

    def claim(self, name):
        slot = f"slot {self.random.randrange(4)}"
        admission = self.random.choice(list(tv.AdmissionPolicy))
        fn = self.random.choice([self.returns, self.waits, self.ignores, self.fails])
        options = dict(timeout=self.random.choice([None, 0.001]), max_retries=2)
        options |= dict(grace=self.random.choice([0, 30.0]), args=(slot,))
        options |= dict(restart="on_failure", backoff=tv.BackoffPolicy.constant(0.0005))
        return claim(admission, name, fn, slot=slot, **options)


@pytest.mark.rule("R7.12", "R7.1", "R7.3", "R7.13")
@pytest.mark.parametrize("permits", [None, 2])
def test_every_submission_has_one_outcome_and_a_rejected_one_one_event(
    serve, recorder, inside, permits
):
    controller = tv.ControllerConfig(queue_capacity=6, max_slot_queue=3)
    sup = serve(recorder, controller=controller, max_concurrent=permits)
    outcomes = Counter()
    lock = threading.Lock()

    def count(handle):
        with lock:
            outcomes[handle.id] += 1

    def storm(n):
        mine, restless = [], Restless(n, inside)
        for k in range(120):
            handle = sup.submit(restless.claim(f"{n}/{k}"))
            handle.add_done_callback(count)
            mine.append(handle)
            match restless.random.randrange(12):
                case 0:
                    sup.remove(restless.random.choice(mine))
                case 1:
                    sup.cancel_slot(f"slot {n % 4}", purge=bool(k % 2))
        return mine

    handles = together([partial(storm, n) for n in range(8)])
    assert sup.join(SOON) is True
    assert slots(sup) == {}
    ends = {handle: handle.outcome(0) for handle in handles}
    sup.shutdown()
    assert outcomes == Counter(handle.id for handle in handles)
    rejected = [handle.id for handle, outcome in ends.items() if outcome.kind == "rejected"]
    assert rejections(recorder) == Counter(rejected)
    assert {None, "slot_busy", "superseded"} <= {outcome.rejection for outcome in ends.values()}
    removed = Counter(e.id for e in recorder.events if e.kind == "task_removed")
    assert removed == Counter(h.id for h in handles if ends[h].kind != "rejected")
