"""Correct use, with the types a reader would expect; it is checked, never run."""

from __future__ import annotations

import functools
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any, assert_type

import taskvisor as tv
from taskvisor import aio
from taskvisor.ext.otel import OpenTelemetrySubscriber
from taskvisor.ext.prometheus import PrometheusCollector


def count(ctx: tv.TaskContext, start: int) -> int:
    """A body with the context."""
    ctx.sleep(timedelta(seconds=1))
    ctx.check()
    assert_type(ctx.cancel_reason, tv.CancelReason | None)
    assert_type(ctx.supervisor, tv.SupervisorHandle)
    return start + ctx.attempt


def fetch(url: str, *, retries: int = 3) -> bytes:
    """A body without."""
    return url.encode() * retries


async def poll(url: str) -> bytes:
    """A coroutine as a body."""
    return url.encode()


class Job:
    """A body with state of its own."""

    def __call__(self, ctx: tv.TaskContext) -> list[str]:
        """Run."""
        return [ctx.name]

    def method(self) -> float:
        """Run, too."""
        return 1.0


def specs() -> None:
    """A spec keeps the type of its body's result, whatever the body is."""
    assert_type(tv.TaskSpec(count, args=(1,)), tv.TaskSpec[int])
    assert_type(tv.TaskSpec.once(fetch, kwargs={"url": "u"}), tv.TaskSpec[bytes])
    assert_type(tv.TaskSpec.restartable(Job(), max_retries=3, timeout=None), tv.TaskSpec[list[str]])
    assert_type(tv.TaskSpec.periodic(Job().method, timedelta(hours=1)), tv.TaskSpec[float])
    assert_type(tv.TaskSpec.once(functools.partial(fetch, "u")), tv.TaskSpec[bytes])
    assert_type(tv.TaskSpec.once(lambda: None), tv.TaskSpec[None])
    spec = tv.TaskSpec(fetch, args=("u",), restart="never", grace=..., backoff=tv.BackoffPolicy())
    assert_type(spec.replace(timeout=2), tv.TaskSpec[bytes])
    assert_type(spec.replace(fn=count), tv.TaskSpec[int])
    assert_type(spec.fn("u"), bytes | Coroutine[Any, Any, bytes])
    assert_type(tv.TaskSpec(poll, args=("u",)), tv.TaskSpec[bytes])
    assert_type(tv.TaskSpec.restartable(poll), tv.TaskSpec[bytes])
    assert_type(spec.replace(fn=poll), tv.TaskSpec[bytes])
    wider: tv.TaskSpec[bytes | None] = spec  # covariant
    print(wider)


def handles(sup: tv.SupervisorHandle) -> None:
    """So do handles, results and outcomes."""
    handle = sup.add(tv.TaskSpec.once(fetch, args=("u",)), name="one")
    assert_type(handle, tv.TaskHandle[bytes])
    assert_type(handle.result(timeout=1), bytes)
    outcome = handle.outcome(timedelta(seconds=1))
    assert_type(outcome, tv.TaskOutcome[bytes])
    assert_type(outcome.value, bytes | None)
    assert_type(outcome.rejection, tv.RejectionKind | None)
    handle.add_done_callback(lambda done: print(done.result().decode()))
    same = tv.TaskSpec.once(count, args=(1,))
    assert_type(sup.add_many([same, same], names=["a", "b"]), list[tv.TaskHandle[int]])
    assert_type(sup.add_many([same, tv.TaskSpec.once(dict)])[0].id, int)
    submission = tv.ControllerSpec.replace(same, slot="s")
    assert_type(submission, tv.ControllerSpec[int])
    assert_type(sup.submit(submission, timeout=None), tv.TaskHandle[int])
    assert_type(sup.try_submit(tv.ControllerSpec("queue", same)).result(), int)


async def awaiting(handle: tv.TaskHandle[bytes]) -> None:
    """A handle is awaitable."""
    assert_type(await handle, bytes)


async def on_a_loop(spec: tv.TaskSpec[bytes]) -> None:
    """The same types on a loop."""
    async with aio.Supervisor() as sup:
        handle = sup.add(spec)
        assert_type(handle, aio.TaskHandle[bytes])
        assert_type(await handle, bytes)
        assert_type(await handle.result(), bytes)
        assert_type(await handle.outcome(), tv.TaskOutcome[bytes])
        assert_type(await sup.cancel(handle), bool)
        async for event in sup.events():
            assert_type(event, tv.Event)
    assert_type(await aio.run([spec]), None)


def views(sup: tv.SupervisorHandle, handle: tv.TaskHandle[Any]) -> None:
    """A task may be named in three ways, and what is shown has types."""
    for task in (handle, handle.id, handle.name):
        assert_type(sup.cancel(task, timeout=1.5), bool)
        assert_type(sup.remove(task), bool)
    assert_type(sup.list(), list[str])
    assert_type(sup.tasks()[0].next_start_in, float | None)
    assert_type(sup.subscribers()[0].dropped, int)
    assert_type(sup.controller_snapshot()[0].status, tv.SlotStatus)
    with sup.events(capacity=10) as stream:
        for event in stream:
            assert_type(event.kind, tv.EventKind)
            assert_type(event.backoff_source, tv.BackoffSource | None)


class Observer(tv.Subscribe):
    """A subscriber by inheritance."""

    name = "observer"
    queue_capacity = 10

    def on_event(self, event: tv.Event) -> None:
        """Hear of an event."""
        print(event.seq, event.task)


class Duck:
    """A subscriber by its method."""

    def on_event(self, event: tv.Event) -> int:
        """Hear of an event; what is returned is not looked at."""
        return event.seq


def supervisors() -> None:
    """Everything a Supervisor takes."""
    config = tv.SupervisorConfig(grace=1, restart="always", max_concurrent=4, seed=7)
    observers = [PrometheusCollector(), OpenTelemetrySubscriber(label=str.upper)]
    watching = [Observer(), tv.LogWriter(), tv.LoggingSubscriber()]
    sup = tv.Supervisor(config, subscribers=[Duck(), *watching, *observers])
    assert_type(sup.run([tv.TaskSpec.once(dict)], handle_signals=False), None)
    with tv.Supervisor(controller=tv.ControllerConfig()) as handle:
        assert_type(handle, tv.SupervisorHandle)
        observers[0].watch(handle)
    with tv.Supervisor().serve() as handle:
        assert_type(handle.join(timeout=None), bool)
        handle.shutdown(0, wait=False)
    current = tv.current()
    assert_type(current, tv.TaskContext | None)


def values() -> None:
    """Values and errors."""
    assert_type(tv.RestartPolicy.always(1.5).interval, float | None)
    assert_type(tv.BackoffPolicy(jitter="full").preview(3), list[tuple[float, float]])
    assert_type(tv.Event("task_starting", task="t", attempt=1).attempt, int | None)
    try:
        raise tv.Fatal("no", exit_code=3)
    except tv.TaskError as error:
        print(error)
    try:
        print(tv.current())
    except tv.GraceExceeded as error:
        assert_type(error.stuck, list[str])
        assert_type(error.stacks, dict[str, str])
    except tv.TaskRemoveTimeout as error:
        assert_type(error.timeout, float | None)
