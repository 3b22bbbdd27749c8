"""Room for waiting submissions: who needs it, who waits for it, and how that ends."""

import os
import signal
import threading
from contextlib import contextmanager
from functools import partial

import pytest
from claims import claim, line_up, slots, told
from kinds import every_kind, plain_bodies
from waiting import SOON, in_thread, until, until_asleep

import taskvisor as tv

pytestmark = [every_kind, pytest.mark.rule("R8.4")]

queue = partial(claim, "queue")
replace = partial(claim, "replace")
drop = partial(claim, "drop_if_running")


class Full:
    """A supervisor with room for one waiting submission, which waits in slot `full`.

    Slots `full` and `s` have an owner each, held by a gate of its own; both ignore their tokens.
    """

    def __init__(self, sup, gate):
        self.sup = sup
        self.gates = {"full": gate(), "s": gate()}
        self.owners = {}
        for slot, held in self.gates.items():
            self.owners[slot] = sup.submit(queue(f"owner of {slot}", held, slot=slot))
            held.wait_inside()
        self.waiting = sup.submit(queue("waiting", slot="full"))
        self.stream = sup.events()

    def told(self):
        return told(self.stream)


@pytest.fixture
def full(serve, gate):
    """A Full whose supervisor has no subscriber."""
    made = Full(serve(controller=tv.ControllerConfig(queue_capacity=1, max_slot_queue=3)), gate)
    yield made
    made.stream.close()


# ---- who needs room -----------------------------------------------------------------------------


@pytest.mark.rule("R7.55", "R7.50")
def test_without_room_try_submit_raises_at_once_and_submits_nothing(full):
    refused = [
        lambda: full.sup.try_submit(queue("a")),
        lambda: full.sup.try_submit(replace("a")),
        lambda: full.sup.try_submit(queue("a", slot="full")),
        lambda: full.sup.submit(queue("a"), 0),
        lambda: full.sup.submit(replace("a"), timeout=0.0),
    ]
    for call in refused:
        with pytest.raises(tv.ControllerFull):
            call()
    assert full.told() == []
    assert slots(full.sup)["s"] == ("running", "owner of s", [])
    assert slots(full.sup)["full"] == ("running", "owner of full", ["waiting"])


@pytest.mark.rule("R7.54", "R7.53", "R8.35")
@pytest.mark.parametrize("admission", ["queue", "replace"])
def test_past_its_timeout_submit_raises_and_submits_nothing(full, admission):
    for _ in range(20):
        with pytest.raises(tv.ControllerFull):
            full.sup.submit(claim(admission, "a"), timeout=0.005)
    assert full.told() == []
    assert full.sup.remove(full.waiting) is True
    assert full.told() == ["full: controller_rejected reason=removed_from_queue"]
    assert full.sup.submit(queue("a")).state == "queued"


@pytest.mark.rule("R7.51", "R7.52")
def test_submission_that_needs_no_room_never_waits_for_it(full):
    assert full.sup.try_submit(queue("a", slot="idle")).result(SOON) == 0
    assert full.sup.try_submit(replace("a", slot="idle")).result(SOON) == 0
    assert full.sup.try_submit(drop("a", slot="idle")).result(SOON) == 0
    assert full.sup.try_submit(drop("a")).outcome(0).rejection == "slot_busy"
    assert full.sup.try_submit(drop("a", slot="full")).outcome(0).rejection == "slot_busy"
    assert full.sup.try_submit(replace("new head", slot="full")).state == "queued"
    assert full.waiting.outcome(0).rejection == "superseded"


@pytest.mark.rule("R7.51")
def test_submission_that_needs_no_room_overtakes_those_that_wait_for_it(full):
    waits = line_up(full.sup.submit, queue("a"))
    assert full.sup.submit(queue("b", slot="idle")).result(SOON) == 0
    assert full.sup.submit(replace("c", slot="full")).state == "queued"
    full.gates["s"].open()
    assert waits().result(SOON) == 0


