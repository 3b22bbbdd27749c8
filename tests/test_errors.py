"""The exceptions: their texts, their attributes, and that they pickle and compare."""

import copy
import pickle
from datetime import timedelta

import pytest

import taskvisor
from taskvisor import (
    AlreadyRunning,
    Canceled,
    ControllerClosed,
    ControllerError,
    ControllerFull,
    ControllerNotConfigured,
    Fail,
    Fatal,
    GraceExceeded,
    InternalError,
    Lagged,
    OutcomeError,
    ShuttingDown,
    SignalSetupFailed,
    SupervisorError,
    TaskAlreadyExists,
    TaskError,
    TaskOutcome,
    TaskRemoveTimeout,
)

PLAIN = [
    ShuttingDown,
    AlreadyRunning,
    SignalSetupFailed,
    InternalError,
    ControllerNotConfigured,
    ControllerFull,
    ControllerClosed,
]

SAMPLES = [
    Fail("down", 3),
    Fatal("broken"),
    Canceled(),
    TaskAlreadyExists("a"),
    TaskRemoveTimeout("a", 0.5),
    TaskRemoveTimeout("a", None),
    GraceExceeded(0.2, ["a", "b"], {"a": "  File ...", "b": ""}),
    OutcomeError(TaskOutcome("failed", reason="timed out after 1s", attempts=2)),
    Lagged(3),
    *(error() for error in PLAIN),
]


class Custom(Fail):
    """A subclass whose constructor takes something else."""

    def __init__(self, code, *, hint):
        super().__init__(f"code {code}")
        self.code = code
        self.hint = hint


class TestSteering:
    @pytest.mark.parametrize("error", [Fail, Fatal])
    def test_reason_and_exit_code_are_attributes_and_the_reason_is_the_text(self, error):
        raised = error("disk full", exit_code=28)
        assert (str(raised), raised.reason, raised.exit_code) == ("disk full", "disk full", 28)
        assert error("x").exit_code is None

    def test_canceled_takes_nothing_and_says_what_happened(self):
        assert str(Canceled()) == "context canceled"
        with pytest.raises(TypeError):
            Canceled("why")

    @pytest.mark.parametrize("error", [Fail, Fatal])
    @pytest.mark.parametrize("reason", [None, 5, b"bytes", ValueError("x")])
    def test_a_reason_that_is_no_str_is_refused(self, error, reason):
        with pytest.raises(TypeError, match="reason must be a str"):
            error(reason)

    @pytest.mark.parametrize("code", [True, 1.0, "1"])
    def test_an_exit_code_that_is_no_int_is_refused(self, code):
        with pytest.raises(TypeError, match="exit_code"):
            Fail("x", code)

    def test_an_exit_code_has_32_bits(self):
        assert Fail("x", 2**31 - 1).exit_code == 2**31 - 1
        assert Fail("x", -(2**31)).exit_code == -(2**31)
        for code in (2**31, -(2**31) - 1):
            with pytest.raises(ValueError, match=str(code)):
                Fatal("x", code)

    def test_a_reason_is_cut_at_4_kib_of_utf8_on_a_character(self):
        assert Fail("x" * 4096).reason == "x" * 4096
        assert Fail("x" * 4097).reason == "x" * 4096
        assert Fail("é" * 3000).reason == "é" * 2048
        assert Fail("€" * 2000).reason == "€" * 1365
        assert Fail("x" * 10**8).reason == "x" * 4096

    def test_lone_surrogates_in_a_reason_are_escaped(self):
        assert Fail("a\ud800b").reason == r"a\ud800b"
        assert len(Fail("\udfff" * 4096).reason) == 4096

    def test_a_reason_is_kept_as_a_plain_str(self):
        class Hostile(str):
            def __str__(self):
                raise RuntimeError

            __eq__ = __hash__ = __len__ = __getitem__ = encode = __str__

        reason = Fail(Hostile("x")).reason
        assert type(reason) is str
        assert reason == "x"

    def test_a_subclass_without_our_constructor_still_has_a_reason_and_no_exit_code(self):
        class Bare(Fail):
            def __init__(self, value):
                self.value = value

        assert (Bare(5).reason, Bare(5).exit_code) == ("", None)


