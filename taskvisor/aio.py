"""Supervision on the caller's own asyncio loop.

    async with aio.Supervisor() as sup:
        handle = sup.add(TaskSpec.restartable(poll))  # an `async def`, or a plain function
        value = await handle

The names are those of the plain supervisor. What can wait is a coroutine (`submit`, `cancel`,
`join`, `shutdown`; a handle's `outcome`, `result`, `cancel`); all else is plain and never waits.
Coroutine bodies run on the loop that the supervisor was entered on; plain functions run on worker
threads, as ever.

Guarantees: nothing here blocks the loop. Cancelling an await ends the wait, and nothing else. A
supervisor is used on its own loop only: anywhere else each call raises RuntimeError, naming both.
The loop and its signals are the application's: no handler is installed.
"""

from __future__ import annotations

import asyncio
import builtins
import time
from collections.abc import Callable, Iterable, Sequence
from types import EllipsisType, TracebackType
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

from taskvisor import _hooks, supervisor
from taskvisor._checks import Seconds, optional_seconds
from taskvisor._waits import told
from taskvisor.config import SupervisorConfig
from taskvisor.controller import ControllerConfig, ControllerSpec, SlotInfo
from taskvisor.errors import ControllerFull, TaskRemoveTimeout
from taskvisor.outcome import SubscriberInfo, TaskInfo, TaskOutcome, TaskState
from taskvisor.supervisor import Event, TaskSpec

if TYPE_CHECKING:
    from taskvisor._core import _Place, _Subscriber, _Watch

__all__ = ["EventStream", "Supervisor", "SupervisorHandle", "TaskHandle", "run"]

_T = TypeVar("_T")


class _OnLoop:
    """Something that belongs to one loop."""

    __slots__ = ("_loop",)

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()

    def _here(self) -> asyncio.AbstractEventLoop:
        """Return the loop; RuntimeError elsewhere."""
        try:
            running: asyncio.AbstractEventLoop | None = asyncio.get_running_loop()
        except RuntimeError:
            running = None
        if running is not self._loop:
            where = "outside any loop" if running is None else f"on {running!r}"
            raise RuntimeError(f"this supervisor belongs to {self._loop!r}; it was used {where}")
        return self._loop


class _Deadline:
    """What is left of a timeout in seconds; None is for ever."""

    __slots__ = ("_at",)

    def __init__(self, timeout: float | None) -> None:
        self._at = None if timeout is None else time.monotonic() + timeout

    def left(self) -> float | None:
        """Return the seconds that are left, 0 past the deadline."""
        return None if self._at is None else max(self._at - time.monotonic(), 0.0)


async def _until(
    is_there: Callable[[], bool], watch: Callable[[], _Watch], timeout: float | None
) -> bool:
    """Wait until something is there; False: not in time."""
    deadline = _Deadline(timeout)
    while not is_there():
        left = deadline.left()
        if left == 0:
            return False
        begun = watch()
        if is_there():
            begun.withdraw()
            return True
        await told(begun, left)
    return True


