"""The table on a terminal, with `rich` and without, and who prints above it."""

import re
from importlib.util import find_spec

import pytest
from cli import ended, interrupted, on_terminal, write

assert find_spec("rich"), "the program would do without, and no test would see it"

BOTH = pytest.mark.parametrize("rich", [True, False], ids=["rich", "plain"])

HELD = """
hold = tv.BackoffPolicy.constant(1000)
def works(ctx):
    print("says hello", flush=True)
    ctx.wait()
def fails(): raise ConnectionError("no answer")
tasks = [tv.TaskSpec.once(works), tv.TaskSpec.restartable(fails, backoff=hold)]
"""

_ESCAPE = re.compile(r"\x1b\[[?\d;]*[A-Za-z]")


def plain(text):
    """What was written, without colours and movements."""
    return _ESCAPE.sub("", text).replace("\r", "")


def screen_after(text, columns):
    """What a terminal shows in the end, as a list of lines; only movements that we make."""
    shown, row, column = [""], 0, 0
    for piece in re.findall(r"\x1b\[[?\d;]*[A-Za-z]|.|\n", text):
        if piece == "\n":
            row += 1
            shown += [""] * (row + 1 - len(shown))
        elif piece == "\r":
            column = 0
        elif piece.startswith("\x1b"):
            count = int(re.sub(r"\D", "", piece) or 1)
            if piece[-1] in "AF":
                row = max(0, row - count)
                column = 0 if piece[-1] == "F" else column
            elif piece[-1] == "J":
                del shown[row + 1 :]
                shown[row] = shown[row][:column]
            elif piece[-1] == "K":
                shown[row] = ""
        else:
            shown[row] = shown[row][:column].ljust(column) + piece + shown[row][column + 1 :]
            column += 1
            assert column <= columns, "a line is wider than the terminal"
    return [line.rstrip() for line in shown]


@pytest.mark.rule("R9.20")
@BOTH
def test_terminal_gets_a_table_that_goes_away(tmp_path, rich):
    write(tmp_path, HELD)
    shown = ["ConnectionError: no answer", "2 tasks: 1 backoff, 1 running"]
    code, text = interrupted(tmp_path, "jobs", *shown, rich=rich)
    assert code == 0
    assert re.search(r"task +state +attempt +next start +last error", plain(text))
    assert re.search(r"works +running +1", plain(text))
    assert re.search(r"fails +backoff +1 +\d+\.\d s +ConnectionError: no answer", plain(text))
    left = screen_after(text, 100)
    assert not any("1 backoff" in line for line in left)
    assert left.count("says hello") == 1
    assert any(line.startswith("works  canceled") for line in left)
    assert "stopped by SIGINT" in left


@pytest.mark.rule("R9.20")
@BOTH
def test_what_tasks_print_stands_above_the_table_whole(tmp_path, rich):
    write(
        tmp_path,
        """
        def talks(ctx):
            for n in range(40):
                print(f"line {n}", end="")  # in one piece: the table may come up between two
                ctx.sleep(0.01)
                print(" whole", file=sys.stderr if n % 2 else sys.stdout)
        tasks = tv.TaskSpec.once(talks)
        """,
    )
    with on_terminal(tmp_path, "run", "jobs", rich=rich) as (process, terminal):
        code, text = ended(process, terminal)
    assert code == 0
    left = "\n".join(screen_after(text, 100))
    assert left.count("whole") == 40
    assert sorted(map(int, re.findall(r"line (\d+)", left))) == list(range(40))


@pytest.mark.rule("R9.22")
@BOTH
def test_traceback_of_a_final_failure_stands_above_the_table(tmp_path, rich):
    write(tmp_path, "def broken(): raise LookupError('no table')\ntasks = tv.TaskSpec.once(broken)")
    with on_terminal(tmp_path, "run", "jobs", rich=rich) as (process, terminal):
        code, text = ended(process, terminal)
    assert code == 1
    left = "\n".join(screen_after(text, 100))
    assert left.count("def broken(): raise LookupError('no table')") == 1
    assert "ERROR task 'broken' ended failed" in left


@pytest.mark.rule("R9.20")
@BOTH
@pytest.mark.parametrize(("columns", "lines"), [(20, 10), (45, 6), (1, 1)])
def test_narrow_terminal_gets_a_narrow_table(tmp_path, rich, columns, lines):
    write(
        tmp_path,
        """
        def painted():
            return any(thread.name == "taskvisor-table" for thread in threading.enumerate())
        def waits(ctx):
            while not painted():
                ctx.sleep(0.001)
            ctx.wait(0.1)
            assert painted(), "the table has ended"
        def fails(): raise ConnectionError("no answer " * 20)
        tasks = [tv.TaskSpec.once(fails)]
        tasks += [tv.TaskSpec.once(waits, name=f"{n} \\u6f22\\u5b57") for n in range(30)]
        """,
    )
    size = {"columns": columns, "lines": lines, "rich": rich}
    with on_terminal(tmp_path, "run", "jobs", **size) as (process, terminal):
        code, text = ended(process, terminal)
    assert code == 1
    assert text.count("Traceback") == 1  # that of `fails`
    assert "the table has ended" not in text


