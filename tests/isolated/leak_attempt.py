"""Attempts on a private loop, however they end, their asyncio tasks, and what they hold."""

import asyncio
import contextvars

import measure

import taskvisor as tv


class Quiet:
    """Keeps failures out of the log."""

    def on_event(self, event: tv.Event) -> None:
        pass


class Thing:
    """What a body holds, returns or raises."""


class Error(Exception):
    """Raised, with a thing."""


async def returns(thing: Thing) -> Thing:
    return thing


async def suspends(thing: Thing) -> Thing:
    await asyncio.sleep(0)
    return thing


async def fails(thing: Thing) -> None:
    await asyncio.sleep(0)
    raise Error(thing)


async def waits(thing: Thing) -> None:
    await asyncio.Event().wait()


async def waits_for_token(ctx: tv.TaskContext) -> None:
    await ctx.wait_cancelled()


async def look() -> type:
    """The type of what its context has of us, which is nobody's to see."""
    values = contextvars.copy_context().values()
    return next(type(each) for each in values if type(each).__name__ == "Attempt")


def work() -> None:
    for body in (returns, suspends, fails):
        assert sup.add(tv.TaskSpec.once(body, args=(Thing(),))).outcome(20).attempts == 1
    late = sup.add(tv.TaskSpec.once(waits, args=(Thing(),), timeout=0.0001))
    assert late.outcome(20).kind == "failed"
    for spec in (tv.TaskSpec.once(waits, args=(Thing(),)), tv.TaskSpec.once(waits_for_token)):
        handle = sup.add(spec)
        sup.remove(handle)
        assert handle.outcome(20).kind == "canceled"


with tv.Supervisor(subscribers=[Quiet()]) as sup:
    attempt_type = sup.add(tv.TaskSpec.once(look)).result(20)
    measure.check(work, attempt_type, asyncio.Task, tv.TaskContext, tv.TaskHandle, Thing)
