"""SupervisorConfig: its defaults, and what it refuses at construction."""

import pickle
from dataclasses import fields, replace
from datetime import timedelta

import pytest

from taskvisor import BackoffPolicy, RestartPolicy, SupervisorConfig

DURATIONS = ["grace", "subscriber_grace", "timeout", "reset_after"]
COUNTS = ["max_concurrent", "bus_capacity", "max_retries"]


def test_the_defaults():
    config = SupervisorConfig()
    assert {field.name: getattr(config, field.name) for field in fields(config)} == {
        "grace": 60.0,
        "subscriber_grace": 5.0,
        "max_concurrent": None,
        "bus_capacity": 1024,
        "seed": None,
        "restart": RestartPolicy.ON_FAILURE,
        "backoff": BackoffPolicy(),
        "timeout": None,
        "max_retries": None,
        "reset_after": 60.0,
    }


def test_durations_read_back_as_seconds():
    config = SupervisorConfig(grace=timedelta(minutes=2), timeout=3, reset_after=1.5)
    assert (config.grace, config.timeout, config.reset_after) == (120.0, 3.0, 1.5)


@pytest.mark.parametrize("name", ["grace", "subscriber_grace", "timeout", "reset_after"])
def test_a_duration_may_be_zero(name):
    assert getattr(SupervisorConfig(**{name: 0}), name) == 0.0


@pytest.mark.parametrize("name", DURATIONS)
@pytest.mark.parametrize("value", [-0.5, float("nan"), float("-inf"), timedelta(days=-1)])
def test_a_duration_that_is_no_length_is_refused_by_name(name, value):
    with pytest.raises(ValueError, match=name):
        SupervisorConfig(**{name: value})


@pytest.mark.parametrize("name", DURATIONS)
@pytest.mark.parametrize("value", [True, "1", b"1", [1]])
def test_a_duration_of_another_type_is_refused_by_name(name, value):
    with pytest.raises(TypeError, match=name):
        SupervisorConfig(**{name: value})


@pytest.mark.parametrize("name", ["max_concurrent", "bus_capacity"])
def test_a_capacity_is_at_least_one(name):
    assert getattr(SupervisorConfig(**{name: 1}), name) == 1
    with pytest.raises(ValueError, match=f"{name} must be at least 1, not 0"):
        SupervisorConfig(**{name: 0})


def test_retries_may_be_zero_but_not_fewer():
    assert SupervisorConfig(max_retries=0).max_retries == 0
    with pytest.raises(ValueError, match="max_retries must be at least 0, not -1"):
        SupervisorConfig(max_retries=-1)


@pytest.mark.parametrize("name", [*COUNTS, "seed"])
@pytest.mark.parametrize("value", [False, 1.0, "1"])
def test_a_count_of_another_type_is_refused_by_name(name, value):
    with pytest.raises(TypeError, match=name):
        SupervisorConfig(**{name: value})


@pytest.mark.parametrize("name", [*COUNTS, "seed"])
def test_a_count_beyond_the_machine_is_refused_by_name(name):
    with pytest.raises(ValueError, match=name):
        SupervisorConfig(**{name: 10**5000})


def test_what_counts_as_an_int_is_accepted_as_one():
    class Three:
        def __index__(self):
            return 3

    config = SupervisorConfig(max_concurrent=Three(), seed=Three())
    assert (type(config.max_concurrent), config.seed) == (int, 3)


def test_a_seed_has_64_bits():
    assert SupervisorConfig(seed=0).seed == 0
    assert SupervisorConfig(seed=2**64 - 1).seed == 2**64 - 1
    for seed in (-1, 2**64):
        with pytest.raises(ValueError, match=str(seed)):
            SupervisorConfig(seed=seed)


def test_a_restart_policy_is_accepted_as_its_text():
    assert SupervisorConfig(restart="never").restart == RestartPolicy.NEVER
    with pytest.raises(ValueError, match="'sometimes'"):
        SupervisorConfig(restart="sometimes")


@pytest.mark.parametrize(
    "name", ["grace", "subscriber_grace", "bus_capacity", "restart", "backoff"]
)
def test_none_is_refused_where_there_must_be_a_value(name):
    with pytest.raises(TypeError, match=name):
        SupervisorConfig(**{name: None})


def test_a_backoff_has_no_text():
    with pytest.raises(TypeError, match="'equal'"):
        SupervisorConfig(backoff="equal")


def test_the_text_of_a_refusal_is_short_and_does_not_depend_on_the_value():
    class Hostile:
        def __repr__(self):
            raise RuntimeError

    for value in ("x" * 10**6, Hostile()):
        with pytest.raises(TypeError) as caught:
            SupervisorConfig(backoff=value)
        assert len(str(caught.value)) < 200


def test_configs_compare_hash_and_pickle_by_value():
    config = SupervisorConfig(grace=1, seed=3, restart=RestartPolicy.always(2))
    assert config == SupervisorConfig(grace=timedelta(seconds=1), seed=3, restart=config.restart)
    assert config != SupervisorConfig(grace=1, seed=3)
    assert pickle.loads(pickle.dumps(config)) == config
    assert len({config, replace(config), SupervisorConfig()}) == 2


def test_a_replaced_field_is_checked_as_a_given_one():
    assert replace(SupervisorConfig(), grace=timedelta(seconds=2)).grace == 2.0
    with pytest.raises(ValueError, match="-2"):
        replace(SupervisorConfig(), grace=-2)


def test_a_config_cannot_be_changed():
    with pytest.raises(AttributeError):
        SupervisorConfig().grace = 1.0
