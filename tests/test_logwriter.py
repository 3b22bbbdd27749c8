"""LogWriter: exactly one line per event, in exactly this form."""

import io
import sys
from types import SimpleNamespace

import pytest

from taskvisor import BackoffSource, Event, EventKind, LogWriter

SUCCESS, FAILURE = BackoffSource.SUCCESS, BackoffSource.FAILURE

# By kind: the line of an event with nothing set, then lines of events with fields.
LINES = {
    "subscriber_panicked": [
        ({}, '[subscriber-panicked] subscriber=none info="unknown"'),
        (
            {"task": "S", "reason": "ValueError: x"},
            '[subscriber-panicked] subscriber=S info="ValueError: x"',
        ),
    ],
    "subscriber_overflow": [
        ({}, '[subscriber-overflow] subscriber=none reason="unknown"'),
        (
            {"task": "S", "reason": "subscriber=S reason=full"},
            '[subscriber-overflow] subscriber=S reason="subscriber=S reason=full"',
        ),
    ],
    "shutdown_requested": [({}, "[shutdown-requested]")],
    "all_stopped_within_grace": [({}, "[all-stopped-within-grace]")],
    "grace_exceeded": [
        ({}, "[grace-exceeded]"),
        ({"task": "a", "attempt": 2}, "[grace-exceeded] task=a"),
    ],
    "task_starting": [
        ({}, "[starting] task=none attempt=0"),
        ({"task": "a", "attempt": 3}, "[starting] task=a attempt=3"),
    ],
    "task_stopped": [
        ({}, "[stopped] task=none"),
        ({"task": "a", "attempt": 3, "duration": 0.5}, "[stopped] task=a"),
    ],
    "task_failed": [
        ({}, '[failed] task=none reason="unknown" attempt=0'),
        (
            {"task": "a", "attempt": 1, "reason": "execution failed: down"},
            '[failed] task=a reason="execution failed: down" attempt=1',
        ),
    ],
    "timeout_hit": [
        ({}, "[timeout] task=none timeout=0ms"),
        ({"task": "a", "attempt": 1, "timeout_ms": 1500}, "[timeout] task=a timeout=1.5s"),
    ],
    "backoff_scheduled": [
        (
            {"backoff_source": FAILURE},
            '[backoff] task=none source=failure delay=0ms after_attempt=0 reason="none"',
        ),
        (
            {"task": "a", "attempt": 4, "delay_ms": 200, "backoff_source": FAILURE, "reason": "x"},
            '[backoff] task=a source=failure delay=200ms after_attempt=4 reason="x"',
        ),
        (
            {"task": "a", "attempt": 4, "delay_ms": 60000, "backoff_source": SUCCESS},
            '[backoff] task=a source=success delay=60s after_attempt=4 reason="none"',
        ),
    ],
    "task_add_requested": [
        ({}, "[task-add-requested] task=none"),
        ({"task": "a", "id": 9}, "[task-add-requested] task=a"),
    ],
    "task_added": [
        ({}, "[task-added] task=none"),
        ({"task": "a", "reason": "already_exists"}, "[task-added] task=a"),
    ],
    "task_remove_requested": [
        ({}, "[task-remove-requested] task=none"),
        ({"task": "a", "reason": "manual_cancel"}, "[task-remove-requested] task=a"),
    ],
    "task_removed": [
        ({}, "[task-removed] task=none"),
        ({"task": "a", "reason": "task_not_found"}, "[task-removed] task=a"),
    ],
    "actor_exhausted": [
        ({}, '[actor-exhausted] task=none reason="policy"'),
        (
            {"task": "a", "attempt": 1, "reason": "policy_exhausted_success"},
            '[actor-exhausted] task=a reason="policy_exhausted_success"',
        ),
    ],
    "actor_dead": [
        ({}, '[actor-dead] task=none reason="fatal"'),
        (
            {"task": "a", "reason": "fatal error (no retry): x", "exit_code": 3},
            '[actor-dead] task=a reason="fatal error (no retry): x"',
        ),
    ],
    "controller_rejected": [
        ({}, '[controller-rejected] slot=none reason="unknown"'),
        (
            {"task": "s", "reason": "queue_full: 2/2"},
            '[controller-rejected] slot=s reason="queue_full: 2/2"',
        ),
    ],
    "controller_submitted": [
        ({}, "[controller-submitted] slot=none "),
        (
            {"task": "s", "reason": "admission=Queue depth=1"},
            "[controller-submitted] slot=s admission=Queue depth=1",
        ),
    ],
    "controller_slot_transition": [
        ({}, '[controller-transition] slot=none transition="unknown"'),
        (
            {"task": "s", "reason": "running→terminating (replace)"},
            '[controller-transition] slot=s transition="running→terminating (replace)"',
        ),
    ],
}


