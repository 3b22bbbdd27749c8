"""A service for `taskvisor run`: a poller, a slot per file, a periodic report, metrics.

    mkdir inbox outbox
    taskvisor run examples/07_service.py:supervisor

Each file of inbox/ that has changed is published to outbox/, of one file only its newest revision:
a publication that a newer one overtakes is asked to stop, and the newer one starts when it has.
Figures are at http://localhost:9464. The tutorial, docs/tutorial/service.md, comes to this file
step by step.
"""

import os
import shutil
from pathlib import Path

from prometheus_client import REGISTRY, start_http_server

from taskvisor import (
    ControllerConfig,
    ControllerSpec,
    Supervisor,
    SupervisorConfig,
    TaskContext,
    TaskSpec,
    task,
)
from taskvisor.ext.prometheus import PrometheusCollector

INBOX, OUTBOX = Path("inbox"), Path("outbox")
PORT = int(os.environ.get("METRICS_PORT", "9464"))

metrics = PrometheusCollector(label=lambda name: name.split()[0])
REGISTRY.register(metrics)
supervisor = Supervisor(
    SupervisorConfig(grace=5), subscribers=[metrics], controller=ControllerConfig()
)
seen: dict[str, int] = {}


def publish(ctx: TaskContext, path: Path) -> None:
    ctx.sleep(1)  # the slow part; ends at once when a newer revision wants the slot
    draft = shutil.copy(path, OUTBOX / f".{path.name}")
    os.replace(draft, OUTBOX / path.name)  # all of it or nothing


@task(every=0.5, timeout=10)
def poll(ctx: TaskContext) -> None:
    for path in INBOX.iterdir():
        revision = path.stat().st_mtime_ns
        if seen.get(path.name) != revision:
            name = f"publish {path.name} {revision}"
            job = TaskSpec.restartable(publish, name=name, args=(path,), max_retries=5)
            ctx.supervisor.submit(ControllerSpec.replace(job, slot=path.name))
            seen[path.name] = revision


@task(every=5)
def report() -> None:
    published = [path for path in OUTBOX.iterdir() if not path.name.startswith(".")]
    print("published:", len(published), flush=True)


@task
def figures(ctx: TaskContext) -> None:
    server, thread = start_http_server(PORT)
    metrics.watch(ctx.supervisor)
    try:
        ctx.wait()  # until it is asked to stop
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
