"""Threads that cannot be had: an error where somebody asked for them, a delay where nobody did.

The process's address space is bounded so that there is no room for the stack of one more thread.
See tests/test_memory.py for each creation of a thread that fails in a call.
"""

import sys

import pytest
from programs import run_well
from waiting import SANITIZED

pytestmark = [
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc/self/status"),
    pytest.mark.skipif(SANITIZED, reason="the sanitizer's own memory is beyond any bound"),
]

BOUND = """
    import asyncio, resource, threading
    import taskvisor as tv
    from taskvisor.testing import wait_until

    STACK = 1 << 30  # bytes of address space: nothing else asks for so much at once

    class Bound:
        '''No room for a thread.'''

        def __enter__(self):
            with open("/proc/self/status") as status:
                size = next(line for line in status if line.startswith("VmSize"))
            room = int(size.split()[1]) * 1024 + STACK // 2
            resource.setrlimit(resource.RLIMIT_AS, (room, resource.RLIM_INFINITY))

        def __exit__(self, *error):
            resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY,) * 2)

    def refused(call):
        try:
            call()
        except RuntimeError as error:
            return str(error)

    async def coroutine():
        return 7

    threading.stack_size(STACK)
"""


def told(program):
    """What a program prints that has all that."""
    return run_well(BOUND + program)


def test_serve_without_threads_raises_as_python_does_and_leaves_none():
    out = told("""
    def threads():
        with open("/proc/self/status") as status:
            return next(line for line in status if line.startswith("Threads")).split()[1]
    with Bound():
        print(refused(threading.Thread(target=int).start))
        print(refused(tv.Supervisor().serve))
    wait_until(lambda: threads() == "1", timeout=20)
    with tv.Supervisor() as sup:
        print(sup.add(tv.TaskSpec.once(int)).result(20))
    """)
    assert out == "can't start new thread\ncan't start a new thread\n0\n"


@pytest.mark.rule("R1.12")
def test_attempts_wait_for_workers_that_cannot_be_had_and_none_fails():
    out = told("""
    gate, inside = threading.Event(), threading.Event()
    def holds():
        inside.set()
        gate.wait(20)
    with tv.Supervisor() as sup:
        held = sup.add(tv.TaskSpec.once(holds))
        assert inside.wait(20)
        with Bound():
            others = sup.add_many([tv.TaskSpec.once(int)] * 20, names=list("abcdefghijklmnopqrst"))
            gate.set()  # the one worker there is does all of them
            print([handle.result(20) for handle in others].count(0))
            gate.clear(); inside.clear()
            held = sup.add(tv.TaskSpec.once(holds, name="again"))
            assert inside.wait(20)
            late = sup.add(tv.TaskSpec.once(int, name="late"))
            try:
                late.result(0.2)
            except TimeoutError:
                print("waits", late.state.value)
        print(late.result(20), held.done())  # and now a second one comes
        gate.set()
    """)
    assert out == "20\nwaits waiting\n0 False\n"


@pytest.mark.rule("R8.1")
def test_coroutine_that_gets_no_loop_is_refused_and_the_next_one_begins_it():
    out = told("""
    with tv.Supervisor() as sup:
        with Bound():
            print(refused(lambda: sup.add(tv.TaskSpec.once(coroutine))))
            print(sup.list())
        print(sup.add(tv.TaskSpec.once(coroutine)).result(20))
    """)
    assert out == "can't start a new thread\n[]\n7\n"
