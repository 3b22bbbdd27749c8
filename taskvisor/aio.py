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
from collections.abc import Callable, Iterable, Sequence
from types import EllipsisType, ModuleType, TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from taskvisor import supervisor
from taskvisor._checks import Seconds, optional_seconds
from taskvisor._core import AioTaskHandle as TaskHandle
from taskvisor._waits import Deadline, cancel_timeout, cancelled, told, until
from taskvisor.config import SupervisorConfig
from taskvisor.controller import ControllerConfig, ControllerSpec, SlotInfo
from taskvisor.errors import ControllerFull
from taskvisor.outcome import SubscriberInfo, TaskInfo
from taskvisor.supervisor import Event, TaskSpec

if TYPE_CHECKING:
    from taskvisor._core import _Place, _Subscriber

__all__ = ["EventStream", "Supervisor", "SupervisorHandle", "TaskHandle", "run"]

_T = TypeVar("_T")


class EventStream:
    """The events of a supervisor, from `events()` on; an async iterator, and a context manager.

    Made by `SupervisorHandle.events`. Reading ends with StopAsyncIteration after the last event.
    """

    __slots__ = ("_owner", "_plain")

    def __init__(self, owner: supervisor.SupervisorHandle, plain: supervisor.EventStream) -> None:
        self._owner = owner
        self._plain = plain

    @property
    def lost(self) -> int:
        """How many events were dropped because nobody had read them in time, an int."""
        return self._plain.lost

    async def next(self, timeout: Seconds | None = None) -> Event:
        """Wait for the next event and return it.

        timeout: seconds to wait at most; None waits for ever. Raises TimeoutError past it, Lagged
        if events were dropped before the next one (call again to go on), StopAsyncIteration at the
        end.
        """
        self._owner._check_here()
        deadline = Deadline(optional_seconds(timeout, "timeout"))
        while True:
            watch = self._plain._watch()
            try:
                return self._plain.next(0)
            except StopIteration:
                raise StopAsyncIteration from None
            except TimeoutError:
                if deadline.left() == 0:
                    raise
                await told(watch, deadline.left())
            finally:
                watch.withdraw()

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


