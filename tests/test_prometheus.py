"""`taskvisor.ext.prometheus` against the real library."""

import subprocess
import sys

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from waiting import until

import taskvisor as tv
from taskvisor.ext.prometheus import PrometheusCollector


class Scraped:
    """A collector, registered, and what a scrape of it says."""

    def __init__(self, **options):
        self.collector = PrometheusCollector(**options)
        self.registry = CollectorRegistry(auto_describe=True)
        self.registry.register(self.collector)

    def families(self):
        """What Prometheus would read, by name."""
        text = generate_latest(self.registry).decode()
        return {family.name: family for family in text_string_to_metric_families(text)}

    def value(self, sample, **labels):
        return self.registry.get_sample_value(sample, labels)


@pytest.fixture
def scraped():
    return Scraped()


def fails():
    raise ValueError("x")


AT_ONCE = {"backoff": tv.BackoffPolicy.constant(0)}


@pytest.mark.rule("R10.1", "R10.2")
def test_attempts_restarts_and_outcomes_are_counted(serve, scraped):
    sup = serve(scraped.collector)
    sup.add(tv.TaskSpec.restartable(fails, max_retries=3, **AT_ONCE))
    sup.add(tv.TaskSpec.once(lambda ctx: ctx.wait(0.02), name="waits"))
    assert sup.join(30)
    sup.shutdown()
    attempts = "taskvisor_attempt_duration_seconds"
    assert scraped.value(f"{attempts}_count", task="fails", result="failed") == 4
    assert scraped.value(f"{attempts}_count", task="waits", result="stopped") == 1
    assert scraped.value(f"{attempts}_sum", task="waits", result="stopped") >= 0.02
    assert scraped.value(f"{attempts}_bucket", task="waits", result="stopped", le="0.01") == 0
    assert scraped.value(f"{attempts}_bucket", task="waits", result="stopped", le="+Inf") == 1
    assert scraped.value("taskvisor_task_restarts_total", task="fails") == 3
    assert scraped.value("taskvisor_task_restarts_total", task="waits") is None
    outcomes = "taskvisor_task_outcomes_total"
    assert scraped.value(outcomes, task="fails", outcome="failed") == 1
    assert scraped.value(outcomes, task="waits", outcome="completed") == 1


@pytest.mark.rule("R10.1", "R10.3")
def test_active_tasks_are_those_of_the_watched_supervisors(serve, gate, scraped):
    held, sup, other = gate(), serve(), serve()
    scraped.collector.watch(sup)
    scraped.collector.watch(other)
    sup.add(tv.TaskSpec.once(held))
    other.add(tv.TaskSpec.once(held))
    other.add(tv.TaskSpec.restartable(fails, backoff=tv.BackoffPolicy.constant(1000)))
    held.wait_inside(2)
    until(lambda: scraped.value("taskvisor_task_active", state="backoff") == 1)
    assert scraped.value("taskvisor_task_active", state="running") == 2
    assert scraped.value("taskvisor_task_active", state="paused") == 0
    scraped.collector.unwatch(other)
    assert scraped.value("taskvisor_task_active", state="running") == 1
    with pytest.raises(ValueError):
        scraped.collector.unwatch(other)


class Stalled:
    """A subscriber that handles nothing until it is let go."""

    name = "stalled"
    queue_capacity = 1

    def __init__(self, gate):
        self.on_event = lambda event: gate()


@pytest.mark.rule("R10.1", "R10.3")
def test_drops_of_every_subscriber_are_counted_and_never_fall(serve, gate, scraped):
    held = gate()
    sup = serve(scraped.collector, Stalled(held))
    scraped.collector.watch(sup)
    for n in range(10):
        sup.add(tv.TaskSpec.once(dict, name=str(n))).result(30)
    total = "taskvisor_subscriber_dropped_total"
    before = scraped.value(total, subscriber="stalled")
    assert before > 0
    assert scraped.value(total, subscriber="prometheus") == 0
    held.open()
    sup.shutdown()
    dropped = {info.name: info.dropped for info in sup.subscribers()}
    scraped.collector.unwatch(sup)
    assert scraped.value(total, subscriber="stalled") == dropped["stalled"] >= before


@pytest.mark.rule("R10.2")
def test_tasks_that_the_verdict_abandons_are_counted(serve, gate):
    scraped = Scraped(label=lambda name: "stuck")
    held, sup, other = gate(), serve(scraped.collector), serve()
    scraped.collector.watch(other)
    scraped.collector.watch(sup)
    other.add(tv.TaskSpec.once(held, name="goes on"))
    sup.add_many([tv.TaskSpec.once(held, name=str(n)) for n in range(150)])
    held.wait_inside(151)
    with pytest.raises(tv.GraceExceeded):
        sup.shutdown(grace=0)
    value = scraped.value("taskvisor_task_outcomes_total", task="stuck", outcome="abandoned")
    assert value == 150


def test_label_takes_the_place_of_the_name(serve):
    scraped = Scraped(label=lambda name: name.partition(" ")[0], buckets=(1.0, 2.0))
    sup = serve(scraped.collector)
    for n in range(5):
        sup.add(tv.TaskSpec.once(dict, name=f"request {n}"))
    assert sup.join(30)
    sup.shutdown()
    outcomes = "taskvisor_task_outcomes_total"
    assert scraped.value(outcomes, task="request", outcome="completed") == 5
    family = scraped.families()["taskvisor_attempt_duration_seconds"]
    buckets = [s.labels["le"] for s in family.samples if s.name.endswith("_bucket")]
    assert buckets == ["1.0", "2.0", "+Inf"]


def test_exposition_is_understood_whatever_names_contain(serve, scraped):
    name = 'a "b" \\ c\nd é'
    sup = serve(scraped.collector)
    scraped.collector.watch(sup)
    sup.add(tv.TaskSpec.restartable(fails, name=name, max_retries=1, **AT_ONCE))
    assert sup.join(30)
    sup.shutdown()
    families = scraped.families()
    assert {name.removesuffix("_created"): family.type for name, family in families.items()} == {
        "taskvisor_attempt_duration_seconds": "gauge",
        "taskvisor_task_restarts": "gauge",
        "taskvisor_task_outcomes": "gauge",
        "taskvisor_subscriber_dropped": "counter",
        "taskvisor_task_active": "gauge",
    }
    assert families["taskvisor_task_restarts"].samples[0].labels == {"task": name}


def test_one_collector_serves_several_supervisors(serve, scraped):
    for _ in range(2):
        sup = serve(scraped.collector)
        sup.add(tv.TaskSpec.once(dict)).result(30)
        sup.shutdown()
    outcomes = "taskvisor_task_outcomes_total"
    assert scraped.value(outcomes, task="dict", outcome="completed") == 2


@pytest.mark.rule("R10.5")
def test_without_the_library_the_error_names_the_extra():
    source = "import sys; sys.modules['prometheus_client'] = None; import taskvisor.ext.prometheus"
    run = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True)
    assert "pip install 'taskvisor[prometheus]'" in run.stderr.splitlines()[-1]
