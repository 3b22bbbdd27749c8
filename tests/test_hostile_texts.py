"""Hostile texts and names: cut, escaped and copied, or refused at the door."""

import pytest
from kinds import every_kind, wait
from programs import run_well

import taskvisor as tv

pytestmark = [every_kind, pytest.mark.rule("R8.4")]

SOON = 60.0


async def waits(ctx):
    await wait(ctx)


# --- texts ---------------------------------------------------------------------------------------


@pytest.mark.rule("R1.71", "R1.68")
def test_text_of_a_hundred_megabytes_is_cut_and_let_go(serve, recorder):
    size = 100_000_000

    def body():
        raise ValueError("x" * size)

    sup = serve(recorder)
    handle = sup.add(tv.TaskSpec.once(body))
    outcome = handle.outcome(SOON)
    assert outcome.kind == "failed"
    assert outcome.reason.startswith("execution failed: ValueError: xxx")
    assert len(outcome.reason) < 5000
    assert len(str(outcome.exception)) == size
    assert recorder.removed("body")[-1] == "task_removed"
    assert all(len(event.reason or "") < 5000 for event in recorder.events)


@pytest.mark.rule("R1.71")
def test_text_of_a_hundred_megabytes_is_not_printed_in_the_failure_log():
    out = run_well("""
        import io, logging
        import taskvisor as tv
        stream = io.StringIO()
        logging.basicConfig(stream=stream)
        def body():
            raise ValueError("x" * 100_000_000)
        tv.Supervisor().run([tv.TaskSpec.once(body)])
        text = stream.getvalue()
        print(len(text) < 20_000, "ValueError: xxx" in text, "in body" in text)
    """)
    assert out == "True True True\n"


HOSTILE_TEXTS = {
    "raises": "raise RuntimeError('no text')",
    "exits": "raise SystemExit(4)",
    "interrupts": "raise KeyboardInterrupt",
    "returns no str": "return 7",
    "recurses": "return str(self)",
}


@pytest.mark.rule("R1.64", "R1.71")
@pytest.mark.parametrize("how", HOSTILE_TEXTS)
def test_exception_without_a_usable_text_is_named_by_its_type(serve, recorder, how):
    space = {}
    exec(f"class Hostile(Exception):\n    def __str__(self):\n        {HOSTILE_TEXTS[how]}", space)

    def body():
        raise space["Hostile"]

    outcome = serve(recorder).add(tv.TaskSpec.once(body)).outcome(SOON)
    assert (outcome.kind, outcome.reason) == ("failed", "execution failed: Hostile")


@pytest.mark.rule("R1.64", "R1.71")
def test_text_that_is_a_hostile_str_subclass_is_taken_as_plain_text(serve, recorder):
    class Text(str):
        def __str__(self):
            raise RuntimeError

        def encode(self, *args):
            raise RuntimeError

        def __len__(self):
            return 10**9

    class Hostile(Exception):
        def __str__(self):
            return Text("plain")

    def body():
        raise Hostile

    outcome = serve(recorder).add(tv.TaskSpec.once(body)).outcome(SOON)
    assert outcome.reason == "execution failed: Hostile: plain"
    assert type(outcome.reason) is str


@pytest.mark.rule("R1.69")
def test_reason_with_nul_surrogates_and_line_breaks_is_kept_readable(serve, recorder):
    def body():
        raise tv.Fail("a\0b\udc80c\nd")

    outcome = serve(recorder).add(tv.TaskSpec.once(body)).outcome(SOON)
    assert outcome.reason == "execution failed: a\0b\\udc80c\nd"
    assert recorder.removed("body")[3].endswith("reason=execution failed: a\0b\\udc80c\nd")


# --- names ---------------------------------------------------------------------------------------


class Sly(str):
    """A str that lies about everything, and counts who asks."""

    asked = 0

    def __eq__(self, other):
        Sly.asked += 1
        raise RuntimeError("eq")

    def __hash__(self):
        Sly.asked += 1
        raise RuntimeError("hash")

    def __str__(self):
        Sly.asked += 1
        raise RuntimeError("str")

    def encode(self, *args):
        Sly.asked += 1
        raise RuntimeError("encode")

    def __len__(self):
        Sly.asked += 1
        return 0


@pytest.mark.rule("R0.21")
def test_name_of_a_hostile_str_subclass_is_copied(serve, recorder):
    Sly.asked = 0
    sup = serve(recorder)
    spec = tv.TaskSpec.once(waits, name=Sly("sly"))
    handle = sup.add(spec)
    assert type(spec.name) is type(handle.name) is str
    assert sup.list() == ["sly"]
    assert sup.is_alive(Sly("sly")) in {True, False}
    with pytest.raises(tv.TaskAlreadyExists) as caught:
        sup.add(tv.TaskSpec.once(waits), name=Sly("sly"))
    assert type(caught.value.name) is str
    assert sup.cancel(Sly("sly")) is True
    assert sup.remove(Sly("sly")) is False
    sup.shutdown()
    assert {type(event.task) for event in recorder.events if event.task} == {str}
    assert Sly.asked == 0


@pytest.mark.rule("R0.21")
@pytest.mark.parametrize("bad", ["", "a\0b", "\ud800", "x\udc80", "\0"])
def test_bad_name_is_refused_wherever_a_task_gets_one(serve, bad):
    sup = serve()
    spec = tv.TaskSpec.once(dict)
    for call in (
        lambda: tv.TaskSpec.once(dict, name=bad),
        lambda: spec.replace(name=bad),
        lambda: sup.add(spec, name=bad),
        lambda: sup.add_many([spec, spec], names=["fine", bad]),
    ):
        with pytest.raises(ValueError):
            call()
    assert sup.list() == []


@pytest.mark.rule("R0.21")
@pytest.mark.parametrize("bad", [7, b"bytes", 1.5, object()])
def test_name_that_is_no_str_is_refused_wherever_a_task_gets_one(serve, bad):
    sup = serve()
    spec = tv.TaskSpec.once(dict)
    for call in (
        lambda: tv.TaskSpec.once(dict, name=bad),
        lambda: sup.add(spec, name=bad),
        lambda: sup.add_many([spec], names=[bad]),
    ):
        with pytest.raises(TypeError):
            call()
    assert sup.list() == []


def test_name_may_be_long_and_of_any_script(serve, recorder):
    names = ["ü" * 10_000, "任务", "🦉", "a b\tc", "\n", "-"]
    sup = serve(recorder)
    handles = [sup.add(tv.TaskSpec.once(dict, name=name)) for name in names]
    assert [handle.result(SOON) for handle in handles] == [{}] * len(names)
    sup.shutdown()
    assert {event.task for event in recorder.events if event.task} == set(names)


@pytest.mark.rule("R0.20", "R0.21")
@pytest.mark.parametrize("bad", ["", "nul\0", "\ud800"])
def test_function_whose_own_name_is_no_name_needs_another(serve, bad):
    def body():
        return 1

    body.__name__ = bad
    with pytest.raises(ValueError):
        tv.TaskSpec.once(body)
    assert serve().add(tv.TaskSpec.once(body, name="fine")).result(SOON) == 1
