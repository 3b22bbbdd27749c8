"""`memory_cell.py LIBRARY WHAT`: the first allocation of each call fails, the second … until none.

WHAT: python (the interpreter's allocators), malloc (the extension's own), thread (its threads).
A case is a call of the public interface, or what a thread of the runtime does with a body. It is
played again and again, with the failure one place further on each time, alone and with all that
follow, until it succeeds untouched. After a failed call: the error is the one that is documented,
and what can be asked about the supervisor has not changed. A body that met failures has an outcome.
Afterwards all rounds are played again and must leave nothing behind. See tests/memory/failing.c.

Prints one line per case: its name, and how many failures it met or what is wrong. `planted` cases
are wrong on purpose, and played only if named.
"""

import ctypes
import logging
import sys
import threading
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import measure

import taskvisor as tv

WHATS = {"python": 0, "malloc": 1, "thread": 2}
TURNS = 8
WINDOWS = 12
MOST = 3000
BODY_MOST = 25
OBSERVER_MOST = 12
SOON = 30.0

library = ctypes.PyDLL(sys.argv[1])
library.failing_call.restype = ctypes.py_object
library.failing_call.argtypes = [ctypes.py_object, ctypes.c_int, ctypes.c_long, ctypes.c_int]
library.failing_calls.restype = ctypes.c_long

what = WHATS[sys.argv[2]]


def nothing() -> None:
    pass


def waits(ctx: tv.TaskContext) -> None:
    ctx.wait()


def takes(a: object, *, b: object = None) -> None:
    pass


class Silent:
    """Keeps failures out of the log."""

    name = "silent"
    queue_capacity = 8

    def on_event(self, event: tv.Event) -> None:
        pass


silent = Silent()
once, waiting = tv.TaskSpec.once(nothing), tv.TaskSpec.once(waits)
controller = tv.ControllerConfig(queue_capacity=1000)
sup = tv.Supervisor(subscribers=[silent], controller=controller).serve()
blocker = sup.add(waiting, name="blocker")
owner = sup.submit(tv.ControllerSpec.queue(waiting, slot="slot"))
done = sup.add(once, name="done")
done.outcome(SOON)
queued = tv.ControllerSpec.queue(once, slot="slot")
no_delay = tv.BackoffPolicy.constant(0)
token = tv.CancellationToken()
event = tv.Event("task_failed", task="a", reason="text")


@dataclass
class Case:
    """`call(*before())` may fail; `after(result)` undoes a success, `tidy(*before())` a failure."""

    call: Callable[..., object]
    before: Callable[[], tuple[object, ...]] = tuple
    after: Callable[[object], object] = id
    tidy: Callable[..., object] = lambda *made: None


def new_task() -> tuple[object, ...]:
    handle = sup.add(waiting, name="new")
    while not sup.is_alive("new"):
        pass
    return (handle,)


def end_of(handle: tv.TaskHandle) -> None:
    """Asks the task to leave, if nobody has, and waits for its end."""
    sup.remove(handle)
    handle.outcome(SOON)


def end_all(handles: list[tv.TaskHandle]) -> None:
    for handle in handles:
        end_of(handle)


def new_stream() -> tuple[object, ...]:
    stream = sup.events(4)
    sup.remove("nobody")
    return (stream,)


def new_slot() -> tuple[object, ...]:
    return sup.submit(tv.ControllerSpec.queue(waiting, slot="other")), sup.submit(
        tv.ControllerSpec.queue(once, slot="other")
    )


def leave_slot(*handles: tv.TaskHandle) -> None:
    end_all(list(handles)[::-1])


def served() -> tuple[object, ...]:
    return (tv.Supervisor(subscribers=[silent]),)


def served_handle() -> tuple[object, ...]:
    return (tv.Supervisor().serve(),)


def shut_down(made: tv.SupervisorHandle) -> None:
    made.shutdown()


def close(made: tv.EventStream) -> None:
    made.close()


