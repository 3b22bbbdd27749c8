"""The interpreter ends with coroutines there: the right code, in time, and no complaint."""

import pytest
from loops import complaints
from programs import ISOLATED, run, run_well

WHERE = ["private", "left", "thread", "main"]
STATES = ["idle", "waiting", "tidying", "preferring", "backoff", "swallowing"]
CODES = {"return": 0, "exit": 3, "exception": 1, "os_exit": 5}
STUCK = {("private", "swallowing"): "abandoned", ("thread", "swallowing"): "done"}  # closed later
# asyncio.run waits for ever for a task that swallows its cancellation; that is asyncio's affair.
CELLS = [(w, s) for w in WHERE for s in STATES if (w, s) != ("main", "swallowing")]


@pytest.mark.rule("R8.42", "R8.43", "R8.8")
@pytest.mark.parametrize(("where", "state"), CELLS)
def test_exit_waits_for_no_loop_that_stands_still_and_nobody_complains(strict, where, state):
    ended = run(ISOLATED / "exit_loop.py", where, state, "exit")
    assert (ended.code, complaints(ended.err)) == (3, [])
    assert ended.out.splitlines() == [
        "shutdown_requested",
        "grace_exceeded" if (where, state) in STUCK else "all_stopped_within_grace",
        STUCK.get((where, state), "none" if state == "idle" else "done"),
    ]


@pytest.mark.rule("R8.42", "R8.43")
@pytest.mark.parametrize("where", WHERE)
@pytest.mark.parametrize("ending", ["return", "exception", "os_exit"])
def test_exit_code_is_that_of_the_program(strict, where, ending):
    ended = run(ISOLATED / "exit_loop.py", where, "waiting", ending)
    assert ended.code == CODES[ending]
    if ending == "exception":
        assert ended.err.endswith("KeyError: 'boom'\n")
        assert ended.err.count("Traceback") == 1
    elif ending == "os_exit":
        assert ended.out == ""
    else:
        assert complaints(ended.err) == []


@pytest.mark.rule("R8.42")
def test_outcome_of_a_task_whose_loop_stands_still_is_there_for_exit_handlers(strict):
    ended = run("""
        import asyncio, atexit
        import taskvisor as tv
        from taskvisor import aio

        async def waits(ctx):
            plain.append(ctx.supervisor)
            began.set()
            await asyncio.Event().wait()

        async def main():
            kept.append(aio.Supervisor().serve())
            kept.append(kept[0].add(tv.TaskSpec.once(waits)))
            await began.wait()
            kept.append(plain[0].add(tv.TaskSpec.once(waits, name="never starts")))

        plain, kept, began = [], [], asyncio.Event()
        loop = asyncio.new_event_loop()
        loop.run_until_complete(main())
        atexit.register(loop.close)
        atexit.register(lambda: print(kept[2].outcome(0).kind.value, plain[0].list()))
    """)
    assert (ended.out, complaints(ended.err)) == ("canceled []\n", [])


# --- forks ---------------------------------------------------------------------------------------

FORKS = """
    import asyncio, os, sys, warnings
    import taskvisor as tv
    from taskvisor import aio
    warnings.simplefilter("ignore", DeprecationWarning)  # of os.fork beside threads

    async def forks():
        await asyncio.sleep(0)
        sys.stdout.flush()
        pid = os.fork()
        if pid == 0:
            {child}
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    async def in_aio():
        async with aio.Supervisor() as sup:
            return await sup.add(tv.TaskSpec.once(forks))

    def in_private():
        with tv.Supervisor() as sup:
            return sup.add(tv.TaskSpec.once(forks)).result(20)

    print("parent", {call})
"""
CALLS = {"aio": "asyncio.run(in_aio())", "private": "in_private()"}
CHILDREN = {
    "os._exit(9)": 9,
    "return 7": 0,
    "raise ValueError('in the child')": 1,
}


@pytest.mark.rule("R5.58")
@pytest.mark.parametrize("child", CHILDREN)
@pytest.mark.parametrize("kind", CALLS)
def test_coroutine_that_forks_ends_the_child_when_it_ends_there(kind, child):
    ended = run(FORKS.format(child=child, call=CALLS[kind]))
    assert (ended.code, ended.out) == (0, f"parent {CHILDREN[child]}\n")
    assert ended.err.count("Traceback") == ("ValueError" in child)


@pytest.mark.rule("R5.55", "R5.57")
@pytest.mark.parametrize("kind", CALLS)
def test_child_of_a_coroutine_may_supervise_and_every_old_call_names_the_fork(kind):
    child = """
            ctx = tv.current()
            for call in (ctx.supervisor.list, ctx.supervisor.shutdown):
                try:
                    call()
                except RuntimeError as error:
                    print("fork" in str(error))
            with tv.Supervisor() as own:
                print(own.add(tv.TaskSpec.once(int)).result(20))
            sys.stdout.flush()
            os._exit(0)
    """
    ended = run(FORKS.format(child=child.strip(), call=CALLS[kind]))
    assert (ended.code, ended.err) == (0, "")
    assert ended.out == "True\nTrue\n0\nparent 0\n"


@pytest.mark.rule("R5.57", "R5.56")
def test_child_of_a_program_with_a_private_loop_may_run_coroutines_of_its_own():
    out = run_well("""
        import asyncio, os, sys
        import taskvisor as tv
        from taskvisor import aio

        async def answer():
            await asyncio.sleep(0)
            return 42

        async def waits():
            await asyncio.Event().wait()

        async def in_aio():
            async with aio.Supervisor() as sup:
                return await sup.add(tv.TaskSpec.once(answer))

        with tv.Supervisor() as sup:
            sup.add(tv.TaskSpec.once(answer)).result(20)
            sup.add(tv.TaskSpec.once(waits))
            pid = os.fork()
            if pid == 0:
                with tv.Supervisor() as own:
                    print(own.add(tv.TaskSpec.once(answer)).result(20))
                print(asyncio.run(in_aio()))
                sys.stdout.flush()
                os._exit(0)
            print(os.waitpid(pid, 0)[1])
    """)
    assert out == "42\n42\n0\n"
