"""SIGINT and SIGTERM: one stops the tasks, two end the grace, none is lost before the tasks run."""

import json
import os
import signal

import pytest
from cli import environment, start, taskvisor, write
from programs import LIMIT

NUMBERS = [signal.SIGINT, signal.SIGTERM]


def run_until(folder, line, *args):
    """Starts it and waits until a task has printed the line; a context manager."""
    return _Until(start(folder, "run", "jobs", *args), line)


class _Until:
    def __init__(self, started, line):
        self._started, self._line = started, line

    def __enter__(self):
        process = self._started.__enter__()
        assert process.stdout.readline() == self._line + "\n"
        return process

    def __exit__(self, *exc):
        return self._started.__exit__(*exc)


WAITS = """
def waits(ctx):
    print("runs", flush=True)
    ctx.wait()
"""


@pytest.mark.rule("R9.10", "R9.11")
@pytest.mark.parametrize("number", NUMBERS)
def test_signal_stops_the_tasks_and_ends_well(tmp_path, number):
    write(tmp_path, WAITS + "tasks = tv.TaskSpec.once(waits)")
    with run_until(tmp_path, "runs") as process:
        process.send_signal(number)
        _, err = process.communicate(timeout=LIMIT)
    assert process.returncode == 0
    assert f"stopped by {number.name}\n" in err
    assert "1 canceled" in err


@pytest.mark.rule("R9.10")
def test_failed_task_wins_over_a_signal(tmp_path):
    write(
        tmp_path,
        WAITS + "def broken(): 1 / 0\ntasks = [tv.TaskSpec.once(broken), tv.TaskSpec.once(waits)]",
    )
    with start(tmp_path, "run", "jobs") as process:
        for line in process.stderr:  # it has ended before the signal comes
            if "[task-removed] task=broken" in line:
                break
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=LIMIT)
    assert process.returncode == 1


STUCK = """
def broken(): 1 / 0
def stuck(ctx):
    print("runs", flush=True)
    ctx.wait()
    print("asked", flush=True)
    threading.Event().wait()
tasks = [tv.TaskSpec.once(broken), tv.TaskSpec.once(stuck)]
"""


@pytest.mark.rule("R9.10", "R9.11", "R9.13")
def test_grace_that_is_exceeded_is_code_3_and_wins_over_1(tmp_path):
    write(tmp_path, STUCK)
    with run_until(tmp_path, "runs", "--grace=0.1") as process:
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=LIMIT)
    assert process.returncode == 3
    assert 'shutdown timeout 100ms exceeded; stuck: ["stuck"]' in err
    assert "stuck is still at\n" in err
    assert ", in stuck\n" in err


@pytest.mark.rule("R9.11")
@pytest.mark.parametrize("second", NUMBERS)
def test_second_signal_ends_the_grace(tmp_path, second):
    write(tmp_path, STUCK)
    with run_until(tmp_path, "runs", "--grace=100000") as process:
        process.send_signal(signal.SIGINT)
        assert process.stdout.readline() == "asked\n"
        process.send_signal(second)
        _, err = process.communicate(timeout=LIMIT)
    assert process.returncode == 3
    assert 'shutdown timeout 0ns exceeded; stuck: ["stuck"]' in err


@pytest.mark.rule("R9.14")
def test_json_tells_the_signal_and_what_is_stuck(tmp_path):
    source = STUCK.replace("print(", "print(file=tell, *[").replace(", flush", "], flush")
    write(tmp_path, "tell = os.fdopen(int(os.environ['TELL']), 'w')\n" + source)
    read, written = os.pipe()
    env = environment(TELL=str(written))
    args = ("run", "jobs", "--grace=0", "--json", "--log=none")
    with open(read) as told, start(tmp_path, *args, env=env, pass_fds=[written]) as process:
        os.close(written)
        assert told.readline() == "runs\n"
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=LIMIT)
    summary = json.loads(out)
    assert (summary["exit_code"], summary["signal"]) == (3, "SIGTERM")
    assert summary["outcomes"] == {"failed": 1, "abandoned": 1}
    assert (summary["grace_exceeded"]["grace"], summary["grace_exceeded"]["stuck"]) == (
        0,
        ["stuck"],
    )
    assert ", in stuck\n" in summary["grace_exceeded"]["stacks"]["stuck"]


@pytest.mark.rule("R9.10")
def test_body_past_its_own_grace_is_code_3(tmp_path):
    write(
        tmp_path,
        """
        inside, release = threading.Event(), threading.Event()
        def slow():
            inside.set()
            release.wait()
        def parent(ctx):
            inside.wait()
            try:
                ctx.supervisor.cancel("slow", timeout=60)
            except tv.TaskRemoveTimeout:
                pass
        def ends(ctx):
            while ctx.supervisor.tasks()[0].state is not tv.TaskState.ABANDONED:
                ctx.sleep(0.005)
            release.set()
        tasks = [tv.TaskSpec.once(fn, grace=0.05) for fn in (slow, parent, ends)]
        """,
    )
    ended = taskvisor(tmp_path, "run", "jobs")
    assert ended.code == 3
    assert "1 abandoned" in ended.err


@pytest.mark.rule("R9.12")
@pytest.mark.parametrize("number", NUMBERS)
def test_signal_during_the_import_ends_before_any_task(tmp_path, number):
    # It looks up now and then: a signal that comes just before a wait does not end that.
    source = "print('imports', flush=True)\nwhile not threading.Event().wait(0.1): pass"
    write(tmp_path, source)
    with run_until(tmp_path, "imports") as process:
        process.send_signal(number)
        out, err = process.communicate(timeout=LIMIT)
    assert (process.returncode, out) == (0, "")
    assert err.splitlines() == [
        "taskvisor: stopped before any task was started",
        "0 tasks in 0.00 s",
        f"stopped by {number.name}",
    ]


@pytest.mark.rule("R9.12")
def test_signal_that_the_import_swallows_is_not_lost(tmp_path):
    write(
        tmp_path,
        """
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            threading.Event().wait()
        except BaseException:
            pass
        tasks = tv.TaskSpec.once(print, args=("ran",))
        """,
    )
    ended = taskvisor(tmp_path, "run", "jobs")
    assert (ended.code, ended.out) == (0, "")
    assert "stopped before any task was started" in ended.err


@pytest.mark.rule("R9.11")
def test_handlers_of_the_target_are_not_called_while_it_runs(tmp_path):
    write(
        tmp_path,
        WAITS
        + "signal.signal(signal.SIGTERM, lambda *_: os._exit(9))\ntasks = tv.TaskSpec.once(waits)",
    )
    with run_until(tmp_path, "runs") as process:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=LIMIT)
    assert process.returncode == 0
