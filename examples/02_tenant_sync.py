"""One key, one owner: per tenant at most one sync runs, and the newest revision wins.

    python examples/02_tenant_sync.py

Each tenant's pages are mirrored. New revisions of them arrive in bursts, faster than one can be
fetched: to sync them one after the other would be to fall behind, and to sync them side by side
would mix their pages. Here each tenant has a slot, and a slot has one owner.

Part 1 submits every revision with REPLACE: the sync that runs is asked to stop, one that only waits
is superseded, and the newest one starts after the old one has really stopped, tidying up included.
So the mirror needs no lock, and says so: it counts the syncs that found another one inside. The
newest revision's first attempt fails; its retry keeps the slot as every attempt does.

Part 2 sends the same revisions to one tenant under each policy, and prints side by side what became
of them: QUEUE syncs what finds room in the queue, in order; REPLACE syncs the newest;
DROP_IF_RUNNING syncs what arrives while nothing runs. Every submission has an outcome: the columns
from "synced" on add up to "submitted".
"""

import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from taskvisor import (
    AdmissionPolicy,
    BackoffPolicy,
    ControllerConfig,
    ControllerSpec,
    Event,
    EventKind,
    OutcomeKind,
    RejectionKind,
    Subscribe,
    Supervisor,
    SupervisorConfig,
    SupervisorHandle,
    TaskContext,
    TaskHandle,
    TaskSpec,
)

TENANTS = ["acme", "borealis", "cumulus"]
REVISIONS = 12
BURST = 4
PAGES = 8

# Seconds.
BETWEEN_REVISIONS = 0.02
BETWEEN_BURSTS = 0.25
TO_FETCH_A_PAGE = 0.015
TO_TIDY_UP = 0.06
LONGEST = 30.0

CONFIG = SupervisorConfig(grace=5.0, backoff=BackoffPolicy.constant(0.05))


# ---- the work: nothing in it knows of slots -----------------------------------------------------


class Mirror:
    """The pages of every tenant, each with the revision it is of. It has no lock."""

    def __init__(self) -> None:
        self.pages: defaultdict[str, list[int]] = defaultdict(lambda: [0] * PAGES)
        self.overlaps = 0
        self._writers: Counter[str] = Counter()

    @contextmanager
    def opened(self, tenant: str) -> Iterator[list[int]]:
        """Gives the tenant's pages to one who writes them; to close them takes a while."""
        self._writers[tenant] += 1
        self.overlaps += self._writers[tenant] > 1
        try:
            yield self.pages[tenant]
        finally:
            time.sleep(TO_TIDY_UP)
            self._writers[tenant] -= 1

    def newest_whole(self, tenant: str) -> int:
        """The tenant's revision; 0 where its pages are of several."""
        revisions = set(self.pages[tenant])
        return revisions.pop() if len(revisions) == 1 else 0


def sync(ctx: TaskContext, mirror: Mirror, tenant: str, revision: int) -> int:
    """Fetches the pages one by one, and stops between two of them when asked to."""
    with mirror.opened(tenant) as pages:
        for number in range(PAGES):
            ctx.sleep(TO_FETCH_A_PAGE)  # raises Canceled as soon as a newer revision wants the slot
            if revision == REVISIONS and ctx.attempt == 1 and number == PAGES // 2:
                raise ConnectionError("the tenant hung up")  # is tried again: restartable
            pages[number] = revision
    return revision


def submission(
    admission: AdmissionPolicy, mirror: Mirror, tenant: str, revision: int
) -> ControllerSpec[int]:
    """The slot is the tenant's; the task's name is another key, and tells the revision."""
    name = f"{tenant} r{revision}"
    task = TaskSpec.restartable(sync, name=name, args=(mirror, tenant, revision))
    return ControllerSpec(admission, task, slot=tenant)


def feed(
    sup: SupervisorHandle, admission: AdmissionPolicy, mirror: Mirror, tenants: list[str]
) -> dict[str, list[TaskHandle[int]]]:
    """Submits all revisions of the tenants as they arrive, and waits until none is left."""
    handles: dict[str, list[TaskHandle[int]]] = {tenant: [] for tenant in tenants}
    with suppress(KeyboardInterrupt):
        for revision in range(1, REVISIONS + 1):
            for tenant in tenants:
                spec = submission(admission, mirror, tenant, revision)
                handles[tenant].append(sup.submit(spec))  # it waits for room only, not for a task
            time.sleep(BETWEEN_REVISIONS if revision % BURST else BETWEEN_BURSTS)
        sup.join(timeout=LONGEST)
    return handles


