"""Values: which durations and counts they take, and that they are frozen, compare and pickle."""

import copy
import math
import pickle
from datetime import timedelta

import pytest

import taskvisor as tv

MAX_SECONDS = (2**63 - 1) / 1e9


def work(*args, **kwargs):
    """A body of the module, so that it can be pickled."""
    return args, kwargs


def waits(ctx):
    """A body that ends as soon as it is asked to."""
    return ctx.wait()


DURATIONS = [
    lambda d: tv.TaskSpec(work, timeout=d),
    lambda d: tv.TaskSpec(work, reset_after=d),
    lambda d: tv.TaskSpec(work, grace=d),
    lambda d: tv.TaskSpec.periodic(work, d),
    lambda d: tv.RestartPolicy.always(d),
    lambda d: tv.BackoffPolicy(first=d),
    lambda d: tv.BackoffPolicy(max=d),
    lambda d: tv.BackoffPolicy.constant(d),
    lambda d: tv.SupervisorConfig(grace=d),
    lambda d: tv.SupervisorConfig(subscriber_grace=d),
    lambda d: tv.SupervisorConfig(timeout=d),
    lambda d: tv.SupervisorConfig(reset_after=d),
    lambda d: tv.CancellationToken().wait(d),
]
COUNTS = [
    lambda n: tv.SupervisorConfig(max_concurrent=n),
    lambda n: tv.SupervisorConfig(bus_capacity=n),
]
RETRIES = [
    lambda n: tv.TaskSpec(work, max_retries=n),
    lambda n: tv.SupervisorConfig(max_retries=n),
]


@pytest.mark.rule("R0.1")
@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (2, 2.0),
        (0.25, 0.25),
        (timedelta(milliseconds=1500), 1.5),
        (timedelta(days=1, microseconds=1), 86400.000001),
        (1.4e-9, 1e-9),
        (1.6e-9, 2e-9),
        (0.4e-9, 0.0),
        (0, 0.0),
    ],
)
def test_duration_is_kept_in_whole_nanoseconds(given, kept):
    assert tv.TaskSpec(work, timeout=given).timeout == kept
    assert tv.SupervisorConfig(grace=given).grace == kept
    assert tv.RestartPolicy.always(given).interval == kept


@pytest.mark.rule("R0.2")
@pytest.mark.parametrize("given", [1e10, 1e300, 10**400, timedelta.max])
def test_duration_that_is_too_long_is_cut(given):
    assert tv.TaskSpec(work, timeout=given).timeout == MAX_SECONDS
    assert tv.SupervisorConfig(grace=given).grace == MAX_SECONDS


@pytest.mark.rule("R0.3", "R0.7")
@pytest.mark.parametrize("make", DURATIONS)
@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (-1, "-1"),
        (-0.5, "-0.5"),
        (math.nan, "nan"),
        (math.inf, "inf"),
        (-math.inf, "-inf"),
        (timedelta(seconds=-3), "-"),
    ],
)
def test_duration_that_is_negative_or_not_finite_is_refused(make, value, shown):
    with pytest.raises(ValueError, match=".*" + shown.replace(".", r"\.")):
        make(value)


@pytest.mark.rule("R0.4", "R0.7")
@pytest.mark.parametrize("make", DURATIONS)
@pytest.mark.parametrize("value", [True, False, "1", b"1", [1], 1j])
def test_duration_of_another_type_is_refused(make, value):
    with pytest.raises(TypeError) as caught:
        make(value)
    assert repr(value) in str(caught.value)


@pytest.mark.rule("R0.3", "R0.4")
@pytest.mark.parametrize(
    ("value", "error"),
    [
        (-1, ValueError),
        (math.nan, ValueError),
        (math.inf, ValueError),
        (True, TypeError),
        ("1", TypeError),
    ],
)
def test_duration_of_a_call_is_checked_before_anything_is_done(serve, value, error):
    sup = serve()
    handle = sup.add(tv.TaskSpec(waits, name="a"))
    for call in (
        lambda: handle.outcome(timeout=value),
        lambda: handle.result(timeout=value),
        lambda: handle.cancel(timeout=value),
        lambda: sup.cancel("a", timeout=value),
        lambda: sup.join(timeout=value),
        lambda: sup.events().next(timeout=value),
        lambda: sup.shutdown(value),
    ):
        with pytest.raises(error):
            call()
    assert not handle.done()
    assert sup.add(tv.TaskSpec(work, name="b")).result(timeout=30) == ((), {})


@pytest.mark.rule("R0.5", "R0.7")
@pytest.mark.parametrize("make", COUNTS)
@pytest.mark.parametrize("value", [0, -1, -(10**30)])
def test_count_below_one_is_refused(make, value):
    with pytest.raises(ValueError, match=str(value)[:9]):
        make(value)


