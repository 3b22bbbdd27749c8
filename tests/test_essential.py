"""What must not be retried, and who takes everybody with it."""

import asyncio
import pickle

import pytest
from waiting import SOON

import taskvisor as tv
from taskvisor import aio

AT_ONCE = tv.BackoffPolicy.constant(0)


def lookup():
    raise KeyError("gone")


async def lookup_async():
    raise KeyError("gone")


def waits(ctx):
    ctx.wait()


# --- fatal ---------------------------------------------------------------------------------------


@pytest.mark.rule("R1.80")
@pytest.mark.parametrize("body", [lookup, lookup_async])
@pytest.mark.parametrize("fatal", [KeyError, (ValueError, LookupError)])
def test_fatal_exception_ends_the_task_and_is_kept(serve, recorder, body, fatal):
    handle = serve(recorder).add(tv.TaskSpec(body, name="x", fatal=fatal, restart="always"))
    outcome = handle.outcome(SOON)
    assert outcome.kind is tv.OutcomeKind.FATAL
    assert outcome.attempts == 1
    assert isinstance(outcome.exception, KeyError)
    assert outcome.reason == "fatal error (no retry): KeyError: 'gone'"
    with pytest.raises(KeyError):
        handle.result()


@pytest.mark.rule("R1.80")
def test_other_exceptions_are_retried(serve):
    spec = tv.TaskSpec(lookup, fatal=ValueError, max_retries=2, backoff=AT_ONCE)
    outcome = serve().add(spec).outcome(SOON)
    assert (outcome.kind, outcome.attempts) == (tv.OutcomeKind.FAILED, 3)


@pytest.mark.rule("R1.80")
def test_canceled_and_the_timeout_come_before_fatal(serve):
    def leaves():
        raise tv.Canceled

    spec = tv.TaskSpec(leaves, fatal=Exception)
    assert serve().add(spec).outcome(SOON).kind is tv.OutcomeKind.CANCELED

    def late(ctx):
        ctx.wait()
        raise KeyError

    spec = tv.TaskSpec(late, fatal=KeyError, timeout=0.001, max_retries=0)
    assert serve().add(spec).outcome(SOON).kind is tv.OutcomeKind.FAILED


@pytest.mark.rule("R1.81")
def test_fatal_and_essential_are_values_of_a_spec():
    spec = tv.TaskSpec(lookup, fatal=KeyError, essential=True)
    assert (spec.fatal, spec.essential) == ((KeyError,), True)
    assert (tv.TaskSpec(lookup).fatal, tv.TaskSpec(lookup).essential) == ((), False)
    same = tv.TaskSpec(lookup, fatal=(KeyError,), essential=True)
    assert spec == same
    assert hash(spec) == hash(same)
    assert spec != spec.replace(essential=False)
    assert spec != spec.replace(fatal=())
    assert spec.replace(fatal=()).fatal == ()
    assert pickle.loads(pickle.dumps(spec)) == spec
    assert "fatal=(<class 'KeyError'>,), essential=True" in repr(spec)
    assert "essential" not in repr(tv.TaskSpec(lookup))
    for make in (tv.TaskSpec.once, tv.TaskSpec.restartable):
        assert make(lookup, fatal=KeyError, essential=True).essential
    assert tv.TaskSpec.periodic(lookup, 1, fatal=KeyError).fatal == (KeyError,)


@pytest.mark.rule("R1.81")
@pytest.mark.parametrize("fatal", [3, "KeyError", KeyError("x"), [KeyError], (KeyError, int), None])
def test_fatal_that_is_no_exception_class_is_refused(fatal):
    with pytest.raises(TypeError, match="fatal"):
        tv.TaskSpec(lookup, fatal=fatal)


@pytest.mark.rule("R1.81")
@pytest.mark.parametrize("essential", [1, "yes", None])
def test_essential_that_is_no_bool_is_refused(essential):
    with pytest.raises(TypeError, match="essential"):
        tv.TaskSpec(lookup, essential=essential)


# --- essential -----------------------------------------------------------------------------------


def others(held):
    return [tv.TaskSpec(waits, name=f"other-{n}") for n in range(3)] + held


