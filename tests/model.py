"""The core once more, in plain Python: lists that are searched whole, and no cleverness.

It is written from the promises of docs/reference/rules.md, and says of the same inputs what must
happen: which events, which acts, which state everybody can see. `test_model.py` compares it with
the core step by step.

What the promises leave open, and both have to agree on, is the order in which a shutdown cancels
tasks: by state, as in CANCEL_ORDER, and in each state who entered it first.
"""

import math
from dataclasses import dataclass, field

from model_slots import Controller
from model_values import IN_BODY, NEVER, Config, Error, Task, Timers

CANCEL_ORDER = ("PERMIT", "READY", "INBOX", "BACKOFF", "PAUSED", "RUNNING", "OVERDUE")
HOLDS_PERMIT = ("READY", "INBOX", *IN_BODY)
UNREGISTERED = ("RESERVED", "ROOM", "QUEUED", "DECIDED")
TELLS_ATTEMPT = {
    *("task_starting", "task_stopped", "task_failed", "timeout_hit", "backoff_scheduled"),
    *("actor_exhausted", "actor_dead", "grace_exceeded"),
}
STRAY = Error("fail", "CancelledError: not requested")


@dataclass
class Played:
    """What one input brought."""

    answer: str
    task: int | None = None
    count: int = 0
    events: list[dict] = field(default_factory=list)
    acts: list[dict] = field(default_factory=list)