class TaskHandle(_OnLoop, Generic[_T]):
    """A task of an `aio.SupervisorHandle`. Awaited it gives the value, or raises, as `result()`."""

    __slots__ = ("__weakref__", "_plain")

    def __init__(self, plain: supervisor.TaskHandle[_T]) -> None:
        """Made by `SupervisorHandle.add`; `plain` is the TaskHandle that threads would have."""
        super().__init__()
        self._plain = plain

    @property
    def id(self) -> int:
        """The task's number: unique in the process, never reused."""
        return self._plain.id

    @property
    def name(self) -> str:
        """The task's name."""
        return self._plain.name

    @property
    def state(self) -> TaskState:
        """Where the task is now."""
        return self._plain.state

    def done(self) -> bool:
        """Tell whether the task has its outcome."""
        return self._plain.done()

    def __await__(self) -> Any:
        """Wait for the task: its value, or raise, as `result()`."""
        self._here()
        return self._plain.__await__()

    async def outcome(self, timeout: Seconds | None = None) -> TaskOutcome[_T]:
        """Wait until the task has ended and return its TaskOutcome, however it ended.

        timeout: seconds to wait at most; None waits for ever. Raises TimeoutError past it.
        """
        await self._wait(timeout)
        return self._plain.outcome(0)

    async def result(self, timeout: Seconds | None = None) -> _T:
        """Wait until the task has ended and return the value of its last attempt.

        timeout: seconds to wait at most; None waits for ever. Raises what the last attempt raised
        if the task ended failed or fatal by it, OutcomeError for every other end but a completed
        one, TimeoutError past the timeout.
        """
        await self._wait(timeout)
        return self._plain.result(0)

    async def _wait(self, timeout: Seconds | None) -> None:
        self._here()
        limit = optional_seconds(timeout, "timeout")
        await _until(self._plain.done, self._plain._watch, limit)

    async def cancel(self, timeout: Seconds | EllipsisType | None = ...) -> bool:
        """Ask the task to stop and wait until its body has returned and its name is free.

        timeout: seconds to wait at most; left out it is the task's grace, None waits for ever.
        True for the one caller that asked first. Raises TaskRemoveTimeout past the timeout; the
        removal goes on.
        """
        self._here()
        limit = _checked(timeout)
        return await _cancelled(self._plain._leave(), limit)

    def add_done_callback(self, fn: Callable[[TaskHandle[_T]], object]) -> None:
        """Call `fn(handle)` on the loop, once, when the task has its outcome.

        What it raises is logged. Raises TypeError if fn is not callable.
        """
        if not callable(fn):
            raise TypeError(f"fn must be callable, not {type(fn).__name__}")
        loop = self._here()

        def call(_: object = None) -> None:
            try:
                fn(self)
            except Exception as error:
                _hooks.log_callback_error(self, error)

        if self._plain.done():
            loop.call_soon(call)
            return
        watch = self._plain._watch()
        if self._plain.done():
            watch.withdraw()
            loop.call_soon(call)
        else:
            watch.future.add_done_callback(call)

    def __repr__(self) -> str:
        """Return the plain handle's, as one of this module."""
        return f"<aio.{repr(self._plain)[1:]}"


def _checked(timeout: Seconds | EllipsisType | None) -> float | EllipsisType | None:
    """Return the timeout of a cancel; left out it is the task's grace."""
    return timeout if isinstance(timeout, EllipsisType) else optional_seconds(timeout, "timeout")


async def _cancelled(
    asked: tuple[bool, str, float, _Watch] | None, timeout: float | EllipsisType | None
) -> bool:
    """Wait for a task that was asked to leave."""
    if asked is None:
        return False
    first, name, grace, watch = asked
    limit = grace if isinstance(timeout, EllipsisType) else timeout
    if watch.gone():
        watch.withdraw()
    else:
        await told(watch, limit)
        if not watch.gone():
            raise TaskRemoveTimeout(name, limit)
    return first


class EventStream(_OnLoop):
    """The events of a supervisor, from `events()` on; an async iterator, and a context manager."""

    __slots__ = ("_plain",)

    def __init__(self, plain: supervisor.EventStream) -> None:
        """Made by `SupervisorHandle.events`."""
        super().__init__()
        self._plain = plain

    @property
    def lost(self) -> int:
        """How many events were dropped because nobody had read them in time."""
        return self._plain.lost

    async def next(self, timeout: Seconds | None = None) -> Event:
        """Wait for the next event and return it.

        timeout: seconds to wait at most; None waits for ever. Raises TimeoutError past it, Lagged
        if events were dropped before the next one (call again to go on), StopAsyncIteration at the
        end.
        """
        self._here()
        deadline = _Deadline(optional_seconds(timeout, "timeout"))
        while True:
            with_watch = self._plain._watch()
            try:
                return self._plain.next(0)
            except StopIteration:
                raise StopAsyncIteration from None
            except TimeoutError:
                if deadline.left() == 0:
                    raise
                await told(with_watch, deadline.left())
            finally:
                with_watch.withdraw()

    def close(self) -> None:
        """End the stream and drop what it has kept."""
        self._plain.close()

    def __aiter__(self) -> Self:
        """Return the stream."""
        return self

    async def __anext__(self) -> Event:
        """Wait for the next event, without limit."""
        return await self.next()

    def __enter__(self) -> Self:
        """Return the stream."""
        return self

    def __exit__(self, *exc: object) -> None:
        """Close the stream."""
        self.close()

    async def __aenter__(self) -> Self:
        """Return the stream."""
        return self

    async def __aexit__(self, *exc: object) -> None:
        """Close the stream."""
        self.close()