@pytest.mark.rule("R5.70")
@pytest.mark.parametrize("body", [lookup, lookup_async])
@pytest.mark.parametrize("options", [{"fatal": KeyError}, {"max_retries": 1, "backoff": AT_ONCE}])
def test_run_shuts_down_and_raises_what_the_essential_task_raised(recorder, body, options):
    spec = tv.TaskSpec(body, name="essential", essential=True, **options)
    with pytest.raises(KeyError, match="gone"):
        tv.Supervisor(subscribers=[recorder]).run(others([spec]))
    words = recorder.words()
    after = words[words.index("essential: task_removed") + 1 :]
    assert after[0] == "shutdown_requested"
    assert after[-1] == "all_stopped_within_grace"


@pytest.mark.rule("R5.70")
def test_leaving_the_context_raises_it(gate):
    with pytest.raises(KeyError, match="gone"), tv.Supervisor() as sup:
        handles = sup.add_many(others([]))
        sup.add(tv.TaskSpec.once(lookup, essential=True))
        assert [each.outcome(SOON).kind for each in handles] == [tv.OutcomeKind.CANCELED] * 3
        with pytest.raises(tv.ShuttingDown):
            sup.add(tv.TaskSpec.once(dict))


@pytest.mark.rule("R5.70")
def test_aio_raises_it_too():
    async def leave():
        async with aio.Supervisor() as sup:
            sup.add_many(others([]))
            sup.add(tv.TaskSpec.once(lookup_async, essential=True))
            assert await sup.join(SOON)

    async def run():
        await aio.run(others([tv.TaskSpec.once(lookup_async, essential=True)]))

    for main in (leave, run):
        with pytest.raises(KeyError, match="gone"):
            asyncio.run(main())


@pytest.mark.rule("R5.71")
def test_the_first_of_several_is_raised_and_one_that_timed_out_is_an_outcome_error():
    def late(ctx):
        ctx.wait()

    spec = tv.TaskSpec.once(late, timeout=0.001, essential=True)
    with pytest.raises(tv.OutcomeError) as raised:
        tv.Supervisor().run([spec])
    assert raised.value.outcome.kind is tv.OutcomeKind.FAILED

    def later(ctx):
        ctx.wait()
        raise ValueError("second")

    with pytest.raises(KeyError, match="gone"):
        specs = [tv.TaskSpec.once(lookup, essential=True), tv.TaskSpec.once(later, essential=True)]
        tv.Supervisor().run(specs)


@pytest.mark.rule("R5.71")
def test_good_end_and_a_cancel_of_an_essential_task_change_nothing(serve):
    sup = serve()
    other = sup.add(tv.TaskSpec(waits, name="other"))
    assert sup.add(tv.TaskSpec.once(dict, essential=True)).outcome(SOON).kind == "completed"
    essential = sup.add(tv.TaskSpec(waits, name="essential", essential=True))
    essential.cancel(SOON)
    assert essential.outcome().kind == "canceled"
    assert not other.done()
    assert sup.add(tv.TaskSpec.once(dict)).outcome(SOON).kind == "completed"


@pytest.mark.rule("R5.72")
def test_exception_of_the_block_goes_on_with_a_note():
    with pytest.raises(RuntimeError, match="mine") as raised, tv.Supervisor() as sup:
        sup.add(tv.TaskSpec.once(lookup, name="vital", essential=True)).outcome(SOON)
        raise RuntimeError("mine")
    assert any("vital" in note for note in raised.value.__notes__)


@pytest.mark.rule("R5.72")
def test_verdict_is_a_note_of_what_the_essential_task_raised(gate):
    held = gate()
    config = tv.SupervisorConfig(grace=0)
    with pytest.raises(KeyError, match="gone") as raised, tv.Supervisor(config) as sup:
        sup.add(tv.TaskSpec.once(held, name="stuck"))
        held.wait_inside()
        sup.add(tv.TaskSpec.once(lookup, essential=True)).outcome(SOON)
    held.open()
    assert any("stuck" in note for note in raised.value.__notes__)


@pytest.mark.rule("R5.70")
def test_waiting_submissions_do_not_start_when_an_essential_owner_fails():
    ran = []
    config = tv.ControllerConfig()
    with pytest.raises(KeyError), tv.Supervisor(controller=config) as sup:
        go = tv.CancellationToken()

        def owner():
            go.wait(SOON)
            raise KeyError("gone")

        sup.submit(tv.ControllerSpec.queue(tv.TaskSpec.once(owner, essential=True), slot="s"))
        waiting = sup.submit(
            tv.ControllerSpec.queue(tv.TaskSpec.once(lambda: ran.append(1), name="n"), slot="s")
        )
        go.cancel()
        assert waiting.outcome(SOON).rejection == "shutting_down"
    assert ran == []
