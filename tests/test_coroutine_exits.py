"""SystemExit and KeyboardInterrupt out of coroutines: recorded; they leave a caller's loop too."""

import asyncio
import sys

import pytest
from loops import HOUR, run
from waiting import SOON

import taskvisor as tv
from taskvisor import aio


async def answer():
    return 42


async def exits(code=None):
    sys.exit(code)


async def exits_later(code=None):
    await asyncio.sleep(0)
    sys.exit(code)


async def interrupts():
    await asyncio.sleep(0)
    raise KeyboardInterrupt


CODES = [(None, "completed", None), (0, "completed", None), (3, "failed", 3), ("no", "failed", 1)]


@pytest.mark.rule("R8.6")
@pytest.mark.parametrize("body", [exits, exits_later])
@pytest.mark.parametrize(("code", "ending", "exit_code"), CODES)
def test_system_exit_in_a_private_loop_is_recorded_and_the_loop_is_run_again(
    serve, recorder, body, code, ending, exit_code
):
    sup = serve(recorder)
    waiting = sup.add(tv.TaskSpec.once(asyncio.Event().wait, name="waits"))
    outcome = sup.add(tv.TaskSpec.once(body, args=(code,))).outcome(SOON)
    assert (outcome.kind, outcome.exit_code) == (ending, exit_code)
    assert sup.add(tv.TaskSpec.once(answer)).result(SOON) == 42
    assert not waiting.done()


@pytest.mark.rule("R8.6")
def test_keyboard_interrupt_in_a_private_loop_is_recorded_and_the_loop_is_run_again(
    serve, recorder
):
    sup = serve(recorder)
    outcome = sup.add(tv.TaskSpec.once(interrupts)).outcome(SOON)
    assert (outcome.kind, type(outcome.exception)) == ("failed", KeyboardInterrupt)
    assert sup.add(tv.TaskSpec.once(answer)).result(SOON) == 42


@pytest.mark.rule("R8.6")
@pytest.mark.parametrize("body", [exits, exits_later, interrupts])
def test_what_leaves_the_callers_loop_is_recorded_and_leaves_it_as_asyncio_has_it(recorder, body):
    async def main():
        async with aio.Supervisor(subscribers=[recorder]) as sup:
            handles.append(sup.add(tv.TaskSpec.once(body, name="a")))
            handles.append(sup.add(tv.TaskSpec.restartable(asyncio.Event().wait, name="b")))
            await asyncio.sleep(HOUR)

    handles = []
    with pytest.raises(KeyboardInterrupt if body is interrupts else SystemExit):
        run(main)
    words = recorder.words("a")
    assert words[3].startswith("task_failed" if body is interrupts else "task_stopped")
    assert [handle.done() for handle in handles] == [True, True]
    assert recorder.words()[-1] == "all_stopped_within_grace"