@pytest.mark.rule("R0.5")
@pytest.mark.parametrize("make", [*COUNTS, *RETRIES])
@pytest.mark.parametrize("value", [1.0, "1", True, [1]])
def test_count_of_another_type_is_refused(make, value):
    with pytest.raises(TypeError):
        make(value)


@pytest.mark.rule("R0.5")
def test_max_retries_and_grace_may_be_zero_and_not_less():
    assert tv.TaskSpec(work, max_retries=0, grace=0).max_retries == 0
    assert tv.SupervisorConfig(max_retries=0, grace=0).grace == 0.0
    for make in RETRIES:
        with pytest.raises(ValueError, match="-1"):
            make(-1)


@pytest.mark.rule("R0.5")
@pytest.mark.parametrize("capacity", [0, -1])
def test_capacity_of_a_stream_is_at_least_one(serve, capacity):
    with pytest.raises(ValueError, match=str(capacity)):
        serve().events(capacity)


@pytest.mark.rule("R0.6")
@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0ns"),
        (1e-9, "1ns"),
        (999e-9, "999ns"),
        (1e-6, "1µs"),
        (1.5e-6, "1.5µs"),
        (0.00025, "250µs"),
        (0.000999999, "999.999µs"),
        (0.001, "1ms"),
        (0.05, "50ms"),
        (0.0123456, "12.3456ms"),
        (0.999999999, "999.999999ms"),
        (1, "1s"),
        (1.5, "1.5s"),
        (60, "60s"),
        (90.25, "90.25s"),
        (3600, "3600s"),
        (1.000000001, "1.000000001s"),
    ],
)
def test_duration_is_printed_in_its_largest_unit(seconds, shown):
    assert str(tv.GraceExceeded(seconds, [])) == f"shutdown timeout {shown} exceeded; stuck: []"


VALUES = [
    lambda: tv.RestartPolicy.ALWAYS,
    lambda: tv.RestartPolicy.always(5),
    lambda: tv.BackoffPolicy(first=1, max=2, jitter="full"),
    lambda: tv.SupervisorConfig(grace=1, seed=4, restart="never"),
    lambda: tv.TaskOutcome("completed", value=[1] and 3, attempts=2),
    lambda: tv.TaskSpec(work, name="a", args=(1,), kwargs={"k": 2, "j": 3}, timeout=None),
    lambda: tv.TaskSpec(work),
]


@pytest.mark.rule("R0.8")
@pytest.mark.parametrize("make", VALUES)
def test_value_cannot_be_changed(make):
    value = make()
    names = [name for name in dir(value) if not name.startswith("_")]
    plain = [name for name in names if not callable(getattr(value, name))]
    assert plain
    for name in [*plain, "other"]:
        with pytest.raises(AttributeError):
            setattr(value, name, 1)
    for name in plain:
        with pytest.raises(AttributeError):
            delattr(value, name)
    assert value == make()


@pytest.mark.rule("R0.9")
@pytest.mark.parametrize("make", VALUES)
def test_values_with_equal_fields_are_equal_and_hash_alike(make):
    assert make() == make()
    assert hash(make()) == hash(make())
    assert make() != object()
    assert [other() == make() for other in VALUES].count(True) == 1


@pytest.mark.rule("R0.9")
def test_kwargs_of_a_spec_hash_as_their_items():
    one = tv.TaskSpec(work, kwargs={"a": 1, "b": 2})
    two = tv.TaskSpec(work, kwargs={"b": 2, "a": 1})
    assert one == two
    assert hash(one) == hash(two)
    with pytest.raises(TypeError):
        hash(tv.TaskSpec(work, kwargs={"a": []}))
    with pytest.raises(TypeError):
        hash(tv.TaskSpec(work, args=([],)))


@pytest.mark.rule("R0.9")
@pytest.mark.parametrize(
    "change",
    [
        dict(fn=waits), dict(name="b"), dict(args=(2,)), dict(kwargs={"k": 3}), dict(kwargs={}),
        dict(restart="never"), dict(backoff=tv.BackoffPolicy(first=1)), dict(timeout=3),
        dict(timeout=...), dict(max_retries=2), dict(reset_after=4), dict(grace=1),
    ],
)  # fmt: skip
def test_specs_that_differ_in_one_field_are_not_equal(change):
    spec = tv.TaskSpec(work, name="a", args=(1,), kwargs={"k": 2}, timeout=None)
    spec = spec.replace(args=()) if change.get("fn") else spec
    if change.get("fn"):
        spec = spec.replace(kwargs={})
    assert spec.replace(**change) != spec


@pytest.mark.rule("R0.8", "R0.9")
def test_spec_does_not_see_later_changes_of_its_kwargs():
    given = {"k": 1}
    spec = tv.TaskSpec(work, kwargs=given)
    given["k"] = 2
    spec.kwargs["k"] = 3
    assert spec.kwargs == {"k": 1}


