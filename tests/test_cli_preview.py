"""`taskvisor preview`: the delays of a backoff policy."""

import pytest
from cli import environment, taskvisor

import taskvisor as tv


def table(ended):
    assert (ended.code, ended.err) == (0, "")
    head, *rows = ended.out.splitlines()
    assert head.split() == "retry shortest longest waited, at least at most".split()
    return [row.split() for row in rows]


@pytest.mark.rule("R9.30")
def test_row_per_retry_with_bounds_and_sums(tmp_path):
    options = "--first=1 --max=5 --factor=2 --jitter=none --retries=4".split()
    assert table(taskvisor(tmp_path, "preview", *options)) == [
        ["1", "1s", "1s", "1s", "1s"],
        ["2", "2s", "2s", "3s", "3s"],
        ["3", "4s", "4s", "7s", "7s"],
        ["4", "5s", "5s", "12s", "12s"],
    ]


def test_defaults_are_those_of_the_policy(tmp_path):
    rows = table(taskvisor(tmp_path, "preview"))
    ranges = tv.BackoffPolicy().preview(10)
    assert len(rows) == 10
    assert rows[0][1:3] == ["100ms", "200ms"]
    assert rows[9][1:3] == [f"{low:g}s" for low in ranges[9]]


@pytest.mark.rule("R9.30")
def test_range_of_each_jitter_is_that_of_the_policy(tmp_path):
    for jitter, second in [("full", ["0ns", "2s"]), ("decorrelated", ["1s", "9s"])]:
        options = ["--first=1", f"--jitter={jitter}", "--retries=2"]
        assert table(taskvisor(tmp_path, "preview", *options))[1][1:3] == second


def test_durations_are_rounded_for_people(tmp_path):
    options = ["--first=0.0333333", "--factor=3.3", "--jitter=none", "--retries=3"]
    rows = table(taskvisor(tmp_path, "preview", *options))
    assert [row[1] for row in rows] == ["33.333ms", "110ms", "363ms"]


def test_no_retries_are_no_rows(tmp_path):
    assert table(taskvisor(tmp_path, "preview", "--retries=0")) == []


def test_encoding_without_a_micro_sign_gets_an_escape(tmp_path):
    env = environment(PYTHONIOENCODING="ascii:strict")
    options = ["--first=0.00002", "--jitter=none", "--retries=1"]
    assert "20\\xb5s" in taskvisor(tmp_path, "preview", *options, env=env).out


@pytest.mark.parametrize(
    ("option", "line"),
    [
        ("--first=-1", "first must be 0 or more seconds, not -1.0"),
        ("--first=60", "first must not be longer than max: 60.0 > 30.0"),
        ("--factor=0.5", "factor must be finite and at least 1, not 0.5"),
        ("--retries=-1", "retries must be at least 0, not -1"),
        ("--jitter=some", "argument --jitter: invalid choice: 'some'"),
    ],
)
def test_option_that_makes_no_sense_is_code_2(tmp_path, option, line):
    ended = taskvisor(tmp_path, "preview", option)
    assert (ended.code, ended.out) == (2, "")
    assert f"taskvisor preview: error: {line}" in ended.err
