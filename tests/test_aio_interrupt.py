"""Signals and an `aio` supervisor: they are the application's, and Ctrl-C shuts down."""

import signal

import pytest
from loops import complaints, scenario
from programs import end_of, run, running

import taskvisor as tv
from taskvisor import aio


async def answer():
    return 42


INTERRUPTED = """
    import asyncio
    import taskvisor as tv
    from taskvisor import aio

    def say(word):
        print(word + "\\n", end="", flush=True)  # one write, so that threads share lines

    async def forever():
        say("began")
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            say("tidied")

    class Watch:
        def on_event(self, event):
            if event.task is None:
                say(event.kind.value)

    async def main():
        {main}

    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        say("interrupted")
"""
BLOCK = """
        async with aio.Supervisor(subscribers=[Watch()]) as sup:
            await sup.add(tv.TaskSpec.restartable(forever))
"""
RUN = "await aio.Supervisor(subscribers=[Watch()]).run([tv.TaskSpec.restartable(forever)])"


@pytest.mark.rule("R8.37", "R8.43")
@pytest.mark.parametrize("main", [BLOCK.strip(), RUN], ids=["block", "run"])
def test_ctrl_c_shuts_down_and_is_raised_then(strict, main):
    with running(INTERRUPTED.format(main=main)) as process:
        assert process.stdout.readline() == "began\n"
        process.send_signal(signal.SIGINT)
        ended = end_of(process)
    assert (ended.code, complaints(ended.err)) == (0, [])
    lines = ended.out.splitlines()
    assert sorted(lines[:2]) == ["shutdown_requested", "tidied"]  # said by two threads
    assert lines[2:] == ["all_stopped_within_grace", "interrupted"]


@pytest.mark.rule("R8.37", "R8.43")
def test_ctrl_c_that_nobody_catches_ends_the_process_as_ever(strict):
    source = INTERRUPTED.format(main=BLOCK.strip()).replace('say("interrupted")', "raise")
    with running(source) as process:
        assert process.stdout.readline() == "began\n"
        process.send_signal(signal.SIGINT)
        ended = end_of(process)
    assert ended.code == -signal.SIGINT
    assert ended.err.splitlines()[-1] == "KeyboardInterrupt"
    assert ended.out.splitlines()[-1] == "all_stopped_within_grace"


@pytest.mark.rule("R8.37")
@scenario
async def test_no_signal_handler_is_installed():
    signals = (signal.SIGINT, signal.SIGTERM)
    before = [signal.getsignal(each) for each in signals]
    async with aio.Supervisor() as sup:
        await sup.add(tv.TaskSpec.once(answer))
        assert [signal.getsignal(each) for each in signals] == before
    await aio.run([tv.TaskSpec.once(answer)])
    assert [signal.getsignal(each) for each in signals] == before


@pytest.mark.rule("R8.37")
def test_handlers_of_the_application_are_called(strict):
    ended = run("""
        import asyncio, os, signal
        import taskvisor as tv
        from taskvisor import aio

        async def body():
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.Event().wait()

        async def main():
            stop = asyncio.Event()
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
            async with aio.Supervisor() as sup:
                handle = sup.add(tv.TaskSpec.once(body))
                await stop.wait()
            print((await handle.outcome()).kind.value)

        asyncio.run(main())
    """)
    assert (ended.code, ended.out, complaints(ended.err)) == (0, "canceled\n", [])
