"""Each technique can fail: a fault is planted in a copy of the tree, and has to be found by it.

python tests/proof/plants.py [NAME...]     all, or those whose names begin so
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
MAKE = ["make", "-s", "WARNINGS=-w", f"PYTHON={sys.executable}"]
MODEL = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "--noconftest"]
MODEL += ["--rootdir=tests", "-c", "/dev/null", "tests/test_model.py"]
ASAN = ["VARIANT=asan", "CFLAGS=-O1 -g -fno-omit-frame-pointer"]
ASAN += ["SANITIZE=-fsanitize=address,undefined -fno-sanitize-recover=all"]
TSAN = ["VARIANT=tsan", "CFLAGS=-O1 -g", "SANITIZE=-fsanitize=thread"]
IDLE = """#include "core/core.h"

volatile int tv_idle;
void tv_idle_set(int n);

void tv_idle_set(int n)
{
    if (n > 1)
        tv_idle = 2;
}
"""


def in_c(program: str, *options: str) -> list[str]:
    """Builds and runs one program of the tests in C."""
    return [*MAKE, *options, "run-c-tests", "CORE_TEST=", f"RT_TEST=$(BUILD)/tests/{program}"]


@dataclass(frozen=True)
class Plant:
    """A fault, what has to find it, and what that has to say."""

    name: str
    file: str
    old: str  # empty: a file of its own
    new: str
    command: list[str]
    says: str


PLANTS = [
    Plant(
        "sim: a task runs again after its success",
        "csrc/core/attempt.c",
        "if (options->restart != TV_RESTART_ALWAYS) {",
        "if (options->restart != TV_RESTART_ALWAYS && actor->attempt != 3) {",
        [*MAKE, "sim"],
        r"FAILED seed \d+ .*: 1[02] ",
    ),
    Plant(
        "sim: shrinks a failure to a few moves",
        "csrc/core/slot.c",
        "    actor->slot->length--;\n",
        "    actor->slot->length -= actor->slot->length > 1 ? 2 : 1;\n",
        [*MAKE, "sim"],
        r"of its \d\d+ moves these \d are enough",
    ),
    Plant(
        "sim: a crash is a failure of its seed",
        "csrc/core/inputs.c",
        "    return tv_core_shortage(core) ? TV_STEP_SHORT : TV_STEP_OK;\n",
        "    if (core->known == 3)\n        *(volatile int *)0 = 1;\n"
        "    return tv_core_shortage(core) ? TV_STEP_SHORT : TV_STEP_OK;\n",
        [*MAKE, "sim"],
        r"a crash, or stuck\nof its \d+ moves these \d are enough",
    ),
    Plant(
        "sim-hash: compilers that differ",
        "csrc/core/policy.c",
        "    return delay < range.high_ns ? delay : range.high_ns;\n",
        "#ifdef __clang__\n    delay -= delay > range.low_ns;\n#endif\n"
        "    return delay < range.high_ns ? delay : range.high_ns;\n",
        [*MAKE, "sim-hash", "SEEDS=500"],
        r"\n[<>] \d+ [0-9a-f]{16}|FAILED seed",
    ),
    Plant(
        "relations: a decision that depends on who listens",
        "csrc/core/shutdown.c",
        "    if (shutdown->quiet)\n",
        "    if (shutdown->quiet || core->fx.mute)\n",
        [*MAKE, "relations", "SEEDS=500"],
        r"FAILED seed \d+: 5 (where nobody listens|another world)",
    ),
    Plant(
        "relations: a delay that depends on the clock",
        "csrc/core/attempt.c",
        "    tv_actor_arm(core, actor, core->now, delay);\n",
        "    tv_actor_arm(core, actor, core->now, delay + (core->now > 500000000));\n",
        [*MAKE, "relations", "SEEDS=500"],
        r"FAILED seed \d+ a billion later: 5 ",
    ),
    Plant(
        "relations: a delay that depends on the order of tasks",
        "csrc/core/attempt.c",
        "    tv_actor_arm(core, actor, core->now, delay);\n",
        "    tv_actor_arm(core, actor, core->now, delay + (actor->id == 2));\n",
        [*MAKE, "relations", "SEEDS=500"],
        r"with its tasks in another order: 5 ",
    ),
    Plant(
        "relations: a delay that depends on what was before",
        "csrc/core/attempt.c",
        "    tv_actor_arm(core, actor, core->now, delay);\n",
        "    static int n;\n    tv_actor_arm(core, actor, core->now, delay + (n++ % 3 == 1));\n",
        [*MAKE, "relations", "SEEDS=500"],
        r"FAILED seed \d+( once more| with its tasks in another order)?: 5 ",
    ),
    Plant(
        "scope: a permit that is lost",
        "csrc/core/attempt.c",
        "    judge_stray(actor, stimulus);\n    tv_permit_release(core);\n    error =",
        "    judge_stray(actor, stimulus);\n    error =",
        [*MAKE, "scope"],
        r"FAILED 9 a permit is held by no attempt .*\n(.*\n)+\d result ",
    ),
    Plant(
        "scope: a transition that is not in the table",
        "csrc/core/attempt.c",
        "        give_up(core, actor, TV_REASON_RETRIES);\n",
        "        give_up(core, actor, TV_REASON_ERROR);\n",
        [*MAKE, "scope"],
        r"< .*actor_exhausted \(retries used up\)",
    ),
    Plant(
        "model: a budget that is one too large",
        "csrc/core/attempt.c",
        "actor->failures >= max)",
        "actor->failures > max)",
        MODEL,
        r"FAILED tests/test_model.py::test_core_does_what_the_model_says",
    ),
    Plant(
        "model: the order in which a shutdown cancels",
        "csrc/core/shutdown.c",
        "    TV_ACTOR_PERMIT, TV_ACTOR_READY, ",
        "    TV_ACTOR_READY, TV_ACTOR_PERMIT, ",
        MODEL,
        r"the core said",
    ),
    Plant(
        "fuzz: a submitter that leaves the line twice",
        "csrc/core/inputs.c",
        "    if (in->actor->state != TV_ACTOR_ROOM)\n        return TV_STEP_ALREADY;\n",
        "",
        [*MAKE, "fuzz", "TIME=120"],
        r"FAILED |ERROR: AddressSanitizer",
    ),
    Plant(
        "memory: a block that is kept where another one cannot be had",
        "csrc/rt/slots.c",
        "    if (in.slot)\n        free_slot(in.slot);\n",
        "    if (in.slot && made)\n        free_slot(in.slot);\n",
        in_c("rt/test_oom_slots"),
        r"not in time: atomic_load\(&blocks\) == blocks_before",
    ),
    Plant(
        "threads: one that could not be had is still waited for",
        "csrc/rt/timer.c",
        "    tv_process_leave(&supervisor->running);\n    free(supervisor->timer_departed);\n",
        "    free(supervisor->timer_departed);\n",
        in_c("rt/test_nothread", *ASAN),
        r"heap-use-after-free",
    ),
    Plant(
        "asan: a name that is read after it was freed",
        "csrc/rt/slots.c",
        "    tv_text_rele(slot->name);\n    free(slot);\n",
        "    free(slot);\n    tv_text_rele(slot->name);\n",
        in_c("rt/test_slots", *ASAN),
        r"heap-use-after-free",
    ),
    Plant(
        "ubsan: an instant past the last one",
        "csrc/core/types.h",
        "    return delay > TV_NEVER - now ? TV_NEVER : now + delay;\n",
        "    return now + delay;\n",
        [*MAKE, *ASAN, "sim", "SEEDS=500"],
        r"signed integer overflow",
    ),
    Plant(
        "tsan: a count that is read without its lock",
        "csrc/rt/manual.c",
        "    tv_lock_take(&clock->lock);\n    count = clock->alarm_count;\n"
        "    tv_lock_drop(&clock->lock);\n",
        "    count = clock->alarm_count;\n",
        in_c("rt/test_alarm", *TSAN),
        r"ThreadSanitizer: data race",
    ),
    Plant(
        "tsan: a place in a queue that is written before its last reader has done",
        "csrc/rt/bus.c",
        "    atomic_store_explicit(&receiver->taken, taken + 1, memory_order_release);\n",
        "    atomic_store_explicit(&receiver->taken, taken + 1, memory_order_relaxed);\n",
        in_c("rt/stress_subscribers", *TSAN),
        r"ThreadSanitizer: data race",
    ),
    Plant(
        "coverage: a branch that nobody takes",
        "csrc/core/permit.c",
        "    TV_CHECK(core, core->running > 0);\n",
        "    TV_CHECK(core, core->running > 0);\n    if (core->running > 1000000)\n"
        "        core->running = 1;\n",
        [*MAKE, "coverage"],
        r"not as in docs/design/coverage.md, where it is 0:\n.*1000000",
    ),
    Plant(
        "mutants: code that no test looks at",
        "csrc/core/idle.c",
        "",
        IDLE,
        [sys.executable, "tests/proof/mutants.py", "1", "2", "csrc/core/idle.c"],
        r"2 mutants, 0 caught, 0 explained, 2 not: 0.0%",
    ),
]


def plant(tree: Path, fault: Plant) -> str:
    """Puts the fault in. Returns what stood there; "" for a file of its own."""
    path = tree / fault.file
    before = path.read_text(encoding="utf-8") if fault.old else ""
    if before.count(fault.old) != 1 and fault.old:
        sys.exit(f"plants: {fault.file} has not once what {fault.name} replaces")
    path.write_text(before.replace(fault.old, fault.new) if fault.old else fault.new, "utf-8")
    return before


def is_found(tree: Path, fault: Plant) -> bool:
    before = plant(tree, fault)
    try:
        done = subprocess.run(
            fault.command, cwd=tree, capture_output=True, text=True, errors="replace"
        )
    finally:
        path = tree / fault.file
        path.write_text(before, encoding="utf-8") if fault.old else path.unlink()
    said = done.stdout + done.stderr
    found = done.returncode != 0 and re.search(fault.says, said) is not None
    print(f"{'found' if found else 'NOT FOUND'}: {fault.name}", flush=True)
    if not found:
        print(f"exit code {done.returncode}; the last that it said:\n{said[-3000:]}")
    return found


def main(names: list[str]) -> int:
    chosen = [p for p in PLANTS if not names or p.name.startswith(tuple(names))]
    with tempfile.TemporaryDirectory(prefix="plants") as directory:
        tree = Path(directory) / "tree"
        ignored = shutil.ignore_patterns("__pycache__", "build", ".*", "*.so", "*.egg-info")
        shutil.copytree(ROOT, tree, ignore=ignored)
        os.environ["LC_ALL"] = "C"
        missed = [fault.name for fault in chosen if not is_found(tree, fault)]
    print(f"plants: {len(chosen) - len(missed)} of {len(chosen)} found")
    return 1 if missed or not chosen else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
