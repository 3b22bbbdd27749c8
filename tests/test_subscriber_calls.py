"""A subscriber may call the supervisor that it watches."""

import threading

import pytest
from waiting import SOON

import taskvisor as tv


def waits(ctx):
    ctx.wait()


@pytest.mark.rule("R0.52", "R6.17")
def test_subscriber_may_call_every_method_of_its_supervisor(serve):
    answers = {}
    asked = threading.Event()

    class Calls:
        def on_event(self, event):
            if asked.is_set() or event.kind != tv.EventKind.TASK_STARTING:
                return
            answers.update(
                list=sup.list(),
                tasks=[info.name for info in sup.tasks()],
                snapshot=sup.snapshot(),
                is_alive=sup.is_alive("waits"),
                subscribers=[info.name for info in sup.subscribers()],
                added=sup.add(tv.TaskSpec.once(dict, name="added")).result(SOON),
                join=sup.join(0),
                removed=sup.remove("waits"),
            )
            with sup.events() as stream:
                sup.remove("nobody")
                answers["event"] = stream.next(SOON).kind in tv.EventKind
            asked.set()

    sup = serve(Calls())
    handle = sup.add(tv.TaskSpec.once(waits))
    assert asked.wait(SOON)
    assert handle.outcome(SOON).kind == "canceled"
    assert answers == {
        "list": ["waits"],
        "tasks": ["waits"],
        "snapshot": ["waits"],
        "is_alive": True,
        "subscribers": ["Calls"],
        "added": {},
        "join": False,
        "removed": True,
        "event": True,
    }


@pytest.mark.rule("R6.17")
def test_subscriber_that_adds_a_task_for_each_end_of_one_is_served(serve):
    ended = []
    done = threading.Event()

    class Chain:
        def on_event(self, event):
            if event.kind != tv.EventKind.TASK_REMOVED or done.is_set():
                return
            ended.append(event.task)
            if len(ended) == 100:
                done.set()
            else:
                sup.add(tv.TaskSpec.once(dict, name=str(len(ended))))

    sup = serve(Chain())
    sup.add(tv.TaskSpec.once(dict, name="0"))
    assert done.wait(SOON)
    assert ended == [str(n) for n in range(100)]


def test_current_is_none_in_a_subscriber(serve):
    seen = []

    class Asks:
        def on_event(self, event):
            seen.append(tv.current())

    sup = serve(Asks())
    sup.add(tv.TaskSpec.once(dict)).outcome(SOON)
    sup.shutdown()
    assert set(seen) == {None}


@pytest.mark.rule("R2.29")
def test_thread_of_a_subscriber_is_named(serve):
    names = set()

    class Asks:
        def on_event(self, event):
            names.add(threading.current_thread().name)

    serve(Asks()).shutdown()
    assert len(names) == 1
    assert not any(name.startswith("Dummy") for name in names)
