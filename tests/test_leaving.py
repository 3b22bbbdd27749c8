"""Leaving the context of a supervisor: a shutdown, told where nobody was told of it."""

import pytest
from waiting import in_thread

import taskvisor as tv


def waits(ctx):
    """A body that stops when it is asked to; its result is the reason."""
    ctx.wait()
    return ctx.cancel_reason


def verdict(call, *args, **kwargs):
    """The GraceExceeded that a call raises."""
    with pytest.raises(tv.GraceExceeded) as caught:
        call(*args, **kwargs)
    return caught.value


@pytest.mark.rule("R5.10")
def test_leaving_the_context_shuts_down_and_does_not_wait_for_the_end(recorder):
    with tv.Supervisor(subscribers=[recorder]) as sup:
        handle = sup.add(tv.TaskSpec.once(waits))
        recorder.wait_line("waits", "task_starting")
    assert handle.outcome(0).value == "shutdown"
    assert recorder.words()[-1] == "all_stopped_within_grace"


@pytest.mark.rule("R5.10")
def test_leaving_the_context_raises_the_verdict_nobody_was_told(gate):
    held = gate()
    config = tv.SupervisorConfig(grace=0.02)
    with pytest.raises(tv.GraceExceeded) as caught, tv.Supervisor(config) as sup:
        sup.add(tv.TaskSpec.once(held))
        held.wait_inside()
    assert (caught.value.grace, caught.value.stuck) == (0.02, ["Gate"])


@pytest.mark.rule("R5.10")
def test_leaving_the_context_is_silent_when_a_caller_was_told(gate):
    held = gate()
    with tv.Supervisor() as sup:
        sup.add(tv.TaskSpec.once(held))
        held.wait_inside()
        verdict(sup.shutdown, grace=0.02)


@pytest.mark.rule("R5.10")
def test_leaving_the_context_raises_after_a_shutdown_that_did_not_wait(gate):
    held = gate()
    with pytest.raises(tv.GraceExceeded), tv.Supervisor() as sup:
        sup.add(tv.TaskSpec.once(held))
        held.wait_inside()
        sup.shutdown(grace=0.02, wait=False)


@pytest.mark.rule("R5.11")
def test_exception_of_the_block_goes_on_with_the_verdict_as_a_note(gate):
    held = gate()
    with pytest.raises(KeyError) as caught, tv.Supervisor(tv.SupervisorConfig(grace=0.02)) as sup:
        sup.add(tv.TaskSpec.once(held))
        held.wait_inside()
        raise KeyError("block")
    assert caught.value.args == ("block",)
    assert caught.value.__notes__ == ['shutdown timeout 20ms exceeded; stuck: ["Gate"]']


@pytest.mark.rule("R5.11")
def test_verdict_of_another_supervisor_out_of_the_block_gets_the_note_too(gate):
    held = gate()
    config = tv.SupervisorConfig(grace=0.02)
    with pytest.raises(tv.GraceExceeded) as caught, tv.Supervisor(config) as sup:
        sup.add(tv.TaskSpec.once(held))
        held.wait_inside()
        raise tv.GraceExceeded(1, ["of another"])
    assert caught.value.stuck == ["of another"]
    assert caught.value.__notes__ == ['shutdown timeout 20ms exceeded; stuck: ["Gate"]']


@pytest.mark.rule("R5.10", "R5.11")
def test_own_verdict_out_of_the_block_goes_on_as_it_is(gate):
    held = gate()
    with pytest.raises(tv.GraceExceeded) as caught, tv.Supervisor() as sup:
        sup.add(tv.TaskSpec.once(held))
        held.wait_inside()
        sup.shutdown(grace=0.02)
    assert (caught.value.stuck, caught.value.grace) == (["Gate"], 0.02)
    assert not hasattr(caught.value, "__notes__")


@pytest.mark.rule("R5.11")
def test_exception_of_the_block_has_no_note_after_a_clean_stop():
    with pytest.raises(KeyError) as caught, tv.Supervisor() as sup:
        sup.add(tv.TaskSpec.once(waits))
        raise KeyError("block")
    assert not hasattr(caught.value, "__notes__")


@pytest.mark.rule("R5.10")
def test_leaving_the_context_is_silent_when_a_caller_in_another_thread_was_told(gate):
    held = gate()
    with tv.Supervisor() as sup:
        sup.add(tv.TaskSpec.once(held))
        held.wait_inside()
        assert type(in_thread(sup.shutdown, grace=0.05)()) is tv.GraceExceeded
