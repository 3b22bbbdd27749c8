"""A Supervisor as the target: it runs the tasks with its own config, subscribers and controller."""

import json
import re
import signal
import subprocess

import pytest
from cli import interrupted, rows, start, taskvisor, write
from programs import LIMIT
from test_cli_live import plain

COUNTED = """
import collections
class Counts(tv.Subscribe):
    def __init__(self):
        super().__init__()
        self.kinds = collections.Counter()
    def on_event(self, event):
        self.kinds[str(event.kind)] += 1
counts = Counts()
at_once = dict(backoff=tv.BackoffPolicy.constant(0.001))
@tv.task(max_retries=1, restart="on_failure", **at_once)
def broken(): raise LookupError("no table")
@tv.task(restart="never")
def fine(): pass
"""


@pytest.fixture(scope="module")
def jobs(tmp_path_factory):
    """A folder with the module `jobs`."""
    folder = tmp_path_factory.mktemp("jobs")
    write(
        folder,
        COUNTED
        + """
bare = tv.Supervisor()
watched = tv.Supervisor(subscribers=[counts])
logged = tv.Supervisor(subscribers=[tv.LoggingSubscriber()])
def make(): return tv.Supervisor(subscribers=[counts])
""",
    )
    return folder


@pytest.mark.rule("R9.7", "R9.13")
@pytest.mark.parametrize("attribute", ["bare", "watched", "logged", "make"])
def test_summary_and_exit_code_are_those_of_any_target(jobs, attribute):
    told = taskvisor(jobs, "run", f"jobs:{attribute}", "--log=none")
    assert told.code == 1
    table = rows(told.err)
    assert {name: (row[:3], row[4:]) for name, row in table.items()} == {
        "broken": (["failed", "2", "2"], ["LookupError: no table"]),
        "fine": (["completed", "1", "0"], ["-"]),
    }
    assert list(table) == ["broken", "fine"]


@pytest.mark.rule("R9.21", "R9.22", "R9.25")
@pytest.mark.parametrize("attribute", ["bare", "watched", "logged"])
def test_log_has_each_event_and_each_traceback_once(jobs, attribute):
    err = taskvisor(jobs, "run", f"jobs:{attribute}", "-v").err
    lines = re.findall(r"(?:DEBUG|INFO|WARNING|ERROR) (\[.*)", err)
    assert len(lines) == len(set(lines))
    assert {f"[starting] task=broken attempt={n}" for n in (1, 2)} <= set(lines)
    assert {line.split()[0] for line in lines} >= {"[task-added]", "[backoff]", "[task-removed]"}
    assert err.count('raise LookupError("no table")') == 1


@pytest.mark.rule("R9.14", "R9.15")
def test_json_says_the_same_and_no_event_is_lost(jobs):
    told = json.loads(taskvisor(jobs, "run", "jobs:watched", "--json", "--log=none").out)
    assert (told["exit_code"], told["events_dropped"]) == (1, 0)
    assert [(task["name"], task["failures"]) for task in told["tasks"]] == [
        ("broken", 2), ("fine", 0)
    ]  # fmt: skip


@pytest.mark.rule("R9.7")
def test_config_subscribers_and_controller_are_those_of_the_supervisor(tmp_path):
    write(
        tmp_path,
        COUNTED
        + """
inside = threading.Semaphore(1)
def alone():
    assert inside.acquire(blocking=False), "two at once"
    inside.release()
def submits(ctx):
    ctx.supervisor.submit(tv.ControllerSpec.queue(tv.TaskSpec.once(alone), slot="s"))
tasks = [tv.TaskSpec.once(alone, name=str(n)) for n in range(20)] + [tv.TaskSpec.once(submits)]
import atexit
atexit.register(lambda: print(counts.kinds["task_removed"], counts.kinds["controller_submitted"]))
config = tv.SupervisorConfig(max_concurrent=1)
sup = tv.Supervisor(config, subscribers=[counts], controller=tv.ControllerConfig())
""",
    )
    told = taskvisor(tmp_path, "run", "jobs:sup", "--log=none")
    assert (told.code, told.out) == (0, "22 1\n")