# ---- part 1: the newest revision of each tenant -------------------------------------------------


class Story(Subscribe):
    """Tells what happens to one tenant."""

    def __init__(self, tenant: str) -> None:
        self.tenant = tenant
        self.asked: set[str] = set()

    def on_event(self, event: Event) -> None:
        if event.task == self.tenant and event.kind is EventKind.CONTROLLER_REJECTED:
            self.say(event.task, f"one that waited never starts: {event.reason}")
        elif event.task and event.task.startswith(f"{self.tenant} "):
            match event.kind:
                case EventKind.TASK_STARTING:
                    self.say(event.task, f"starts, attempt {event.attempt}")
                case EventKind.TASK_REMOVE_REQUESTED:
                    self.asked.add(event.task)
                    self.say(event.task, "is asked to stop: a newer revision is here")
                case EventKind.TASK_FAILED:
                    self.say(event.task, f"has failed: {event.reason}")
                case EventKind.TASK_STOPPED:
                    stopped = event.task in self.asked
                    self.say(event.task, "has really stopped" if stopped else "is synced")

    def say(self, task: str, text: str) -> None:
        print(f"{task:<9} {text}", flush=True)


def sync_the_newest() -> None:
    mirror = Mirror()
    subscribers, controller = [Story(TENANTS[0])], ControllerConfig()
    with Supervisor(CONFIG, subscribers=subscribers, controller=controller) as sup:
        handles = feed(sup, AdmissionPolicy.REPLACE, mirror, TENANTS)
    print("\ntenant    submitted  synced  stopped  superseded  last one's attempts  pages are of")
    for tenant in TENANTS:
        outcomes = [handle.outcome() for handle in handles[tenant]]
        kinds = Counter(outcome.kind for outcome in outcomes)
        print(
            f"{tenant:<8}  {len(outcomes):>9}  {kinds[OutcomeKind.COMPLETED]:>6}"
            f"  {kinds[OutcomeKind.CANCELED]:>7}  {kinds[OutcomeKind.REJECTED]:>10}"
            f"  {outcomes[-1].attempts:>19}  revision {mirror.newest_whole(tenant)}"
        )
    print(f"\ntwo syncs of one tenant at a time: {mirror.overlaps}")


# ---- part 2: the policies side by side ----------------------------------------------------------

SHOWN = [RejectionKind.SUPERSEDED, RejectionKind.QUEUE_FULL, RejectionKind.SLOT_BUSY]


def compare(admission: AdmissionPolicy) -> str:
    """One row of the table: what became of the same revisions under this policy."""
    mirror, tenant = Mirror(), TENANTS[0]
    with Supervisor(CONFIG, controller=ControllerConfig(max_slot_queue=2)) as sup:
        [handles] = feed(sup, admission, mirror, [tenant]).values()
    outcomes = [handle.outcome() for handle in handles]
    kinds = Counter(outcome.kind for outcome in outcomes)
    rejections = Counter(outcome.rejection for outcome in outcomes)
    synced = [outcome.value for outcome in outcomes if outcome.kind is OutcomeKind.COMPLETED]
    ran = sum(outcome.attempts > 0 for outcome in outcomes)
    return (
        f"{admission:<15}  {len(outcomes):>9}  {ran:>3}"
        f"  {len(synced):>6}  {kinds[OutcomeKind.CANCELED]:>7}"
        f"  {rejections[SHOWN[0]]:>10}  {rejections[SHOWN[1]]:>10}  {rejections[SHOWN[2]]:>9}"
        f"  {max(synced, default=0):>11}  {mirror.overlaps:>8}"
    )


def compare_policies() -> None:
    counted = ["submitted", "ran", "synced", "stopped", *SHOWN, "last synced", "overlaps"]
    print(f"\n{'policy':<15}  {'  '.join(counted)}")
    for admission in AdmissionPolicy:
        print(compare(admission), flush=True)


def main() -> None:
    sync_the_newest()
    compare_policies()


if __name__ == "__main__":
    main()
