"""Slots under the command line: bodies submit, and what is rejected is no bad end."""

import json
import re

import pytest
from cli import ended, interrupted, on_terminal, rows, taskvisor, write
from test_cli_live import plain

SUBMITS = """
def works(ctx): ctx.wait()
def submit(ctx, name, fn=works, make=tv.ControllerSpec.queue):
    return ctx.supervisor.submit(make(tv.TaskSpec.once(fn, name=name), slot="s"))
def after(ctx):
    "One submission of each end that there is."
    first = submit(ctx, "first")
    replaced = submit(ctx, "second", make=tv.ControllerSpec.replace)
    newest = submit(ctx, "third", make=tv.ControllerSpec.replace)
    dropped = submit(ctx, "fourth", make=tv.ControllerSpec.drop_if_running)
    first.outcome()
    assert dropped.outcome().kind == "rejected"
    ctx.supervisor.cancel_slot("s")
tasks = tv.TaskSpec.once(after)
"""


@pytest.mark.rule("R9.17")
def test_submission_that_is_rejected_is_counted_and_ends_well(tmp_path):
    write(tmp_path, SUBMITS)
    told = taskvisor(tmp_path, "run", "jobs", "--log=none", "--json")
    summary = json.loads(told.out)
    assert (told.code, summary["exit_code"]) == (0, 0)
    assert [task["name"] for task in summary["tasks"]] == ["after"]
    assert summary["outcomes"]["completed"] == 1
    assert summary["outcomes"]["rejected"] in (1, 2, 3)
    assert sum(summary["outcomes"].values()) == 5


@pytest.mark.rule("R9.16", "R9.17")
def test_submission_that_fails_has_a_row_of_its_name_and_is_code_1(tmp_path):
    write(
        tmp_path,
        SUBMITS
        + """
def broken(): raise LookupError("no table")
def parent(ctx):
    submit(ctx, "publish a", broken)
    submit(ctx, "publish b", dict)
fails = tv.TaskSpec.once(parent)
""",
    )
    told = taskvisor(tmp_path, "run", "jobs:fails", "--log=none")
    assert told.code == 1
    table = rows(told.err)
    assert list(table) == ["parent", "publish a"]
    assert table["publish a"] == ["failed", "1", "1", "0.00 s", "LookupError: no table"]
    assert "3 tasks in " in told.err
    assert "1 of them, added by other tasks, are not listed" in told.err


@pytest.mark.rule("R9.22")
@pytest.mark.parametrize("rich", [True, False], ids=["rich", "plain"])
def test_traceback_of_a_submission_that_fails_stands_above_the_table_once(tmp_path, rich):
    write(
        tmp_path,
        SUBMITS
        + """
def broken(): raise LookupError("no table")
def parent(ctx): submit(ctx, "publish a", broken)
fails = tv.TaskSpec.once(parent)
""",
    )
    with on_terminal(tmp_path, "run", "jobs:fails", rich=rich) as (process, terminal):
        code, text = ended(process, terminal)
    assert code == 1
    assert text.count('def broken(): raise LookupError("no table")') == 1
    assert text.count("ERROR task 'publish a' ended failed") == 1


@pytest.mark.rule("R9.17")
def test_run_waits_for_what_waits_in_a_slot(tmp_path):
    write(
        tmp_path,
        SUBMITS
        + """
def says(ctx): print(ctx.name)
def parent(ctx):
    for n in range(3):
        submit(ctx, f"job {n}", says)
waits = tv.TaskSpec.once(parent)
""",
    )
    told = taskvisor(tmp_path, "run", "jobs:waits", "--log=none")
    assert (told.code, told.out) == (0, "job 0\njob 1\njob 2\n")


@pytest.mark.rule("R9.17", "R9.20")
def test_owner_of_a_slot_has_a_line_in_the_table(tmp_path):
    write(
        tmp_path,
        SUBMITS
        + """
def parent(ctx):
    submit(ctx, "publish a")
    submit(ctx, "publish b", make=tv.ControllerSpec.drop_if_running)
    ctx.wait()
shows = tv.TaskSpec.once(parent)
""",
    )
    shown = "3 tasks: 2 running, 1 rejected (1 not shown)"
    code, text = interrupted(tmp_path, "jobs:shows", shown, rich=False)
    assert code == 0
    assert re.search(r"^parent +running +1", plain(text), re.MULTILINE)
    assert re.search(r"^publish a +running +1", plain(text), re.MULTILINE)
    assert "publish b" not in text