CASES = {
    "TaskSpec": Case(partial(tv.TaskSpec, takes, name="n", args=(1,), kwargs={"b": 2}, timeout=1)),
    "TaskSpec.replace": Case(lambda: once.replace(name="other", timeout=2.5)),
    "CancellationToken": Case(tv.CancellationToken),
    "child_token": Case(token.child_token),
    "child_token, cancelled": Case(lambda: token.child_token().cancel()),
    "Event": Case(lambda: tv.Event("task_failed", task="a", reason="text", duration=1.5)),
    "Event shown": Case(lambda: (repr(event), event.kind, event.reason, event.duration)),
    "Supervisor": Case(lambda: tv.Supervisor(subscribers=[silent], controller=controller)),
    "serve": Case(lambda made: made.serve(), served, shut_down),
    "run": Case(lambda made: made.run([once], handle_signals=False), served),
    "add": Case(lambda: sup.add(waiting, name="new"), after=end_of),
    "add_many": Case(lambda: sup.add_many([waiting] * 3, names=["x", "y", "z"]), after=end_all),
    "remove": Case(lambda handle: sup.remove(handle), new_task, tidy=end_of),
    "cancel": Case(lambda handle: sup.cancel(handle), new_task, tidy=end_of),
    "list": Case(sup.list),
    "tasks": Case(sup.tasks),
    "snapshot": Case(sup.snapshot),
    "is_alive": Case(lambda: sup.is_alive("blocker")),
    "subscribers": Case(sup.subscribers),
    "join": Case(lambda: sup.join(0)),
    "events": Case(lambda: sup.events(4), after=close),
    "next": Case(lambda stream: stream.next(SOON), new_stream),
    "submit": Case(lambda: sup.submit(queued), after=end_of),
    "try_submit": Case(lambda: sup.try_submit(queued), after=end_of),
    "cancel_slot": Case(lambda *made: sup.cancel_slot("other"), new_slot, tidy=leave_slot),
    "controller_snapshot": Case(sup.controller_snapshot),
    "outcome": Case(done.outcome),
    "result": Case(done.result),
    "state": Case(lambda: (blocker.state, blocker.name, repr(blocker))),
    "add_done_callback": Case(lambda handle: handle.add_done_callback(id), new_task, tidy=end_of),
    "shutdown": Case(lambda made: made.shutdown(), served_handle, tidy=shut_down),
}


def looked_at() -> tuple[object, ...]:
    """What can be asked about the supervisor, but for what time alone changes."""
    tasks = [(info.id, info.name, info.state, info.attempt) for info in sup.tasks()]
    slots = [
        (slot.name, slot.status, slot.owner, slot.waiting) for slot in sup.controller_snapshot()
    ]
    queues = [info.waiting for info in sup.controller_snapshot()]
    return tasks, slots, queues, sup.list(), sup.snapshot(), len(sup.subscribers())


def is_documented(error: BaseException) -> bool:
    """A thread that cannot be had is an error of whoever starts the first one."""
    if what == WHATS["thread"]:
        return type(error) is RuntimeError and "new thread" in str(error)
    return type(error) is MemoryError


def attempt(case: Case, at: int, sticky: bool) -> bool:
    """Makes the call; its `at`-th allocation fails. True: it needs fewer."""
    made = case.before()
    before = looked_at()
    try:
        result = library.failing_call(partial(case.call, *made), what, at, sticky)
    except BaseException as error:
        assert is_documented(error), f"allocation {at}: {error!r}"
        after = looked_at()
        assert after == before, f"allocation {at}, changed:\n{before}\n{after}"
    else:
        case.after(result)
    case.tidy(*made)
    return bool(library.failing_calls() < at)


def fail_each(case: Case) -> int:
    """Plays a case to its end, failures alone and sticky; how many there were."""
    failures = 0
    for sticky in (False, True):
        at = 1
        while not attempt(case, at, sticky):
            at += 1
            assert at < MOST, "it never succeeds"
        failures += at - 1
    return failures


# --- what the runtime's threads do ---------------------------------------------------------------


def failing_from_here(at: int, sticky: bool) -> None:
    library.failing_order(what, at, sticky)


def returns(at: int, sticky: bool) -> object:
    failing_from_here(at, sticky)
    return [at]


def raises(at: int, sticky: bool) -> None:
    failing_from_here(at, sticky)
    raise ValueError("text", at)


def is_fatal(at: int, sticky: bool) -> None:
    failing_from_here(at, sticky)
    raise tv.Fatal("text", exit_code=3)


def exits(at: int, sticky: bool) -> None:
    failing_from_here(at, sticky)
    sys.exit(4)


def is_retried(ctx: tv.TaskContext, at: int, sticky: bool) -> object:
    if ctx.attempt == 1:
        failing_from_here(at, sticky)
        raise tv.Fail("again")
    return ctx.attempt


def uses_its_context(ctx: tv.TaskContext, at: int, sticky: bool) -> None:
    failing_from_here(at, sticky)
    ctx.token.child_token(), ctx.supervisor.list(), ctx.wait(0), ctx.check()


BODIES = {
    returns: {"completed", "failed"},
    raises: {"failed"},
    is_fatal: {"fatal", "failed"},
    exits: {"failed"},
    is_retried: {"completed", "failed"},
    uses_its_context: {"completed", "failed"},
}


def play_body(body: Callable[..., object], at: int, sticky: bool) -> None:
    told = threading.Event()
    spec = tv.TaskSpec(body, args=(at, sticky), max_retries=2, backoff=no_delay)
    if body is not is_retried:
        spec = spec.replace(restart="never")
    handle = sup.add(spec)
    handle.add_done_callback(lambda handle: told.set())
    outcome = handle.outcome(SOON)
    library.failing_call_off()
    assert outcome.kind in BODIES[body], f"allocation {at}: {outcome}"
    assert sup.add(once, name="after").outcome(SOON).kind == "completed"
    assert "after" not in sup.list() and handle.name not in sup.list()