@pytest.mark.rule("R7.52", "R7.51")
@pytest.mark.parametrize("most", [0, 1])
def test_limit_of_a_slot_rejects_before_any_wait_for_room(serve, gate, most):
    controller = tv.ControllerConfig(queue_capacity=1, max_slot_queue=most)
    sup, held = serve(controller=controller), gate()
    sup.submit(queue("owner", held))
    held.wait_inside()
    sup.submit(replace("waiting"))
    for call in (sup.submit, sup.try_submit):
        assert call(queue("a")).outcome(0).reason == f"queue_full: 1/{most}"


@pytest.mark.rule("R7.50")
def test_capacity_is_of_all_slots_together(serve, gate):
    sup, held = serve(controller=tv.ControllerConfig(queue_capacity=5)), gate()
    for slot in "abc":
        sup.submit(queue(f"owner of {slot}", held, slot=slot))
    specs = [queue(f"{slot}{n}", slot=slot) for n in range(3) for slot in "abc"]
    handles = [sup.try_submit(spec) for spec in specs[:5]]
    for spec in specs[5:]:
        with pytest.raises(tv.ControllerFull):
            sup.try_submit(spec)
    held.open()
    assert [handle.result(SOON) for handle in handles] == [0] * 5


# ---- how room comes back ------------------------------------------------------------------------

FREES = {
    "the waiting one starts": lambda full: full.gates["full"].open(),
    "it is removed": lambda full: full.sup.remove(full.waiting),
    "it is cancelled": lambda full: full.waiting.cancel(),
    "its slot is purged": lambda full: full.sup.cancel_slot("full"),
}


@pytest.mark.rule("R7.56", "R7.53")
@pytest.mark.parametrize("free", FREES)
@pytest.mark.parametrize("admission", ["queue", "replace"])
def test_caller_that_waits_is_decided_when_room_comes_back(full, free, admission):
    waits = line_up(full.sup.submit, claim(admission, "a"), SOON)
    assert full.told() == []
    FREES[free](full)
    handle = waits()
    assert handle.state == "queued"
    assert slots(full.sup)["s"][2] == ["a"]
    asked = "s: controller_slot_transition reason=running→terminating (replace)"
    assert (asked in full.told()) == (admission == "replace")
    full.gates["s"].open()
    assert handle.result(SOON) == 0


@pytest.mark.rule("R7.53", "R7.56")
def test_callers_that_wait_are_served_first_come_first_served(full):
    waits = [line_up(full.sup.submit, queue(f"t{n}")) for n in range(3)]
    full.sup.remove(full.waiting)
    for n in range(3):
        handle = waits[n]()
        assert slots(full.sup)["s"][2] == [f"t{n}"]
        assert handle.cancel() is True


@pytest.mark.rule("R7.57", "R7.20", "R7.14")
@pytest.mark.parametrize("admission", ["queue", "replace"])
def test_caller_is_decided_at_once_when_its_slot_needs_no_room_any_more(full, admission):
    waits = line_up(full.sup.submit, claim(admission, "a"))
    full.gates["s"].open()
    handle = waits()
    assert handle.result(SOON) == 0
    begin = ["a: task_add_requested", "a: task_added"]
    name = admission.capitalize()
    submitted = f"s: controller_submitted reason=admission={name} status=running"
    words = full.told()
    at = words.index(begin[0])
    assert words[at - 1 : at + 3] == ["owner of s: task_removed", *begin, submitted]
    assert full.waiting.state == "queued"


@pytest.mark.rule("R7.57", "R7.53")
def test_caller_comes_after_the_queue_of_its_slot(serve, gate):
    sup = serve(controller=tv.ControllerConfig(queue_capacity=1))
    held, second = gate(), gate()
    sup.submit(queue("owner", held))
    held.wait_inside()
    before = sup.submit(queue("before", second))
    waits = [line_up(sup.submit, queue(f"t{n}")) for n in range(2)]
    held.open()
    second.wait_inside()
    assert waits[0]().state == "queued"
    assert slots(sup)["s"] == ("running", "before", ["t0"])
    second.open()
    assert [wait().result(SOON) for wait in waits] == [0, 0]
    assert before.outcome(0).kind == "completed"


@pytest.mark.rule("R7.57", "R7.53")
def test_caller_whose_slot_is_idle_overtakes_those_of_busy_slots(full):
    first = line_up(full.sup.submit, queue("first", slot="full"))
    second = line_up(full.sup.submit, queue("second", slot="s"))
    full.gates["s"].open()
    assert second().result(SOON) == 0
    assert slots(full.sup)["full"][2] == ["waiting"]
    full.gates["full"].open()
    assert first().result(SOON) == 0


