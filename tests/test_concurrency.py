"""Who runs when: permits, the ready queue, and the threads that waiting or computing costs."""

import os
import sys
import threading
import time
from collections import Counter

import pytest
from kinds import as_given, every_kind, gives_way, plain_supervisors, wait
from waiting import HAS_GIL, system_threads

import taskvisor as tv

pytestmark = [every_kind, pytest.mark.rule("R8.4")]

FOREVER = 3600.0


def threads():
    """How many threads the process has."""
    return len(system_threads())


def switches():
    """How often each other thread of the process gave a CPU away of its own will, by its id."""
    counts = {}
    for tid in system_threads():
        if int(tid) != os.getpid():
            with open(f"/proc/self/task/{tid}/status") as status:
                line = next(line for line in status if line.startswith("voluntary_ctxt"))
            counts[tid] = int(line.split()[1])
    return counts


def wait_until(condition, seconds=60.0):
    """Waits for what no event tells; fails the test past `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.02)


def fails():
    """A body that fails."""
    raise tv.Fail("x")


@pytest.mark.rule("R1.5")
@pytest.mark.parametrize("permits", [1, 3])
def test_never_more_bodies_than_permits(serve, gate, permits):
    sup, held = serve(max_concurrent=permits), gate()
    sup.add_many([tv.TaskSpec(held)] * 20, names=[f"t{n}" for n in range(20)])
    held.wait_inside(permits)
    with pytest.raises(TimeoutError):
        sup.events().next(timeout=0.05)
    assert held.came == permits
    held.open()
    assert sup.join(timeout=30) is True
    assert (held.came, held.peak) == (20, permits)


@pytest.mark.rule("R1.5")
def test_permits_are_never_exceeded_by_retries_and_restarts(serve):
    lock, inside, peak = threading.Lock(), 0, 0

    async def body():
        nonlocal inside, peak
        with lock:
            inside += 1
            peak = max(peak, inside)
        await gives_way()
        with lock:
            inside -= 1
        attempt = tv.current().attempt
        if attempt == 30:
            raise tv.Canceled
        if attempt % 3 == 0:
            raise tv.Fail("x")

    sup = serve(max_concurrent=4, restart="always", backoff=tv.BackoffPolicy.constant(0.0005))
    handles = sup.add_many([tv.TaskSpec(body)] * 24, names=[f"t{n}" for n in range(24)])
    assert {handle.outcome(timeout=60).attempts for handle in handles} == {30}
    assert 2 <= peak <= 4


@pytest.mark.rule("R1.5", "R1.6")
def test_permits_are_given_first_come_first_served(serve, recorder, gate):
    sup, held = serve(recorder, max_concurrent=1), gate()
    sup.add(tv.TaskSpec(held, name="held"))
    held.wait_inside()
    names = [f"t{n}" for n in range(100)]
    for name in names:
        sup.add(tv.TaskSpec(int, name=name))
    held.open()
    sup.join(timeout=30)
    sup.shutdown()
    assert started(recorder) == ["held", *names]


def started(recorder):
    """The tasks in the order of their starts."""
    return [event.task for event in recorder.events if event.kind == "task_starting"]


@pytest.mark.rule("R1.6")
@pytest.mark.parametrize("batch", [False, True])
def test_ready_attempts_start_in_the_order_they_became_ready(serve, recorder, batch):
    sup, names = serve(recorder), [f"t{n}" for n in range(500)]
    if batch:
        sup.add_many([tv.TaskSpec(int)] * 500, names=names)
    else:
        for name in names:
            sup.add(tv.TaskSpec(int), name=name)
    sup.join(timeout=30)
    sup.shutdown()
    assert started(recorder) == names


@pytest.mark.rule("R1.7", "R4.35")
@pytest.mark.parametrize("call", ["remove", "cancel"])
def test_cancelled_while_it_waits_for_a_permit(serve, recorder, gate, call):
    sup, held = serve(recorder, max_concurrent=1), gate()
    sup.add(tv.TaskSpec(held, name="held"))
    held.wait_inside()
    handle, last = sup.add(tv.TaskSpec(int, name="a")), sup.add(tv.TaskSpec(int, name="b"))
    assert getattr(sup, call)(handle) is True
    assert handle.outcome(timeout=0) == tv.TaskOutcome("canceled", attempts=0)
    asked = "task_remove_requested" + (" reason=manual_cancel" if call == "cancel" else "")
    assert recorder.removed("a") == ["task_add_requested", "task_added", asked, "task_removed"]
    held.open()
    assert last.result(timeout=30) == 0


@plain_supervisors
@pytest.mark.rule("R1.7")
@pytest.mark.skipif(not HAS_GIL, reason="nothing keeps a body from starting at once")
def test_cancelled_while_it_waits_for_a_worker_gives_its_permit_back(serve, recorder):
    sup, interval = serve(recorder, max_concurrent=1), sys.getswitchinterval()
    sup.add(tv.TaskSpec(int, name="first")).outcome(timeout=30)
    sys.setswitchinterval(1000.0)  # no body can start: this thread keeps the GIL
    try:
        handle = sup.add(tv.TaskSpec(int, name="a"))
        asked = sup.remove(handle)
        done = handle.done()
    finally:
        sys.setswitchinterval(interval)
    assert (asked, done) == (True, True)
    assert handle.outcome(timeout=0) == tv.TaskOutcome("canceled", attempts=0)
    assert recorder.removed("a")[2:] == ["task_remove_requested", "task_removed"]
    assert sup.add(tv.TaskSpec(int, name="b")).result(timeout=30) == 0


@pytest.mark.rule("R1.10")
@pytest.mark.parametrize("body", [fails, int])
def test_task_between_two_attempts_holds_no_permit(serve, recorder, body):
    sup = serve(recorder, max_concurrent=1)
    long = tv.BackoffPolicy.constant(FOREVER)
    policy = tv.RestartPolicy.always(FOREVER)
    for name in "abc":
        sup.add(tv.TaskSpec(body, name=name, backoff=long, restart=policy))
    recorder.wait_line("c", "backoff_scheduled")
    assert sup.add(tv.TaskSpec(lambda: "ran", name="d")).result(timeout=30) == "ran"


@pytest.mark.rule("R2.8", "R1.10", "R4.43", "R1.5")
def test_overdue_or_abandoned_body_keeps_its_permit(serve, recorder, gate):
    sup, held = serve(recorder, max_concurrent=1), gate()
    stuck = sup.add(tv.TaskSpec(held, name="stuck", timeout=0.01, grace=0.01))
    recorder.wait_line("stuck", "timeout_hit")
    waiting = sup.add(tv.TaskSpec(lambda: "ran", name="a"))
    with pytest.raises(TimeoutError):
        waiting.outcome(timeout=0.05)
    sup.remove(stuck)
    recorder.wait_line("stuck", "grace_exceeded")
    with pytest.raises(TimeoutError):
        waiting.outcome(timeout=0.05)
    assert waiting.state == "waiting"
    held.open()
    assert waiting.result(timeout=30) == "ran"


@pytest.mark.rule("R2.4", "R2.3", "R1.1")
def test_attempts_of_one_task_never_overlap_and_are_numbered_without_gaps(serve, recorder):
    inside, seen = threading.Lock(), []

    def body(ctx):
        assert inside.acquire(blocking=False)
        seen.append(ctx.attempt)
        inside.release()
        if ctx.attempt == 2000:
            raise tv.Canceled
        if ctx.attempt % 7 == 0:
            raise tv.Fail("x")

    spec = tv.TaskSpec(body, name="a", restart="always", backoff=tv.BackoffPolicy.constant(0))
    outcome = serve(recorder).add(spec).outcome(timeout=60)
    assert (outcome.kind, seen) == ("canceled", list(range(1, 2001)))
    recorder.removed("a")
    ends = ("task_starting", "task_stopped", "task_failed")
    word = [(e.kind, e.attempt) for e in recorder.of("a") if e.kind in ends]
    assert word[::2] == [("task_starting", n) for n in range(1, 2001)]
    assert [(kind != "task_starting", n) for kind, n in word[1::2]] == [
        (True, n) for n in range(1, 2001)
    ]


@pytest.mark.rule("R1.12", "R4.32")
def test_ten_thousand_one_shots_complete_while_a_thousand_others_block(serve):
    sup = serve()
    came = threading.Semaphore(0)

    async def blocks(ctx):
        came.release()
        return await wait(ctx)

    blockers = [tv.TaskSpec(blocks)] * 1000
    blocking = sup.add_many(blockers, names=[f"blocking {n}" for n in range(1000)])
    for _ in blockers:
        assert came.acquire(timeout=60)
    one_shots = sup.add_many([tv.TaskSpec(int)] * 10_000, names=[f"t{n}" for n in range(10_000)])
    assert {handle.outcome(timeout=60).kind for handle in one_shots} == {"completed"}
    assert len(sup.snapshot()) == 1000
    sup.shutdown()
    assert {handle.outcome(timeout=0).value for handle in blocking} == {True}


@pytest.mark.rule("R1.12")
def test_blocking_bodies_that_come_later_all_run_too(serve, gate):
    sup, held = serve(), gate()
    names = [f"blocking {n}" for n in range(200)]
    for name in names:
        sup.add(tv.TaskSpec(held, name=name))
        sup.add(tv.TaskSpec(int, name=f"short {name}")).outcome(timeout=60)
    held.wait_inside(200)
    assert sup.snapshot() == sorted(names)


@as_given
@pytest.mark.rule("R1.13")
def test_ten_thousand_computing_bodies_never_have_more_than_200_threads(serve):
    most = 0

    def computes():
        nonlocal most
        end = time.thread_time() + 0.001
        while time.thread_time() < end:
            pass
        if HAS_GIL:  # counts without letting go of it
            most = max(most, len(sys._current_frames()))

    sup, before = serve(), threads()
    sup.add_many([tv.TaskSpec(computes)] * 10_000, names=[f"t{n}" for n in range(10_000)])
    while not sup.join(timeout=0.05):
        most = max(most, threads())
    # Without a GIL the process's use of the processors decides, which others may keep from it.
    assert before <= most <= (200 if HAS_GIL else 2000)


@as_given
@pytest.mark.rule("R1.14")
def test_hundred_thousand_tasks_between_attempts_cost_no_thread_and_no_wake_up(serve):
    before, each = threads(), 50_000
    long = tv.BackoffPolicy.constant(FOREVER)
    sup = serve(restart=tv.RestartPolicy.always(FOREVER), backoff=long)
    names = [f"t{n}" for n in range(2 * each)]
    sup.add_many([tv.TaskSpec(fails), tv.TaskSpec(int)] * each, names=names)
    wait_until(lambda: count_states(sup) == {"backoff": each, "paused": each})
    wait_until(lambda: threads() <= before + 1)  # idle workers have left, the timer's thread stays
    quiet = switches()
    assert sup.join(timeout=1.0) is False
    assert switches() == quiet
    assert count_states(sup) == {"backoff": each, "paused": each}


def count_states(sup):
    """How many tasks are in each state."""
    return Counter(str(info.state) for info in sup.tasks())


@pytest.mark.rule("R0.52")
def test_every_call_works_from_many_threads_at_once(serve):
    sup = serve(backoff=tv.BackoffPolicy.constant(0.001))
    errors = []

    def mix(n):
        try:
            for m in range(60):
                handle = sup.add(tv.TaskSpec(fails if m % 3 else int, name=f"{n}.{m}"))
                sup.tasks(), sup.list(), sup.snapshot(), sup.subscribers()
                sup.is_alive(handle), handle.state
                if m % 2:
                    sup.remove(handle)
                else:
                    sup.cancel(handle, timeout=30)
                handle.outcome(timeout=30)
        except Exception as error:
            errors.append(error)

    users = [threading.Thread(target=mix, args=(n,)) for n in range(8)]
    for user in users:
        user.start()
    for user in users:
        user.join()
    assert errors == []
    assert sup.join(timeout=30) is True
