"""Events as values: what the constructor takes besides, how they are shown, kept and copied."""

import copy
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

import taskvisor as tv

texts = st.none() | st.text()
counts = st.none() | st.integers(1, 2**63 - 1)
ms = st.none() | st.integers(0, 2**32 - 1)
seconds = st.none() | st.floats(0, 1e9)

events = st.builds(
    tv.Event,
    st.sampled_from(list(tv.EventKind)),
    seq=st.integers(0, 2**63 - 1),
    at=st.floats(0, 9e9),
    task=st.none() | st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(
        lambda name: "\0" not in name
    ),
    id=counts,
    attempt=counts,
    reason=texts,
    timeout_ms=ms,
    delay_ms=ms,
    exit_code=st.none() | st.integers(-(2**31), 2**31 - 1),
    backoff_source=st.none() | st.sampled_from(list(tv.BackoffSource)),
    duration=seconds,
)  # fmt: skip


@pytest.mark.rule("R0.9", "R0.10", "R6.7")
@given(events)
def test_event_shown_pickled_or_copied_is_the_same_event(event):
    same = [eval(repr(event), {"Event": tv.Event}), copy.copy(event), copy.deepcopy(event)]
    same += [pickle.loads(pickle.dumps(event, p)) for p in range(pickle.HIGHEST_PROTOCOL + 1)]
    assert all(each == event and hash(each) == hash(event) for each in same)
    assert {repr(each) for each in same} == {repr(event)}


@pytest.mark.rule("R6.8")
def test_number_and_time_may_be_given():
    event = tv.Event("task_added", seq=7, at=1.7e9)
    assert (event.seq, event.at) == (7, 1.7e9)
    assert event == tv.Event("task_added", seq=7, at=1_700_000_000)
    assert event != tv.Event("task_added", seq=8, at=1.7e9)


@pytest.mark.rule("R6.8")
@pytest.mark.parametrize(
    ("field", "bad"),
    [
        ("seq", -1), ("at", -1.0), ("id", 0), ("attempt", 0), ("timeout_ms", -1),
        ("delay_ms", 2**32), ("exit_code", 2**31), ("duration", -0.1), ("task", ""),
        ("task", "nul\0"), ("task", "\udc80"),
    ],
)  # fmt: skip
def test_value_out_of_its_field_s_range_is_refused_by_name(field, bad):
    with pytest.raises(ValueError, match=field):
        tv.Event("task_failed", **{field: bad})


@pytest.mark.rule("R6.8", "R1.68")
def test_reason_may_be_long_and_surrogates_are_escaped():
    event = tv.Event("task_failed", reason="x" * 100_000 + "\udc80")
    assert event.reason == "x" * 100_000 + r"\udc80"


@pytest.mark.rule("R6.7")
def test_event_is_no_business_of_the_collectors():
    assert not type(tv.Event("task_added")).__flags__ & (1 << 14)  # Py_TPFLAGS_HAVE_GC
    with pytest.raises(TypeError):
        type("Mine", (tv.Event,), {})


@pytest.mark.rule("R0.9")
def test_events_have_no_order():
    with pytest.raises(TypeError):
        tv.Event("task_added") < tv.Event("task_removed")  # noqa: B015
