"""The service of the first page and the tutorial: every stage of it runs under the command line."""

import re
import signal
import socket
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest
from cli import environment, rows, start
from programs import LIMIT
from waiting import until

ROOT = Path(__file__).parent.parent
EXAMPLE = ROOT / "examples" / "07_service.py"
BLOCK = re.compile(r"<!-- snippet: file service\.py -->\n```python\n(.*?)^```$", re.M | re.S)


def stages(page: str) -> list[str]:
    """The services that a page has, one after the other."""
    return BLOCK.findall((ROOT / "docs" / page).read_text(encoding="utf-8"))


STAGES = {
    "first page": stages("index.md")[0],
    **{f"tutorial {n}": text for n, text in enumerate(stages("tutorial/service.md"), 1)},
}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


@contextmanager
def served(folder, source, port):
    """The service while it runs in a folder, which gets an inbox with one file, and an outbox."""
    (folder / "inbox").mkdir()
    (folder / "outbox").mkdir()
    (folder / "inbox" / "a").write_text("first")
    (folder / "service.py").write_text(source, encoding="utf-8")
    env = environment(METRICS_PORT=str(port))
    target = "service.py:supervisor" if "\nsupervisor = " in source else "service.py"
    with start(folder, "run", target, "--log=text", env=env) as process:
        yield process


def stopped(process):
    """What it wrote until a signal stopped it, which it must end well by."""
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=LIMIT)
    assert process.returncode == 0, err
    return out, err


@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_runs_under_the_command_line_and_stops_at_a_signal(tmp_path, stage):
    source = STAGES[stage]
    publishes = "def publish(" in source
    with served(tmp_path, source, free_port()) as process:
        if publishes:
            published = tmp_path / "outbox" / "a"
            until(lambda: published.exists() and published.read_text() == "first")
        else:
            assert process.stdout.readline() == "has changed: a\n"
        _, err = stopped(process)
    assert {row[0] for row in rows(err).values()} == {"canceled"}
    assert "poll" in rows(err)


def test_tutorial_ends_with_the_example():
    assert stages("tutorial/service.md")[-1] == EXAMPLE.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    """The example, run until it has published two revisions.

    What its outbox holds, its metrics, what it wrote to stdout and to stderr.
    """
    folder, port = tmp_path_factory.mktemp("service"), free_port()
    inbox, outbox = folder / "inbox" / "a", folder / "outbox" / "a"
    with served(folder, EXAMPLE.read_text(encoding="utf-8"), port) as process:
        until(outbox.exists)
        inbox.write_text("newest")
        until(lambda: outbox.read_text() == "newest")
        url = f"http://127.0.0.1:{port}/metrics"
        metrics = until(lambda: settled(url))
        out, err = stopped(process)
    return sorted(path.name for path in outbox.parent.iterdir()), metrics, out, err


def settled(url) -> str:
    """The page of metrics once both publications and a report are counted; empty until then."""
    with urllib.request.urlopen(url, timeout=LIMIT) as response:
        page = response.read().decode()
    counted = 'taskvisor_task_outcomes_total{outcome="completed",task="publish"} 2.0'
    return page if counted in page and 'task="report"' in page else ""


def test_service_publishes_what_has_changed_and_leaves_no_draft(service):
    assert service[0] == ["a"]


def test_service_counts_all_publications_as_one_series(service):
    tasks = set(re.findall(r'taskvisor_\w+\{.*?task="(.*?)"', service[1]))
    assert tasks == {"publish", "poll", "report"}
    assert 'taskvisor_subscriber_dropped_total{subscriber="prometheus"} 0.0' in service[1]


def test_service_reports_and_stops_all_its_tasks(service):
    _, _, out, err = service
    assert re.match(r"published: [01]\n", out)
    assert {name: row[0] for name, row in rows(err).items()} == dict.fromkeys(
        ["poll", "report", "figures"], "canceled"
    )
    assert err.count("[all-stopped-within-grace]") == 1
    assert "of them, added by other tasks, are not listed" in err
