"""What does one submission through a slot cost, until it has run?

10,000 submissions with the policy QUEUE through 8 slots. Within a slot one runs at a time and the
next starts when it has really ended, so all but 8 wait in a queue.

What dominates: the submission (task, handle, one lock hold) and, at each end, the start of the
slot's next owner in the same step.

How to read it: µs per submission.
"""

from benchmarks import bodies
from benchmarks.contenders import crate_first, crate_newest, native, python
from benchmarks.harness import Bar, Work, run
from benchmarks.measure import Sample, Ticks, Watch
from taskvisor import ControllerConfig, ControllerSpec, Supervisor, TaskSpec

SLOTS = 8


def taskvisor_slots(n: int) -> Sample:
    """Submit n, take all results."""
    ticks, watch = Ticks(), Watch()
    body = bodies.function(ticks)
    specs = [
        ControllerSpec.queue(TaskSpec.once(body, name=f"t{i}"), slot=f"slot{i % SLOTS}")
        for i in range(n)
    ]
    config = ControllerConfig(queue_capacity=n, max_slot_queue=n)
    with Supervisor(controller=config) as sup, watch.running():
        handles = [sup.submit(spec) for spec in specs]
        for handle in handles:
            handle.result()
    return watch.per(n, ticks.total())


WORKS = (
    Work(
        key="slots",
        title="submissions through 8 slots, until all have run",
        unit="µs per submission",
        size=10_000,
        smoke=50,
        contenders=(
            python("taskvisor", taskvisor_slots),
            native("taskvisor, C bodies", "slots"),
            *crate_first("slots"),
            *crate_newest("slots"),
        ),
        bars=(
            Bar("8 slots: crate 0.1.2", "taskvisor", "crate 0.1.2", at_least=4),
            Bar("8 slots: newest crate", "taskvisor", "crate 0.9", at_least=4),
        ),
    ),
)

if __name__ == "__main__":
    run(WORKS, __doc__)
