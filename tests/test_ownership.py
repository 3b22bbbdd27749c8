"""Ownership: what keeps a supervisor alive, what dropping it does, how often it runs."""

import contextvars
import gc
import threading

import pytest
from programs import run_well
from waiting import SOON, system_threads, until

import taskvisor as tv


def waits(ctx):
    """A body that stops when it is asked to; its result is the reason."""
    ctx.wait()
    return ctx.cancel_reason


def drop(held):
    """Drops what a list holds; a supervisor among it must warn."""
    with pytest.warns(ResourceWarning):
        held.clear()
        gc.collect()


@pytest.mark.rule("R4.80", "R4.81")
def test_dropped_supervisor_warns_and_cancels_its_tasks(recorder):
    held = [tv.Supervisor(subscribers=[recorder]).serve()]
    handle = held[0].add(tv.TaskSpec.once(waits))
    recorder.wait_line("waits", "task_starting")
    drop(held)
    outcome = handle.outcome(SOON)
    assert (outcome.kind, outcome.value) == ("canceled", tv.CancelReason.SHUTDOWN)


@pytest.mark.rule("R4.81", "R4.80")
def test_dropped_supervisor_drains_its_subscribers_and_gives_no_verdict(recorder):
    held = [tv.Supervisor(subscribers=[recorder]).serve()]
    held[0].add(tv.TaskSpec.once(waits))
    stream = held[0].events()
    recorder.wait_line("waits", "task_starting")
    drop(held)
    streamed = list(stream)
    assert streamed[-1].kind == "task_removed"
    recorder.wait_line("waits", "task_removed")
    verdicts = {"all_stopped_within_grace", "grace_exceeded"}
    assert verdicts.isdisjoint(event.kind for event in [*streamed, *recorder.events])


@pytest.mark.rule("R4.80", "R1.24")
def test_dropped_supervisor_ends_tasks_that_have_no_body_running(recorder):
    held = [tv.Supervisor(subscribers=[recorder]).serve()]
    handle = held[0].add(tv.TaskSpec.periodic(dict, 100_000))
    recorder.wait_line("dict", "backoff_scheduled")
    drop(held)
    assert handle.outcome(SOON).kind == "canceled"


@pytest.mark.rule("R4.80")
def test_dropped_idle_supervisor_warns_too():
    drop([tv.Supervisor().serve()])


@pytest.mark.rule("R4.80")
def test_supervisor_is_alive_while_the_supervisor_or_its_handle_is(recorder):
    supervisor = tv.Supervisor(subscribers=[recorder])
    held = [supervisor.serve()]
    handle = held[0].add(tv.TaskSpec.once(waits))
    held.clear()
    gc.collect()
    assert handle.done() is False
    held.append(supervisor)
    del supervisor
    gc.collect()
    assert handle.done() is False
    drop(held)
    assert handle.outcome(SOON).kind == "canceled"


@pytest.mark.rule("R4.81")
def test_supervisor_that_ran_was_shut_down_or_never_served_is_dropped_in_silence(gate):
    tv.Supervisor()
    tv.Supervisor().run([tv.TaskSpec.once(dict)], handle_signals=False)
    with tv.Supervisor() as sup:
        sup.add(tv.TaskSpec.once(waits))
    del sup
    sup = tv.Supervisor().serve()
    sup.shutdown(wait=False)
    del sup
    held = gate()
    sup = tv.Supervisor().serve()
    sup.add(tv.TaskSpec.once(held))
    held.wait_inside()
    with pytest.raises(tv.GraceExceeded):
        sup.shutdown(grace=0)
    del sup
    gc.collect()  # a warning is an error in these tests


@pytest.mark.rule("R4.82")
def test_handles_streams_and_contexts_do_not_keep_a_supervisor_alive(recorder):
    contexts = []

    def body(ctx):
        contexts.append(ctx)
        return waits(ctx)

    held = [tv.Supervisor(subscribers=[recorder]).serve()]
    handle = held[0].add(tv.TaskSpec.once(body))
    stream = held[0].events()
    recorder.wait_line("body", "task_starting")
    drop(held)
    assert handle.outcome(SOON).kind == "canceled"
    assert [event.kind for event in stream][-1] == "task_removed"
    assert contexts[0].cancel_reason == "shutdown"


