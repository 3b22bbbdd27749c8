"""`taskvisor run`: exit codes, the closing summary, JSON, the log."""

import json
import os
import subprocess
import sys

import pytest
from cli import environment, rows, start, taskvisor, write
from programs import LIMIT

import taskvisor as tv

MIXED = """
def fine(): return 1
def flaky(ctx):
    if ctx.attempt < 3:
        raise ConnectionError(f"no answer to {ctx.attempt}")
def broken():
    raise LookupError("no table")
def dead():
    raise tv.Fatal("not configured", exit_code=78)
def leaves():
    raise tv.Canceled()
at_once = dict(backoff=tv.BackoffPolicy.constant(0.001))
good = [tv.TaskSpec.once(fine), tv.TaskSpec.restartable(flaky, **at_once), tv.TaskSpec.once(leaves)]
tasks = [*good, tv.TaskSpec.restartable(broken, max_retries=1, **at_once), tv.TaskSpec.once(dead)]
"""


@pytest.fixture(scope="module")
def jobs(tmp_path_factory):
    """A folder with the module `jobs`."""
    folder = tmp_path_factory.mktemp("jobs")
    write(folder, MIXED)
    return folder


# --- the end -------------------------------------------------------------------------------------


@pytest.mark.rule("R9.10")
def test_all_that_completes_or_is_canceled_ends_well(jobs):
    ended = taskvisor(jobs, "run", "jobs:good", "--log=none")
    assert (ended.code, ended.out) == (0, "")
    assert rows(ended.err).keys() == {"fine", "flaky", "leaves"}


@pytest.mark.rule("R9.10")
@pytest.mark.parametrize("name", ["broken", "dead"])
def test_task_that_ends_failed_or_fatal_is_code_1(tmp_path, name):
    write(tmp_path, MIXED + f"only = tv.TaskSpec.once({name})")
    assert taskvisor(tmp_path, "run", "jobs:only", "--log=none").code == 1


@pytest.mark.rule("R9.13")
def test_summary_has_a_row_per_task_in_the_order_of_the_target(jobs):
    ended = taskvisor(jobs, "run", "jobs", "--log", "none")
    assert (ended.code, ended.out) == (1, "")
    head, *_, foot = ended.err.splitlines()
    assert head.split() == "task outcome attempts failures time spent last error".split()
    table = rows(ended.err)
    assert list(table) == ["fine", "flaky", "leaves", "broken", "dead"]
    assert {task: (row[:3], row[4:]) for task, row in table.items()} == {
        "fine": (["completed", "1", "0"], ["-"]),
        "flaky": (["completed", "3", "2"], ["ConnectionError: no answer to 2"]),
        "leaves": (["canceled", "1", "0"], ["-"]),
        "broken": (["failed", "2", "2"], ["LookupError: no table"]),
        "dead": (["fatal", "1", "1"], ["fatal error (no retry): not configured"]),
    }
    assert all(row[3].endswith(" s") for row in table.values())
    assert foot.startswith("5 tasks in ")
    assert foot.endswith(": 2 completed, 1 failed, 1 fatal, 1 canceled")


@pytest.mark.rule("R9.13")
def test_time_spent_is_that_of_the_bodies(tmp_path):
    write(tmp_path, "def waits(ctx): ctx.wait(0.3)\ntasks = tv.TaskSpec.once(waits)")
    ended = taskvisor(tmp_path, "run", "jobs", "--log=none", "--json")
    (task,) = json.loads(ended.out)["tasks"]
    assert 0.3 <= task["seconds"] <= json.loads(ended.out)["seconds"]


@pytest.mark.rule("R9.2")
def test_nothing_to_run_ends_well(tmp_path):
    write(tmp_path, "tasks = []")
    ended = taskvisor(tmp_path, "run", "jobs")
    assert (ended.code, ended.err) == (0, "0 tasks in 0.00 s\n")
    assert json.loads(taskvisor(tmp_path, "run", "jobs", "--json").out)["tasks"] == []


@pytest.mark.rule("R9.5")
def test_two_tasks_of_one_name_are_refused_and_none_is_started(tmp_path):
    write(tmp_path, "def one(): print('ran')\ntasks = [tv.TaskSpec.once(one)] * 2")
    ended = taskvisor(tmp_path, "run", "jobs:tasks")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err == "taskvisor: jobs:tasks has 2 tasks of the name 'one'\n"


@pytest.mark.rule("R9.6")
@pytest.mark.parametrize(
    ("option", "line"),
    [
        ("--grace=-1", "grace must be 0 or more seconds, not -1.0"),
        ("--grace=nan", "grace must be a finite number of seconds, not nan"),
        ("--grace=soon", "argument --grace: invalid float value: 'soon'"),
        ("--max-concurrent=0", "max_concurrent must be at least 1, not 0"),
        ("--log=xml", "argument --log: invalid choice: 'xml'"),
    ],
)
def test_option_that_makes_no_sense_is_code_2(jobs, option, line):
    ended = taskvisor(jobs, "run", "jobs", option)
    assert (ended.code, ended.out) == (2, "")
    assert f"taskvisor run: error: {line}" in ended.err


