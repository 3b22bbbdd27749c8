"""An echo server on uvloop, which is restarted when it fails while its clients go on.

    pip install uvloop
    python examples/06_uvloop.py

`taskvisor.aio` runs on the loop that it is entered on, whoever made it: here `asyncio.Runner` gets
it from uvloop. A server, and clients of it, are tasks of one supervisor. After twenty lines the
server fails; its connections break, the clients' attempts fail with them, and each is tried again
after a short backoff, until every client has had all of its lines echoed.
"""

import asyncio

import uvloop

from taskvisor import BackoffPolicy, SupervisorConfig, TaskContext, TaskSpec, aio

CLIENTS = 4
LINES = 10
FAILS_AFTER = 20  # lines
CONFIG = SupervisorConfig(grace=3.0, backoff=BackoffPolicy(first=0.01, max=0.2))


class Server:
    """Echoes lines; its first attempt ends in the middle."""

    def __init__(self) -> None:
        self.port = 0
        self.lines = 0

    async def serve(self, ctx: TaskContext) -> None:
        broken = asyncio.get_running_loop().create_future()
        connections: set[asyncio.StreamWriter] = set()

        async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            connections.add(writer)
            while line := await reader.readline():
                self.lines += 1
                if self.lines == FAILS_AFTER:
                    broken.set_exception(OSError("the network card caught fire"))
                    return
                writer.write(line)
            writer.close()

        server = await asyncio.start_server(echo, "127.0.0.1", self.port)
        self.port = server.sockets[0].getsockname()[1]
        print(f"server, attempt {ctx.attempt}: serves on {type(server.get_loop()).__module__}")
        try:
            await broken
        finally:
            server.close()
            for writer in connections:
                writer.close()


class Client:
    """Has its lines echoed; what was echoed already is not sent again."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.echoed = 0

    async def talk(self) -> int:
        if not self.server.port:
            raise ConnectionError("no server yet")
        reader, writer = await asyncio.open_connection("127.0.0.1", self.server.port)
        try:
            while self.echoed < LINES:
                line = f"line {self.echoed}\n".encode()
                writer.write(line)
                if await reader.readline() != line:
                    raise ConnectionError("the server hung up")
                self.echoed += 1
        finally:
            writer.close()
        return self.echoed


async def main() -> None:
    server = Server()
    async with aio.Supervisor(CONFIG) as sup:
        served = sup.add(TaskSpec.restartable(server.serve, name="server"))
        specs = [TaskSpec.restartable(Client(server).talk) for _ in range(CLIENTS)]
        clients = sup.add_many(specs, names=[f"client {n}" for n in range(1, CLIENTS + 1)])
        echoed = [await handle for handle in clients]
    attempts = [(await handle.outcome()).attempts for handle in clients]
    print(f"echoed: {echoed}, in more than one attempt: {sum(each > 1 for each in attempts)}")
    print(f"server: {(await served.outcome()).kind}, attempts: {(await served.outcome()).attempts}")


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
