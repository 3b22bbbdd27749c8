"""Durations between Python and whole nanoseconds: exact, rounded once, cut at the end, refused."""

import math
import reprlib
from datetime import timedelta
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import taskvisor as tv
from taskvisor._core import Event, backoff_range, format_duration, nanoseconds

NS_MAX = 2**63 - 1
SECOND = 10**9

durations = st.integers(0, NS_MAX)
finite = st.floats(min_value=0, allow_infinity=False)


def rounded(seconds):
    """The nearest whole nanosecond of an exact number of seconds, a half up, cut."""
    return min(math.floor(Fraction(seconds) * SECOND + Fraction(1, 2)), NS_MAX)


@pytest.mark.rule("R0.1", "R0.2")
@given(finite)
@example(0.1)
@example(1.0e-9)
@example(0.5e-9)
@example(0.49999999999999994e-9)
@example(2**-10)  # exactly half a nanosecond
@example(3 * 2**-10)
@example(2**-32)
@example(math.nextafter(2**-32, 0))
@example(2**-11)
@example(math.nextafter(2**-11, 0))
@example(math.nextafter(1.0, 0))
@example(5e-324)
@example(9223372036.854774)
@example(9223372036.854776)
@example(9223372037.0)
@example(1.7976931348623157e308)
def test_float_is_rounded_once_from_its_exact_value(seconds):
    assert nanoseconds(seconds, "x") == rounded(seconds)


@pytest.mark.rule("R0.1")
@given(st.floats(min_value=0, max_value=1e-6))
def test_float_of_a_few_nanoseconds_is_rounded_from_its_exact_value(seconds):
    assert nanoseconds(seconds, "x") == rounded(seconds)


@pytest.mark.rule("R0.1", "R0.2")
@given(st.integers(min_value=0) | st.integers(9223372030, 9223372040))
@example(0)
@example(9223372036)
@example(9223372037)
@example(2**63)
@example(10**400)
def test_int_is_exact_and_cut(seconds):
    assert nanoseconds(seconds, "x") == rounded(seconds)