@pytest.mark.rule("R7.57", "R7.51")
def test_replace_that_waits_needs_no_room_once_there_is_a_head_to_replace(serve, gate):
    sup, held = serve(controller=tv.ControllerConfig(queue_capacity=1)), gate()
    for slot in ("s", "full"):
        sup.submit(queue(f"owner of {slot}", held, slot=slot))
    held.wait_inside(2)
    waiting = sup.submit(queue("waiting", slot="full"))
    first = line_up(sup.submit, queue("first"))
    second = line_up(sup.submit, replace("second"))
    sup.remove(waiting)
    handles = [first(), second()]
    assert handles[0].outcome(SOON).rejection == "superseded"
    assert slots(sup)["s"] == ("terminating", "owner of s", ["second"])


@pytest.mark.rule("R7.53", "R7.32")
def test_replace_that_waits_for_room_does_not_ask_the_owner_yet(full):
    waits = line_up(full.sup.submit, replace("a"))
    assert slots(full.sup)["s"] == ("running", "owner of s", [])
    assert full.owners["s"].state == "running"
    full.sup.remove(full.waiting)
    assert waits().state == "queued"
    assert full.owners["s"].state == "stopping"


# ---- how waiting ends ---------------------------------------------------------------------------


@pytest.mark.rule("R7.58")
def test_callers_that_wait_are_told_of_a_shutdown(serve, recorder, gate):
    controller = tv.ControllerConfig(queue_capacity=1)
    full = Full(serve(recorder, controller=controller), gate)
    waits = [
        line_up(full.sup.submit, queue(f"t{n}"), timeout) for n, timeout in enumerate((None, 60))
    ]
    full.sup.shutdown(wait=False)
    assert [type(wait()) for wait in waits] == [tv.ControllerClosed] * 2
    for held in full.gates.values():
        held.open()
    full.sup.shutdown()
    full.stream.close()
    words = recorder.words()
    begin = words.index("shutdown_requested")
    assert words[begin + 1] == "full: controller_rejected reason=shutting_down"
    assert not [word for word in words if word.startswith("t")]


@pytest.mark.rule("R7.58")
def test_nothing_can_be_submitted_once_a_shutdown_has_begun(full):
    full.sup.shutdown(wait=False)
    full.told()
    for spec in (queue("a"), queue("a", slot="idle"), replace("a"), drop("a")):
        for call in (full.sup.submit, full.sup.try_submit):
            with pytest.raises(tv.ControllerClosed) as caught:
                call(spec)
            assert isinstance(caught.value, tv.ControllerError)
    for held in full.gates.values():
        held.open()
    full.sup.shutdown()
    with pytest.raises(tv.ControllerClosed):
        full.sup.submit(queue("a"))
    assert not [word for word in full.told() if word.startswith("a:")]


@pytest.mark.rule("R7.58", "R7.12")
def test_submissions_during_a_shutdown_are_decided_or_refused(serve, gate):
    for _ in range(20):
        sup = serve(controller=tv.ControllerConfig(queue_capacity=2))

        def submit_all(n, sup=sup):
            made = []
            for k in range(50):
                try:
                    made.append(sup.submit(queue(f"{n}/{k}", slot=f"slot {k % 2}")))
                except tv.ControllerClosed:
                    return made
            return made

        answers = [in_thread(submit_all, n) for n in range(4)]
        sup.shutdown()
        kinds = {handle.outcome(0).kind for answer in answers for handle in answer()}
        assert kinds <= {"completed", "canceled", "rejected"}
        assert sup.controller_snapshot() == []


