"""Restart and backoff policies: what they accept, how they compare, which delays they give."""

import copy
import math
import pickle
import random
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskvisor import BackoffPolicy, JitterPolicy, RestartPolicy

LONGEST = (2**63 - 1) / 1e9

durations = st.floats(0, 1e6)


class TestRestartPolicy:
    @pytest.mark.parametrize(
        ("text", "policy"),
        [
            ("never", RestartPolicy.NEVER),
            ("on_failure", RestartPolicy.ON_FAILURE),
            ("always", RestartPolicy.ALWAYS),
        ],
    )
    def test_a_text_gives_the_ready_made_policy(self, text, policy):
        assert RestartPolicy(text) == policy
        assert (policy.kind, policy.interval) == (text, None)

    def test_an_interval_of_zero_is_not_the_same_as_none(self):
        assert RestartPolicy.always() == RestartPolicy.ALWAYS
        assert RestartPolicy.always(0).interval == 0.0
        assert RestartPolicy.always(0) != RestartPolicy.ALWAYS

    def test_a_timedelta_is_its_seconds(self):
        assert RestartPolicy.always(timedelta(milliseconds=1500)) == RestartPolicy.always(1.5)
        assert RestartPolicy.always(timedelta(minutes=1)).interval == 60.0

    @pytest.mark.parametrize("interval", [-1, -1e-9, timedelta(seconds=-1), float("nan")])
    def test_an_interval_that_is_no_length_is_refused(self, interval):
        with pytest.raises(ValueError, match=r"interval"):
            RestartPolicy.always(interval)

    @pytest.mark.parametrize("interval", [True, "5", [5]])
    def test_an_interval_of_another_type_is_refused(self, interval):
        with pytest.raises(TypeError, match=r"interval"):
            RestartPolicy.always(interval)

    def test_only_always_takes_an_interval(self):
        with pytest.raises(ValueError, match=r"'never': 5"):
            RestartPolicy("never", 5)

    def test_an_unknown_kind_is_refused_with_its_text(self):
        with pytest.raises(ValueError, match=r"'never', 'on_failure', 'always', not 'sometimes'"):
            RestartPolicy("sometimes")
        with pytest.raises(TypeError, match=r"None"):
            RestartPolicy(None)


class TestBackoffPolicy:
    def test_the_defaults(self):
        policy = BackoffPolicy()
        assert (policy.first, policy.max, policy.factor) == (0.2, 30.0, 2.0)
        assert policy.jitter is JitterPolicy.EQUAL

    def test_durations_read_back_as_seconds_however_they_were_given(self):
        policy = BackoffPolicy(first=timedelta(seconds=0.2), max=timedelta(minutes=1))
        assert (policy.first, policy.max) == (0.2, 60.0)
        assert BackoffPolicy(first=1, max=2) == BackoffPolicy(first=1.0, max=2.0)

    @given(durations)
    def test_a_duration_is_rounded_to_whole_nanoseconds(self, value):
        first = BackoffPolicy(first=value, max=2e6).first
        assert first == round(first * 1e9) / 1e9
        assert abs(first - value) <= 0.5e-9 + math.ulp(value)
        assert BackoffPolicy(first=first, max=2e6).first == first

    def test_a_duration_too_long_is_cut(self):
        assert BackoffPolicy(max=1e300).max == LONGEST
        assert BackoffPolicy(max=timedelta.max) == BackoffPolicy(max=10**400)

    def test_a_jitter_is_accepted_as_its_text(self):
        for jitter in JitterPolicy:
            assert BackoffPolicy(jitter=str(jitter)).jitter is jitter
        assert [str(jitter) for jitter in JitterPolicy] == ["none", "full", "equal", "decorrelated"]

    @pytest.mark.parametrize(
        ("options", "shown"),
        [
            ({"first": -1}, "-1"),
            ({"first": float("nan")}, "nan"),
            ({"max": float("inf")}, "inf"),
            ({"first": 31}, "31"),
            ({"first": 2, "max": 1.5}, r"2\.0 > 1\.5"),
            ({"factor": 0.5}, r"0\.5"),
            ({"factor": -2}, "-2"),
            ({"factor": float("nan")}, "nan"),
            ({"factor": float("inf")}, "inf"),
            ({"factor": 10**400}, "factor"),
            ({"factor": 10**5000}, "factor"),
            ({"jitter": "some"}, "'some'"),
        ],
    )
    def test_a_bad_value_is_refused_with_the_value(self, options, shown):
        with pytest.raises(ValueError, match=shown):
            BackoffPolicy(**options)

    @pytest.mark.parametrize("name", ["first", "max", "factor", "jitter"])
    @pytest.mark.parametrize("value", [None, True, 1j, object()])
    def test_a_value_of_another_type_is_refused_by_name(self, name, value):
        with pytest.raises(TypeError, match=name):
            BackoffPolicy(**{name: value})

    def test_a_duration_or_number_is_not_read_from_text(self):
        for name in ("first", "max", "factor"):
            with pytest.raises(TypeError, match=name):
                BackoffPolicy(**{name: "1"})

    def test_constant_waits_the_same_before_every_retry(self):
        assert BackoffPolicy.constant(1.5).preview(4) == [(1.5, 1.5)] * 4
        assert BackoffPolicy.constant(2, jitter="full").preview(2) == [(0.0, 2.0)] * 2