def written(event):
    stream = io.StringIO()
    LogWriter(stream).on_event(event)
    return stream.getvalue()


def delay_of(ms):
    event = Event(EventKind.TIMEOUT_HIT, task="a", timeout_ms=ms)
    return written(event).rstrip("\n").rpartition("timeout=")[2]


def test_the_lines_cover_every_kind():
    assert list(LINES) == [str(kind) for kind in EventKind]


@pytest.mark.parametrize(
    ("kind", "fields", "line"),
    [(kind, fields, line) for kind, lines in LINES.items() for fields, line in lines],
)
def test_an_event_is_written_as_its_line(kind, fields, line):
    assert written(Event(EventKind(kind), **fields)) == f"[000] {line}\n"


@pytest.mark.parametrize(
    ("seq", "shown"), [(1, "001"), (42, "042"), (999, "999"), (1000, "000"), (123456789, "789")]
)
def test_a_line_begins_with_the_number_of_the_event_modulo_1000(seq, shown):
    event = Event(EventKind.TASK_STOPPED, task="a")
    names = ("kind", "task", "attempt", "reason", "backoff_source", "delay_ms", "timeout_ms")
    numbered = SimpleNamespace(seq=seq, **{name: getattr(event, name) for name in names})
    assert written(numbered) == f"[{shown}] [stopped] task=a\n"


@pytest.mark.parametrize(
    ("ms", "shown"),
    [
        (0, "0ms"),
        (1, "1ms"),
        (999, "999ms"),
        (1000, "1s"),
        (1001, "1.0s"),
        (1500, "1.5s"),
        (1949, "1.9s"),
        (1999, "2.0s"),
        (60000, "60s"),
        (90250, "90.2s"),
        (2**32 - 1, "4294967.3s"),
    ],
)
def test_a_delay_is_in_milliseconds_whole_seconds_or_tenths(ms, shown):
    assert delay_of(ms) == shown


def test_line_breaks_in_names_and_reasons_are_escaped():
    event = Event(EventKind.TASK_FAILED, task="a\nb", attempt=1, reason="x\r\ny\n")
    assert written(event) == '[000] [failed] task=a\\nb reason="x\\r\\ny\\n" attempt=1\n'


def test_braces_in_names_and_reasons_are_plain_text():
    event = Event(EventKind.ACTOR_DEAD, task="{task}", reason="{0} {} %s")
    assert written(event) == '[000] [actor-dead] task={task} reason="{0} {} %s"\n'


def test_without_a_stream_it_writes_to_stdout_of_that_moment(capsys, monkeypatch):
    writer = LogWriter()
    writer.on_event(Event(EventKind.TASK_STOPPED, task="a"))
    assert capsys.readouterr().out == "[000] [stopped] task=a\n"
    redirected = io.StringIO()
    monkeypatch.setattr(sys, "stdout", redirected)
    writer.on_event(Event(EventKind.TASK_STOPPED, task="b"))
    assert redirected.getvalue() == "[000] [stopped] task=b\n"


def test_a_process_without_stdout_writes_nothing_and_goes_on(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    LogWriter().on_event(Event(EventKind.TASK_STOPPED, task="a"))


def test_each_line_is_one_write_and_flushed():
    calls = []
    stream = SimpleNamespace(write=calls.append, flush=lambda: calls.append("flush"))
    LogWriter(stream).on_event(Event(EventKind.SHUTDOWN_REQUESTED))
    assert calls == ["[000] [shutdown-requested]\n", "flush"]


def test_a_stream_needs_no_more_than_write():
    lines = []
    LogWriter(SimpleNamespace(write=lines.append)).on_event(Event(EventKind.SHUTDOWN_REQUESTED))
    assert lines == ["[000] [shutdown-requested]\n"]


def test_what_the_stream_cannot_encode_is_escaped():
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii", newline="\n")
    LogWriter(stream).on_event(Event(EventKind.TASK_STOPPED, task="naïve→"))
    assert raw.getvalue() == b"[000] [stopped] task=na\\xefve\\u2192\n"


def test_it_observes_under_the_name_of_its_class():
    class Audit(LogWriter):
        pass

    assert LogWriter().name == "LogWriter"
    assert Audit().name == "Audit"
    assert LogWriter().queue_capacity == 1024
