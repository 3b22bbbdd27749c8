"""Cycles through bodies, handles, values and subscribers are collected once the task has ended."""

import contextvars
import gc
import sys
import weakref

import pytest
from waiting import SOON, until

import taskvisor as tv


class Thing:
    """Something that can be watched by a weak reference and hold anything."""


def wait_collected(ref):
    """Waits until what the reference is to is gone: its last user may be another thread."""
    until(lambda: gc.collect() >= 0 and ref() is None)


@pytest.mark.rule("R4.84")
def test_cycle_through_a_body_and_its_handle_is_collected_once_the_task_ended(serve):
    sup = serve()
    thing = Thing()

    def body(held):
        return None

    thing.handle = sup.add(tv.TaskSpec.once(body, args=(thing,)))
    ref = weakref.ref(thing)
    thing.handle.outcome(SOON)
    del thing
    wait_collected(ref)


@pytest.mark.rule("R4.84")
def test_cycle_through_a_result_and_its_handle_is_collected(serve):
    sup = serve()
    handle = sup.add(tv.TaskSpec.once(Thing))
    thing = handle.result(SOON)
    thing.handle = handle
    ref = weakref.ref(thing)
    del thing, handle
    wait_collected(ref)


@pytest.mark.rule("R4.84")
def test_cycle_through_an_exception_and_its_handle_is_collected(serve, recorder):
    thing = Thing()
    ref = weakref.ref(thing)

    def fails(held):
        raise ValueError(held)

    thing.handle = serve(recorder).add(tv.TaskSpec.once(fails, args=(thing,)))
    assert thing.handle.outcome(SOON).exception.args == (thing,)
    del thing
    wait_collected(ref)


@pytest.mark.rule("R4.84")
def test_cycle_through_a_done_callback_is_collected(serve):
    thing = Thing()
    ref = weakref.ref(thing)
    thing.handle = serve().add(tv.TaskSpec.once(dict))
    thing.handle.add_done_callback(lambda handle, held=thing: None)
    thing.handle.outcome(SOON)
    del thing
    wait_collected(ref)


@pytest.mark.rule("R4.84")
def test_cycle_through_a_supervisor_and_its_subscriber_is_collected():
    class Keeps:
        def on_event(self, event):
            self.event = event

    keeps = Keeps()
    with tv.Supervisor(subscribers=[keeps]) as sup:
        keeps.sup = sup
        keeps.handle = sup.add(tv.TaskSpec.once(dict))
        keeps.stream = sup.events()
    ref = weakref.ref(keeps)
    del keeps, sup
    wait_collected(ref)


@pytest.mark.rule("R4.84")
def test_cycle_of_a_supervisor_never_served_with_its_subscriber_is_collected():
    class Keeps:
        def on_event(self, event):
            pass

    keeps = Keeps()
    keeps.sup = tv.Supervisor(subscribers=[keeps])
    ref = weakref.ref(keeps)
    del keeps
    wait_collected(ref)


@pytest.mark.rule("R4.84")
def test_spec_and_its_arguments_are_let_go_at_the_end_though_the_handle_lives(serve):
    sup = serve()
    arg, value = Thing(), Thing()
    variable = contextvars.ContextVar("variable")

    def add():
        variable.set(value)
        spec = tv.TaskSpec.once(lambda a, *, b: None, name="a", args=(arg,), kwargs={"b": arg})
        return sup.add(spec)

    handle = contextvars.copy_context().run(add)
    refs = [weakref.ref(arg), weakref.ref(value)]
    handle.outcome(SOON)
    arg = value = None
    for ref in refs:
        wait_collected(ref)
    assert handle.outcome().kind == "completed"


@pytest.mark.rule("R4.84")
def test_value_lives_as_long_as_its_handle(serve):
    handle = serve().add(tv.TaskSpec.once(Thing))
    ref = weakref.ref(handle.result(SOON))
    gc.collect()
    assert ref() is handle.result()
    del handle
    wait_collected(ref)


def test_references_of_a_spec_are_let_go_with_it():
    thing = Thing()
    before = sys.getrefcount(thing)
    spec = tv.TaskSpec(lambda *args, **kwargs: thing, args=(thing,), kwargs={"k": thing}, name="a")
    assert sys.getrefcount(thing) > before
    del spec
    gc.collect()
    assert sys.getrefcount(thing) == before