@plain_bodies
@pytest.mark.rule("R7.59", "R7.54")
@pytest.mark.parametrize("admission", ["queue", "replace"])
def test_owner_that_submits_to_its_own_full_slot_is_told_so_in_time(serve, gate, admission):
    sup, held = serve(controller=tv.ControllerConfig(queue_capacity=1)), gate()

    def body(ctx):
        with pytest.raises(tv.ControllerFull):
            ctx.supervisor.try_submit(claim(admission, "a"))
        with pytest.raises(tv.ControllerFull):
            ctx.supervisor.submit(claim(admission, "a"), timeout=0.02)
        return ctx.cancelled

    sup.submit(queue("other", held, slot="full"))
    waiting = sup.submit(queue("waiting", slot="full"))
    assert sup.submit(queue("owner", body)).result(SOON) is False
    held.open()
    assert waiting.result(SOON) == 0


@plain_bodies
@pytest.mark.rule("R7.59", "R7.58")
def test_owner_that_submits_to_its_own_full_slot_is_told_of_a_shutdown(full):
    threads = []

    def body(ctx):
        threads.append(threading.get_native_id())
        with pytest.raises(tv.ControllerClosed):
            ctx.supervisor.submit(queue("a", slot="own"))
        return ctx.cancel_reason

    owner = full.sup.submit(queue("owner", body, slot="own"))
    until(lambda: threads)
    until_asleep(threads[0])
    assert not owner.done()
    full.sup.shutdown(wait=False)
    assert owner.outcome(SOON).value == "shutdown"


@pytest.mark.rule("R7.59", "R7.10")
@pytest.mark.parametrize("admission", ["queue", "replace", "drop_if_running"])
def test_owner_may_submit_to_its_own_slot(serve, admission):
    sup = serve(controller=tv.ControllerConfig())
    made = []

    def body(ctx):
        made.append(ctx.supervisor.submit(claim(admission, "a")))
        return ctx.cancel_reason

    reason = sup.submit(queue("owner", body)).outcome(SOON).value
    assert reason == ("replaced" if admission == "replace" else None)
    kinds = {"drop_if_running": "rejected"}
    assert made[0].outcome(SOON).kind == kinds.get(admission, "completed")


@pytest.mark.rule("R7.10")
@pytest.mark.parametrize("timeout", [-1, float("nan"), True, "1"])
def test_timeout_is_checked_before_anything_is_submitted(full, timeout):
    with pytest.raises((ValueError, TypeError)):
        full.sup.submit(queue("a", slot="idle"), timeout)
    assert full.told() == []


# ---- signals ------------------------------------------------------------------------------------


@contextmanager
def signal_when_asleep(number, before=lambda: None):
    """Sends this process a signal once the main thread sleeps in its call, and `before` is done."""

    def send():
        until_asleep(threading.main_thread().native_id)
        before()
        os.kill(os.getpid(), number)

    sender = threading.Thread(target=send)
    sender.start()
    try:
        yield
    finally:
        sender.join()


@pytest.mark.rule("R7.60", "R0.51", "R8.35")
@pytest.mark.parametrize("timeout", [None, 100_000])
def test_ctrl_c_leaves_a_submit_that_waits_for_room(full, timeout):
    with signal_when_asleep(signal.SIGINT), pytest.raises(KeyboardInterrupt):
        full.sup.submit(queue("a"), timeout)
    assert full.told() == []
    full.sup.remove(full.waiting)
    assert slots(full.sup)["s"] == ("running", "owner of s", [])
    assert full.sup.try_submit(queue("b")).state == "queued"


@pytest.mark.rule("R7.60", "R7.53", "R8.35")
def test_caller_that_gives_up_leaves_the_line_to_those_behind(full):
    behind = []

    def before():
        behind.append(line_up(full.sup.submit, queue("behind")))

    with signal_when_asleep(signal.SIGINT, before), pytest.raises(KeyboardInterrupt):
        full.sup.submit(queue("first"))
    full.sup.remove(full.waiting)
    assert behind[0]().state == "queued"
    assert slots(full.sup)["s"][2] == ["behind"]


@pytest.mark.rule("R7.60", "R0.52")
def test_signal_handler_may_make_the_room_that_is_waited_for(full):
    seen = []

    def handler(number, frame):
        seen.append(full.sup.remove(full.waiting))

    previous = signal.signal(signal.SIGUSR1, handler)
    try:
        with signal_when_asleep(signal.SIGUSR1):
            handle = full.sup.submit(queue("a"))
    finally:
        signal.signal(signal.SIGUSR1, previous)
    assert (seen, handle.state) == ([True], "queued")
