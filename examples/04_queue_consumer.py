"""Consumers of an asyncio.Queue that survive their own failures, and lose no item by them.

    python examples/04_queue_consumer.py

Three consumers take orders from one queue. Each is a loop that is written as if nothing ever went
wrong: what is raised in it ends the attempt, and the supervisor begins the next one after a backoff
that grows with every failure in a row. What the attempt had in its hands goes back into the queue,
also when it is cancelled in the middle, so an order is handled at least once; one that nobody can
handle is set aside after three tries. The queue has no limit: to give back must not wait for room.

Two orders fail once, one always. When all are dealt with, the block is left: the consumers, which
wait for more, are cancelled, and have ended when the next line runs.
"""

import asyncio
from collections import Counter
from dataclasses import dataclass

from taskvisor import BackoffPolicy, SupervisorConfig, TaskContext, TaskSpec, aio

ORDERS = 30
FAILS_ONCE = {7, 19}
FAILS_ALWAYS = {11}
MOST_TRIES = 3
CONFIG = SupervisorConfig(grace=5.0, backoff=BackoffPolicy(first=0.01, max=0.5))


@dataclass
class Order:
    number: int
    tries: int = 0


class Desk:
    """The queue, and what became of the orders."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[Order] = asyncio.Queue()
        self.handled: Counter[str] = Counter()
        self.set_aside: list[int] = []
        self.numbers: list[int] = []

    async def handle(self, order: Order, consumer: str) -> None:
        await asyncio.sleep(0.002)
        if order.number in FAILS_ALWAYS or (order.number in FAILS_ONCE and order.tries == 1):
            raise ValueError(f"order {order.number} makes no sense")
        self.handled[consumer] += 1
        self.numbers.append(order.number)

    def give_back(self, order: Order) -> None:
        if order.tries < MOST_TRIES:
            self.queue.put_nowait(order)
        else:
            self.set_aside.append(order.number)


async def consume(ctx: TaskContext, desk: Desk) -> None:
    while True:
        order = await desk.queue.get()
        order.tries += 1
        try:
            await desk.handle(order, ctx.name)
        except BaseException as error:
            print(f"{ctx.name}, attempt {ctx.attempt}: {error}")
            desk.give_back(order)
            raise
        finally:
            desk.queue.task_done()


async def produce(desk: Desk) -> None:
    for number in range(1, ORDERS + 1):
        await desk.queue.put(Order(number))
        await asyncio.sleep(0.001)


async def main() -> None:
    desk = Desk()
    async with aio.Supervisor(CONFIG) as sup:
        names = ["ada", "ben", "cleo"]
        consumers = sup.add_many([TaskSpec.restartable(consume, args=(desk,))] * 3, names=names)
        await sup.add(TaskSpec.once(produce, args=(desk,)))
        await desk.queue.join()

    print("\nconsumer  outcome   attempts  handled")
    for handle in consumers:
        outcome = await handle.outcome()
        handled = desk.handled[handle.name]
        print(f"{handle.name:<8}  {outcome.kind}  {outcome.attempts:>8}  {handled:>7}")
    everything = sorted([*desk.numbers, *desk.set_aside]) == list(range(1, ORDERS + 1))
    print(f"\nset aside: {desk.set_aside}; each order dealt with once: {everything}")


if __name__ == "__main__":
    asyncio.run(main())
