"""A program that is not asynchronous, with supervised coroutines in it: asyncio.Runner.

    python examples/05_asyncio_runner.py

`asyncio.Runner` keeps one loop over several calls of `run()`. A supervisor that was entered in one
of them belongs to that loop: between the calls its coroutines stand still, and in the next one they
go on where they were. Its plain functions run on threads and go on all the time, and what is due
meanwhile (a timeout, a restart) waits for the loop.

So the last call leaves the block that the first one has entered; an AsyncExitStack keeps it. A
program that would rather have its coroutines run all the time, without a loop of its own, uses the
plain `Supervisor`, which has a private loop on a thread; the last part shows that.
"""

import asyncio
import time
from contextlib import AsyncExitStack

from taskvisor import Supervisor, SupervisorConfig, TaskContext, TaskSpec, aio

CONFIG = SupervisorConfig(grace=3.0)


class Sensor:
    """Counts its readings."""

    def __init__(self) -> None:
        self.readings = 0
        self.changed = asyncio.Event()

    async def read(self) -> None:
        while True:
            self.readings += 1
            self.changed.set()
            await asyncio.sleep(0.001)

    async def until_read(self, count: int) -> None:
        while self.readings < count:
            self.changed.clear()
            await self.changed.wait()

    def read_by_thread(self, ctx: TaskContext) -> None:
        while not ctx.wait(0.001):
            self.readings += 1


async def enter(stack: AsyncExitStack, on_loop: Sensor, on_thread: Sensor) -> None:
    sup = await stack.enter_async_context(aio.Supervisor(CONFIG))
    sup.add(TaskSpec.restartable(on_loop.read, name="on the loop"))
    sup.add(TaskSpec.restartable(on_thread.read_by_thread, name="on a thread"))


def pause(sensors: list[Sensor]) -> list[int]:
    """The program does something else; how many readings were made meanwhile."""
    before = [sensor.readings for sensor in sensors]
    while sensors[1].readings < before[1] + 5:
        time.sleep(0.001)
    return [sensor.readings - count for sensor, count in zip(sensors, before, strict=True)]


def with_a_runner() -> None:
    sensors = [Sensor(), Sensor()]
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        runner.run(enter(stack, *sensors))
        runner.run(sensors[0].until_read(10))
        print("first run: ten readings on the loop")
        meanwhile = pause(sensors)
        print(f"between the runs: {meanwhile[0]} on the loop, {meanwhile[1]} or more on a thread")
        runner.run(sensors[0].until_read(20))
        print("second run: ten more on the loop")
        runner.run(stack.aclose())
    print("left: all have stopped")


def with_a_private_loop() -> None:
    sensor = Sensor()
    with Supervisor(CONFIG) as sup:
        handle = sup.add(TaskSpec.restartable(sensor.read))
        while sensor.readings < 10:
            time.sleep(0.001)
    print(f"private loop: ten readings without a loop of ours, then {handle.outcome().kind}")


if __name__ == "__main__":
    with_a_runner()
    with_a_private_loop()
