"""What every call does in the exit handlers that run before ours and after ours.

Prints one line per call: the stage, the call, and how it ended.
"""

import atexit
import threading

calls = {}


def report(stage: str) -> None:
    for name, call in calls.items():
        try:
            print(stage, name, call())
        except Exception as error:
            print(stage, name, type(error).__name__)


atexit.register(
    report, "after"
)  # run in reverse order: after the handler that the import registers

import taskvisor as tv  # noqa: E402

atexit.register(report, "before")


def waits(ctx: tv.TaskContext) -> None:
    started.set()
    ctx.wait()


started = threading.Event()
spec = tv.TaskSpec.once(waits)
supervisor = tv.Supervisor().serve()
handle = supervisor.add(spec)
stream = supervisor.events()
token = tv.CancellationToken()
if not started.wait(20):
    raise SystemExit(98)

calls.update(
    run=lambda: tv.Supervisor().run([spec], handle_signals=False),
    serve=lambda: tv.Supervisor().serve(),
    add=lambda: supervisor.add(spec),
    add_many=lambda: supervisor.add_many([spec]),
    remove=lambda: supervisor.remove("waits"),
    cancel=lambda: supervisor.cancel("waits"),
    join=lambda: supervisor.join(),
    list=lambda: supervisor.list(),
    tasks=lambda: supervisor.tasks(),
    snapshot=lambda: supervisor.snapshot(),
    is_alive=lambda: supervisor.is_alive("waits"),
    subscribers=lambda: supervisor.subscribers(),
    events=lambda: list(supervisor.events()),
    shutdown=lambda: supervisor.shutdown(),
    outcome=lambda: handle.outcome().kind,
    stream=lambda: list(stream)[-1].kind,
)
