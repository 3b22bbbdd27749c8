"""`exit_stuck.py BODY`: shutdown abandons a body that never returns; sys.exit(7) still holds."""

import ctypes
import sys
import threading
import time

import taskvisor as tv

started = threading.Event()


def spins() -> None:
    started.set()
    while True:
        pass


def sleeps() -> None:
    started.set()
    time.sleep(1000)


def blocks_in_c() -> None:
    started.set()
    ctypes.CDLL(None).pause()


def ends() -> None:
    pass


body = {"spins": spins, "sleeps": sleeps, "blocks_in_c": blocks_in_c}[sys.argv[1]]
supervisor = tv.Supervisor().serve()
handle = supervisor.add(tv.TaskSpec.once(body))
supervisor.add(tv.TaskSpec.once(ends)).outcome()
if not started.wait(20):
    sys.exit(98)
try:
    supervisor.shutdown(grace=0.2)
except tv.GraceExceeded as error:
    print(error.stuck, error.grace, handle.outcome().kind)
    print(body.__name__ in error.stacks[body.__name__])
sys.exit(7)
