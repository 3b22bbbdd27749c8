"""Traces and metrics for OpenTelemetry, through `opentelemetry-api` (extra `otel`).

    telemetry = OpenTelemetrySubscriber()
    with Supervisor(subscribers=[telemetry]) as sup:
        telemetry.watch(sup)

A span per attempt, named after the task, with the attributes `taskvisor.task.id`,
`taskvisor.task.name`, `taskvisor.attempt` and, where there is one, `taskvisor.exit_code`; a failed
attempt has the status ERROR with the reason. It is made when the attempt has ended, from its event,
so it is a root: it has neither the span that was current at `add` above it nor those of the body
below it. Those two are related as ever, for a body runs in a copy of the context of `add`.

The instruments, with the attributes of each:

    taskvisor_attempt_duration_seconds   histogram, s; task, result: stopped or failed
    taskvisor_task_restarts_total        counter; task
    taskvisor_task_outcomes_total        counter; task, outcome
    taskvisor_subscriber_dropped_total   observable counter; subscriber
    taskvisor_task_active                observable up-down counter; state

The first three are counted from events, the last two are read from the watched supervisors when
the metrics are exported. Guarantees: an export blocks no task; an attempt that outlives the
shutdown's verdict has no span.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from taskvisor._core import Event
from taskvisor.events import EventKind
from taskvisor.ext._meter import Meter
from taskvisor.outcome import OutcomeKind

try:
    from opentelemetry import metrics, trace
    from opentelemetry.context import Context
    from opentelemetry.metrics import CallbackOptions, MeterProvider, Observation
    from opentelemetry.trace import Status, StatusCode, TracerProvider
except ImportError as _missing:
    raise ImportError(
        "taskvisor.ext.otel needs opentelemetry-api: pip install 'taskvisor[otel]'"
    ) from _missing

__all__ = ["OpenTelemetrySubscriber"]

_SCOPE = "taskvisor"


class OpenTelemetrySubscriber(Meter):
    """A subscriber that makes a span per attempt and keeps the instruments.

    tracer_provider, meter_provider: where they go; None takes the global one.
    label: makes the attribute `task` of the metrics, and the span's name, of a task's name; None
    takes the name. Where names are made up while the program runs, it should return one text for
    all of a sort.

    Raises what the providers raise.
    """

    name = "opentelemetry"

    def __init__(
        self,
        *,
        tracer_provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
        label: Callable[[str], str] | None = None,
    ) -> None:
        super().__init__(label)
        self._tracer = trace.get_tracer(_SCOPE, tracer_provider=tracer_provider)
        meter = metrics.get_meter(_SCOPE, meter_provider=meter_provider)
        self._durations = meter.create_histogram(
            "taskvisor_attempt_duration_seconds", "s", "How long the attempts of tasks took."
        )
        self._restarts = meter.create_counter(
            "taskvisor_task_restarts_total", "{start}", "Starts of tasks but their first."
        )
        self._outcomes = meter.create_counter(
            "taskvisor_task_outcomes_total", "{task}", "How tasks ended."
        )
        meter.create_observable_counter(
            "taskvisor_subscriber_dropped_total",
            [self._observe_drops],
            "{event}",
            "Events that found the queue of a subscriber full.",
        )
        meter.create_observable_up_down_counter(
            "taskvisor_task_active", [self._observe_active], "{task}", "Tasks that have not ended."
        )

    def on_attempt(self, task: str, event: Event) -> None:
        """Record the duration, and make the span."""
        failed = event.kind is EventKind.TASK_FAILED
        duration = event.duration or 0.0
        result = "failed" if failed else "stopped"
        self._durations.record(duration, {"task": task, "result": result})
        attributes: dict[str, str | int] = {
            "taskvisor.task.id": event.id or 0,
            "taskvisor.task.name": event.task or "",
            "taskvisor.attempt": event.attempt or 0,
        }
        if event.exit_code is not None:
            attributes["taskvisor.exit_code"] = event.exit_code
        end = _to_ns(event.at)
        span = self._tracer.start_span(
            task, context=Context(), attributes=attributes, start_time=end - _to_ns(duration)
        )
        if failed:
            span.set_status(Status(StatusCode.ERROR, event.reason))
        span.end(end)

    def on_restart(self, task: str) -> None:
        """Count it."""
        self._restarts.add(1, {"task": task})

    def on_outcome(self, task: str, kind: OutcomeKind) -> None:
        """Count it."""
        self._outcomes.add(1, {"task": task, "outcome": str(kind)})

    def _observe_drops(self, options: CallbackOptions) -> Iterator[Observation]:
        for subscriber, count in self.drops().items():
            yield Observation(count, {"subscriber": subscriber})

    def _observe_active(self, options: CallbackOptions) -> Iterator[Observation]:
        for state, count in self.active().items():
            yield Observation(count, {"state": str(state)})


def _to_ns(seconds: float) -> int:
    return round(seconds * 1_000_000_000)