def test_options_reach_the_supervisor(tmp_path):
    write(
        tmp_path,
        """
        inside = threading.Semaphore(2)
        def body():
            assert inside.acquire(blocking=False), "three at once"
            threading.Event().wait(0.01)
            inside.release()
        tasks = [tv.TaskSpec.once(body, name=str(n)) for n in range(20)]
        """,
    )
    assert taskvisor(tmp_path, "run", "jobs", "--log=none", "--max-concurrent", "2").code == 0


@pytest.mark.rule("R9.2", "R9.10")
def test_bodies_may_be_functions_and_coroutine_functions(tmp_path):
    write(
        tmp_path,
        """
        import asyncio
        def plain(): return 1
        async def loops(ctx):
            await asyncio.sleep(0)
            if ctx.attempt == 1:
                raise ConnectionError("no answer")
        options = dict(backoff=tv.BackoffPolicy.constant(0))
        tasks = [tv.TaskSpec.once(plain), tv.TaskSpec.restartable(loops, **options)]
        """,
    )
    ended = taskvisor(tmp_path, "run", "jobs", "--log=none")
    assert ended.code == 0
    assert rows(ended.err)["plain"][:3] == ["completed", "1", "0"]
    assert rows(ended.err)["loops"][:3] == ["completed", "2", "1"]


@pytest.mark.rule("R9.16")
def test_task_that_a_body_adds_has_a_row_and_counts(tmp_path):
    write(
        tmp_path,
        """
        def broken(): raise LookupError("no table")
        def fine(): pass
        def parent(ctx):
            for fn in (broken, fine):
                ctx.supervisor.add(tv.TaskSpec.once(fn))
        tasks = tv.TaskSpec.once(parent)
        """,
    )
    ended = taskvisor(tmp_path, "run", "jobs", "--log=none")
    assert ended.code == 1
    assert rows(ended.err)["broken"] == ["failed", "1", "1", "0.00 s", "LookupError: no table"]
    assert "3 tasks in " in ended.err
    assert "1 of them, added by other tasks, are not listed" in ended.err


# --- JSON ----------------------------------------------------------------------------------------


@pytest.mark.rule("R9.14")
def test_json_says_what_the_summary_says(jobs):
    ended = taskvisor(jobs, "run", "jobs", "--json", "--log=none")
    assert (ended.code, ended.err) == (1, "")
    assert ended.out.count("\n") == 1
    told = json.loads(ended.out)
    assert told["exit_code"] == 1
    assert (told["signal"], told["grace_exceeded"], told["events_dropped"]) == (None, None, 0)
    assert told["outcomes"] == {"completed": 2, "canceled": 1, "failed": 1, "fatal": 1}
    assert [task["name"] for task in told["tasks"]] == [
        "fine", "flaky", "leaves", "broken", "dead"
    ]  # fmt: skip
    dead = told["tasks"][-1]
    assert dead.pop("seconds") >= 0.0
    assert dead.pop("id") > 0
    assert dead == {
        "name": "dead",
        "outcome": "fatal",
        "attempts": 1,
        "failures": 1,
        "last_error": "fatal error (no retry): not configured",
        "exit_code": 78,
    }


@pytest.mark.rule("R9.14")
def test_json_has_stdout_to_itself(tmp_path):
    write(
        tmp_path,
        """
        print("at import")
        def noisy():
            print("from a body")
            os.system("echo from a child")
        tasks = tv.TaskSpec.once(noisy)
        """,
    )
    ended = taskvisor(tmp_path, "run", "jobs", "--json", "--log=none")
    assert json.loads(ended.out)["exit_code"] == 0
    assert sorted(ended.err.splitlines()) == ["at import", "from a body", "from a child"]


def test_without_json_stdout_is_for_the_tasks(tmp_path):
    write(tmp_path, "def says(): print('hello')\ntasks = tv.TaskSpec.once(says)")
    assert taskvisor(tmp_path, "run", "jobs").out == "hello\n"


@pytest.mark.rule("R9.14")
def test_json_is_ascii_whatever_names_contain(tmp_path):
    write(tmp_path, "tasks = tv.TaskSpec.once(dict, name='caf\\u00e9\\n\\x1b[2J')")
    env = environment(PYTHONIOENCODING="ascii")
    ended = taskvisor(tmp_path, "run", "jobs", "--json", env=env)
    assert ended.out.isascii()
    assert json.loads(ended.out)["tasks"][0]["name"] == "café\n\x1b[2J"


# --- the log -------------------------------------------------------------------------------------


@pytest.mark.rule("R9.21")
def test_pipe_gets_lines_of_text(jobs):
    err = taskvisor(jobs, "run", "jobs").err
    assert " WARNING [backoff] task=flaky source=failure delay=1ms after_attempt=1 " in err
    assert ' ERROR [actor-dead] task=dead reason="fatal error (no retry): not configured"' in err
    assert "[starting]" not in err
    assert "\x1b" not in err


