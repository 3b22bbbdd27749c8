"""An `aio` supervisor as tests in threads see it: on a loop of its own, called from anywhere.

The names are those of SupervisorHandle, TaskHandle and EventStream, and each call waits for its
answer from the loop's thread. What is called on that thread itself answers at once, if it does not
wait. A loop that SystemExit or KeyboardInterrupt has left is run again.

Guarantees: a call that a signal handler's exception leaves has been cancelled on the loop by then;
nothing that the loop's exception handler was told of goes unnoticed.
"""

import asyncio
import inspect
import threading
from concurrent.futures import Future, wait


class Loop:
    """A loop that runs in a thread."""

    def __init__(self):
        self.complaints = []
        self.left_by = []
        self._leaving = False
        started = Future()
        self._thread = threading.Thread(target=self._run, args=(started,), name="test-loop")
        self._thread.start()
        self.loop = started.result()

    def _run(self, started):
        with asyncio.Runner() as runner:
            loop = runner.get_loop()
            loop.set_exception_handler(lambda loop, context: self.complaints.append(context))
            loop.call_soon(started.set_result, loop)
            while not self._leaving:
                try:
                    loop.run_forever()
                except (SystemExit, KeyboardInterrupt) as error:
                    self.left_by.append(type(error))

    def call(self, fn, *args, **kwargs):
        """What a function gives on the loop, or what that gives when it is awaited."""
        if threading.current_thread() is self._thread:
            return _at_once(fn(*args, **kwargs))
        call = _Call(lambda: fn(*args, **kwargs))
        self.loop.call_soon_threadsafe(call.begin)
        try:
            return call.answer.result()
        except BaseException:
            if not call.answer.done():
                self.loop.call_soon_threadsafe(call.cancel)
                wait([call.answer])
            raise

    def close(self):
        """Ends the loop and its thread."""
        self._leaving = True
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        assert not self.complaints, self.complaints


def _at_once(value):
    """What a coroutine gives that need not wait."""
    if not inspect.iscoroutine(value):
        return value
    try:
        value.send(None)
    except StopIteration as end:
        return end.value
    value.close()
    raise AssertionError("it would have to wait on the loop itself")


class _Call:
    """One call, from the loop's side."""

    def __init__(self, fn):
        self.answer = Future()
        self._fn = fn
        self._task = None

    def begin(self):
        try:
            value = self._fn()
        except Exception as error:
            self.answer.set_exception(error)
            return
        if inspect.iscoroutine(value):
            self._task = asyncio.ensure_future(self._await(value))
        else:
            self.answer.set_result(value)

    async def _await(self, coroutine):
        try:
            self.answer.set_result(await coroutine)
        except (Exception, asyncio.CancelledError) as error:
            self.answer.set_exception(error)

    def cancel(self):
        if self._task:
            self._task.cancel()


class _Seen:
    """Something of a loop's, seen from other threads: what is not written out is called there."""

    def __init__(self, loop, there):
        self._loop = loop
        self._there = there

    def __getattr__(self, name):
        there = getattr(self._there, name)
        if not callable(there):
            return there
        return lambda *args, **kwargs: self._loop.call(there, *args, **kwargs)


class Task(_Seen):
    """An aio.TaskHandle."""

    def add_done_callback(self, fn):
        """Has the callback called with what stands for the handle here."""
        call = (lambda there: fn(self)) if callable(fn) else fn
        self._loop.call(self._there.add_done_callback, call)


class Stream(_Seen):
    """An aio.EventStream."""

    def next(self, timeout=None):
        """The next event."""
        try:
            return self._loop.call(self._there.next, timeout)
        except StopAsyncIteration:
            raise StopIteration from None

    def __iter__(self):
        return self

    def __next__(self):
        return self.next()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self._loop.call(self._there.__exit__, *exc)


class Served(_Seen):
    """An aio.SupervisorHandle, entered on its loop."""

    def __init__(self, loop, supervisor):
        super().__init__(loop, loop.call(supervisor.serve))

    @property
    def left_by(self):
        """The exceptions that have left the loop."""
        return self._loop.left_by

    def _task(self, call, *args, **kwargs):
        return Task(self._loop, self._loop.call(call, *args, **kwargs))

    def add(self, spec, *, name=None):
        """The handle of a task that was accepted."""
        return self._task(self._there.add, spec, name=name)

    def add_many(self, specs, *, names=None):
        """The handles of tasks that were accepted."""
        made = self._loop.call(self._there.add_many, specs, names=names)
        return [Task(self._loop, each) for each in made]

    def submit(self, spec, timeout=None):
        """The handle of a submission."""
        return self._task(self._there.submit, spec, timeout)

    def try_submit(self, spec):
        """The handle of a submission that did not wait."""
        return self._task(self._there.try_submit, spec)

    def remove(self, task):
        """Asks a task to stop."""
        return self._loop.call(self._there.remove, _there(task))

    def cancel(self, task, *args, **kwargs):
        """Asks a task to stop and waits for that."""
        return self._loop.call(self._there.cancel, _there(task), *args, **kwargs)

    def is_alive(self, task):
        """Whether a body of it runs."""
        return self._loop.call(self._there.is_alive, _there(task))

    def events(self, capacity=None):
        """A stream of what is published from now on."""
        return Stream(self._loop, self._loop.call(self._there.events, capacity))


def _there(task):
    return task._there if isinstance(task, Task) else task