class Supervisor(Controller):
    """A supervisor whose inputs are calls of its methods, and whose time is an argument."""

    def __init__(self, config: Config):
        super().__init__()
        self.config = config
        self.now = 0
        self.tasks: list[Task] = []  # reserved, registered, waiting for a slot
        self.timers = Timers()  # of tasks; that of None is the shutdown's
        self.entries = self.accepted = 0
        self.shutdown_state, self.verdict, self.grace = "OPEN", "none", 0
        self.quiet = self.finishing = self.lost = False
        self.events: list[dict] = []
        self.acts: list[dict] = []

    # ---- one step -------------------------------------------------------------------------

    def step(self, now: int, act, *args) -> Played:
        """Timers before `now`, then the input `act`, then the timers at `now`."""
        self.now = max(self.now, now)
        self.events, self.acts, self.count = [], [], 0
        self._fire(self.now - 1)
        answer, task = act(*args)
        self._follow()
        self._fire(self.now)
        return Played(answer, task, self.count, self.events, self.acts)

    def _fire(self, until: int) -> None:
        while self.timers.next_at() <= until:
            task = self.timers.take_first()
            if task is None:
                self._shutdown_due()
            else:
                self._task_due(task)
            self._follow()

    def _follow(self) -> None:
        """What follows from a lost essential task, for slots, and from an empty registry."""
        if self.lost and self.shutdown_state == "OPEN":
            self._begin_shutdown(self.config.grace, quiet=False)
        self.lost = False
        self._settle_slots()
        if self.live() or self.waiting():
            return
        if self.shutdown_state == "OPEN" and self.finishing:
            self._drain()
        elif self.shutdown_state == "WAITING":
            self._decide("stopped", "all_stopped_within_grace")
            self._drain()

    # ---- inputs ---------------------------------------------------------------------------

    def tick(self):
        return "ok", None

    def add(self, task: Task):
        if self.shutdown_state != "OPEN":
            return "closed", task.id
        if self._named(task.name):
            self._emit("task_add_requested", name=task.name)
            self._emit("task_added", name=task.name, reason="already_exists")
            return "exists", task.id
        self.tasks.append(task)
        self._accept(task)
        return "ok", task.id

    def reserve(self, task: Task):
        if self.shutdown_state != "OPEN":
            return "closed", task.id
        if self._named(task.name):
            return "exists", task.id
        self.tasks.append(task)
        return "ok", task.id

    def unreserve(self, task: Task):
        self.tasks.remove(task)
        return "ok", task.id

    def commit(self, batch: list[Task]):
        if self.shutdown_state != "OPEN":
            return "closed", None
        for task in batch:
            self._accept(task)
        return "ok", None

    def leave(self, which, style: str):
        """which: a name, an id, or a task, whether it is still there or not."""
        task = self._target(which)
        if task is None:
            if isinstance(which, str) and style == "remove" and not self._decided():
                self._emit("task_remove_requested", name=which)
                self._emit("task_removed", name=which, reason="task_not_found")
            return "unknown", None
        if task.cancelled:
            return "already", task.id
        if task.state == "QUEUED":
            self._unqueue(task, "removed_from_queue")
            return "ok", task.id
        more = {"reason": "manual_cancel"} if style == "cancel" else {}
        self._emit("task_remove_requested", task, **more)
        self._cancel(task, "removed", self.now)
        return "ok", task.id

    def take(self, for_loop: bool = False):
        ready = self.in_state("INBOX" if for_loop else "READY")
        if not ready:
            return "ok", None
        task = ready[0]
        task.attempt += 1
        task.started = self.now
        task.timed_out = False
        self._emit("task_starting", task)
        self._enter(task, "RUNNING")
        if task.options.timeout:
            self.timers.arm(task, self.now + task.options.timeout)
        return "ok", task.id

    def result(self, task: Task, error: Error | None, stray: bool = False):
        if stray:
            error = Error("canceled") if task.cancelled else STRAY
        if task.state == "ABANDONED":
            self._late(task, error)
            return "ok", task.id
        self.timers.disarm(task)
        counted = self._attempt_event(task, error)
        self._release_permit(task)
        if task.cancelled:
            self._end(task, "canceled", self._timeout_text(task))
        else:
            self._decide_on(task, counted)
        return "ok", task.id

    def finish(self):
        self.finishing = True
        return "ok", None

    def shutdown(self, grace: int, quiet: bool):
        if self.shutdown_state == "OPEN":
            self._begin_shutdown(grace, quiet)
        elif self.shutdown_state == "WAITING" and self.now + grace < self.timers.due(None):
            self.grace = grace
            self.timers.disarm(None)
            self.timers.arm(None, self.now + grace)
        return "ok", None

    def drained(self):
        if self.shutdown_state == "DRAINING":
            self.timers.disarm(None)
            self.shutdown_state = "CLOSED"
        return "ok", None

    # ---- one task -------------------------------------------------------------------------

    def _accept(self, task: Task) -> None:
        self.accepted += 1
        task.seed(self.config.seed, self.accepted)
        self._emit("task_add_requested", task)
        self._emit("task_added", task)
        self._want_permit(task)

    def _attempt_event(self, task: Task, error: Error | None) -> Error | None:
        """Publishes how the attempt ended and returns what it counts as."""
        if task.timed_out:
            error = Error("timeout", after=task.options.timeout)
        span = self.now - task.started
        if error is None or error.kind == "canceled":
            self._emit("task_stopped", task, duration=span)
        else:
            task.error = error
            self._emit("task_failed", task, duration=span, error=error)
        return error

    def _decide_on(self, task: Task, error: Error | None) -> None:
        if error is None:
            self._after_success(task)
        elif error.kind == "canceled":
            self._end(task, "canceled")
        elif error.kind == "fatal":
            self._emit("actor_dead", task, error=error)
            self._end(task, "fatal", str(error))
        else:
            self._after_failure(task, error)

    def _after_success(self, task: Task) -> None:
        options = task.options
        task.failures = 0
        if options.restart != "always":
            self._emit("actor_exhausted", task, reason="policy_exhausted_success")
            self._end(task, "completed")
        elif options.interval is None:
            self._want_permit(task)
        else:
            self._emit("backoff_scheduled", task, delay=options.interval, source="success")
            self._enter(task, "PAUSED")
            self.timers.arm(task, self.now + options.interval)

    def _after_failure(self, task: Task, error: Error) -> None:
        options = task.options
        long = options.reset is not None and self.now - task.started >= options.reset
        if long and error.kind != "timeout":
            task.failures = 0
        spent = options.retries is not None and task.failures >= options.retries
        if options.restart == "never" or spent:
            text = str(error)
            if options.restart != "never":
                text = f"max_retries_exceeded({task.failures}/{options.retries}): {text}"
            code = {} if error.exit_code is None else {"exit_code": error.exit_code}
            self._emit("actor_exhausted", task, reason=text, **code)
            self._end(task, "failed", text)
            return
        delay = task.draw()
        task.failures += 1
        self._emit("backoff_scheduled", task, delay=delay, source="failure", reason=str(error))
        self._enter(task, "BACKOFF")
        self.timers.arm(task, self.now + delay)

    def _late(self, task: Task, error: Error | None) -> None:
        """An abandoned body has returned: its outcome stays."""
        if not self._decided():
            self._attempt_event(task, error)
        self._release_permit(task)
        self._forget(task, quietly=self._decided())

    def _cancel(self, task: Task, why: str, since: int) -> None:
        self.timers.disarm(task)
        task.cancelled = why
        self.acts.append({"kind": "cancel", "id": task.id, "why": why})
        if task.state in IN_BODY:
            self._enter(task, "STOPPING")
            self.timers.arm(task, since + task.options.grace)
            return
        if task.state in ("READY", "INBOX"):
            self._release_permit(task)
        self._end(task, "canceled", self._timeout_text(task))

    def _task_due(self, task: Task) -> None:
        if task.state == "RUNNING":
            task.timed_out = True
            self._emit("timeout_hit", task, timeout=task.options.timeout)
            self.acts.append({"kind": "timeout", "id": task.id})
            self._enter(task, "OVERDUE")
        elif task.state == "STOPPING":
            self._emit("grace_exceeded", task)
            self._abandon(task)
        else:
            self._want_permit(task)

    def _abandon(self, task: Task) -> None:
        self.timers.disarm(task)
        self._enter(task, "ABANDONED")
        self._settle(task, "abandoned", self._timeout_text(task))

    def _timeout_text(self, task: Task) -> str | None:
        return str(Error("timeout", after=task.options.timeout)) if task.timed_out else None

    def _settle(self, task: Task, outcome: str, reason: str | None) -> None:
        assert not task.settled
        task.settled = True
        act = {"kind": "settle", "id": task.id, "outcome": outcome, "attempts": task.attempt}
        self.acts.append(act if reason is None else {**act, "reason": reason})

    def _end(self, task: Task, outcome: str, reason: str | None = None) -> None:
        self._settle(task, outcome, reason)
        self._forget(task, quietly=False)
        self.lost = self.lost or (task.essential and outcome in ("failed", "fatal"))

    def _forget(self, task: Task, quietly: bool) -> None:
        if not quietly:
            self._emit("task_removed", task)
        self._free_slot(task)
        self._let_go(task)
        self.acts.append({"kind": "forget", "id": task.id})

    # ---- permits --------------------------------------------------------------------------

    def _want_permit(self, task: Task) -> None:
        self._enter(task, "PERMIT")
        self._grant()

    def _release_permit(self, task: Task) -> None:
        task.state = "ENDED"
        self._grant()

    def _grant(self) -> None:
        limit = self.config.max_concurrent or math.inf
        for task in self.in_state("PERMIT"):
            if self.running() < limit:
                self._enter(task, "INBOX" if task.on_loop else "READY")

    # ---- shutdown -------------------------------------------------------------------------

    def _begin_shutdown(self, grace: int, quiet: bool) -> None:
        self._emit("shutdown_requested")
        self.shutdown_state, self.grace, self.quiet = "WAITING", grace, quiet
        self.timers.arm(None, self.now + grace)
        self._settle_slots()
        self._reject_all()
        for state in CANCEL_ORDER:
            for task in self.in_state(state):
                self._cancel(task, "shutdown", self.now)

    def _shutdown_due(self) -> None:
        if self.shutdown_state == "DRAINING":
            self.shutdown_state = "CLOSED"
            return
        self._decide("exceeded", "grace_exceeded")
        for task in self.in_state("STOPPING"):
            self._abandon(task)
        self._drain()

    def _decide(self, verdict: str, kind: str) -> None:
        if not self.quiet:
            self.verdict = verdict
            self._emit(kind)

    def _drain(self) -> None:
        self.timers.disarm(None)
        self.shutdown_state = "DRAINING"
        self.timers.arm(None, self.now + self.config.subscriber_grace)

    # ---- small things ---------------------------------------------------------------------

    def in_state(self, state: str) -> list[Task]:
        """First come first."""
        return sorted((t for t in self.tasks if t.state == state), key=lambda t: t.entered)

    def _decided(self) -> bool:
        return self.shutdown_state in ("DRAINING", "CLOSED")

    def live(self) -> int:
        return sum(task.state not in UNREGISTERED for task in self.tasks)

    def running(self) -> int:
        return sum(task.state in HOLDS_PERMIT for task in self.tasks)

    def _named(self, name: str) -> Task | None:
        """The task that has this name, or has reserved it."""
        named = [task for task in self.tasks if task.name == name]
        waiting = ("ROOM", "QUEUED", "DECIDED")
        return next((task for task in named if task.state not in waiting), None)

    def _target(self, which) -> Task | None:
        """A name means a registered task; an id or a handle a waiting submission too."""
        known = [task for task in self.tasks if task.state not in ("RESERVED", "ROOM")]
        if isinstance(which, str):
            known = [task for task in known if task.state != "QUEUED"]
        return next((t for t in known if which in (t.name, t.id) or which is t), None)

    def _enter(self, task: Task, state: str) -> None:
        self.entries += 1
        task.state, task.entered = state, self.entries

    def _emit(self, kind, task=None, *, name=None, error=None, **fields) -> None:
        event = {"kind": kind}
        if task or name:
            event["task"] = task.name if task else name
        if task:
            event["id"] = task.id
        if task and kind in TELLS_ATTEMPT:
            event["attempt"] = task.attempt
        if error:
            event["reason"] = str(error)
            if error.exit_code is not None:
                event["exit_code"] = error.exit_code
        self.events.append(event | fields)

    def visible(self) -> dict:
        """What a look at the core shows between two steps."""
        deadline = self.timers.next_at()
        tasks = sorted(self.tasks, key=lambda task: task.id)
        return {
            "tasks": [task.visible(self.timers.due(task)) for task in tasks],
            "permit": [task.id for task in self.in_state("PERMIT")],
            "ready": [task.id for task in self.in_state("READY")],
            "inbox": [task.id for task in self.in_state("INBOX")],
            "room": [task.id for task in self.in_state("ROOM")],
            "slots": [self.slots[name].visible() for name in sorted(self.slots)],
            "now": self.now,
            "live": self.live(),
            "running": self.running(),
            "shutdown": self.shutdown_state,
            "verdict": self.verdict,
            "grace": self.grace,
            **({"deadline": deadline} if deadline != NEVER else {}),
        }
