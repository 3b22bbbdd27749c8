"""Tells whether 1,000 rounds of some work leave anything behind.

Guarantees: the work is run once to warm up caches and recycled records, then measured; references
to the types (every instance of an extension type holds one), threads and descriptors are no more
than they were; in one window of rounds at least, the blocks of Python grow by no more than half a
block a round, the C heap by 16 bytes (free lists fill up slowly), so that a leak of one object a
round is always seen.
"""

import ctypes
import gc
import os
import sys
import threading
import time
from collections.abc import Callable

ROUNDS = 1000
WINDOWS = 4  # a leak shows in each; without a GIL some blocks come back late
ALLOWED = {"blocks": 0.5, "heap bytes": 16, "mappings": 0.25}  # a round
PATIENCE = 20.0


class _Mallinfo2(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in (
        "arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks",
        "fordblks", "keepcost",
    )]  # fmt: skip


def heap_bytes() -> int:
    """Bytes in use on the C heap, of all threads; 0 where the C library does not tell."""
    try:
        mallinfo2 = ctypes.CDLL(None).mallinfo2
    except AttributeError:
        return 0
    mallinfo2.restype = _Mallinfo2
    info = mallinfo2()
    return int(info.uordblks + info.hblkhd)


def thread_count() -> int:
    """Threads of the process, those that Python does not know included."""
    return len(os.listdir("/proc/self/task"))


def descriptor_count() -> int:
    return len(os.listdir("/proc/self/fd"))


def settle() -> None:
    for _ in range(3):
        gc.collect()


def wait_for(condition: Callable[[], object]) -> None:
    """Waits until a condition is true, asking all the time; a pause would be most of the rounds."""
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() >= end:
            sys.exit("what a round waits for did not come")
        time.sleep(0)  # others run


def wait_for_threads(count: int) -> None:
    """Waits until no more than `count` threads are left: that of a joined one may linger."""
    pause = threading.Event()
    for _ in range(int(PATIENCE * 100)):
        if thread_count() <= count:
            return
        pause.wait(0.01)


def counts(types: tuple[type, ...]) -> dict[str, int]:
    settle()
    found = {f"references to {kind.__name__}": sys.getrefcount(kind) for kind in types}
    found["threads"] = thread_count()
    found["descriptors"] = descriptor_count()
    return found


def wait_for_counts(before: dict[str, int], types: tuple[type, ...]) -> list[str]:
    """What has not come back: a thread may be about to let go of its last task."""
    pause = threading.Event()
    for _ in range(int(PATIENCE * 10) + 1):
        after = counts(types)
        left = [f"{name}: {before[name]} -> {n}" for name, n in after.items() if n > before[name]]
        if not left:
            break
        pause.wait(0.1)
    return left


def mapping_count() -> int:
    """Mapped pieces of memory; the stack of a thread that nobody joined is two of them."""
    with open("/proc/self/maps") as maps:
        return sum(1 for _ in maps)


def memory() -> dict[str, int]:
    return {
        "blocks": sys.getallocatedblocks(),
        "heap bytes": heap_bytes(),
        "mappings": mapping_count(),
    }


def growth(work: Callable[[], object], before: dict[str, int]) -> list[str]:
    """Which memory has grown by more than caches do, in a window of rounds."""
    start = memory()
    for _ in range(ROUNDS):
        work()
    wait_for_threads(before["threads"])
    settle()
    grown = {name: n - start[name] for name, n in memory().items()}
    return [f"{name}: {n:+}" for name, n in grown.items() if n > ROUNDS * ALLOWED[name]]


def check(work: Callable[[], object], *types: type) -> None:
    """Runs the work and exits with a message when something was left behind."""
    for _ in range(ROUNDS):
        work()
    before = counts(types)
    for _ in range(WINDOWS):
        grown = growth(work, before)
        if not grown:
            break
    left = wait_for_counts(before, types) + grown
    if left:
        sys.exit("left behind: " + ", ".join(left))