def fail_body(body: Callable[..., object]) -> int:
    for sticky in (False, True):
        for at in range(1, BODY_MOST):
            play_body(body, at, sticky)
    return 2 * (BODY_MOST - 1)


class Observer:
    """Has its own thread fail for the events that follow a given one."""

    name = "observer"
    queue_capacity = 100

    def __init__(self, at: int, sticky: bool) -> None:
        self.order, self.kinds = (at, sticky), []

    def on_event(self, event: tv.Event) -> None:
        self.kinds.append(event.kind)
        if event.task == "first" and event.kind == tv.EventKind.TASK_ADD_REQUESTED:
            failing_from_here(*self.order)


def play_observer(at: int, sticky: bool) -> None:
    observer = Observer(at, sticky)
    with tv.Supervisor(subscribers=[observer]) as watched:
        stream = watched.events()
        watched.add(once, name="first").outcome(SOON)
        assert watched.join(SOON)
        while watched.subscribers()[0].queued:
            pass
        library.failing_call_off()
        watched.add(once, name="second").outcome(SOON)
        watched.shutdown()
        (told,) = watched.subscribers()
    published = len(list(stream))
    assert told.delivered + told.dropped == published, f"allocation {at}: {told} of {published}"
    assert observer.kinds[-1] == tv.EventKind.ALL_STOPPED_WITHIN_GRACE, observer.kinds


def fail_observer() -> int:
    for sticky in (False, True):
        for at in range(1, OBSERVER_MOST):
            play_observer(at, sticky)
    return 2 * (OBSERVER_MOST - 1)


# --- faults, planted to show that they are seen --------------------------------------------------

kept: list[object] = []


def keeps_on_failure() -> None:
    try:
        sup.events(4).close()
    except MemoryError:
        kept.append(object())
        raise


def adds_on_failure() -> None:
    try:
        sup.events(4).close()
    except MemoryError:
        sup.add(waiting, name=f"planted-{len(sup.list())}")
        raise


def hides_failure() -> None:
    try:
        sup.events(4).close()
    except MemoryError:
        raise ValueError("not what is documented") from None


PLANTED = {
    "planted: leak": Case(keeps_on_failure),
    "planted: change": Case(adds_on_failure),
    "planted: error": Case(hides_failure),
}

# --- all of them ---------------------------------------------------------------------------------

TYPES = (
    tv.TaskSpec, tv.TaskHandle, tv.SupervisorHandle, tv.Supervisor, tv.Event, tv.EventStream,
    tv.CancellationToken, Silent, Observer,
)  # fmt: skip


def every_round() -> dict[str, Callable[[], int]]:
    rounds = {name: partial(fail_each, case) for name, case in (CASES | PLANTED).items()}
    rounds |= {f"body {body.__name__}": partial(fail_body, body) for body in BODIES}
    rounds["subscriber"] = fail_observer
    return rounds


def left_by(play: Callable[[], int]) -> list[str]:
    """What TURNS of it leave behind."""
    before = measure.counts(TYPES)
    blocks, heap = sys.getallocatedblocks(), measure.heap_bytes()
    for _ in range(TURNS):
        play()
    measure.wait_for_threads(before["threads"])
    measure.settle()
    blocks, heap = sys.getallocatedblocks() - blocks, measure.heap_bytes() - heap
    after = measure.counts(TYPES)
    left = [f"{key}: {before[key]} -> {n}" for key, n in after.items() if n > before[key]]
    left += [f"blocks: {blocks:+}"] if blocks >= TURNS else []
    return left + ([f"heap bytes: {heap:+}"] if heap >= TURNS * 32 else [])


def check(play: Callable[[], int]) -> int:
    """Plays it; how many failures there were. Caches fill up, a leak goes on: each time counts."""
    failures = play()
    left = [left_by(play)]
    while left[-1] and len(left) < WINDOWS:
        left.append(left_by(play))
    assert not left[-1], f"left behind: {', '.join(left[-1])}"
    return failures


def main(names: list[str]) -> None:
    assert library.failing_install(), "the extension was not found"
    warnings.simplefilter("ignore", ResourceWarning)
    sys.unraisablehook = lambda unraisable: None  # without memory there is much of it
    threading.excepthook = lambda raised: None
    logging.getLogger("taskvisor").disabled = True
    while sup.snapshot() != ["blocker", "waits"]:
        pass
    rounds = every_round()
    wrong = 0
    for name in names or [name for name in rounds if name not in PLANTED]:
        try:
            print(f"{name}: {check(rounds[name])}", flush=True)
        except AssertionError as error:
            wrong += 1
            print(f"{name}: {error}", flush=True)
    sup.shutdown()
    sys.exit(wrong)


main(sys.argv[3:])