KEEPERS = {
    "fn": lambda body, sup: tv.TaskSpec.once(lambda ctx: body(ctx, sup), name="keeper"),
    "args": lambda body, sup: tv.TaskSpec.once(body, name="keeper", args=(sup,)),
    "kwargs": lambda body, sup: tv.TaskSpec.once(body, name="keeper", kwargs={"sup": sup}),
}


@pytest.mark.rule("R4.83")
@pytest.mark.parametrize("how", KEEPERS)
def test_registered_task_that_refers_to_its_supervisor_keeps_it_alive(recorder, gate, how):
    held = gate()

    def body(ctx, sup):
        held()
        return ctx.cancelled, type(sup), sup.shutdown(wait=False)

    sup = tv.Supervisor(subscribers=[recorder]).serve()
    handle = sup.add(KEEPERS[how](body, sup))
    held.wait_inside()
    del sup
    gc.collect()  # a warning is an error in these tests
    held.open()
    assert handle.outcome(SOON).value == (False, tv.SupervisorHandle, None)


@pytest.mark.rule("R4.83")
def test_running_bodys_own_reference_keeps_its_supervisor_alive(recorder, gate):
    held = gate()

    def body(ctx):
        mine = ctx.supervisor
        held()
        return ctx.cancelled, mine.shutdown(wait=False)

    sup = tv.Supervisor(subscribers=[recorder]).serve()
    handle = sup.add(tv.TaskSpec.once(body))
    held.wait_inside()
    del sup
    gc.collect()
    held.open()
    assert handle.outcome(SOON).value == (False, None)


@pytest.mark.rule("R4.83")
def test_context_variable_of_a_registered_task_keeps_its_supervisor_alive(recorder, gate):
    held = gate()
    variable = contextvars.ContextVar("variable")

    def add():
        sup = tv.Supervisor(subscribers=[recorder]).serve()
        variable.set(sup)
        return sup.add(tv.TaskSpec.once(body))

    def body(ctx):
        held()
        return ctx.cancelled, variable.get().shutdown(wait=False)

    handle = contextvars.copy_context().run(add)
    held.wait_inside()
    gc.collect()
    held.open()
    assert handle.outcome(SOON).value == (False, None)


def kinds_to_end(stream):
    """Reads a stream to its end, in short waits.

    Without a GIL an object that another thread was the last to hold is dropped when the thread that
    made it, this one, runs Python again.
    """
    kinds = []
    while True:
        try:
            kinds.append(stream.next(0.05).kind)
        except TimeoutError:
            continue
        except StopIteration:
            return kinds


@pytest.mark.rule("R4.83")
def test_supervisor_kept_by_its_task_is_dropped_when_the_task_ends(recorder):
    def body(sup):
        return None

    sup = tv.Supervisor(subscribers=[recorder]).serve()
    stream = sup.events()
    with pytest.warns(ResourceWarning) as warned:
        handle = sup.add(tv.TaskSpec.once(body, args=(sup,)))
        del sup
        assert handle.outcome(SOON).kind == "completed"
        kinds = kinds_to_end(stream)  # which is the drop
        until(lambda: len(warned) > 0)
    assert kinds[-2:] == ["task_removed", "shutdown_requested"]
    recorder.wait(lambda events: len(events) == 7)


@pytest.mark.rule("R4.85")
def test_context_makes_a_handle_of_its_supervisor_on_demand(recorder):
    with tv.Supervisor(subscribers=[recorder]) as sup:

        def body(ctx):
            mine = ctx.supervisor
            return type(mine), mine.list(), mine.add(tv.TaskSpec.once(dict)).result(SOON)

        handle = sup.add(tv.TaskSpec.once(body))
        assert handle.result(SOON) == (tv.SupervisorHandle, ["body"], {})


@pytest.mark.rule("R4.85")
def test_handle_made_after_a_drop_refuses_to_add(recorder):
    def body(ctx):
        ctx.wait()
        with pytest.raises(tv.ShuttingDown):
            ctx.supervisor.add(tv.TaskSpec.once(dict))
        return "refused"

    held = [tv.Supervisor(subscribers=[recorder]).serve()]
    handle = held[0].add(tv.TaskSpec.once(body))
    recorder.wait_line("body", "task_starting")
    drop(held)
    assert handle.outcome(SOON).value == "refused"


