"""The end of a process that has left loops and coroutines behind."""

import pytest
from programs import run_well

LEFT = """
import asyncio
from taskvisor import TaskSpec, aio

async def sleeps():
    try:
        await asyncio.sleep(3600)
    finally:
        print("left", flush=True)

async def begin():
    handle = await aio.Supervisor().__aenter__()
    handles.append(handle.add(TaskSpec.once(sleeps)))
    while not handle.is_alive("sleeps"):
        await asyncio.sleep(0)
    supervisors.append(handle)

supervisors, handles = [], []
loop = asyncio.new_event_loop()
loop.run_until_complete(begin())
"""


@pytest.mark.rule("R8.42", "R8.43")
def test_loop_that_does_not_run_at_the_end_is_not_waited_for():
    assert run_well(LEFT) == "left\n"


@pytest.mark.rule("R8.8")
def test_private_loop_is_shut_down_at_the_end():
    out = run_well("""
        import asyncio
        from taskvisor import Supervisor, TaskSpec

        async def sleeps():
            try:
                await asyncio.sleep(3600)
            finally:
                print("left", flush=True)

        handle = Supervisor().serve()
        task = handle.add(TaskSpec.once(sleeps))
        while task.state != "running":
            pass
    """)
    assert out == "left\n"
