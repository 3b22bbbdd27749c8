"""Kinds of body and of supervisor: one description of a behaviour, proved for all of them.

A module says `pytestmark = every_kind`, a test of it `@plain_bodies` or the like where it is about
less; then `serve` and `run` give what the kind under test has, and every body that is added there
is made one of that kind. A body that waits is written `async def` and awaits nothing but what this
module and `Gate` have: on a loop that waits as a coroutine does, elsewhere it blocks the thread.

Guarantees: a plain body that is made of an `async def` never suspends, so it runs as one call; a
coroutine that is made of a plain function runs all of it in one step.
"""

import asyncio
import inspect
import threading
import time
from contextlib import suppress
from dataclasses import dataclass

import pytest
from gates import Gate, on_loop

import taskvisor as tv

# --- what bodies may await -----------------------------------------------------------------------


async def wait(ctx, timeout=None):
    """Waits for the cancel of an attempt; False: it did not come in time."""
    return await ctx.wait_cancelled(timeout) if on_loop() else ctx.wait(timeout)


async def sleep(ctx, seconds):
    """Sleeps; Canceled as soon as the attempt is cancelled."""
    return await ctx.asleep(seconds) if on_loop() else ctx.sleep(seconds)


async def gives_way():
    """Lets others run meanwhile; nothing depends on it."""
    await asyncio.sleep(0) if on_loop() else tv.current().wait(0.0001)


async def stay(seconds):
    """Stays for a while, whoever asks it to leave."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(left) if on_loop() else threading.Event().wait(left)


# --- bodies --------------------------------------------------------------------------------------


def _like(fn, body):
    """`body` with the signature of `fn`, where one can be read."""
    try:
        body.__signature__ = inspect.signature(fn)
    except (TypeError, ValueError):
        pass
    return body


def as_plain(fn):
    """A plain function that does what a coroutine function does, in one call."""
    if not inspect.iscoroutinefunction(fn):
        return fn

    def body(*args, **kwargs):
        try:
            fn(*args, **kwargs).send(None)
        except StopIteration as end:
            return end.value
        raise AssertionError("it awaits something else than what kinds has")

    return _like(fn, body)


def as_coroutine(fn):
    """A coroutine function that does what a plain function does, in one step."""
    if isinstance(fn, Gate):
        return fn.through
    if inspect.iscoroutinefunction(fn):
        return fn

    async def body(*args, **kwargs):
        return fn(*args, **kwargs)

    return _like(fn, body)


# --- kinds ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Kind:
    """How bodies are made, None: as they are given; and whether the supervisor is one of `aio`."""

    make: object = None
    is_aio: bool = False

    @property
    def has_coroutines(self):
        """Whether its bodies are coroutines."""
        return self.make is as_coroutine

    def specs(self, specs):
        """The specs with bodies of this kind; one that is given often is made once."""
        specs, made = list(specs), {}
        return [made.get(id(spec)) or made.setdefault(id(spec), self.spec(spec)) for spec in specs]

    def spec(self, spec):
        """A TaskSpec with a body of this kind, or what was given instead of one."""
        if self.make is None or not isinstance(spec, tv.TaskSpec):
            return spec
        made = self.make(spec.fn)
        return spec if made is spec.fn else spec.replace(fn=made)

    def claim(self, claim):
        """A ControllerSpec whose task has a body of this kind."""
        if not isinstance(claim, tv.ControllerSpec):
            return claim
        return tv.ControllerSpec(claim.admission, self.spec(claim.task), slot=claim.slot)


class Supervised:
    """A supervisor's handle that makes every body which is added there one of a kind."""

    def __init__(self, kind, handle):
        self._kind = kind
        self._handle = handle

    def __getattr__(self, name):
        return getattr(self._handle, name)

    def add(self, spec, **options):
        """Adds a task."""
        return self._handle.add(self._kind.spec(spec), **options)

    def add_many(self, specs, **options):
        """Adds tasks."""
        return self._handle.add_many(self._kind.specs(specs), **options)

    def submit(self, claim, *args, **options):
        """Submits a task."""
        return self._handle.submit(self._kind.claim(claim), *args, **options)

    def try_submit(self, claim):
        """Submits a task."""
        return self._handle.try_submit(self._kind.claim(claim))


KINDS = {
    "plain": Kind(as_plain),
    "coroutine": Kind(as_coroutine),
    "plain-aio": Kind(as_plain, is_aio=True),
    "coroutine-aio": Kind(as_coroutine, is_aio=True),
}
AS_GIVEN = Kind()

every_kind = pytest.mark.kinds(*KINDS)
plain_bodies = pytest.mark.kinds("plain", "plain-aio")
plain_supervisors = pytest.mark.kinds("plain", "coroutine")
as_given = pytest.mark.kinds()