class TestTexts:
    def test_a_name_that_is_taken(self):
        error = TaskAlreadyExists("worker")
        assert error.name == "worker"
        assert str(error) == "task 'worker' already exists in registry"

    def test_a_cancel_past_its_timeout(self):
        error = TaskRemoveTimeout("worker", timedelta(milliseconds=1500))
        assert (error.name, error.timeout) == ("worker", 1.5)
        assert "'worker'" in str(error)
        assert "1.5s" in str(error)

    def test_a_cancel_that_waited_for_ever_until_the_shutdown_was_complete(self):
        error = TaskRemoveTimeout("worker", None)
        assert error.timeout is None
        assert "shutdown" in str(error)

    @pytest.mark.parametrize(
        ("grace", "shown"),
        [(0, "0ns"), (0.05, "50ms"), (1.5, "1.5s"), (60, "60s"), (0.00025, "250µs")],
    )
    def test_a_grace_is_shown_by_its_largest_unit(self, grace, shown):
        error = GraceExceeded(grace, ["a", "b"])
        assert str(error) == f'shutdown timeout {shown} exceeded; stuck: ["a", "b"]'
        assert error.grace == grace

    def test_up_to_20_stuck_names_are_written_out_and_the_rest_counted(self):
        names = [f"t{n:02}" for n in range(25)]
        shown = ", ".join(f'"{name}"' for name in names[:20])
        assert str(GraceExceeded(1, names[:20])).endswith(f"stuck: [{shown}]")
        assert str(GraceExceeded(1, names[:21])).endswith(f"stuck: [{shown}] and 1 more")
        assert str(GraceExceeded(1, names)).endswith(f"stuck: [{shown}] and 5 more")
        assert GraceExceeded(1, names).stuck == names

    def test_stuck_names_are_quoted_so_that_the_list_can_be_read(self):
        assert str(GraceExceeded(1, ['a"b', "c\nd", "é"])).endswith(r'["a\"b", "c\nd", "é"]')

    def test_stacks_come_with_the_verdict(self):
        assert GraceExceeded(1, ["a"], {"a": "frames"}).stacks == {"a": "frames"}
        assert GraceExceeded(1, ["a"]).stacks == {}

    def test_an_outcome_without_result_names_its_kind_and_reason(self):
        outcome = TaskOutcome("canceled", reason="timed out after 1s")
        error = OutcomeError(outcome)
        assert error.outcome is outcome
        assert str(error) == "the task ended canceled: timed out after 1s"
        assert str(OutcomeError(TaskOutcome("abandoned"))) == "the task ended abandoned"

    def test_lost_events_are_counted(self):
        assert Lagged(7).count == 7
        assert str(Lagged(7)).startswith("7 events were lost")
        with pytest.raises(ValueError, match="0"):
            Lagged(0)

    @pytest.mark.parametrize("error", PLAIN)
    def test_a_plain_error_has_a_text_and_takes_another(self, error):
        assert str(error())
        assert str(error("not now")) == "not now"


class TestFamilies:
    def test_every_error_is_of_one_of_the_two_families(self):
        for error in SAMPLES:
            assert isinstance(error, TaskError) != isinstance(error, SupervisorError), error

    def test_what_a_body_raises_is_a_task_error(self):
        for error in (Fail, Fatal, Canceled):
            assert issubclass(error, TaskError)

    def test_what_ran_out_of_time_is_also_a_timeout_error(self):
        for error in (TaskRemoveTimeout, GraceExceeded):
            assert issubclass(error, TimeoutError)

    def test_what_submissions_raise_is_a_controller_error(self):
        for error in (ControllerNotConfigured, ControllerFull, ControllerClosed):
            assert issubclass(error, ControllerError)

    def test_the_samples_leave_no_public_error_out(self):
        public = {
            value
            for name in taskvisor.__all__
            if isinstance(value := getattr(taskvisor, name), type) and issubclass(value, Exception)
        }
        assert public - {type(error) for error in SAMPLES} == {
            TaskError,
            SupervisorError,
            ControllerError,
        }


@pytest.mark.parametrize("error", [*SAMPLES, Custom(7, hint="x")], ids=lambda e: type(e).__name__)
class TestValues:
    def test_it_pickles_with_its_text_and_attributes(self, error):
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            loaded = pickle.loads(pickle.dumps(error, protocol))
            assert type(loaded) is type(error)
            assert (str(loaded), loaded.args, vars(loaded)) == (str(error), error.args, vars(error))

    def test_it_copies_to_an_equal_one(self, error):
        for copied in (copy.copy(error), copy.deepcopy(error)):
            assert copied is not error
            assert copied == error
            assert hash(copied) == hash(error)

    def test_it_differs_from_every_other(self, error):
        assert [other == error for other in [*SAMPLES, Custom(7, hint="x")]].count(True) == 1

    def test_notes_are_kept_and_do_not_count(self, error):
        noted = copy.copy(error)
        noted.add_note("seen while leaving")
        assert noted == error
        assert pickle.loads(pickle.dumps(noted)).__notes__ == ["seen while leaving"]


def test_errors_with_other_values_are_other_errors():
    assert Fail("x") != Fatal("x")
    assert Fail("x", 1) != Fail("x", 2)
    assert GraceExceeded(1, ["a"], {"a": "f"}) != GraceExceeded(1, ["a"], {"a": "g"})
    assert Fail("x") != "x"
