"""Bodies that end in hostile ways, or do not: blocked in C, deep in C, with errors that lie."""

import ctypes
import os
import threading

import pytest
from programs import run, run_well
from waiting import SOON

import taskvisor as tv

# --- in C ----------------------------------------------------------------------------------------


@pytest.mark.rule("R4.41", "R1.71")
def test_body_blocked_in_c_is_abandoned_and_harms_nobody_until_it_returns(serve, recorder):
    readable, writable = os.pipe()
    read = ctypes.CDLL(None).read
    inside = threading.Event()

    def body():
        inside.set()
        return read(readable, ctypes.create_string_buffer(1), 1)

    sup = serve(recorder)
    try:
        handle = sup.add(tv.TaskSpec.once(body, grace=0.01))
        assert inside.wait(SOON)
        with pytest.raises(tv.TaskRemoveTimeout):
            handle.cancel()
        assert handle.outcome(0).kind == "abandoned"
        assert sup.add(tv.TaskSpec.once(dict)).result(SOON) == {}
        with pytest.raises(tv.TaskAlreadyExists):
            sup.add(tv.TaskSpec.once(body))
    finally:
        os.write(writable, b"x")
    assert sup.join(SOON) is True
    assert recorder.removed("body")[-1] == "task_removed"
    for end in (readable, writable):
        os.close(end)


def test_body_that_keeps_the_interpreter_to_itself_delays_and_loses_nothing(serve, recorder):
    usleep = ctypes.PyDLL(None).usleep  # called with the GIL held

    def body():
        usleep(100_000)
        return "back"

    sup = serve(recorder)
    handles = sup.add_many([tv.TaskSpec.once(body)] * 3, names=["a", "b", "c"])
    late = sup.add(tv.TaskSpec.once(body, name="late", timeout=0.01))
    assert [handle.result(SOON) for handle in handles] == ["back"] * 3
    assert late.outcome(SOON).reason == "timed out after 10ms"


DEEP = {
    "a key that sorts": "key = lambda x: sorted([1, 2], key=key)\n    sorted([1], key=key)",
    "nested lists compared": "nested(50_000) == nested(50_000)",
    "nested lists shown": "repr(nested(200_000))",
    "nested lists pickled": "pickle.dumps(nested(200_000))",
    "an attribute that looks for itself": "Looks().x",
}


@pytest.mark.rule("R1.71")
@pytest.mark.parametrize("how", DEEP)
def test_recursion_through_c_is_an_ordinary_failure(how):
    # As deep as it goes in a thread of Python's own, so the stack has to be as large.
    out = run_well(f"""
import pickle
import taskvisor as tv
class Looks:
    def __getattr__(self, name):
        return getattr(self, name)
def nested(depth):
    made = []
    for _ in range(depth):
        made = [made]
    return made
class Silent:
    def on_event(self, event): pass
def body():
    {DEEP[how]}
with tv.Supervisor(subscribers=[Silent()]) as sup:
    print("failed: RecursionError" in sup.add(tv.TaskSpec.once(body)).outcome(20).reason)
    print(sup.add(tv.TaskSpec.once(dict)).result(20))
""")
    assert out == "True\n{}\n"


# --- errors that lie -----------------------------------------------------------------------------


def broken():
    """A property that cannot be read."""

    def read(self):
        raise LookupError("not to be had")

    return property(read)


@pytest.mark.rule("R1.66")
def test_exit_whose_code_cannot_be_had_is_no_success(serve, recorder):
    class Exit(SystemExit):
        code = broken()

    def body():
        raise Exit(0)

    outcome = serve(recorder).add(tv.TaskSpec.once(body)).outcome(SOON)
    assert (outcome.kind, outcome.exit_code) == ("failed", 1)


@pytest.mark.rule("R1.71")
@pytest.mark.parametrize(("base", "kind"), [(tv.Fail, "failed"), (tv.Fatal, "fatal")])
def test_error_whose_values_cannot_be_had_counts_all_the_same(serve, recorder, base, kind):
    class Hostile(base):
        reason = broken()
        exit_code = broken()

        def __init__(self):
            Exception.__init__(self, "text")

    def body():
        raise Hostile

    outcome = serve(recorder).add(tv.TaskSpec.once(body)).outcome(SOON)
    assert (outcome.kind, outcome.exit_code, type(outcome.exception)) == (kind, None, Hostile)


@pytest.mark.rule("R1.71")
def test_error_that_pretends_to_be_of_another_class_is_what_it_is(serve, recorder):
    class Liar(ValueError):
        __class__ = tv.Canceled

    class Meta(type):
        def __instancecheck__(cls, instance):
            raise RuntimeError

    class Odd(Exception, metaclass=Meta):
        def __eq__(self, other):
            raise RuntimeError

        __hash__ = None

    sup = serve(recorder)
    for error in (Liar, Odd):

        def body(error=error):
            raise error("text")

        outcome = sup.add(tv.TaskSpec.once(body)).outcome(SOON)
        assert (outcome.kind, outcome.exception.args) == ("failed", ("text",))


@pytest.mark.rule("R1.71")
def test_error_that_carries_a_thousand_causes_is_an_ordinary_failure(serve, caplog):
    def body():
        error = ValueError("last")
        for _ in range(1_000):
            last, error = error, ValueError("cause")
            error.__cause__ = last
        raise error

    assert serve().add(tv.TaskSpec.once(body)).outcome(SOON).kind == "failed"


# --- what looks awaitable ------------------------------------------------------------------------


@pytest.mark.rule("R1.48")
def test_value_that_can_be_awaited_and_will_not_say_what_it_is_is_a_value(serve):
    class Awaitable:
        def __await__(self):
            raise RuntimeError

        @property
        def __class__(self):
            raise RuntimeError

    value = Awaitable()
    assert serve().add(tv.TaskSpec.once(lambda: value, name="a")).result(SOON) is value


# --- callbacks -----------------------------------------------------------------------------------


@pytest.mark.rule("R4.54")
def test_callback_that_adds_itself_again_and_again_ends_with_the_stack():
    ended = run("""
        import threading
        import taskvisor as tv
        called = threading.Event()
        def callback(handle):
            try:
                handle.add_done_callback(callback)
            finally:
                called.set()
        with tv.Supervisor() as sup:
            sup.add(tv.TaskSpec.once(dict)).add_done_callback(callback)
            assert called.wait(20)
            print(sup.add(tv.TaskSpec.once(list)).result(20))
    """)
    assert (ended.code, ended.out) == (0, "[]\n")


@pytest.mark.rule("R6.10")
def test_subscriber_that_takes_its_own_method_away_is_told_of_as_raising(serve, recorder):
    class Hostile:
        name = "hostile"

        def on_event(self, event):
            del type(self).on_event

    sup = serve(Hostile(), recorder)
    assert sup.add(tv.TaskSpec.once(dict)).result(SOON) == {}
    recorder.wait(
        lambda events: any(event.kind == tv.EventKind.SUBSCRIBER_PANICKED for event in events)
    )
    assert sup.add(tv.TaskSpec.once(dict)).result(SOON) == {}