@pytest.mark.rule("R9.7", "R9.11")
def test_grace_is_that_of_the_supervisor_and_a_signal_starts_it(tmp_path):
    write(
        tmp_path,
        """
        stay = threading.Event()
        def stuck():
            print("runs", flush=True)
            stay.wait()
        tasks = tv.TaskSpec.once(stuck)
        sup = tv.Supervisor(tv.SupervisorConfig(grace=0.05))
        """,
    )
    with start(tmp_path, "run", "jobs:sup", "--log=none", "--json") as process:
        assert process.stderr.readline() == "runs\n"
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=LIMIT)
    told = json.loads(out)
    assert (process.returncode, told["signal"]) == (3, "SIGTERM")
    assert (told["grace_exceeded"]["grace"], told["grace_exceeded"]["stuck"]) == (0.05, ["stuck"])


@pytest.mark.rule("R9.7")
@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--grace=60"], "--grace"),
        (["--max-concurrent=1"], "--max-concurrent"),
        (["--max-concurrent=1", "--grace=0"], "--grace and --max-concurrent"),
    ],
)
def test_settings_beside_a_supervisor_are_refused(jobs, options, named):
    told = taskvisor(jobs, "run", "jobs:bare", *options)
    assert (told.code, told.out) == (2, "")
    assert told.err == (
        f"taskvisor: jobs:bare is a Supervisor, with a config of its own: {named} cannot be given\n"
    )


@pytest.mark.rule("R9.7")
def test_supervisor_that_has_been_started_is_refused(tmp_path):
    write(
        tmp_path,
        """
        sup = tv.Supervisor()
        sup.serve().shutdown()
        tasks = tv.TaskSpec.once(print)
        """,
    )
    told = taskvisor(tmp_path, "run", "jobs:sup")
    assert (told.code, told.out) == (2, "")
    assert told.err == "taskvisor: the Supervisor of jobs:sup has been started already\n"


@pytest.mark.rule("R9.20")
def test_terminal_shows_its_tasks_in_a_table(tmp_path):
    write(
        tmp_path,
        "def works(ctx): ctx.wait()\ntasks = tv.TaskSpec.once(works)\nsup = tv.Supervisor()",
    )
    code, text = interrupted(tmp_path, "jobs:sup", "1 task: 1 running", rich=False)
    assert code == 0
    assert re.search(r"^works +running +1", plain(text), re.MULTILINE)


@pytest.mark.rule("R9.25")
def test_records_of_its_own_stand_above_the_table(tmp_path):
    write(
        tmp_path,
        "def works(ctx): ctx.wait()\ntasks = tv.TaskSpec.once(works)\n"
        "sup = tv.Supervisor(subscribers=[tv.LoggingSubscriber()])",
    )
    code, text = interrupted(tmp_path, "jobs:sup", "1 task: 1 running", rich=False)
    assert code == 0
    assert text.count("INFO [task-added] task=works") == 1
    assert text.count("INFO [task-removed] task=works") == 1


@pytest.mark.rule("R9.15", "R9.24")
def test_reader_that_leaves_ends_nothing(jobs):
    with start(jobs, "run", "jobs:watched", stdout=subprocess.DEVNULL) as process:
        process.stderr.close()
        assert process.wait(LIMIT) == 1


@pytest.mark.rule("R9.18")
@pytest.mark.parametrize("target", ["jobs", "jobs:sup"])
def test_essential_task_that_fails_ends_all_with_a_summary_and_code_1(tmp_path, target):
    write(
        tmp_path,
        """
        def waits(ctx): ctx.wait()
        def broken(): raise LookupError("no table")
        tasks = [tv.TaskSpec.once(waits), tv.TaskSpec.once(broken, essential=True)]
        sup = tv.Supervisor()
        """,
    )
    told = taskvisor(tmp_path, "run", target, "--log=none")
    assert told.code == 1
    assert {name: row[0] for name, row in rows(told.err).items()} == {
        "waits": "canceled", "broken": "failed"
    }  # fmt: skip
    assert "Traceback" not in told.err