@pytest.mark.rule("R0.1", "R0.2")
@given(st.timedeltas(min_value=timedelta(0)))
@example(timedelta(0))
@example(timedelta.max)
@example(timedelta(microseconds=1))
@example(timedelta(seconds=9223372036, microseconds=854775))
@example(timedelta(seconds=9223372036, microseconds=854776))
def test_timedelta_is_exact_and_cut(delta):
    exact = Fraction(delta // timedelta(microseconds=1), 10**6)
    assert nanoseconds(delta, "x") == rounded(exact)


@pytest.mark.rule("R0.1")
@given(st.integers(0, NS_MAX // 1000))
@example(2**53 // 1000)
@example(2**53 // 1000 + 1)
@example(NS_MAX // 1000)
def test_read_back_is_the_nearest_float(us):
    event = Event("task_failed", duration=timedelta(microseconds=us))
    assert event.duration == us / 10**6


@pytest.mark.rule("R0.1")
@given(durations)
def test_what_is_read_back_is_the_same_duration_again(ns):
    once = Event("task_failed", duration=ns / SECOND).duration
    assert Event("task_failed", duration=once).duration == once


@pytest.mark.rule("R0.4", "R0.7")
@pytest.mark.parametrize(
    "value", [True, False, None, "1", b"1", [1], 1j, object, Fraction(1), timedelta, ...]
)
def test_what_is_no_duration_is_a_type_error_with_its_name_and_value(value):
    with pytest.raises(TypeError) as caught:
        nanoseconds(value, "grace")
    assert str(caught.value).startswith("grace must be seconds")
    assert repr(value) in str(caught.value)


@pytest.mark.rule("R0.3", "R0.7")
@pytest.mark.parametrize(
    "value",
    [-1, -(10**400), -1e-300, -math.inf, math.inf, math.nan, timedelta(seconds=-1.5)],
)
def test_what_is_negative_or_not_finite_is_a_value_error_with_its_name(value):
    with pytest.raises(ValueError, match="grace must be ") as caught:
        nanoseconds(value, "grace")
    shown = str(value) if isinstance(value, timedelta) else reprlib.repr(value)
    assert shown in str(caught.value)


@pytest.mark.rule("R0.3")
def test_negative_zero_is_zero():
    assert nanoseconds(-0.0, "x") == 0


@pytest.mark.rule("R0.1")
def test_subclasses_are_taken_by_their_value():
    class Lying(float):
        def __float__(self):
            raise AssertionError("asked")

        __mul__ = __lt__ = __round__ = __float__

    class Days(timedelta):
        pass

    class Number(int):
        def __index__(self):
            raise AssertionError("asked")

    assert nanoseconds(Lying(1.5), "x") == 1_500_000_000
    assert nanoseconds(Days(1), "x") == 86_400 * SECOND
    assert nanoseconds(Number(2), "x") == 2 * SECOND


@pytest.mark.parametrize("args", [(), (1,), (1, 2), (1, "x", 3)])
def test_nanoseconds_takes_a_duration_and_a_name(args):
    with pytest.raises(TypeError, match="nanoseconds"):
        nanoseconds(*args)


# --- shown ---------------------------------------------------------------------------------------


@pytest.mark.rule("R0.6")
@pytest.mark.parametrize(
    ("ns", "shown"),
    [
        (0, "0ns"),
        (1, "1ns"),
        (999, "999ns"),
        (1000, "1µs"),
        (1001, "1.001µs"),
        (250_000, "250µs"),
        (999_999, "999.999µs"),
        (1_000_000, "1ms"),
        (50_000_000, "50ms"),
        (1_500_000_000, "1.5s"),
        (60 * SECOND, "60s"),
        (NS_MAX, "9223372036.854775807s"),
    ],
)
def test_duration_is_shown_in_its_largest_unit(ns, shown):
    assert format_duration(ns) == shown


UNITS = {"s": SECOND, "ms": 10**6, "µs": 1000, "ns": 1}


@pytest.mark.rule("R0.6")
@given(durations)
def test_shown_duration_is_exact_and_has_no_zeros_to_spare(ns):
    shown = format_duration(ns)
    number = shown.rstrip("smnµ")
    unit = UNITS[shown[len(number) :]]
    assert Fraction(number) * unit == ns
    assert ns == 0 or Fraction(number) >= 1
    assert unit == SECOND or Fraction(number) < 1000
    assert "." not in number or number[-1] != "0"


@pytest.mark.parametrize(
    ("value", "error"), [(-1, ValueError), (2**63, ValueError), (1.0, TypeError), (True, TypeError)]
)
def test_only_whole_nanoseconds_are_shown(value, error):
    with pytest.raises(error, match="ns must be"):
        format_duration(value)


# --- ranges --------------------------------------------------------------------------------------


@pytest.mark.rule("R3.1")
@given(
    first=durations,
    more=durations,
    factor=st.floats(1, allow_infinity=False),
    jitter=st.sampled_from(list(tv.JitterPolicy)),
    attempt=st.integers(0, 2**63 - 1),
    previous=durations,
)
def test_range_of_a_delay_is_ordered_and_within_its_bounds(
    first, more, factor, jitter, attempt, previous
):
    most = min(first + more, NS_MAX)
    low, high = backoff_range(first, most, factor, str(jitter), attempt, previous)
    assert 0 <= low <= high <= most


@pytest.mark.parametrize(
    ("args", "error"),
    [
        ((2, 1, 2.0, "none", 0, 0), ValueError),
        ((-1, 1, 2.0, "none", 0, 0), ValueError),
        ((1, 2**63, 2.0, "none", 0, 0), ValueError),
        ((1, 1, 0.5, "none", 0, 0), ValueError),
        ((1, 1, math.nan, "none", 0, 0), ValueError),
        ((1, 1, 2, "none", 0, 0), TypeError),
        ((1, 1, 2.0, "some", 0, 0), ValueError),
        ((1, 1, 2.0, None, 0, 0), ValueError),
        ((1, 1, 2.0, "none", -1, 0), ValueError),
        ((1, 1, 2.0, "none", 0, -1), ValueError),
        ((1, 1, 2.0, "none", 0), TypeError),
    ],
)
def test_range_of_what_is_no_policy_is_refused(args, error):
    with pytest.raises(error):
        backoff_range(*args)