class SupervisorHandle(_OnLoop):
    """A supervisor that runs on this loop. Leaving its `async with` block shuts down."""

    __slots__ = ("__weakref__", "_plain")

    def __init__(self, plain: supervisor.SupervisorHandle) -> None:
        """Made by `Supervisor.serve`."""
        super().__init__()
        self._plain = plain

    # --- adding ---

    def add(self, spec: TaskSpec[_T], *, name: str | None = None) -> TaskHandle[_T]:
        """Accept a task and return its handle. Never waits.

        name: a name instead of the spec's. Raises TaskAlreadyExists, ShuttingDown.
        """
        self._here()
        return TaskHandle(self._plain.add(spec, name=name))

    def add_many(
        self, specs: Iterable[TaskSpec[_T]], *, names: Sequence[str] | None = None
    ) -> builtins.list[TaskHandle[_T]]:
        """Accept many tasks, all before any starts, or none; return their handles.

        names: names instead of the specs', one for each.
        """
        self._here()
        return [TaskHandle(each) for each in self._plain.add_many(specs, names=names)]

    async def submit(
        self, spec: ControllerSpec[_T], timeout: Seconds | None = None
    ) -> TaskHandle[_T]:
        """Submit a task to its slot, waiting for room in the queues where it needs some.

        timeout: seconds to wait at most; None waits for ever. Raises ControllerFull past it,
        ControllerClosed, ControllerNotConfigured. Cancelled, it gives up its place in line.
        """
        self._here()
        limit = optional_seconds(timeout, "timeout")
        if limit == 0:
            return TaskHandle(self._plain.try_submit(spec))
        place = self._plain._submit_here(spec)
        if isinstance(place, supervisor.TaskHandle):
            return TaskHandle(place)
        return TaskHandle(await self._stand_in_line(place, limit))

    async def _stand_in_line(
        self, place: _Place[_T], timeout: float | None
    ) -> supervisor.TaskHandle[_T]:
        deadline = _Deadline(timeout)
        try:
            while deadline.left() != 0:
                watch = place.watch()
                decided = place.decide()
                if decided is not None:
                    watch.withdraw()
                    return decided
                await told(watch, deadline.left())
        except asyncio.CancelledError:
            _leave_line(place)
            raise
        decided = place.give_up()
        assert decided is not None
        return decided

    def try_submit(self, spec: ControllerSpec[_T]) -> TaskHandle[_T]:
        """Submit a task to its slot; raise ControllerFull where it would have to wait for room."""
        self._here()
        return TaskHandle(self._plain.try_submit(spec))

    # --- leaving ---

    def remove(self, task: TaskHandle[Any] | int | str) -> bool:
        """Ask a task to stop, without waiting for it. False: no such task, or asked already."""
        self._here()
        return self._plain.remove(_plain_of(task))

    async def cancel(
        self, task: TaskHandle[Any] | int | str, timeout: Seconds | EllipsisType | None = ...
    ) -> bool:
        """Ask a task to stop and wait until its body has returned and its name is free.

        timeout: seconds to wait at most; left out it is the task's grace, None waits for ever.
        True for the one caller that asked first. Raises TaskRemoveTimeout past the timeout; the
        removal goes on.
        """
        self._here()
        limit = _checked(timeout)
        return await _cancelled(self._plain._leave(_plain_of(task)), limit)

    def cancel_slot(self, slot: str, *, purge: bool = True) -> int:
        """Empty a slot's queue and ask its owner to leave; return how many. Does not wait."""
        self._here()
        return self._plain.cancel_slot(slot, purge=purge)

    async def join(self, timeout: Seconds | None = None) -> bool:
        """Wait until nothing is registered or waiting in a slot; False past the timeout.

        timeout: seconds to wait at most; None waits for ever.
        """
        self._here()
        deadline = _Deadline(optional_seconds(timeout, "timeout"))
        while True:
            watch = self._plain._watch(False)
            if self._plain.join(0):
                watch.withdraw()
                return True
            if deadline.left() == 0 or self._plain._is_closed():
                watch.withdraw()
                return False
            await told(watch, deadline.left())

    async def shutdown(self, grace: Seconds | None = None, *, wait: bool = True) -> None:
        """Stop: accept nothing more, cancel every task, and wait until all is cleaned up.

        grace: seconds the bodies have to end; None is the config's for the first caller and no
        change for a later one, which can only shorten it. wait: False starts it and returns.
        Raises GraceExceeded if a body had not ended in time. Cancelled, it stops waiting; the
        shutdown goes on.
        """
        self._here()
        self._plain.shutdown(grace, wait=False)
        if wait:
            await self._closed()
            self._plain.shutdown()

    async def _closed(self) -> None:
        await _until(self._plain._is_closed, lambda: self._plain._watch(True), None)

    # --- looking at it ---

    def list(self) -> builtins.list[str]:
        """Return the sorted names of the tasks that are registered or still being removed."""
        self._here()
        return self._plain.list()

    def tasks(self) -> builtins.list[TaskInfo]:
        """Return a TaskInfo of every registered task, all of one instant, by id."""
        self._here()
        return self._plain.tasks()

    def snapshot(self) -> builtins.list[str]:
        """Return the sorted names of the tasks with a body running."""
        self._here()
        return self._plain.snapshot()

    def is_alive(self, task: TaskHandle[Any] | int | str) -> bool:
        """Tell whether a body of the task is running; between two attempts it is not."""
        self._here()
        return self._plain.is_alive(_plain_of(task))

    def subscribers(self) -> builtins.list[SubscriberInfo]:
        """Return a SubscriberInfo of every subscriber, in their order."""
        self._here()
        return self._plain.subscribers()

    def controller_snapshot(self) -> builtins.list[SlotInfo]:
        """Return a SlotInfo of every slot, all of one instant."""
        self._here()
        return self._plain.controller_snapshot()

    def events(self, capacity: int | None = None) -> EventStream:
        """Return an EventStream of what is published from now on.

        capacity: how many events it keeps for its reader; None is the config's bus_capacity.
        """
        self._here()
        return EventStream(self._plain.events(capacity))

    # --- the block ---

    async def __aenter__(self) -> Self:
        """Return this handle."""
        self._here()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Shut down and wait for that; tasks are cancelled, not waited for (join() does).

        Raises GraceExceeded if nobody has been told it yet; an exception of the block goes on
        instead, with the verdict as a note. A cancellation that arrives meanwhile ends the grace at
        once and is raised when the shutdown is complete.
        """
        self._here()
        self._plain.shutdown(wait=False)
        cancelled = await self._closed_in_any_case()
        self._plain.__exit__(kind, error or cancelled, traceback)
        if cancelled is not None:
            raise cancelled

    async def _closed_in_any_case(self) -> asyncio.CancelledError | None:
        """Wait for the end; a cancellation ends the grace, and is returned."""
        cancelled = None
        while True:
            try:
                await self._closed()
            except asyncio.CancelledError as error:
                cancelled = error
                self._plain.shutdown(0, wait=False)
            else:
                return cancelled


def _plain_of(task: TaskHandle[Any] | int | str) -> Any:
    return task._plain if isinstance(task, TaskHandle) else task


def _leave_line(place: _Place[Any]) -> None:
    """Give up a place in line; a submission that was decided in that moment goes on."""
    try:
        place.give_up()
    except ControllerFull:
        pass


class Supervisor:
    """Supervises tasks on the loop it is entered on; it runs or serves once."""

    def __init__(
        self,
        config: SupervisorConfig | None = None,
        *,
        subscribers: Iterable[_Subscriber] = (),
        controller: ControllerConfig | None = None,
    ) -> None:
        """Take what `taskvisor.Supervisor` takes. Starts no thread and needs no loop yet."""
        self._plain = supervisor.Supervisor(config, subscribers=subscribers, controller=controller)
        self._served: SupervisorHandle | None = None

    def serve(self) -> SupervisorHandle:
        """Start running, on the running loop, and return the handle that takes tasks.

        Raises AlreadyRunning if it has run or served, RuntimeError outside a loop.
        """
        return SupervisorHandle(self._plain._serve_here())

    async def run(self, specs: Iterable[TaskSpec[Any]] = ()) -> None:
        """Run tasks and return when all have ended and everything is cleaned up.

        specs: TaskSpecs, all accepted before any starts, or none. Cancelled, it shuts down with
        the config's grace, and raises CancelledError when that is complete; cancelled once more it
        ends the grace at once. Raises what `taskvisor.Supervisor.run` raises; signals are the
        application's affair.
        """
        plain = self._plain._run_here(specs)
        if plain is None:
            return
        handle = SupervisorHandle(plain)
        try:
            await handle._closed()
        except asyncio.CancelledError as error:
            await handle.__aexit__(type(error), error, error.__traceback__)
            raise
        plain.shutdown()

    async def __aenter__(self) -> SupervisorHandle:
        """As `serve()`."""
        self._served = self.serve()
        return self._served

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Shut down and wait for that, as leaving the handle's block does."""
        assert self._served is not None
        await self._served.__aexit__(kind, error, traceback)


async def run(specs: Iterable[TaskSpec[Any]], config: SupervisorConfig | None = None) -> None:
    """Run tasks on the caller's loop, as `Supervisor(config).run(specs)`."""
    await Supervisor(config).run(specs)
