"""`@task`: a task's options beside its body.

    @task(every=30, timeout=5)
    def poll(): ...

    Supervisor().run([poll])      # or run(module): all that are decorated in it

Guarantees: the function stays what it was: callable, typed, importable, the same object. It only
gets an attribute `__taskspec__`, its TaskSpec, which is what a supervisor takes it for.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeVar, Unpack, overload

from taskvisor._checks import Seconds
from taskvisor._core import TaskSpec
from taskvisor.policies import RestartPolicy

if TYPE_CHECKING:
    from taskvisor._core import _Changes

__all__ = ["collect", "task"]

_F = TypeVar("_F", bound=Callable[..., Any])

_MARK = "__taskspec__"


@overload
def task(fn: _F, /) -> _F: ...
@overload
def task(*, every: Seconds | None = None, **options: Unpack[_Changes]) -> Callable[[_F], _F]: ...
def task(
    fn: _F | None = None, /, *, every: Seconds | None = None, **options: Unpack[_Changes]
) -> _F | Callable[[_F], _F]:
    """Make a function the body of a task, and leave it as it is.

    fn: the function; left out, what is returned takes it.
    every: seconds of pause after each run, as `TaskSpec.periodic`; None: no period.
    options: those of TaskSpec.
    Raises what TaskSpec raises, TypeError for both every and restart, and for a callable that
    takes no attributes (decorate a function that calls it).
    """
    if every is not None and "restart" in options:
        raise TypeError("every and restart cannot both be given: every is a restart policy")
    if every is not None:
        options["restart"] = RestartPolicy.always(every)

    def decorate(body: _F) -> _F:
        spec = TaskSpec(body, **options)
        try:
            setattr(body, _MARK, spec)
        except AttributeError:
            raise TypeError(f"{body!r} takes no attributes; decorate a function") from None
        return body

    return decorate if fn is None else decorate(fn)


def collect(module: ModuleType) -> list[TaskSpec[Any]]:
    """Return the specs of the functions that are decorated with `@task` in a module, in order.

    What the module has imported from elsewhere is not its own.
    """
    found: list[TaskSpec[Any]] = []
    for value in vars(module).values():
        spec = getattr(value, _MARK, None)
        own = getattr(value, "__module__", None) == module.__name__
        if isinstance(spec, TaskSpec) and own and not isinstance(value, type):
            found.append(spec)
    return found
