"""The pytest plugin: its fixtures, its marker, and what becomes of a test that leaves tasks."""

import re
import sys
import textwrap

import anyio.pytest_plugin
import pages
import pytest
from programs import ROOT

from taskvisor import pytest_plugin

pytest_plugins = ["pytester"]

HEAD = """
import pytest
import taskvisor as tv
from taskvisor.testing import *
"""

STUCK = """
import threading

held = threading.Event()

def stuck():
    held.wait(60)
"""


@pytest.fixture
def play(pytester, monkeypatch):
    """play(source): runs a test module in a pytest of its own, which has ours and anyio's."""
    monkeypatch.setattr(pytest_plugin, "SETTLING", 0.05)
    monkeypatch.setattr(pytest_plugin, "GRACE", 0.2)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    args = ["-p", "no:cacheprovider", "--strict-markers", "-W", "error"]

    def start(source):
        pytester.makepyfile(HEAD + textwrap.dedent(source))
        return pytester.runpytest_inprocess(*args, plugins=[pytest_plugin, anyio.pytest_plugin])

    return start


# --- fixtures ------------------------------------------------------------------------------------


@pytest.mark.rule("R11.20")
def test_supervisor_is_served_and_shut_down_when_the_test_is_over(play):
    play("""
        served = []

        def test_one(supervisor):
            served.append(supervisor)
            assert isinstance(supervisor, tv.SupervisorHandle)
            assert supervisor.add(tv.TaskSpec.once(lambda: 42)).result(30) == 42

        def test_two():
            with pytest.raises(tv.ShuttingDown):
                served[0].add(tv.TaskSpec.once(dict))
    """).assert_outcomes(passed=2)


@pytest.mark.rule("R11.20")
def test_events_hears_the_supervisor_and_each_test_has_its_own(play):
    play("""
        @pytest.mark.parametrize("n", [1, 2])
        def test_one(supervisor, events, n):
            supervisor.add(tv.TaskSpec.once(dict, name=f"t{n}"))
            assert events.wait_for("task_removed").task == f"t{n}"
            assert isinstance(events, Recorder)

        def test_without(supervisor):
            supervisor.add(tv.TaskSpec.once(dict)).result(30)
    """).assert_outcomes(passed=3)


@pytest.mark.rule("R11.20")
def test_supervisor_is_on_the_clock_where_the_test_asks_for_it(play):
    play("""
        HOURLY = tv.BackoffPolicy.constant(3600)
        calls = []

        def fails_once():
            calls.append(1)
            if len(calls) == 1:
                raise tv.Fail("x")

        def test_manual(clock, events, supervisor):
            handle = supervisor.add(tv.TaskSpec(fails_once, backoff=HOURLY))
            events.wait_for("backoff_scheduled")
            assert clock.advance_to_next() == 3600.0
            assert handle.outcome(timeout=30).attempts == 2

        def test_real(supervisor):
            handle = supervisor.add(tv.TaskSpec.once(lambda ctx: ctx.sleep(0.001)))
            assert handle.outcome(timeout=30).kind == "completed"
    """).assert_outcomes(passed=2)


@pytest.mark.rule("R11.23")
def test_marker_says_what_the_supervisor_is_made_of(play):
    play("""
        heard = Recorder()

        @pytest.mark.taskvisor(
            tv.SupervisorConfig(restart="never"),
            controller=tv.ControllerConfig(),
            subscribers=[heard],
        )
        def test_marked(supervisor, events):
            assert supervisor.controller_snapshot() == []
            handle = supervisor.add(tv.TaskSpec(lambda: 1 / 0))
            assert handle.outcome(timeout=30).attempts == 1
            supervisor.shutdown()
            assert events.words() == heard.words() != []

        @pytest.mark.taskvisor(3)
        def test_wrong(supervisor):
            pass
    """).assert_outcomes(passed=1, errors=1)


@pytest.mark.rule("R11.20")
def test_tests_that_are_coroutines_await_what_runs_on_a_private_loop(play):
    play("""
        @pytest.fixture
        def anyio_backend():
            return "asyncio"

        @pytest.mark.anyio
        async def test_one(clock, events, supervisor):
            async def body(ctx):
                await ctx.asleep(3600)
                return 42

            handle = supervisor.add(tv.TaskSpec.once(body))
            await await_until(lambda: clock.sleeping == 1)
            clock.advance(3600)
            assert await handle == 42

        @pytest.mark.anyio
        async def test_own_loop(clock, events):
            async with clock.aio_supervisor(subscribers=[events]) as sup:
                assert await sup.add(tv.TaskSpec.once(lambda: 42)) == 42
            assert events.words()[-1] == "all_stopped_within_grace"
    """).assert_outcomes(passed=2)


@pytest.mark.rule("R11.25")
def test_fixtures_of_the_suites_own_with_these_names_come_first(play):
    play("""
        @pytest.fixture
        def clock():
            return 3

        @pytest.fixture
        def events():
            return []

        def test_one(clock, events, supervisor):
            assert (clock, events) == (3, [])
            supervisor.add(tv.TaskSpec.once(dict)).result(30)
    """).assert_outcomes(passed=1)


# --- what a test leaves --------------------------------------------------------------------------