class TestDelays:
    def test_without_jitter_delays_grow_by_the_factor_up_to_the_longest(self):
        policy = BackoffPolicy(first=1, max=10, factor=3, jitter="none")
        assert policy.preview(5) == [(1.0, 1.0), (3.0, 3.0), (9.0, 9.0), (10.0, 10.0), (10.0, 10.0)]

    def test_full_jitter_reaches_from_zero_and_equal_from_half(self):
        assert BackoffPolicy(first=1, max=3, jitter="full").preview(3) == [(0, 1), (0, 2), (0, 3)]
        assert BackoffPolicy(first=1, max=3).preview(3) == [(0.5, 1), (1, 2), (1.5, 3)]

    def test_decorrelated_jitter_reaches_from_first_to_three_times_the_longest_before(self):
        policy = BackoffPolicy(first=1, max=20, jitter="decorrelated")
        assert policy.preview(4) == [(1, 3), (1, 9), (1, 20), (1, 20)]

    def test_a_preview_of_no_retries_is_empty(self):
        assert BackoffPolicy().preview(0) == []

    @pytest.mark.parametrize("attempt", [0, 1, 63, 64, 1024, 2**31, 2**63 - 1])
    def test_no_attempt_number_leaves_the_range(self, attempt):
        policy = BackoffPolicy(first=1, max=100, factor=1.5)
        assert 0.5 <= policy.next(attempt) <= 100
        assert BackoffPolicy(first=1, max=100, factor=1, jitter="none").next(attempt) == 1

    @given(
        jitter=st.sampled_from(list(JitterPolicy)),
        first=st.floats(0, 10),
        more=st.floats(0, 1000),
        factor=st.floats(1, 10),
        retries=st.integers(1, 20),
    )
    def test_a_chain_of_draws_stays_within_its_preview(self, jitter, first, more, factor, retries):
        policy = BackoffPolicy(first, first + more, factor, jitter)
        delay = None
        for attempt, (low, high) in enumerate(policy.preview(retries)):
            delay = policy.next(attempt, delay)
            assert low <= delay <= high <= policy.max

    def test_draws_fill_their_range(self):
        policy = BackoffPolicy(first=1, max=1, jitter="full")
        drawn = [policy.next(0) for _ in range(1000)]
        assert min(drawn) < 0.1
        assert max(drawn) > 0.9

    def test_previous_counts_for_decorrelated_only(self):
        first = BackoffPolicy(first=1, max=100, jitter="decorrelated")
        assert all(first.next(9) <= 3 for _ in range(200))
        assert any(first.next(0, previous=timedelta(seconds=30)) > 3 for _ in range(200))
        assert BackoffPolicy(first=1, max=100, jitter="none").next(0, previous=30) == 1

    def test_the_module_random_makes_draws_repeatable(self):
        policy = BackoffPolicy()
        random.seed(7)
        once = [policy.next(n) for n in range(5)]
        random.seed(7)
        assert [policy.next(n) for n in range(5)] == once

    def test_numbers_that_are_none_are_refused(self):
        policy = BackoffPolicy()
        for call in (policy.next, policy.preview):
            with pytest.raises(ValueError, match="-1"):
                call(-1)
            for value in (True, 1.0, "1", None):
                with pytest.raises(TypeError, match="must be an int"):
                    call(value)
        with pytest.raises(ValueError, match="previous"):
            policy.next(0, previous=-1)


VALUES = [
    RestartPolicy.NEVER,
    RestartPolicy.always(2.5),
    BackoffPolicy(),
    BackoffPolicy.constant(1),
]


@pytest.mark.parametrize("value", VALUES, ids=repr)
class TestValues:
    def test_it_survives_pickling_and_copying(self, value):
        for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
            assert pickle.loads(pickle.dumps(value, protocol)) == value
        assert copy.deepcopy(value) == value
        assert hash(copy.copy(value)) == hash(value)

    def test_it_is_equal_to_no_other(self, value):
        assert [other == value for other in VALUES].count(True) == 1
        assert value != str(value)

    def test_it_cannot_be_changed(self, value):
        name = type(value).__slots__[0]
        with pytest.raises(AttributeError):
            setattr(value, name, None)
        with pytest.raises(AttributeError):
            delattr(value, name)
        with pytest.raises(AttributeError):
            value.other = 1