@pytest.mark.rule("R9.21")
def test_verbose_log_has_every_event(jobs):
    err = taskvisor(jobs, "run", "jobs", "--log=text", "-v").err
    assert " DEBUG [starting] task=flaky attempt=3" in err


@pytest.mark.rule("R9.22")
def test_traceback_of_a_final_failure_is_told_once(jobs):
    err = taskvisor(jobs, "run", "jobs").err
    assert err.count('raise LookupError("no table")') == 1
    assert err.count('raise tv.Fatal("not configured", exit_code=78)') == 1
    assert "raise ConnectionError" not in err


@pytest.mark.rule("R9.21")
def test_json_log_is_an_object_per_line(jobs):
    lines = taskvisor(jobs, "run", "jobs", "--log", "json", "--json").err.splitlines()
    told = [json.loads(line) for line in lines]
    assert all({"time", "level", "message"} <= entry.keys() for entry in told)
    retry = next(entry for entry in told if entry.get("event") == "backoff_scheduled")
    assert (retry["level"], retry["backoff_source"]) == ("warning", "failure")
    assert (retry["task"], retry["attempt"], retry["delay_ms"]) == ("flaky", 1, 1)
    tracebacks = [entry["traceback"] for entry in told if "traceback" in entry]
    assert len(tracebacks) == 2
    assert any("LookupError: no table" in text for text in tracebacks)


@pytest.mark.rule("R9.23")
def test_log_leaves_what_the_application_logs_alone(tmp_path):
    write(
        tmp_path,
        """
        import logging
        logging.basicConfig(format="mine %(name)s %(message)s", level="INFO", stream=sys.stdout)
        def says(): logging.getLogger("app").info("hello")
        tasks = tv.TaskSpec.once(says)
        """,
    )
    ended = taskvisor(tmp_path, "run", "jobs")
    assert ended.out == "mine app hello\n"
    assert "INFO [task-added] task=says" in ended.err


# --- streams -------------------------------------------------------------------------------------


@pytest.mark.rule("R9.24")
def test_reader_that_leaves_ends_nothing(jobs):
    with start(jobs, "run", "jobs:good", stdout=subprocess.DEVNULL, text=True) as process:
        process.stderr.close()
        assert process.wait(LIMIT) == 0
    read, written = os.pipe()
    os.close(read)
    ended = taskvisor(jobs, "run", "jobs:good", "--json", "--log=none", stdout=written)
    os.close(written)
    assert (ended.code, ended.err) == (0, "")


@pytest.mark.rule("R9.24")
@pytest.mark.parametrize("closed", ["1>&-", "2>&-", "1>&- 2>&-"])
@pytest.mark.parametrize("options", ["", "--json"])
def test_closed_streams_end_nothing(jobs, closed, options):
    shell = f'exec "$0" -m taskvisor run jobs:good {options} {closed}'
    assert taskvisor(jobs, command=["sh", "-c", shell, sys.executable]).code == 0


@pytest.mark.rule("R9.24")
def test_encoding_that_lacks_characters_gets_escapes(tmp_path):
    write(tmp_path, "def b(): raise ValueError('\\u2192')\ntasks = tv.TaskSpec.once(b, name='é')")
    env = environment(PYTHONIOENCODING="ascii:strict")
    ended = taskvisor(tmp_path, "run", "jobs", env=env)
    assert ended.code == 1
    assert rows(ended.err)["\\xe9"][-1] == "ValueError: \\u2192"


@pytest.mark.rule("R9.24")
def test_text_of_a_task_moves_no_cursor(tmp_path):
    write(
        tmp_path,
        """
        def b(): raise ValueError('\\x1b[2Jx\\ry')
        tasks = tv.TaskSpec.once(b, name='a\\nb\\x07')
        """,
    )
    err = taskvisor(tmp_path, "run", "jobs").err
    assert rows(err)["a\\nb\\x07"][-1] == "ValueError: \\x1b[2Jx\\ry"
    assert all(line.isprintable() for line in err.splitlines())


# --- everything else -----------------------------------------------------------------------------


def test_version_is_that_of_the_package(tmp_path):
    assert taskvisor(tmp_path, "--version").out == f"taskvisor {tv.__version__}\n"


def test_help_names_the_commands_the_options_and_the_exit_codes(tmp_path):
    assert {"run", "preview"} <= set(taskvisor(tmp_path, "--help").out.split())
    out = taskvisor(tmp_path, "run", "--help").out
    for word in ("TARGET", "--grace", "--max-concurrent", "--log", "--json", "exit codes:"):
        assert word in out


def test_no_command_is_a_usage_error(tmp_path):
    ended = taskvisor(tmp_path)
    assert ended.code == 2
    assert "usage: taskvisor" in ended.err


def test_library_imports_nothing_of_the_command_line(tmp_path):
    source = (
        "import sys, taskvisor; print([m for m in sys.modules if 'cli' in m or 'argparse' in m])"
    )
    assert taskvisor(tmp_path, command=[sys.executable, "-c", source]).out == "[]\n"
