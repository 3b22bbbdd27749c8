"""Handles of tasks that end in every way, with callbacks, results, errors and cycles."""

import measure

import taskvisor as tv


class Silent:
    """Keeps failures out of the log."""

    def on_event(self, event: tv.Event) -> None:
        pass


class Value:
    """A result that holds its own handle: a cycle through the outcome."""


def returns() -> Value:
    return Value()


def fails() -> None:
    raise ValueError(Value())


def ends_fatally() -> None:
    raise tv.Fatal("done", exit_code=2)


def waits(ctx: tv.TaskContext) -> None:
    ctx.wait()


specs = [tv.TaskSpec.once(fn) for fn in (returns, fails, ends_fatally)]
waiting = tv.TaskSpec.once(waits)


def work() -> None:
    for spec in specs:
        handle = supervisor.add(spec)
        handle.add_done_callback(lambda done: done.outcome())
        outcome = handle.outcome(20)
        if outcome.value is not None:
            outcome.value.handle = handle
        try:
            handle.result()
        except (ValueError, tv.Fatal) as error:
            error.handle = handle
        handle.add_done_callback(lambda done: None)
    handle = supervisor.add(waiting)
    try:
        handle.outcome(0)
    except TimeoutError:
        pass
    assert handle.cancel()
    handle.id, handle.name, handle.state, handle.done(), hash(handle), repr(handle)


with tv.Supervisor(subscribers=[Silent()]) as supervisor:
    measure.check(work, tv.TaskHandle, tv.TaskOutcome, Value, tv.Fatal)
