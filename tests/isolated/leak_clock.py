"""A manual clock and a supervisor on it: bodies that sleep, woken by the clock and by a cancel."""

import measure

import taskvisor as tv
from taskvisor._core import Clock
from taskvisor.testing import ManualClock


async def nap(ctx: tv.TaskContext) -> None:
    await ctx.asleep(3600)


def work() -> None:
    clock = ManualClock()
    clock.advance(1)
    assert clock.advance_to_next() is None
    with clock.supervisor() as sup:
        sup.add(tv.TaskSpec.once(lambda ctx: ctx.sleep(3600), name="a"))
        measure.wait_for(lambda: clock.sleeping == 1)
        clock.advance(3600)
        sup.join()
        sup.add(tv.TaskSpec.once(lambda ctx: ctx.wait(3600), name="a"))
        sup.add(tv.TaskSpec.once(nap, name="b"))
        measure.wait_for(lambda: clock.sleeping == 2)


measure.check(work, Clock)