class SupervisorHandle:
    """A supervisor that runs on this loop. Leaving its `async with` block shuts down.

    Made by `Supervisor.serve`. On another loop or thread each call raises RuntimeError.
    """

    __slots__ = ("__weakref__", "_plain")

    def __init__(self, plain: supervisor.SupervisorHandle) -> None:
        self._plain = plain

    # --- adding ---

    def add(self, spec: TaskSpec[_T], *, name: str | None = None) -> TaskHandle[_T]:
        """Accept a task and return its handle. Never waits.

        spec: a TaskSpec. name: a name instead of the spec's. Raises TaskAlreadyExists,
        ShuttingDown, and TypeError and ValueError for a bad spec or name.
        """
        return self._plain._add_here(spec, name)

    def add_many(
        self, specs: Iterable[TaskSpec[_T]], *, names: Sequence[str] | None = None
    ) -> builtins.list[TaskHandle[_T]]:
        """Accept many tasks, all before any starts, or none; return their handles.

        specs: TaskSpecs. names: names instead of the specs', one for each. Raises what `add`
        raises, for the first one that is refused, and ValueError for another number of names.
        """
        return self._plain._add_many_here(specs, names)

    async def submit(
        self, spec: ControllerSpec[_T], timeout: Seconds | None = None
    ) -> TaskHandle[_T]:
        """Submit a task to its slot, waiting for room in the queues where it needs some.

        spec: a ControllerSpec. timeout: seconds to wait at most; None waits for ever. Returns the
        handle; that of a rejected submission has its outcome. Raises ControllerFull past the
        timeout, ControllerClosed, ControllerNotConfigured. Cancelled, it gives up its place in
        line.
        """
        self._plain._check_here()
        limit = optional_seconds(timeout, "timeout")
        if limit == 0:
            return self._plain._try_submit_here(spec)
        place = self._plain._submit_here(spec)
        if isinstance(place, TaskHandle):
            return place
        return await self._stand_in_line(place, limit)

    async def _stand_in_line(self, place: _Place[_T], timeout: float | None) -> TaskHandle[_T]:
        deadline = Deadline(timeout)
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
        """Submit a task to its slot and return its handle; never waits.

        spec: a ControllerSpec. Raises ControllerFull where it would have to wait for room, and else
        what `submit` raises.
        """
        return self._plain._try_submit_here(spec)

    # --- leaving ---

    def remove(self, task: TaskHandle[Any] | int | str) -> bool:
        """Ask a task to stop, without waiting for it. False: no such task, or asked already.

        task: a handle, an id or a name. Raises TypeError for what is no task.
        """
        self._plain._check_here()
        return self._plain.remove(task)

    async def cancel(
        self, task: TaskHandle[Any] | int | str, timeout: Seconds | EllipsisType | None = ...
    ) -> bool:
        """Ask a task to stop and wait until its body has returned and its name is free.

        task: a handle, an id or a name.
        timeout: seconds to wait at most; left out it is the task's grace, None waits for ever.
        True for the one caller that asked first. Raises TaskRemoveTimeout past the timeout; the
        removal goes on.
        """
        self._plain._check_here()
        limit = cancel_timeout(timeout)
        return await cancelled(self._plain._leave(task), limit)

    def cancel_slot(self, slot: str, *, purge: bool = True) -> int:
        """Empty a slot's queue and ask its owner to leave; return how many. Does not wait.

        slot: its name. purge: False leaves the queue, whose head follows the owner. Raises
        ControllerNotConfigured.
        """
        self._plain._check_here()
        return self._plain.cancel_slot(slot, purge=purge)

    async def join(self, timeout: Seconds | None = None) -> bool:
        """Wait until nothing is registered or waiting in a slot: True; False past the timeout.

        timeout: seconds to wait at most; None waits for ever. False too where a shutdown is
        complete with a body left. Raises TypeError and ValueError for a timeout that is none.
        """
        self._plain._check_here()
        deadline = Deadline(optional_seconds(timeout, "timeout"))
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
        self._plain._check_here()
        self._plain.shutdown(grace, wait=False)
        if wait:
            await self._closed()
            self._plain.shutdown()

    async def _closed(self) -> None:
        await until(self._plain._is_closed, lambda: self._plain._watch(True), None)

    # --- looking at it ---

    def list(self) -> builtins.list[str]:
        """Return the sorted names of the tasks that are registered or still being removed."""
        self._plain._check_here()
        return self._plain.list()

    def tasks(self) -> builtins.list[TaskInfo]:
        """Return a TaskInfo of every registered task, all of one instant, by id."""
        self._plain._check_here()
        return self._plain.tasks()

    def snapshot(self) -> builtins.list[str]:
        """Return the sorted names of the tasks with a body running."""
        self._plain._check_here()
        return self._plain.snapshot()

    def is_alive(self, task: TaskHandle[Any] | int | str) -> bool:
        """Tell whether a body of the task is running; between two attempts it is not.

        task: a handle, an id or a name. Raises TypeError for what is no task.
        """
        self._plain._check_here()
        return self._plain.is_alive(task)

    def subscribers(self) -> builtins.list[SubscriberInfo]:
        """Return a SubscriberInfo of every subscriber, in their order."""
        self._plain._check_here()
        return self._plain.subscribers()

    def controller_snapshot(self) -> builtins.list[SlotInfo]:
        """Return a SlotInfo of every slot, all of one instant. Raises ControllerNotConfigured."""
        self._plain._check_here()
        return self._plain.controller_snapshot()

    def events(self, capacity: int | None = None) -> EventStream:
        """Return an EventStream of what is published from now on.

        capacity: how many events it keeps for its reader; None is the config's bus_capacity. Raises
        ValueError below 1, TypeError for what is no int.
        """
        self._plain._check_here()
        return EventStream(self._plain, self._plain.events(capacity))

    # --- the block ---

    async def __aenter__(self) -> Self:
        """Return this handle."""
        self._plain._check_here()
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
        self._plain._check_here()
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


def _leave_line(place: _Place[Any]) -> None:
    """Give up a place in line; a submission that was decided in that moment goes on."""
    try:
        place.give_up()
    except ControllerFull:
        pass


class Supervisor:
    """Supervises tasks on the loop it is entered on; it runs or serves once.

    config, subscribers, controller: what `taskvisor.Supervisor` takes, and raises for bad ones.
    Making it starts no thread and needs no loop yet.
    """

    def __init__(
        self,
        config: SupervisorConfig | None = None,
        *,
        subscribers: Iterable[_Subscriber] = (),
        controller: ControllerConfig | None = None,
    ) -> None:
        self._take(supervisor.Supervisor(config, subscribers=subscribers, controller=controller))

    def _take(self, plain: supervisor.Supervisor) -> None:
        self._plain = plain
        self._served: SupervisorHandle | None = None

    @classmethod
    def _over(cls, plain: supervisor.Supervisor) -> Self:
        self = cls.__new__(cls)
        self._take(plain)
        return self

    def serve(self) -> SupervisorHandle:
        """Start running, on the running loop, and return the handle that takes tasks.

        Raises AlreadyRunning if it has run or served, RuntimeError outside a loop.
        """
        return SupervisorHandle(self._plain._serve_here())

    async def run(
        self, specs: Iterable[TaskSpec[Any] | Callable[..., Any]] | ModuleType = ()
    ) -> None:
        """Run tasks and return when all have ended and everything is cleaned up.

        specs: TaskSpecs, functions decorated with `@task`, or a module that has such; all accepted
        before any starts, or none. Cancelled, it shuts down with
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
        plain._raise_end()

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


async def run(
    specs: Iterable[TaskSpec[Any] | Callable[..., Any]] | ModuleType,
    config: SupervisorConfig | None = None,
) -> None:
    """Run tasks on the caller's loop, as `Supervisor(config).run(specs)`, and raise what that does.

    specs: as there. config: a SupervisorConfig; None for the defaults.
    """
    await Supervisor(config).run(specs)
