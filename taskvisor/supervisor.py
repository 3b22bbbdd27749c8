"""The types of the extension, given the Python classes and functions they work with.

Guarantees: once this module is imported the extension has everything it needs; importing it starts
no thread and installs no handler.
"""

from taskvisor import (
    _core,
    _hooks,
    _waits,
    config,
    controller,
    decorator,
    errors,
    events,
    outcome,
    policies,
)
from taskvisor._core import (
    CancellationToken,
    Event,
    EventStream,
    Subscribe,
    Supervisor,
    SupervisorHandle,
    TaskContext,
    TaskHandle,
    TaskSpec,
    current,
)

__all__ = [
    "CancellationToken",
    "Event",
    "EventStream",
    "Subscribe",
    "Supervisor",
    "SupervisorHandle",
    "TaskContext",
    "TaskHandle",
    "TaskSpec",
    "current",
]

MODULES = (
    policies,
    config,
    controller,
    events,
    outcome,
    errors,
    decorator,
    _hooks,
    _waits,
)

_core._bind({name: getattr(module, name) for module in MODULES for name in module.__all__})
