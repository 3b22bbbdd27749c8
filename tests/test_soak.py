"""A short soak passes, and one with a planted leak does not."""

from pathlib import Path

import pytest
from programs import run
from waiting import SANITIZED

SOAK = Path(__file__).parent / "soak.py"


@pytest.mark.skipif(SANITIZED, reason="freed memory is kept for a while")
def test_some_seconds_of_everything_at_once_leave_nothing_and_raise_nothing():
    ended = run(SOAK, "4", limit=110)
    assert ended.out.endswith("\npassed\n"), ended.out + ended.err
    assert ended.code == 0


def test_memory_that_each_operation_keeps_is_seen(monkeypatch):
    monkeypatch.setenv("SOAK_PLANTED", "1")
    ended = run(SOAK, "4", limit=110)
    assert ended.code == 1
    assert "failed: memory grew by" in ended.out, ended.out + ended.err