@pytest.mark.rule("R11.21", "R11.22")
def test_passing_test_that_leaves_tasks_fails_at_its_end_and_says_which(play):
    ended = play("""
        bodies = []

        def body(ctx):
            bodies.append(ctx.wait())

        def fails():
            raise tv.Fail("x")

        @pytest.mark.taskvisor(controller=tv.ControllerConfig())
        def test_one(supervisor, events):
            supervisor.add(tv.TaskSpec(body, name="runs"))
            supervisor.add(tv.TaskSpec(fails, name="fails", backoff=tv.BackoffPolicy.constant(60)))
            for name in ("owner", "waits"):
                supervisor.submit(tv.ControllerSpec.queue(tv.TaskSpec(body, name=name), slot="s"))
            events.wait_for("backoff_scheduled", "fails")
            wait_until(lambda: len(supervisor.snapshot()) == 2)

        def test_two():
            assert bodies == [True, True]
    """)
    ended.assert_outcomes(passed=2, errors=1)
    ended.stdout.fnmatch_lines([
        "*ERROR at teardown of test_one*",
        "the test has left tasks behind: 'runs' (running), 'fails' (backoff), 'owner' (running), "
        "'waits' (queued in 's')",
    ])  # fmt: skip


@pytest.mark.rule("R11.22")
@pytest.mark.parametrize("fixtures", ["supervisor", "supervisor, clock"])
def test_body_that_does_not_end_even_so_holds_up_nobody(play, fixtures):
    test = f"""
def test_one({fixtures}):
    supervisor.add(tv.TaskSpec.once(stuck))
    wait_until(lambda: supervisor.snapshot())

def test_let_go():
    held.set()
"""
    ended = play(STUCK + test)
    ended.assert_outcomes(passed=2, errors=1)
    ended.stdout.fnmatch_lines(
        ["the test has left tasks behind: 'stuck' (running); stuck past its grace: 'stuck'"]
    )


@pytest.mark.rule("R11.21")
@pytest.mark.parametrize(
    ("ending", "outcomes"),
    [
        ("assert False", dict(failed=1)),
        ("pytest.skip('no')", dict(skipped=1)),
        ("pytest.xfail('known')", dict(xfailed=1)),
    ],
)
def test_test_that_has_not_passed_is_told_nothing_more(play, ending, outcomes):
    play(f"""
        def test_one(supervisor, clock):
            supervisor.add(tv.TaskSpec(lambda ctx: ctx.wait()))
            {ending}
    """).assert_outcomes(**outcomes)


@pytest.mark.rule("R11.21")
def test_tasks_that_have_been_stopped_or_are_just_ending_are_not_left(play, monkeypatch):
    monkeypatch.setattr(pytest_plugin, "SETTLING", 30.0)
    play("""
        def body(ctx):
            ctx.wait()

        def test_cancelled(supervisor):
            supervisor.add(tv.TaskSpec(body)).cancel()

        def test_shut_down(supervisor):
            supervisor.add(tv.TaskSpec(body))
            supervisor.shutdown()

        def test_joined(supervisor):
            supervisor.add(tv.TaskSpec.once(lambda ctx: ctx.sleep(0.001)))
            assert supervisor.join(30)

        def test_ending(supervisor, events):
            supervisor.add(tv.TaskSpec.once(lambda ctx: ctx.sleep(0.001)))
    """).assert_outcomes(passed=4)


@pytest.mark.rule("R11.21")
def test_verdict_that_the_test_itself_has_brought_about_is_no_failure(play):
    test = """
def test_one(clock, supervisor):
    supervisor.add(tv.TaskSpec.once(stuck))
    wait_until(lambda: supervisor.snapshot())
    supervisor.shutdown(60, wait=False)
    clock.advance(60)
    with pytest.raises(tv.GraceExceeded):
        supervisor.shutdown()
    held.set()
    wait_until(lambda: not supervisor.tasks())
"""
    play(STUCK + test).assert_outcomes(passed=1)


# --- who does not use it -------------------------------------------------------------------------


# --- the page about it ---------------------------------------------------------------------------

_EXAMPLE = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PAGE = (pages.ROOT / "docs" / "howto" / "testing.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("example", _EXAMPLE.findall(PAGE))
def test_every_example_of_the_page_passes_as_it_stands(play, example):
    tests = example.count("def test_")
    ended = play(example if tests else f"def test_program():\n{textwrap.indent(example, '    ')}")
    ended.assert_outcomes(passed=tests or 1)


LOOKS = """
import sys, threading

def test_one(request):
    assert not {"clock", "events", "supervisor"} & set(request.fixturenames)
    print("threads", threading.active_count(), "asyncio" in sys.modules)
"""


@pytest.mark.rule("R11.24")
def test_tests_that_do_not_use_it_have_no_thread_and_no_asyncio_of_it(pytester, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makepyfile(LOOKS)
    for plugin in ([], ["-p", "taskvisor.pytest_plugin"]):
        ended = pytester.run(sys.executable, "-m", "pytest", "-s", *plugin)
        ended.assert_outcomes(passed=1)
        ended.stdout.fnmatch_lines(["*threads 1 False*"])