@pytest.mark.rule("R9.20")
def test_frames_are_never_higher_than_the_terminal(tmp_path):
    write(
        tmp_path,
        "def waits(ctx): ctx.wait()\n"
        "tasks = [tv.TaskSpec.once(waits, name=f't{n:03}') for n in range(200)]",
    )
    code, text = interrupted(tmp_path, "jobs", "(192 not shown)", rich=False, lines=12)
    assert code == 0
    frames = text.partition("task  outcome")[0].split("\x1b[J")
    assert max(frame.count("\n") for frame in frames) == 10


@pytest.mark.rule("R9.20")
@BOTH
def test_long_error_takes_no_room_of_other_columns(tmp_path, rich):
    write(
        tmp_path,
        """
        hold = tv.BackoffPolicy.constant(1000)
        def fails(): raise ConnectionError("no answer from the other side " * 20)
        def works(ctx): ctx.wait()
        name = "publish report 1763740000000000000"
        tasks = [tv.TaskSpec.restartable(fails, name=name, backoff=hold), tv.TaskSpec.once(works)]
        """,
    )
    _, text = interrupted(tmp_path, "jobs", "2 tasks: 1 backoff, 1 running", rich=rich, columns=100)
    shown = plain(text).partition("2 tasks: 1 backoff, 1 running")[0].splitlines()
    assert re.search(r"^works {30} +running +1 *$", shown[-1])
    row = r"^publish report 1763740000000000000  backoff +1 +\d+\.\d s  Connection.*(\.{3}|…)$"
    assert re.search(row, shown[-2].rstrip())


@pytest.mark.rule("R9.20")
@BOTH
def test_no_color_is_heeded(tmp_path, rich):
    write(tmp_path, HELD)
    shown, options = "2 tasks: 1 backoff, 1 running", dict(rich=rich, NO_COLOR="1")
    _, text = interrupted(tmp_path, "jobs", shown, **options)
    colours = [c for code in re.findall(r"\x1b\[([\d;]*)m", text) for c in code.split(";")]
    assert not [c for c in colours if c[:1] in ("3", "4", "9")]


@pytest.mark.rule("R9.21")
@pytest.mark.parametrize("changes", [{"TERM": "dumb"}, {"TERM": None}])
def test_terminal_without_a_cursor_gets_lines(tmp_path, changes):
    write(tmp_path, "tasks = tv.TaskSpec.once(dict)")
    with on_terminal(tmp_path, "run", "jobs", **changes) as (process, terminal):
        code, text = ended(process, terminal)
    assert code == 0
    assert "INFO [task-added] task=dict" in text
    assert "\x1b" not in text


@pytest.mark.rule("R9.21")
@pytest.mark.parametrize("option", ["--log=text", "--log=json", "--log=none", "-v"])
def test_log_that_is_asked_for_takes_the_place_of_the_table(tmp_path, option):
    write(tmp_path, "tasks = tv.TaskSpec.once(dict)")
    with on_terminal(tmp_path, "run", "jobs", option) as (process, terminal):
        code, text = ended(process, terminal)
    assert code == 0
    assert ("[task-added] task=dict" in text) is (option != "--log=none")
    assert ("[starting] task=dict" in text) is (option == "-v")
    assert "\x1b" not in text


@pytest.mark.rule("R9.24")
@BOTH
def test_terminal_of_another_encoding_gets_a_table(tmp_path, rich):
    write(
        tmp_path,
        "def waits(ctx): ctx.wait()\ntasks = tv.TaskSpec.once(waits, name='caf\\u00e9')",
    )
    changes = {"rich": rich, "PYTHONIOENCODING": "ascii"}
    code, text = interrupted(tmp_path, "jobs", "1 task: 1 running", **changes)
    assert code == 0
    assert text.isascii()
    assert "caf\\xe9  canceled" in text


@pytest.mark.rule("R9.24")
def test_terminal_that_goes_away_ends_the_table_and_nothing_else(tmp_path):
    path = tmp_path / "done"
    write(
        tmp_path,
        f"""
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        def is_painted():
            return any(thread.name == "taskvisor-table" for thread in threading.enumerate())
        def waits(ctx):
            while not is_painted():
                ctx.sleep(0.001)
            while is_painted():
                ctx.sleep(0.005)
            open({str(path)!r}, "w").close()
        tasks = tv.TaskSpec.once(waits)
        """,
    )
    with on_terminal(tmp_path, "run", "jobs", rich=False) as (process, terminal):
        terminal.wait_for("1 task: 1 running")
        terminal.hang_up()
        assert process.wait(30) == 0
    assert path.exists()
