"""Metrics for Prometheus, through `prometheus_client` (extra `prometheus`).

    metrics = PrometheusCollector()
    REGISTRY.register(metrics)
    with Supervisor(subscribers=[metrics]) as sup:
        metrics.watch(sup)

What it exports, with the labels of each:

    taskvisor_attempt_duration_seconds{task, result}   histogram; result: stopped or failed
    taskvisor_task_restarts_total{task}                starts of a task but its first
    taskvisor_task_outcomes_total{task, outcome}       outcome: completed, failed, fatal, …
    taskvisor_subscriber_dropped_total{subscriber}     events that found its queue full
    taskvisor_task_active{state}                       tasks that have not ended

The first three are counted from events, the last two are read from the watched supervisors when
somebody scrapes. Guarantees: a scrape blocks no task; what this collector itself has lost is in
`taskvisor_subscriber_dropped_total{subscriber="prometheus"}`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from taskvisor._core import Event
from taskvisor.events import EventKind
from taskvisor.ext._meter import Meter
from taskvisor.outcome import OutcomeKind

try:
    from prometheus_client import Counter, Histogram
    from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
    from prometheus_client.registry import Collector
except ImportError as _missing:
    raise ImportError(
        "taskvisor.ext.prometheus needs prometheus-client: pip install 'taskvisor[prometheus]'"
    ) from _missing

__all__ = ["PrometheusCollector"]

_BUCKETS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 60.0, 300.0, 1800.0, 3600.0)


class PrometheusCollector(Meter, Collector):
    """A subscriber that is a collector too: give it to a Supervisor and register it.

    label: makes the label `task` of a task's name; None takes the name. Where names are made up
    while the program runs (one per request, say), it should return one text for all of a sort:
    each text is a series that stays.
    buckets: upper bounds of the histogram's buckets, in seconds, rising.

    Raises ValueError for buckets that do not rise.
    """

    name = "prometheus"

    def __init__(
        self,
        *,
        label: Callable[[str], str] | None = None,
        buckets: Sequence[float] = _BUCKETS,
    ) -> None:
        super().__init__(label)
        self._durations = Histogram(
            "taskvisor_attempt_duration_seconds",
            "How long the attempts of tasks took.",
            ["task", "result"],
            buckets=buckets,
            registry=None,
        )
        self._observers: dict[tuple[str, str], Callable[[float], None]] = {}
        self._restarts = Counter(
            "taskvisor_task_restarts",
            "Starts of tasks but their first.",
            ["task"],
            registry=None,
        )
        self._outcomes = Counter(
            "taskvisor_task_outcomes",
            "How tasks ended.",
            ["task", "outcome"],
            registry=None,
        )

    def collect(self) -> Iterator[Metric]:
        """Return everything as it is now; what the registry calls."""
        for metric in (self._durations, self._restarts, self._outcomes):
            yield from metric.collect()
        dropped = CounterMetricFamily(
            "taskvisor_subscriber_dropped",
            "Events that found the queue of a subscriber full.",
            labels=["subscriber"],
        )
        for subscriber, count in self.drops().items():
            dropped.add_metric([subscriber], count)
        yield dropped
        active = GaugeMetricFamily(
            "taskvisor_task_active", "Tasks that have not ended.", labels=["state"]
        )
        for state, count in self.active().items():
            active.add_metric([str(state)], count)
        yield active

    def on_attempt(self, task: str, event: Event) -> None:
        """Observe the duration."""
        key = task, "failed" if event.kind is EventKind.TASK_FAILED else "stopped"
        observe = self._observers.get(key)
        if observe is None:  # `labels` costs more than all the rest
            observe = self._observers[key] = self._durations.labels(*key).observe
        observe(event.duration or 0.0)

    def on_restart(self, task: str) -> None:
        """Count it."""
        self._restarts.labels(task).inc()

    def on_outcome(self, task: str, kind: OutcomeKind) -> None:
        """Count it."""
        self._outcomes.labels(task, str(kind)).inc()
