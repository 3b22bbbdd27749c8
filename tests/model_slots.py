"""The controller in plain Python: slots, their queues, and callers that wait for room in them.

It is the part of the model (`model.Supervisor`) that semantics of slots fill. What the promises
leave open, and both have to agree on, is the order in which a shutdown rejects: the slot whose
queue or owner has changed least recently first, one submission at a time; then the callers.
"""

from model_values import Slot, Task

ADMISSIONS = {"queue": "Queue", "replace": "Replace", "drop_if_running": "DropIfRunning"}


class Controller:
    """What a supervisor does with slots. Its host has config, tasks, now, acts and events."""

    def __init__(self) -> None:
        self.slots: dict[str, Slot] = {}
        self.changes = 0

    # ---- inputs ---------------------------------------------------------------------------

    def submit(self, task: Task, name: str, admission: str, wait: bool):
        if self.shutdown_state != "OPEN":
            return "closed", task.id
        slot = self.slots.get(name) or Slot(name)
        task.slot, task.admission = slot, admission
        full = admission == "queue" and self._is_full(slot)
        line = not self._has_room() or self.in_state("ROOM")
        if slot.needs_room(admission) and not full and line:
            if not wait:
                return "full", task.id
            self.tasks.append(task)
            self._enter(task, "ROOM")
            return "wait", task.id
        self.slots[name] = slot
        self.tasks.append(task)
        task.state = "DECIDED"
        self._admit(task)
        return "ok", task.id

    def withdraw(self, task: Task):
        if task.state != "ROOM":
            return "already", task.id
        self._let_go(task)
        return "ok", task.id

    def cancel_slot(self, name: str, purge: bool):
        slot = self.slots.get(name)
        if not slot or self._decided():
            return "unknown", None
        self.count = int(not slot.owner.cancelled) + (len(slot.queue) if purge else 0)
        while purge and slot.queue:
            self._unqueue(slot.queue[0], "removed_from_queue")
        if not slot.owner.cancelled:
            self._emit("task_remove_requested", slot.owner, reason="manual_cancel")
            self._cancel(slot.owner, "removed", self.now)
        return "ok", None

    # ---- what is decided about a submission -----------------------------------------------

    def _admit(self, task: Task) -> None:
        slot = task.slot
        if not slot.owner:
            self._start(task, from_queue=False)
        elif task.admission == "drop_if_running":
            self._reject(task, f"dropped: slot busy (status={slot.status})")
        elif task.admission == "replace":
            self._replace(task)
        elif self._is_full(slot):
            self._reject(task, f"queue_full: {len(slot.queue)}/{self.config.max_slot_queue}")
        else:
            self._enqueue(task, len(slot.queue))
            self._submitted(task, slot.status)

    def _replace(self, task: Task) -> None:
        slot, status = task.slot, task.slot.status
        if slot.queue:
            self._unqueue(slot.queue[0], "superseded_by_replace")
        if status == "running":
            why = "running→terminating (replace)"
            self._emit_slot("controller_slot_transition", slot.owner, why)
            self._emit("task_remove_requested", slot.owner)
        self._enqueue(task, 0)
        self._submitted(task, status)
        if status == "running":
            self._cancel(slot.owner, "replaced", self.now)

    def _start(self, task: Task, from_queue: bool) -> None:
        slot, depth = task.slot, len(task.slot.queue)
        if self._named(task.name):
            self._emit("task_add_requested", name=task.name)
            self._emit("task_added", name=task.name, reason="already_exists")
            failed = "queue_start_failed" if from_queue else "add_failed"
            self._reject(task, f"{failed}: task '{task.name}' already exists in registry")
        else:
            slot.owner, slot.since = task, self.now
            self._accept(task)
            how = f"admission={ADMISSIONS[task.admission]} status=running"
            how = f"started_from_queue depth={depth}" if from_queue else how
            self._emit_slot("controller_submitted", task, how)
        self._change(slot)

    def _reject(self, task: Task, reason: str) -> None:
        self._emit_slot("controller_rejected", task, reason)
        self._settle(task, "rejected", reason)
        self._let_go(task)
        self.acts.append({"kind": "forget", "id": task.id})

    # ---- queues ---------------------------------------------------------------------------

    def _enqueue(self, task: Task, place: int) -> None:
        self._enter(task, "QUEUED")
        task.slot.queue.insert(place, task)
        self._change(task.slot)

    def _unqueue(self, task: Task, reason: str) -> None:
        task.slot.queue.remove(task)
        self._change(task.slot)
        self._reject(task, reason)

    def _is_full(self, slot: Slot) -> bool:
        return bool(slot.owner) and len(slot.queue) >= self.config.max_slot_queue

    def _has_room(self) -> bool:
        return self.waiting() < self.config.queue_capacity

    def waiting(self) -> int:
        return len(self.in_state("QUEUED"))

    # ---- what follows ---------------------------------------------------------------------

    def _free_slot(self, owner: Task) -> None:
        if owner.slot:
            owner.slot.owner = None
            self._change(owner.slot)

    def _settle_slots(self) -> None:
        """Idle slots get an owner or go; then who waits for room is decided, as far as it can."""
        while idle := [slot for slot in self.slots.values() if not slot.owner]:
            self._seek(min(idle, key=lambda slot: slot.changed))
        for task in self.in_state("ROOM") if self.shutdown_state == "OPEN" else []:
            if self._has_room() or not task.slot.needs_room(task.admission):
                self._decide_room(task)
                self._settle_slots()
                return

    def _seek(self, slot: Slot) -> None:
        line = [task for task in self.in_state("ROOM") if task.slot is slot]
        if slot.queue and self.shutdown_state != "OPEN":
            self._unqueue(slot.queue[0], "shutting_down")
        elif slot.queue:
            self._start(slot.queue.pop(0), from_queue=True)
        elif line and self.shutdown_state == "OPEN":
            self._decide_room(line[0])
        else:
            del self.slots[slot.name]
            self.acts.append({"kind": "slot", "slot": slot.name})

    def _decide_room(self, task: Task) -> None:
        self.acts.append({"kind": "decided", "id": task.id})
        task.state = "DECIDED"
        self._admit(task)

    def _reject_all(self) -> None:
        while waiting := [slot for slot in self.slots.values() if slot.queue]:
            slot = min(waiting, key=lambda slot: slot.changed)
            self._unqueue(slot.queue[0], "shutting_down")
        for task in self.in_state("ROOM"):
            self.acts.append({"kind": "decided", "id": task.id})
            self._let_go(task)

    # ---- small things ---------------------------------------------------------------------

    def _let_go(self, task: Task) -> None:
        task.state = "DONE"
        self.tasks.remove(task)

    def _change(self, slot: Slot) -> None:
        self.changes += 1
        slot.changed = self.changes

    def _submitted(self, task: Task, status: str) -> None:
        leaving = " status=terminating" if status == "terminating" else ""
        how = f"admission={ADMISSIONS[task.admission]}{leaving} depth={len(task.slot.queue)}"
        self._emit_slot("controller_submitted", task, how)

    def _emit_slot(self, kind: str, task: Task, reason: str) -> None:
        event = {"kind": kind, "task": task.slot.name, "id": task.id, "reason": reason}
        self.events.append(event)
