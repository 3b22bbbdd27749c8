"""Background work of a web application: it starts and stops with the application.

    python examples/03_asgi_lifespan.py

An ASGI server tells an application of its start and its end by the `lifespan` protocol, on the loop
that serves the requests. That is one `async with aio.Supervisor()`: what was added in it runs
beside the requests, is restarted when it fails, and has stopped before the server is told that the
application is down. Nothing of it knows of the server, and any ASGI server will do.

    refresh   a coroutine, on the server's loop: fetches the exchange rates, again and again; every
              fourth time the exchange hangs up, and the next attempt comes after a backoff
    archive   a plain function, which blocks on a file: it runs on a worker thread

A client drives the application here in place of a server: it asks for the rates until it has seen a
few revisions, has one page show the state of the tasks, and then shuts down.
"""

import asyncio
import json
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from taskvisor import BackoffPolicy, GraceExceeded, SupervisorConfig, TaskSpec, aio

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

ENOUGH = 8  # revisions
CONFIG = SupervisorConfig(grace=3.0, backoff=BackoffPolicy(first=0.02, max=1.0))


# ---- the application ----------------------------------------------------------------------------


class App:
    """Exchange rates, and the tasks that keep them fresh."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.revision = 0
        self.rates: dict[str, float] = {}
        self.sup: aio.SupervisorHandle | None = None

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.lifespan(receive, send)
        else:
            await self.page(scope["path"], send)

    async def lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            async with aio.Supervisor(CONFIG) as self.sup:
                self.sup.add(TaskSpec.periodic(self.refresh, every=0.01))
                self.sup.add(TaskSpec.periodic(self.archive, every=0.05))
                await send({"type": "lifespan.startup.complete"})
                await receive()
        except GraceExceeded as error:
            await send({"type": "lifespan.shutdown.failed", "message": str(error)})
        else:
            await send({"type": "lifespan.shutdown.complete"})

    async def refresh(self) -> None:
        await asyncio.sleep(0.005)  # the exchange takes its time
        self.revision += 1
        if self.revision % 4 == 0:
            raise ConnectionError("the exchange hung up")
        self.rates = {"EUR": 1.0, "NOK": 11.0 + self.revision / 100}

    def archive(self) -> None:
        self.path.write_text(json.dumps(self.rates))

    async def page(self, path: str, send: Send) -> None:
        pages = {"/": lambda: self.rates, "/tasks": self.states}
        content = pages[path]() if path in pages else None
        status = 404 if content is None else 200
        head = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": status, "headers": head})
        await send({"type": "http.response.body", "body": json.dumps(content).encode()})

    def states(self) -> dict[str, str | None]:
        assert self.sup is not None
        return {info.name: info.last_error for info in self.sup.tasks()}


# ---- the client ---------------------------------------------------------------------------------


class Client:
    """Drives an application as a server does, on one loop, without sockets."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.to_app: asyncio.Queue[Message] = asyncio.Queue()
        self.from_app: asyncio.Queue[Message] = asyncio.Queue()
        scope = {"type": "lifespan", "asgi": {"version": "3.0"}}
        self.life = asyncio.create_task(app(scope, self.to_app.get, self.from_app.put))

    async def tell(self, event: str) -> None:
        await self.to_app.put({"type": f"lifespan.{event}"})
        answer = await self.from_app.get()
        print("lifespan", answer["type"].removeprefix("lifespan."))

    async def get(self, path: str) -> tuple[int, Any]:
        sent: asyncio.Queue[Message] = asyncio.Queue()
        await self.app({"type": "http", "method": "GET", "path": path}, sent.get, sent.put)
        start, body = await sent.get(), await sent.get()
        return start["status"], json.loads(body["body"])


async def main(app: App) -> None:
    client = Client(app)
    await client.tell("startup")
    seen: list[Any] = []
    while len(seen) < ENOUGH:
        status, rates = await client.get("/")
        if rates and rates not in seen:
            seen.append(rates)
            print("GET /", status, rates)
        await asyncio.sleep(0.005)
    print("GET /tasks", *await client.get("/tasks"))
    print("GET /nothing", *await client.get("/nothing"))
    await client.tell("shutdown")
    await client.life


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "rates.json"
        path.touch()
        asyncio.run(main(App(path)))
        print("archived", path.read_text() or "nothing")
