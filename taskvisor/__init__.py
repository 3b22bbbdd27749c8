"""In-process task supervision: restarts, backoff, timeouts, honest stops, events to watch.

    import taskvisor

    with taskvisor.Supervisor().serve() as sup:
        handle = sup.add(taskvisor.TaskSpec.restartable(work))
        handle.result()

Guarantees: every name in `__all__` is public and stays; all durations are seconds, as a float or a
`timedelta`; importing the package starts no thread and touches no signal handler or logging setup.
"""

from taskvisor.config import SupervisorConfig
from taskvisor.controller import (
    AdmissionPolicy,
    ControllerConfig,
    ControllerSpec,
    SlotInfo,
    SlotStatus,
)
from taskvisor.decorator import task
from taskvisor.errors import (
    AlreadyRunning,
    Canceled,
    ControllerClosed,
    ControllerError,
    ControllerFull,
    ControllerNotConfigured,
    Fail,
    Fatal,
    GraceExceeded,
    InternalError,
    Lagged,
    OutcomeError,
    ShuttingDown,
    SignalSetupFailed,
    SupervisorError,
    TaskAlreadyExists,
    TaskError,
    TaskRemoveTimeout,
)
from taskvisor.events import BackoffSource, EventKind
from taskvisor.log import LoggingSubscriber
from taskvisor.logwriter import LogWriter
from taskvisor.outcome import (
    CancelReason,
    OutcomeKind,
    RejectionKind,
    SubscriberInfo,
    TaskInfo,
    TaskOutcome,
    TaskState,
)
from taskvisor.policies import BackoffPolicy, JitterPolicy, RestartPolicy
from taskvisor.supervisor import (
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

__version__ = "0.1.0"

__all__ = [
    "AdmissionPolicy",
    "AlreadyRunning",
    "BackoffPolicy",
    "BackoffSource",
    "CancelReason",
    "Canceled",
    "CancellationToken",
    "ControllerClosed",
    "ControllerConfig",
    "ControllerError",
    "ControllerFull",
    "ControllerNotConfigured",
    "ControllerSpec",
    "Event",
    "EventKind",
    "EventStream",
    "Fail",
    "Fatal",
    "GraceExceeded",
    "InternalError",
    "JitterPolicy",
    "Lagged",
    "LogWriter",
    "LoggingSubscriber",
    "OutcomeError",
    "OutcomeKind",
    "RejectionKind",
    "RestartPolicy",
    "ShuttingDown",
    "SignalSetupFailed",
    "SlotInfo",
    "SlotStatus",
    "Subscribe",
    "SubscriberInfo",
    "Supervisor",
    "SupervisorConfig",
    "SupervisorError",
    "SupervisorHandle",
    "TaskAlreadyExists",
    "TaskContext",
    "TaskError",
    "TaskHandle",
    "TaskInfo",
    "TaskOutcome",
    "TaskRemoveTimeout",
    "TaskSpec",
    "TaskState",
    "current",
    "task",
]
