"""Logging: LoggingSubscriber's record per event, and the records nobody has to subscribe for."""

import logging
import threading
from types import SimpleNamespace

import pytest

from taskvisor import (
    BackoffSource,
    Event,
    EventKind,
    Fail,
    Fatal,
    LoggingSubscriber,
    OutcomeKind,
    TaskOutcome,
    _hooks,
)

FIELDS = ["event", "seq", "at", "task", "task_id", "attempt", "reason", "timeout_ms", "delay_ms"]
FIELDS += ["exit_code", "backoff_source", "duration"]

LEVELS = {
    "subscriber_panicked": "ERROR",
    "subscriber_overflow": "WARNING",
    "shutdown_requested": "INFO",
    "all_stopped_within_grace": "INFO",
    "grace_exceeded": "ERROR",
    "task_starting": "DEBUG",
    "task_stopped": "DEBUG",
    "task_failed": "INFO",
    "timeout_hit": "WARNING",
    "backoff_scheduled": "WARNING",
    "task_add_requested": "DEBUG",
    "task_added": "INFO",
    "task_remove_requested": "DEBUG",
    "task_removed": "INFO",
    "actor_exhausted": "ERROR",
    "actor_dead": "ERROR",
    "controller_rejected": "WARNING",
    "controller_submitted": "DEBUG",
    "controller_slot_transition": "INFO",
}


class Recorder(logging.Handler):
    """Keeps the records it is given."""

    def __init__(self):
        super().__init__()
        self.records = []

    def emit(self, record):
        self.records.append(record)


@pytest.fixture
def records(caplog):
    """The records made on the logger `taskvisor`, from DEBUG up."""
    logger, recorder = logging.getLogger("taskvisor"), Recorder()
    logger.addHandler(recorder)
    with caplog.at_level(logging.DEBUG, logger="taskvisor"):
        yield recorder.records
    logger.removeHandler(recorder)


def only(records):
    assert len(records) == 1
    assert records[0].name == "taskvisor"
    return records[0]


class TestLoggingSubscriber:
    def test_the_levels_cover_every_kind(self):
        assert list(LEVELS) == [str(kind) for kind in EventKind]

    @pytest.mark.parametrize("kind", EventKind)
    def test_an_event_makes_one_record_of_its_level_with_its_line(self, records, kind):
        LoggingSubscriber().on_event(Event(kind, task="poller", reason="why"))
        record = only(records)
        assert record.levelname == LEVELS[kind]
        assert record.event == str(kind)
        assert "\n" not in record.getMessage()

    def test_a_scheduled_retry_is_a_warning_with_its_delay(self, records):
        event = Event(
            EventKind.BACKOFF_SCHEDULED,
            task="poller",
            attempt=2,
            delay_ms=1500,
            reason="execution failed: down",
            backoff_source=BackoffSource.FAILURE,
        )
        LoggingSubscriber().on_event(event)
        record = only(records)
        assert record.levelno == logging.WARNING
        assert "delay=1.5s" in record.getMessage()
        assert "execution failed: down" in record.getMessage()
        assert (record.delay_ms, record.backoff_source) == (1500, "failure")

    def test_the_pause_after_a_success_is_no_warning(self, records):
        source = BackoffSource.SUCCESS
        LoggingSubscriber().on_event(Event(EventKind.BACKOFF_SCHEDULED, backoff_source=source))
        assert only(records).levelno == logging.DEBUG

    def test_a_good_end_is_no_error(self, records):
        reason = "policy_exhausted_success"
        LoggingSubscriber().on_event(Event(EventKind.ACTOR_EXHAUSTED, task="a", reason=reason))
        assert only(records).levelno == logging.INFO

    def test_a_record_carries_every_field_of_its_event(self, records):
        event = Event(
            EventKind.TASK_FAILED,
            task="poller",
            id=7,
            attempt=3,
            reason="execution failed: down",
            exit_code=3,
            duration=0.25,
        )
        LoggingSubscriber().on_event(event)
        record = only(records)
        assert {name: getattr(record, name) for name in FIELDS} == {
            "event": "task_failed",
            "seq": 0,
            "at": event.at,
            "task": "poller",
            "task_id": 7,
            "attempt": 3,
            "reason": "execution failed: down",
            "timeout_ms": None,
            "delay_ms": None,
            "exit_code": 3,
            "backoff_source": None,
            "duration": 0.25,
        }

    def test_texts_of_events_are_never_format_strings(self, records):
        LoggingSubscriber().on_event(Event(EventKind.ACTOR_DEAD, task="%s", reason="%d {x}"))
        assert only(records).getMessage() == '[actor-dead] task=%s reason="%d {x}"'

    def test_a_level_that_is_off_makes_no_record(self, caplog):
        caplog.set_level(logging.WARNING, logger="taskvisor")
        LoggingSubscriber().on_event(Event(EventKind.TASK_STARTING, task="a"))
        assert caplog.records == []

    @pytest.mark.parametrize("given", ["app.jobs", logging.getLogger("app.jobs")])
    def test_another_logger_is_given_by_name_or_itself(self, caplog, given):
        LoggingSubscriber(given).on_event(Event(EventKind.ACTOR_DEAD, task="a"))
        assert [record.name for record in caplog.records] == ["app.jobs"]

    @pytest.mark.parametrize("given", [None, 5, logging.LoggerAdapter(logging.getLogger("x"), {})])
    def test_what_is_no_logger_is_refused(self, given):
        with pytest.raises(TypeError, match="logger"):
            LoggingSubscriber(given)

    def test_nothing_is_set_up_so_that_a_failure_reaches_stderr_by_itself(self):
        logger = logging.getLogger("taskvisor")
        assert (logger.handlers, logger.level, logger.propagate) == ([], logging.NOTSET, True)


