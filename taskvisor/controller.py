"""Slots: what a submission says, how the controller is set, and what readers see.

Guarantees: every value here is frozen, checked whole at construction, compares by its fields, and
hashes and pickles as far as what it holds does. The texts of the lists never change. A slot and a
task's name are different keys: a name is one of the registry, a slot one of the controller.
"""

from __future__ import annotations

from enum import StrEnum, auto
from typing import Any, Generic, SupportsIndex, TypeVar

from taskvisor._checks import count, member, shown
from taskvisor._core import TaskSpec
from taskvisor._values import fill, value

__all__ = ["AdmissionPolicy", "ControllerConfig", "ControllerSpec", "SlotInfo", "SlotStatus"]

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class AdmissionPolicy(StrEnum):
    """What a submission does where its slot has an owner; where it has none, it starts."""

    QUEUE = auto()
    """It waits behind all others."""
    REPLACE = auto()
    """The owner is asked to leave, and it is the next; a submission that was the next is out."""
    DROP_IF_RUNNING = auto()
    """It is rejected."""


class SlotStatus(StrEnum):
    """What a slot's owner is about; `SlotInfo.status`."""

    RUNNING = auto()
    """Nobody has asked the owner to leave."""
    TERMINATING = auto()
    """The owner was asked to leave, and has not ended yet."""


@value(frozen=True, slots=True, init=False)
class ControllerConfig:
    """The settings of a Supervisor's controller; both are keywords and have defaults.

    queue_capacity: how many submissions may wait in all slots together, 1 or more.
    max_slot_queue: how long QUEUE may make the queue of one slot, 0 or more.

    Raises ValueError for a number that is too small, TypeError for what is no int.
    """

    queue_capacity: int
    max_slot_queue: int

    def __init__(
        self, *, queue_capacity: SupportsIndex = 1024, max_slot_queue: SupportsIndex = 100
    ) -> None:
        put = object.__setattr__
        put(self, "queue_capacity", count(queue_capacity, "queue_capacity"))
        put(self, "max_slot_queue", count(max_slot_queue, "max_slot_queue", 0))


@value(frozen=True, slots=True, init=False)
class ControllerSpec(Generic[T_co]):
    """A submission: which task is to own which slot, and what if the slot has an owner.

    admission: an AdmissionPolicy or its text.
    task: the TaskSpec.
    slot: the slot's name; left out or None it is the task's. A non-empty str without NUL and
    without surrogates, which is copied.

    Raises ValueError for an unknown admission or a str that is no name, TypeError for a value of
    another type.
    """

    admission: AdmissionPolicy
    task: TaskSpec[T_co]
    slot: str

    def __init__(
        self, admission: AdmissionPolicy | str, task: TaskSpec[T_co], *, slot: str | None = None
    ) -> None:
        if not isinstance(task, TaskSpec):
            raise TypeError(f"task must be a TaskSpec, not {shown(task)}")
        put = object.__setattr__
        put(self, "admission", member(AdmissionPolicy, admission, "admission"))
        put(self, "task", task)
        put(self, "slot", task.name if slot is None else _slot_name(slot))

    @classmethod
    def queue(
        cls: type[ControllerSpec[Any]], task: TaskSpec[T], *, slot: str | None = None
    ) -> ControllerSpec[T]:
        """Return the submission that waits behind all others.

        task: the TaskSpec. slot: the slot's name; None is the task's. Raises what the constructor
        raises.
        """
        return cls(AdmissionPolicy.QUEUE, task, slot=slot)

    @classmethod
    def replace(
        cls: type[ControllerSpec[Any]], task: TaskSpec[T], *, slot: str | None = None
    ) -> ControllerSpec[T]:
        """Return the submission that asks the owner to leave and is the next.

        task: the TaskSpec. slot: the slot's name; None is the task's. Raises what the constructor
        raises.
        """
        return cls(AdmissionPolicy.REPLACE, task, slot=slot)

    @classmethod
    def drop_if_running(
        cls: type[ControllerSpec[Any]], task: TaskSpec[T], *, slot: str | None = None
    ) -> ControllerSpec[T]:
        """Return the submission that is rejected where the slot has an owner.

        task: the TaskSpec. slot: the slot's name; None is the task's. Raises what the constructor
        raises.
        """
        return cls(AdmissionPolicy.DROP_IF_RUNNING, task, slot=slot)


@value(frozen=True, slots=True, init=False)
class SlotInfo:
    """One slot as `SupervisorHandle.controller_snapshot()` saw it; all of one call of one instant.

    name is the slot's, status a SlotStatus; owner and owner_id are the name and id of the task that
    owns it, which it does since, in wall-clock seconds since the epoch as `Event.at`. waiting has
    the names of the submissions in its queue, the next owner first.
    """

    name: str
    status: SlotStatus
    owner: str
    owner_id: int
    since: float
    waiting: list[str]

    def __init__(
        self,
        name: str,
        status: SlotStatus,
        owner: str,
        owner_id: int,
        since: float,
        waiting: list[str],
    ) -> None:
        fill(self, name, status, owner, owner_id, since, waiting)


def _slot_name(value: str) -> str:
    """Return a slot's name as a plain str that the runtime can keep."""
    if not isinstance(value, str):
        raise TypeError(f"slot must be a str, not {shown(value)}")
    name = str.__str__(value)
    if not name:
        raise ValueError(f"slot must not be empty, not {shown(name)}")
    if "\0" in name:
        raise ValueError(f"slot must have no NUL, not {shown(name)}")
    if any("\ud800" <= character <= "\udfff" for character in name):
        raise ValueError(f"slot must have no surrogates, not {shown(name)}")
    return name
