"""`taskvisor.ext.otel` against the real library."""

import subprocess
import sys
import time

import pytest
from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import taskvisor as tv
from taskvisor.ext.otel import OpenTelemetrySubscriber


class Telemetry:
    """A subscriber, and what it has exported."""

    def __init__(self, **options):
        self._exporter = InMemorySpanExporter()
        self.tracers = TracerProvider(shutdown_on_exit=False)
        self.tracers.add_span_processor(SimpleSpanProcessor(self._exporter))
        self._reader = InMemoryMetricReader()
        self.meters = MeterProvider([self._reader], shutdown_on_exit=False)
        self.subscriber = OpenTelemetrySubscriber(
            tracer_provider=self.tracers, meter_provider=self.meters, **options
        )

    def spans(self):
        return self._exporter.get_finished_spans()

    def points(self, name):
        """The points of a metric, each as its attributes and itself."""
        data = self._reader.get_metrics_data()
        return [
            (dict(point.attributes), point)
            for resource in data.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
            if metric.name == name
            for point in metric.data.data_points
        ]

    def values(self, name):
        return [(attributes, point.value) for attributes, point in self.points(name)]


@pytest.fixture
def telemetry():
    return Telemetry()


def fails(ctx):
    raise tv.Fail(f"attempt {ctx.attempt}", exit_code=7)


RETRIED = tv.TaskSpec.restartable(fails, max_retries=1, backoff=tv.BackoffPolicy.constant(0))


def run(serve, telemetry, *specs):
    sup = serve(telemetry.subscriber)
    handles = sup.add_many(specs)
    assert sup.join(30)
    sup.shutdown()
    return handles


@pytest.mark.rule("R10.4")
def test_each_attempt_has_a_span(serve, telemetry):
    begin = time.time_ns()
    (handle,) = run(serve, telemetry, RETRIED)
    end = time.time_ns()
    first, second = telemetry.spans()
    assert [span.name for span in (first, second)] == ["fails", "fails"]
    assert [span.attributes["taskvisor.attempt"] for span in (first, second)] == [1, 2]
    assert dict(first.attributes) == {
        "taskvisor.task.id": handle.id,
        "taskvisor.task.name": "fails",
        "taskvisor.attempt": 1,
        "taskvisor.exit_code": 7,
    }
    assert not first.status.is_ok
    assert first.status.description == "execution failed: attempt 1"
    slack = 10_000_000  # of the wall clock
    assert begin - slack <= first.start_time <= first.end_time <= second.start_time + slack
    assert second.end_time <= end + slack


@pytest.mark.rule("R10.4")
def test_span_lasts_as_long_as_the_attempt(serve, telemetry):
    run(serve, telemetry, tv.TaskSpec.once(lambda ctx: ctx.wait(0.05), name="waits"))
    (span,) = telemetry.spans()
    assert span.status.status_code is trace.StatusCode.UNSET
    assert span.end_time - span.start_time >= 50_000_000
    ((_, point),) = telemetry.points("taskvisor_attempt_duration_seconds")
    assert point.sum == pytest.approx((span.end_time - span.start_time) / 1e9, abs=1e-6)


@pytest.mark.rule("R10.4")
def test_span_is_a_root_and_spans_of_the_body_keep_the_context_of_add(serve, telemetry):
    tracer = telemetry.tracers.get_tracer("test")

    def body():
        with tracer.start_as_current_span("inner"):
            pass

    sup = serve(telemetry.subscriber)
    with tracer.start_as_current_span("outer") as outer:
        sup.add(tv.TaskSpec.once(body))
        telemetry.subscriber.on_event(tv.Event("task_stopped", task="by hand", duration=0.1))
    assert sup.join(30)
    sup.shutdown()
    spans = {span.name: span for span in telemetry.spans()}
    assert spans["body"].parent is spans["by hand"].parent is None
    assert spans["inner"].parent.span_id == outer.get_span_context().span_id


@pytest.mark.rule("R10.1", "R10.2")
def test_attempts_restarts_and_outcomes_are_counted(serve, telemetry):
    run(serve, telemetry, RETRIED, tv.TaskSpec.once(dict))
    durations = telemetry.points("taskvisor_attempt_duration_seconds")
    assert {(a["task"], a["result"]): point.count for a, point in durations} == {
        ("fails", "failed"): 2,
        ("dict", "stopped"): 1,
    }
    assert telemetry.values("taskvisor_task_restarts_total") == [({"task": "fails"}, 1)]
    outcomes = telemetry.values("taskvisor_task_outcomes_total")
    assert sorted(outcomes, key=str) == [
        ({"task": "dict", "outcome": "completed"}, 1),
        ({"task": "fails", "outcome": "failed"}, 1),
    ]


@pytest.mark.rule("R10.1", "R10.3")
def test_watched_supervisors_tell_their_tasks_and_drops(serve, gate, telemetry):
    held, sup = gate(), serve(telemetry.subscriber)
    telemetry.subscriber.watch(sup)
    sup.add(tv.TaskSpec.once(held))
    held.wait_inside()
    active = {a["state"]: value for a, value in telemetry.values("taskvisor_task_active")}
    assert active == {state: int(state == "running") for state in tv.TaskState if state != "done"}
    drops = telemetry.values("taskvisor_subscriber_dropped_total")
    assert drops == [({"subscriber": "opentelemetry"}, 0)]
    held.open()
    assert sup.join(30)
    telemetry.subscriber.unwatch(sup)
    active = {a["state"]: value for a, value in telemetry.values("taskvisor_task_active")}
    assert set(active.values()) == {0}


def test_label_takes_the_place_of_the_name(serve):
    telemetry = Telemetry(label=lambda name: "request")
    run(serve, telemetry, *(tv.TaskSpec.once(dict, name=str(n)) for n in range(3)))
    assert {span.name for span in telemetry.spans()} == {"request"}
    assert telemetry.values("taskvisor_task_outcomes_total") == [
        ({"task": "request", "outcome": "completed"}, 3)
    ]


def test_without_a_provider_nothing_is_needed_but_the_api(serve):
    sup = serve(OpenTelemetrySubscriber())
    sup.add(RETRIED)
    assert sup.join(30)
    sup.shutdown()
    assert [info.raised for info in sup.subscribers()] == [0]


@pytest.mark.rule("R10.5")
def test_without_the_library_the_error_names_the_extra():
    source = "import sys; sys.modules['opentelemetry'] = None; import taskvisor.ext.otel"
    run = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True)
    assert "pip install 'taskvisor[otel]'" in run.stderr.splitlines()[-1]
