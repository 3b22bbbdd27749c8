"""All benchmarks, one after the other: tables, then one table of ratios."""

import importlib

from benchmarks.harness import run

QUESTIONS = (
    "lifecycle",
    "throughput",
    "restart",
    "dynamic",
    "controller",
    "fanout",
    "timers",
    "latency",
    "gil",
    "workers",
    "coroutines",
    "coldstart",
    "shutdown",
    "memory",
    "scale",
    "defaults",
)


def main() -> None:
    """Play every work of every question."""
    modules = [importlib.import_module(f"benchmarks.{name}") for name in QUESTIONS]
    run([work for module in modules for work in module.WORKS], __doc__)


if __name__ == "__main__":
    main()