@pytest.mark.rule("R4.85")
def test_context_kept_beyond_its_supervisor_still_makes_a_handle():
    contexts = []
    held = [tv.Supervisor().serve()]
    held[0].add(tv.TaskSpec.once(lambda ctx: contexts.append(ctx), name="a")).outcome(SOON)
    drop(held)
    sup = contexts[0].supervisor
    with pytest.raises(tv.ShuttingDown):
        sup.add(tv.TaskSpec.once(dict))


@pytest.mark.rule("R4.86")
def test_body_that_outlives_a_dropped_supervisor_may_still_use_its_context(gate):
    held = gate()

    def body(ctx):
        held()
        answers.append(
            (ctx.name, ctx.cancel_reason, ctx.token.child_token().is_cancelled, ctx.wait())
        )
        returning.set()

    answers = []
    returning = threading.Event()
    sups = [tv.Supervisor(tv.SupervisorConfig(grace=0)).serve()]
    handle = sups[0].add(tv.TaskSpec.once(body))
    held.wait_inside()
    drop(sups)
    assert handle.outcome(SOON).kind == "abandoned"
    held.open()
    assert returning.wait(SOON)
    assert answers == [("body", "shutdown", True, True)]


@pytest.mark.rule("R4.86")
def test_workers_that_outlive_everything_of_theirs_harm_nobody():
    out = run_well("""
        import threading
        import taskvisor as tv
        class Silent:
            def on_event(self, event):
                pass
        for _ in range(300):
            inside, release = threading.Event(), threading.Event()
            def body():
                inside.set()
                release.wait(20)
            sup = tv.Supervisor(subscribers=[Silent()]).serve()
            sup.add(tv.TaskSpec.once(body))
            assert inside.wait(20)
            try:
                sup.shutdown(grace=0)
            except tv.GraceExceeded:
                pass
            release.set()
            del sup
        print("alive")
    """)
    assert out == "alive\n"


@pytest.mark.rule("R4.73")
@pytest.mark.parametrize("first", ["serve", "run"])
@pytest.mark.parametrize("second", ["serve", "run"])
def test_supervisor_runs_or_serves_once(first, second):
    calls = {
        "serve": lambda sup: sup.serve().shutdown(),
        "run": lambda sup: sup.run([tv.TaskSpec.once(dict)], handle_signals=False),
    }
    sup = tv.Supervisor()
    calls[first](sup)
    with pytest.raises(tv.AlreadyRunning):
        calls[second](sup)


@pytest.mark.rule("R4.73")
def test_supervisor_that_is_serving_does_not_serve_twice():
    sup = tv.Supervisor()
    with sup.serve():
        for again in (sup.serve, sup.__enter__, lambda: sup.run([tv.TaskSpec.once(dict)])):
            with pytest.raises(tv.AlreadyRunning):
                again()


@pytest.mark.rule("R4.72", "R4.70")
def test_run_of_nothing_or_refused_does_not_count_and_starts_no_thread(recorder):
    sup = tv.Supervisor(subscribers=[recorder])
    spec = tv.TaskSpec.once(dict)
    before = system_threads()
    assert sup.run([]) is None
    assert sup.run() is None
    with pytest.raises(tv.TaskAlreadyExists):
        sup.run([spec, spec])
    with pytest.raises(TypeError):
        sup.run([spec, None])
    assert system_threads() <= before
    assert recorder.events == []
    sup.run([spec])
    assert recorder.words()[-1] == "dict: task_removed"


def test_context_of_a_supervisor_is_that_of_its_handle():
    with tv.Supervisor() as sup:
        assert type(sup) is tv.SupervisorHandle
        assert sup.add(tv.TaskSpec.once(dict)).result(SOON) == {}
    with pytest.raises(tv.ShuttingDown):
        sup.add(tv.TaskSpec.once(dict))
    handle = tv.Supervisor().serve()
    with handle as same:
        assert same is handle


@pytest.mark.rule("R5.60")
def test_import_and_construction_start_no_thread():
    out = run_well("""
        import os
        import taskvisor as tv
        sup = tv.Supervisor(subscribers=[tv.LogWriter()])
        tv.TaskSpec.once(print)
        tv.CancellationToken().child_token()
        print(len(os.listdir("/proc/self/task")))
        with sup:
            print(len(os.listdir("/proc/self/task")) > 1)
    """)
    assert out == "1\nTrue\n[001] [shutdown-requested]\n[002] [all-stopped-within-grace]\n"