@pytest.mark.rule("R0.10")
@pytest.mark.parametrize("make", VALUES)
def test_value_pickles_and_copies(make):
    for other in (pickle.loads(pickle.dumps(make())), copy.copy(make()), copy.deepcopy(make())):
        assert other == make()
        assert type(other) is type(make())


@pytest.mark.rule("R0.10", "R0.28")
def test_pickled_spec_still_inherits_what_was_left_out():
    spec = pickle.loads(pickle.dumps(tv.TaskSpec(work, name="a", grace=2)))
    assert (spec.timeout, spec.restart, spec.grace, spec.fn) == (..., ..., 2.0, work)


@pytest.mark.rule("R0.10")
def test_spec_that_holds_what_cannot_be_pickled_says_so():
    with pytest.raises((pickle.PicklingError, AttributeError, TypeError)):
        pickle.dumps(tv.TaskSpec(lambda: 1))


@pytest.mark.rule("R0.11")
def test_text_is_accepted_for_a_member():
    assert tv.BackoffPolicy(jitter="full").jitter is tv.JitterPolicy.FULL
    assert tv.Event("task_added").kind is tv.EventKind.TASK_ADDED
    assert tv.TaskOutcome("failed").kind is tv.OutcomeKind.FAILED
    for make in (
        lambda: tv.BackoffPolicy(jitter="FULL"),
        lambda: tv.Event("added"),
        lambda: tv.TaskOutcome("ok"),
        lambda: tv.TaskSpec(work, restart="sometimes"),
        lambda: tv.SupervisorConfig(restart="sometimes"),
    ):
        with pytest.raises(ValueError, match=r"FULL|added|ok|sometimes"):
            make()


@pytest.mark.rule("R0.12", "R0.11")
@pytest.mark.parametrize(
    ("given", "policy", "kind", "interval"),
    [
        ("never", tv.RestartPolicy.NEVER, "never", None),
        ("on_failure", tv.RestartPolicy.ON_FAILURE, "on_failure", None),
        ("always", tv.RestartPolicy.ALWAYS, "always", None),
        (tv.RestartPolicy.always(), tv.RestartPolicy.ALWAYS, "always", None),
        (tv.RestartPolicy.always(1.5), tv.RestartPolicy.always(1.5), "always", 1.5),
    ],
)
def test_restart_policies_and_their_texts(given, policy, kind, interval):
    spec = tv.TaskSpec(work, restart=given)
    assert spec.restart == tv.SupervisorConfig(restart=given).restart == policy
    assert (spec.restart.kind, spec.restart.interval) == (kind, interval)


OUTCOME = tv.TaskOutcome("canceled")
ERRORS = [
    (tv.Fail("r", exit_code=3), dict(reason="r", exit_code=3), tv.TaskError),
    (tv.Fatal("r"), dict(reason="r", exit_code=None), tv.TaskError),
    (tv.Canceled(), {}, tv.TaskError),
    (tv.TaskAlreadyExists("n"), dict(name="n"), tv.SupervisorError),
    (tv.TaskRemoveTimeout("n", 1.5), dict(name="n", timeout=1.5), tv.SupervisorError),
    (tv.TaskRemoveTimeout("n", 1.5), {}, TimeoutError),
    (
        tv.GraceExceeded(0.2, ["a", "b"], {"a": "stack", "b": ""}),
        dict(grace=0.2, stuck=["a", "b"], stacks={"a": "stack", "b": ""}),
        tv.SupervisorError,
    ),
    (tv.GraceExceeded(1, []), {}, TimeoutError),
    (tv.ShuttingDown(), {}, tv.SupervisorError),
    (tv.AlreadyRunning(), {}, tv.SupervisorError),
    (tv.SignalSetupFailed(), {}, tv.SupervisorError),
    (tv.InternalError(), {}, tv.SupervisorError),
    (tv.OutcomeError(OUTCOME), dict(outcome=OUTCOME), tv.SupervisorError),
    (tv.Lagged(4), dict(count=4), tv.SupervisorError),
]


@pytest.mark.rule("R0.13", "R0.14")
@pytest.mark.parametrize(("error", "values", "base"), ERRORS)
def test_error_keeps_its_values_through_a_pickle(error, values, base):
    for each in (error, pickle.loads(pickle.dumps(error))):
        assert type(each) is type(error)
        assert str(each) == str(error)
        assert {name: getattr(each, name) for name in values} == values
        assert isinstance(each, base)
    families = [tv.TaskError, tv.SupervisorError]
    assert sum(isinstance(error, family) for family in families) == 1


@pytest.mark.rule("R0.15")
@pytest.mark.parametrize("generic", [tv.TaskSpec, tv.TaskHandle, tv.TaskOutcome])
def test_type_of_the_result_can_be_named(generic):
    named = generic[int]
    assert (named.__origin__, named.__args__) == (generic, (int,))
