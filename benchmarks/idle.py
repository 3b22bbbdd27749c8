"""Tasks that have run once and pause for an hour: what several questions begin with."""

from collections.abc import Callable, Sequence
from time import sleep

from benchmarks.measure import Ticks
from taskvisor import TaskHandle, TaskSpec, TaskState


def until(condition: Callable[[], bool]) -> None:
    """Wait for what the runtime is about to do; not timed."""
    while not condition():
        sleep(0.0005)


def paused(ticks: Ticks) -> TaskSpec:
    """Ticks, then pauses."""
    tick = ticks.tick
    return TaskSpec.periodic(lambda: tick() * 0, 3600.0)


def settle(handles: Sequence[TaskHandle]) -> None:
    """Wait until they pause."""
    until(lambda: all(handle.state is TaskState.PAUSED for handle in handles))
