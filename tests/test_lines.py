"""Lines of text and log records: what a person reads of a real run, one for each event."""

import io
import sys

import pytest
from waiting import SOON, until

import taskvisor as tv

NOW = tv.BackoffPolicy.constant(0)


def fails():
    raise tv.Fail("down", exit_code=3)


@pytest.mark.rule("R6.40", "R6.41", "R6.42")
def test_log_writer_writes_the_lines_of_a_real_run(serve, gate):
    held = gate()
    out = io.StringIO()

    def flaky(ctx):
        if ctx.attempt == 1:
            raise tv.Fail("down")
        raise tv.Fatal("gone")

    def slow(ctx):
        ctx.wait()

    sup = serve(tv.LogWriter(out))
    first = sup.events()
    sup.add(tv.TaskSpec(flaky, backoff=tv.BackoffPolicy.constant(0.002))).outcome(SOON)
    sup.add(tv.TaskSpec.once(slow, timeout=0.001)).outcome(SOON)
    sup.add(tv.TaskSpec.once(held, grace=0))
    held.wait_inside()
    sup.remove("Gate")
    until(lambda: sup.tasks()[0].state == tv.TaskState.ABANDONED)
    with pytest.raises(tv.GraceExceeded):
        sup.shutdown(grace=0)
    number = first.next(0).seq - 1
    expected = [
        "[task-add-requested] task=flaky",
        "[task-added] task=flaky",
        "[starting] task=flaky attempt=1",
        '[failed] task=flaky reason="execution failed: down" attempt=1',
        "[backoff] task=flaky source=failure delay=2ms after_attempt=1"
        ' reason="execution failed: down"',
        "[starting] task=flaky attempt=2",
        '[failed] task=flaky reason="fatal error (no retry): gone" attempt=2',
        '[actor-dead] task=flaky reason="fatal error (no retry): gone"',
        "[task-removed] task=flaky",
        "[task-add-requested] task=slow",
        "[task-added] task=slow",
        "[starting] task=slow attempt=1",
        "[timeout] task=slow timeout=1ms",
        '[failed] task=slow reason="timed out after 1ms" attempt=1',
        '[actor-exhausted] task=slow reason="timed out after 1ms"',
        "[task-removed] task=slow",
        "[task-add-requested] task=Gate",
        "[task-added] task=Gate",
        "[starting] task=Gate attempt=1",
        "[task-remove-requested] task=Gate",
        "[grace-exceeded] task=Gate",
        "[shutdown-requested]",
        "[grace-exceeded]",
    ]
    assert out.getvalue() == "".join(
        f"[{(number + n) % 1000:03}] {line}\n" for n, line in enumerate(expected, 1)
    )


@pytest.mark.rule("R6.42")
@pytest.mark.parametrize(
    ("interval", "shown"),
    [
        (0, "0ms"),
        (0.999, "999ms"),
        (100, "100s"),
        (1.25, "1.2s"),
        (59.999, "60.0s"),
        (3600, "3600s"),
    ],
)
def test_log_writer_writes_delays_in_their_unit(serve, recorder, interval, shown):
    out = io.StringIO()
    sup = serve(tv.LogWriter(out), recorder)
    sup.add(tv.TaskSpec.periodic(dict, interval))
    recorder.wait_line("dict", "backoff_scheduled")
    sup.shutdown()
    backoff = next(line for line in out.getvalue().splitlines() if "[backoff]" in line)
    assert backoff[6:] == (
        f'[backoff] task=dict source=success delay={shown} after_attempt=1 reason="none"'
    )


@pytest.mark.rule("R6.43")
def test_log_writer_escapes_line_breaks_of_names_and_reasons():
    def body():
        raise tv.Fail("one\ntwo\r\n")

    out = io.StringIO()
    sup = tv.Supervisor(subscribers=[tv.LogWriter(out)])
    sup.run([tv.TaskSpec.once(body, name="a\nb\rc")])
    written = out.getvalue().splitlines()
    assert len(written) == 6
    assert [line[6:] for line in written[2:4]] == [
        r"[starting] task=a\nb\rc attempt=1",
        r'[failed] task=a\nb\rc reason="execution failed: one\ntwo\r\n" attempt=1',
    ]


@pytest.mark.rule("R6.44")
def test_log_writer_writes_to_the_stdout_of_each_event(monkeypatch, recorder):
    first, second = io.StringIO(), io.StringIO()
    monkeypatch.setattr(sys, "stdout", first)
    with tv.Supervisor(subscribers=[tv.LogWriter(), recorder]) as sup:
        sup.add(tv.TaskSpec.once(dict))
        sup.join()
        recorder.wait_line("dict", "task_removed")
        until(lambda: first.getvalue().count("\n") == 6)
        monkeypatch.setattr(sys, "stdout", second)
    assert first.getvalue().count("\n") == 6
    assert [line[6:] for line in second.getvalue().splitlines()] == [
        "[shutdown-requested]",
        "[all-stopped-within-grace]",
    ]


@pytest.mark.rule("R6.45")
def test_logging_subscriber_makes_one_record_per_event_of_a_real_run(caplog):
    caplog.set_level("DEBUG", logger="watched")
    sup = tv.Supervisor(subscribers=[tv.LoggingSubscriber("watched")])
    sup.run([tv.TaskSpec(fails, max_retries=1, backoff=NOW)])
    records = [(r.levelname, r.event, r.task, r.attempt) for r in caplog.records if r.event]
    assert [r[1] for r in records] == [
        "task_add_requested", "task_added", "task_starting", "task_failed", "backoff_scheduled",
        "task_starting", "task_failed", "actor_exhausted", "task_removed",
    ]  # fmt: skip
    assert records[4] == ("WARNING", "backoff_scheduled", "fails", 1)
    assert records[7] == ("ERROR", "actor_exhausted", "fails", 2)
    assert {r.name for r in caplog.records} == {"watched"}
    assert next(r.delay_ms for r in caplog.records if r.event == "backoff_scheduled") == 0
    assert [r.outcome for r in caplog.records if not r.event] == ["failed"]
