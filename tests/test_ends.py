"""What events alone tell of how tasks end agrees with the outcomes of their handles."""

import pytest
from claims import CONTROLLER, claim

import taskvisor as tv
from taskvisor._ends import _TOLD_MAX, Ends

Kind = tv.OutcomeKind


class Listener(tv.Subscribe):
    """Keeps the kinds that are told, by id (of a rejected submission: by slot)."""

    queue_capacity = 65_536

    def __init__(self):
        super().__init__()
        self.ends = Ends()
        self.told = []

    def on_event(self, event):
        kind = self.ends.kind_of(event)
        if kind is not None:
            self.told.append((event.id, kind))


def fails():
    raise ValueError("x")


def fatal():
    raise tv.Fatal("x")


def leaves():
    raise tv.Canceled()


def fails_with(text):
    raise tv.Fail(text)


@pytest.mark.parametrize("how", ["served", "shut down while they run"])
def test_each_end_is_told_once_and_is_the_outcome(serve, how):
    listener = Listener()
    sup = serve(listener)
    specs = [tv.TaskSpec.once(fn) for fn in (dict, fails, fatal, leaves)]
    specs.append(tv.TaskSpec.restartable(fails, name="retried", max_retries=2))
    specs.append(tv.TaskSpec.once(fails_with, args=("policy_exhausted_success",)))
    if how != "served":
        specs.append(tv.TaskSpec.once(lambda ctx: ctx.wait(), name="waits"))
    specs = [spec.replace(backoff=tv.BackoffPolicy.constant(0)) for spec in specs]
    handles = sup.add_many(specs)
    if how == "served":
        assert sup.join(30)
    sup.shutdown()
    outcomes = {handle.id: handle.outcome().kind for handle in handles}
    assert dict(listener.told) == outcomes
    assert len(listener.told) == len(handles)


def test_rejected_submissions_are_told(serve, gate):
    listener, held = Listener(), gate()
    sup = serve(listener, controller=CONTROLLER)
    sup.submit(claim("queue", "owner", held))
    held.wait_inside()
    rejected = sup.submit(claim("drop_if_running", "late"))
    held.open()
    assert sup.join(30)
    sup.shutdown()
    assert sorted(listener.told, key=lambda end: end[1]) == [
        (rejected.id - 1, Kind.COMPLETED),
        (rejected.id, Kind.REJECTED),
    ]


def test_abandoned_task_is_told_once_whatever_its_body_does_later(serve, gate):
    listener, held = Listener(), gate()
    sup = serve(listener)
    handle = sup.add(tv.TaskSpec.once(held, grace=0))
    held.wait_inside()
    with pytest.raises(tv.TaskRemoveTimeout):
        sup.cancel(handle)
    held.open()
    assert sup.join(30)
    sup.shutdown()
    assert listener.told == [(handle.id, Kind.ABANDONED)]


def test_those_that_the_verdict_abandons_are_found_once(serve, gate):
    listener, held = Listener(), gate()
    sup = serve(listener)
    own = sup.add(tv.TaskSpec.once(held, name="own grace", grace=0))
    stuck = sup.add(tv.TaskSpec.once(held, name="stuck"))
    held.wait_inside(2)
    with pytest.raises(tv.TaskRemoveTimeout):
        sup.cancel(own)
    with pytest.raises(tv.GraceExceeded):
        sup.shutdown(grace=0)
    assert listener.told == [(own.id, Kind.ABANDONED)]
    assert [info.id for info in listener.ends.stuck(sup.tasks())] == [stuck.id]
    assert listener.ends.stuck(sup.tasks()) == []


def test_what_never_was_is_no_end():
    ends = Ends()
    missing = tv.Event("task_removed", task="x", reason="task_not_found")
    assert ends.kind_of(missing) is None
    assert ends.kind_of(tv.Event("grace_exceeded")) is None


def test_ends_whose_removal_was_dropped_are_forgotten_in_time():
    ends = Ends()
    for id in range(1, _TOLD_MAX + 2):
        assert ends.kind_of(tv.Event("actor_dead", task="x", id=id)) is Kind.FATAL
    removed = [tv.Event("task_removed", task="x", id=id) for id in (1, 2, _TOLD_MAX + 1)]
    assert [ends.kind_of(event) for event in removed] == [Kind.CANCELED, None, None]
    assert len(ends._told) == _TOLD_MAX - 2