HANDLE = SimpleNamespace(id=7, name="poller")


def raised(error, cause=None):
    """An exception that was raised, in this very function."""
    try:
        raise error from cause
    except BaseException as caught:
        return caught


class TestFailureLog:
    @pytest.mark.parametrize("kind", [OutcomeKind.FAILED, OutcomeKind.FATAL])
    def test_a_failed_end_is_one_error_with_its_traceback(self, records, caplog, kind):
        outcome = TaskOutcome(kind, exception=raised(Fail("down", 3)), reason="R", exit_code=3)
        _hooks.log_failure(HANDLE, outcome)
        record = only(records)
        assert record.levelno == logging.ERROR
        assert record.getMessage() == f"task 'poller' ended {kind}: R"
        assert record.exc_info[1] is outcome.exception
        assert "in raised" in caplog.text

    def test_its_fields_are_attributes_of_the_record(self, records):
        outcome = TaskOutcome("failed", reason="R", exit_code=3, attempts=4)
        _hooks.log_failure(HANDLE, outcome)
        record = only(records)
        assert (record.task, record.task_id, record.outcome) == ("poller", 7, "failed")
        assert (record.reason, record.exit_code, record.attempts) == ("R", 3, 4)

    def test_an_end_without_exception_has_no_traceback(self, records, caplog):
        _hooks.log_failure(HANDLE, TaskOutcome("failed", reason="timed out after 1s"))
        assert only(records).exc_info is None
        assert "Traceback" not in caplog.text
        assert "NoneType" not in caplog.text

    def test_an_abandoned_task_is_said_to_run_on(self, records):
        _hooks.log_failure(HANDLE, TaskOutcome("abandoned"))
        assert only(records).getMessage() == "task 'poller' was abandoned, its body still runs"

    @pytest.mark.parametrize(
        "error",
        [
            raised(ValueError("x" * 10**6)),
            raised(KeyError("short"), cause=ValueError("x" * 10**6)),
        ],
    )
    def test_a_huge_exception_text_is_left_out_and_its_traceback_kept(self, records, caplog, error):
        _hooks.log_failure(HANDLE, TaskOutcome("fatal", exception=error, reason="R"))
        assert "in raised" in only(records).getMessage()
        assert len(caplog.text) < 10_000

    def test_an_exception_without_text_is_logged_all_the_same(self, records, caplog):
        class Mute(Exception):
            def __str__(self):
                raise SystemExit

        _hooks.log_failure(HANDLE, TaskOutcome("failed", exception=raised(Mute()), reason="Mute"))
        assert only(records).exc_info[0] is Mute
        assert "in raised" in caplog.text

    def test_exceptions_that_cause_each_other_are_logged_once(self, records):
        one, two = Fatal("one"), Fatal("two")
        one.__cause__, two.__cause__ = two, one
        _hooks.log_failure(HANDLE, TaskOutcome("fatal", exception=one, reason="R"))
        assert only(records).exc_info[1] is one


class TestCallbackErrors:
    def test_an_error_of_a_done_callback_is_one_record_with_its_traceback(self, records, caplog):
        _hooks.log_callback_error(HANDLE, raised(ValueError("in callback")))
        record = only(records)
        assert record.levelno == logging.ERROR
        assert record.getMessage() == "a done callback of task 'poller' raised"
        assert (record.task, record.task_id) == ("poller", 7)
        assert "ValueError: in callback" in caplog.text


class TestBrokenLogging:
    @pytest.mark.parametrize("error", [RuntimeError("filter"), SystemExit(3), KeyboardInterrupt()])
    def test_what_the_applications_logging_raises_goes_to_the_excepthook(self, monkeypatch, error):
        def broken(record):
            raise error

        reported = []
        monkeypatch.setattr(threading, "excepthook", reported.append)
        logger = logging.getLogger("taskvisor")
        logger.addFilter(broken)
        try:
            _hooks.log_failure(HANDLE, TaskOutcome("failed", reason="R"))
            _hooks.log_callback_error(HANDLE, ValueError("x"))
        finally:
            logger.removeFilter(broken)
        assert [args.exc_value for args in reported] == [error, error]

    def test_an_excepthook_that_raises_too_is_survived(self, monkeypatch):
        def broken(args):
            raise RuntimeError("hook")

        monkeypatch.setattr(threading, "excepthook", broken)
        _hooks.log_callback_error(object(), ValueError("x"))
