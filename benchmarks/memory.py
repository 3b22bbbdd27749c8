"""How much memory does a task take that waits?

Tasks that have run once and pause for an hour, their handles kept; once with one spec for all, once
with a spec each.

What dominates: the task's record, its handle, and its name in C; the spec where each has its own.

How to read it: bytes of resident memory per task, the growth of the whole process from before the
first to after the last. Names are part of it; each round is a new process.
"""

import asyncio
from collections.abc import Callable, Iterator
from itertools import repeat
from os import sysconf
from pathlib import Path

from benchmarks import bodies
from benchmarks.contenders import crate_first, crate_newest, native, python, suture
from benchmarks.harness import Bar, Work, run
from benchmarks.idle import paused, settle
from benchmarks.measure import Sample, Ticks
from taskvisor import Supervisor, TaskSpec

GIGA = 1e9


def resident() -> int:
    """Bytes of this process that are in memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * sysconf("SC_PAGE_SIZE")


def idle(n: int, specs: Callable[[Ticks], Iterator[TaskSpec]]) -> tuple[int, int]:
    """What n paused tasks take, and how many bodies ran."""
    ticks = Ticks()
    with Supervisor() as sup:
        before = resident()
        add = sup.add
        handles = [add(spec, name=f"t{i}") for i, spec in zip(range(n), specs(ticks), strict=False)]
        settle(handles)
        taken = resident() - before
        ran = ticks.total()
    return taken, ran


def shared(ticks: Ticks) -> Iterator[TaskSpec]:
    """One spec for all."""
    return repeat(paused(ticks))


def own(ticks: Ticks) -> Iterator[TaskSpec]:
    """A spec each."""
    body = bodies.function(ticks)
    while True:
        yield TaskSpec.periodic(body, 3600.0)


def taskvisor_shared(n: int) -> Sample:
    """Handles are kept."""
    taken, ran = idle(n, shared)
    return Sample(taken / n, ran)


def taskvisor_own(n: int) -> Sample:
    """Handles and specs are kept."""
    taken, ran = idle(n, own)
    return Sample(taken / n, ran)


def taskvisor_total(n: int) -> Sample:
    """All together, in GB."""
    taken, ran = idle(n, shared)
    return Sample(taken / GIGA, ran)


def asyncio_idle(n: int) -> Sample:
    """Tasks that wait for an event, kept."""
    ticks = Ticks()
    tick = ticks.tick

    async def body(event: asyncio.Event) -> None:
        tick()
        await event.wait()

    async def main() -> int:
        event, before = asyncio.Event(), resident()
        tasks = [asyncio.create_task(body(event)) for _ in range(n)]
        await asyncio.sleep(0)
        taken = resident() - before
        event.set()
        await asyncio.gather(*tasks)
        return taken

    return Sample(asyncio.run(main()) / n, ticks.total())


def new(contenders) -> list:
    """Each round in a process of its own."""
    return [contender.but(fresh=True) for contender in contenders]


def labelled(contenders, what: str) -> list:
    """The family stays: the leaner of the two idle states counts."""
    return [contender.but(name=f"{contender.name}, {what}") for contender in contenders]


WORKS = (
    Work(
        key="memory",
        title="an idle task",
        unit="bytes per task",
        size=20_000,
        smoke=500,
        rounds=3,
        contenders=new(
            (
                python("taskvisor, shared spec", taskvisor_shared),
                python("taskvisor, own spec", taskvisor_own),
                native("taskvisor, C bodies", "memory"),
                python("asyncio", asyncio_idle),
                *labelled(crate_first("memory_paused"), "paused"),
                *labelled(crate_first("memory_waiting"), "waiting"),
                *labelled(crate_newest("memory_paused"), "paused"),
                suture("memory"),
            )
        ),
        bars=(
            Bar("an idle task, shared spec, bytes", "taskvisor, shared spec", at_most=512),
            Bar("  asyncio in the same run, ratio", "taskvisor, shared spec", "asyncio", at_most=1),
            Bar("  crate 0.1.2, ratio", "taskvisor, shared spec", "crate 0.1.2", at_most=1),
        ),
    ),
    Work(
        key="memory_million",
        title="a million idle tasks, handles kept",
        unit="GB",
        size=1_000_000,
        smoke=500,
        rounds=2,
        contenders=new((python("taskvisor", taskvisor_total),)),
        bars=(Bar("a million idle tasks, GB", "taskvisor", at_most=0.55),),
    ),
)

if __name__ == "__main__":
    run(WORKS, __doc__)
