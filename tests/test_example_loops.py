"""The examples of asyncio run as they are, and what they print is true on any machine."""

import json
import re
from pathlib import Path

import pytest
from programs import run_well

EXAMPLES = Path(__file__).parent.parent / "examples"


def printed(name):
    """The lines that an example prints."""
    return run_well(EXAMPLES / name, limit=100.0).splitlines()


# --- the ASGI lifespan ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def lifespan():
    """What the example of the ASGI lifespan prints."""
    return printed("03_asgi_lifespan.py")


def test_lifespan_starts_first_and_shuts_down_at_the_end(lifespan):
    assert lifespan[0] == "lifespan startup.complete"
    assert lifespan[-2] == "lifespan shutdown.complete"


def test_requests_see_fresh_rates_though_the_refresh_fails_now_and_then(lifespan):
    seen = [float(n) for n in re.findall(r"GET / 200 .*'NOK': ([\d.]+)", "\n".join(lifespan))]
    assert len(seen) == 8
    assert seen == sorted(set(seen))
    assert not {round(11 + n / 100, 2) for n in (4, 8, 12)} & set(seen)  # these fetches failed


def test_page_of_tasks_tells_the_last_error(lifespan):
    [page] = [line for line in lifespan if line.startswith("GET /tasks 200 ")]
    assert "'refresh': 'execution failed: ConnectionError: the exchange hung up'" in page
    assert "'archive': None" in page
    assert "GET /nothing 404 None" in lifespan


def test_plain_function_has_archived_whole_rates_or_none(lifespan):
    archived = lifespan[-1].removeprefix("archived ")
    assert archived == "nothing" or set(json.loads(archived)) <= {"EUR", "NOK"}


# --- the queue -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def queue():
    """What the example of the queue prints."""
    return printed("04_queue_consumer.py")


def test_every_order_is_dealt_with_once(queue):
    assert queue[-1] == "set aside: [11]; each order dealt with once: True"


def test_each_failure_ends_an_attempt_and_no_consumer(queue):
    failures = [line for line in queue if "makes no sense" in line]
    assert sorted(int(n) for n in re.findall(r"order (\d+)", " ".join(failures))) == [
        7, 11, 11, 11, 19,
    ]  # fmt: skip
    start = queue.index("consumer  outcome   attempts  handled") + 1
    rows = [line.split() for line in queue[start : start + 3]]
    assert [row[:2] for row in rows] == [[name, "canceled"] for name in ("ada", "ben", "cleo")]
    in_backoff = 3 + len(failures) - sum(int(row[2]) for row in rows)
    assert 0 <= in_backoff < 3  # who waits for its next attempt at the end has begun none more
    assert sum(int(row[3]) for row in rows) == 29


# --- asyncio.Runner and uvloop -------------------------------------------------------------------


def test_coroutines_stand_still_between_the_runs_of_a_runner_and_go_on():
    lines = printed("05_asyncio_runner.py")
    still = re.fullmatch(r"between the runs: 0 on the loop, (\d+) or more on a thread", lines[1])
    assert int(still[1]) >= 5
    assert [lines[0], *lines[2:]] == [
        "first run: ten readings on the loop",
        "second run: ten more on the loop",
        "left: all have stopped",
        "private loop: ten readings without a loop of ours, then canceled",
    ]


def test_clients_of_a_server_on_uvloop_get_all_lines_though_it_fails():
    lines = printed("06_uvloop.py")
    assert lines[:2] == [f"server, attempt {n}: serves on uvloop" for n in (1, 2)]
    echoed = re.fullmatch(r"echoed: \[10, 10, 10, 10\], in more than one attempt: (\d)", lines[2])
    assert int(echoed[1]) >= 1
    assert lines[3:] == ["server: canceled, attempts: 2"]
