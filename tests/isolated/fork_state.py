"""`fork_state.py STATE CHILD`: forks with a supervisor in STATE; the child does CHILD.

States: idle, running, coroutine, shutting_down, ended. What the child does: exit (returns from the
script), os_exit, exec, own (runs a supervisor of its own), calls (prints how each call of the old
one ends), drop. The parent prints the child's exit code, and then shows that its own supervisor
works.
"""

import asyncio
import concurrent.futures.thread  # noqa: F401  # its import during a fork would break that
import gc
import os
import sys
import threading
import warnings

import taskvisor as tv

started = threading.Event()
release = threading.Event()
stopping = threading.Event()


class Watcher:
    """Says when the shutdown began."""

    def on_event(self, event: tv.Event) -> None:
        if event.kind == tv.EventKind.SHUTDOWN_REQUESTED:
            stopping.set()


def holds() -> None:
    started.set()
    release.wait(20)


async def awaits() -> None:
    started.set()
    await asyncio.to_thread(release.wait, 20)


def adds_up(ctx: tv.TaskContext) -> int:
    return ctx.attempt + 41


def enter(state: str) -> tuple[tv.SupervisorHandle, tv.TaskHandle]:
    supervisor = tv.Supervisor(subscribers=[Watcher()]).serve()
    if state == "idle":
        handle = supervisor.add(tv.TaskSpec.once(adds_up))
        handle.outcome(20)
        return supervisor, handle
    body = awaits if state == "coroutine" else holds
    handle = supervisor.add(tv.TaskSpec.once(body))
    assert started.wait(20)
    if state == "shutting_down":
        supervisor.shutdown(wait=False)
        assert stopping.wait(20)
    if state == "ended":
        release.set()
        supervisor.shutdown()
    return supervisor, handle


def report(name: str, call: object) -> None:
    try:
        print(name, "returned", call())
    except Exception as error:
        print(name, type(error).__name__, "fork" in str(error))


def print_calls(supervisor: tv.SupervisorHandle) -> None:
    spec = tv.TaskSpec.once(holds)
    calls = {
        "add": lambda: supervisor.add(spec),
        "add_many": lambda: supervisor.add_many([spec]),
        "remove": lambda: supervisor.remove("holds"),
        "cancel": lambda: supervisor.cancel("holds"),
        "join": supervisor.join,
        "list": supervisor.list,
        "tasks": supervisor.tasks,
        "snapshot": supervisor.snapshot,
        "is_alive": lambda: supervisor.is_alive("holds"),
        "subscribers": supervisor.subscribers,
        "events": supervisor.events,
        "shutdown": supervisor.shutdown,
    }
    for name, call in calls.items():
        report(name, call)
    sys.stdout.flush()


def child(what: str, held: list[object]) -> None:
    if what == "os_exit":
        os._exit(5)
    if what == "exec":
        os.execv(sys.executable, [sys.executable, "-c", "print('executed'); raise SystemExit(5)"])
    if what == "own":
        with tv.Supervisor() as own:
            print("own", own.add(tv.TaskSpec.once(adds_up)).result(20))
    if what == "calls":
        print_calls(held[0])
    if what == "drop":
        warnings.simplefilter("error")
        held.clear()
        gc.collect()
    sys.exit(5)


def main(state: str, what: str) -> None:
    held: list[object] = list(enter(state))
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        child(what, held)
    _, status = os.waitpid(pid, 0)
    print("child", os.waitstatus_to_exitcode(status))
    release.set()
    supervisor, handle = held
    outcome = handle.outcome(20)
    assert outcome.kind in {"completed", "canceled"}, outcome
    supervisor.shutdown()
    print("parent", supervisor.list())


main(*sys.argv[1:])
