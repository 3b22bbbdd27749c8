"""The example of slots runs as it is, and what it prints is true whatever the machine does."""

import re
from pathlib import Path

import pytest
from programs import run_well

EXAMPLE = Path(__file__).parent.parent / "examples" / "02_tenant_sync.py"
TENANTS = ["acme", "borealis", "cumulus"]
REVISIONS = 12

_LINE = re.compile(r"^acme r(\d+) +(.*)$", re.MULTILINE)


@pytest.fixture(scope="module")
def printed():
    """What the example prints."""
    return run_well(EXAMPLE, limit=100.0)


@pytest.fixture(scope="module")
def steps(printed):
    """What the first tenant's revisions do, in order: the revision and the text."""
    return [(int(revision), text) for revision, text in _LINE.findall(printed)]


def table(text: str, heading: str) -> dict[str, dict[str, str]]:
    """The rows below a heading by their first cell, each by column."""
    block = text[text.index(f"\n{heading} ") + 1 :].split("\n\n")[0].splitlines()
    names, *rows = (re.split(r" {2,}", line.strip()) for line in block)
    return {row[0]: dict(zip(names[1:], row[1:], strict=True)) for row in rows}


def test_next_revision_starts_after_the_one_before_has_ended(steps):
    inside = None
    for revision, text in steps:
        if text.startswith("starts"):
            assert inside is None
            inside = revision
        elif text in ("has really stopped", "is synced") or text.startswith("has failed"):
            assert inside == revision
            inside = None
    assert inside is None


def test_revisions_start_in_their_order(steps):
    started = [revision for revision, text in steps if text == "starts, attempt 1"]
    assert started == sorted(set(started))
    assert len(started) > 1


def test_newest_revision_fails_keeps_its_slot_and_is_synced(steps):
    assert [text for revision, text in steps if revision == REVISIONS] == [
        "starts, attempt 1",
        "has failed: execution failed: ConnectionError: the tenant hung up",
        "starts, attempt 2",
        "is synced",
    ]
    assert steps[-1] == (REVISIONS, "is synced")


def test_every_tenant_ends_with_its_newest_revision(printed):
    rows = table(printed, "tenant")
    assert list(rows) == TENANTS
    for row in rows.values():
        assert row["pages are of"] == f"revision {REVISIONS}"
        assert row["last one's attempts"] == "2"
        ends = [int(row[column]) for column in ("synced", "stopped", "superseded")]
        assert sum(ends) == int(row["submitted"]) == REVISIONS


def test_no_two_syncs_of_one_tenant_overlap(printed):
    assert "\ntwo syncs of one tenant at a time: 0\n" in printed
    assert {row["overlaps"] for row in table(printed, "policy").values()} == {"0"}


def test_policies_stand_side_by_side(printed):
    rows = table(printed, "policy")
    assert list(rows) == ["queue", "replace", "drop_if_running"]
    impossible = {
        "queue": ["stopped", "superseded", "slot_busy"],
        "replace": ["queue_full", "slot_busy"],
        "drop_if_running": ["stopped", "superseded", "queue_full"],
    }
    rejected = ["superseded", "queue_full", "slot_busy"]
    for policy, row in rows.items():
        ends = [int(row[column]) for column in ["synced", "stopped", *rejected]]
        assert sum(ends) == int(row["submitted"]) == REVISIONS
        assert {row[column] for column in impossible[policy]} == {"0"}
        assert int(row["synced"]) <= int(row["ran"]) <= int(row["synced"]) + int(row["stopped"])
        assert int(row["synced"]) <= int(row["last synced"]) <= REVISIONS
    assert rows["replace"]["last synced"] == str(REVISIONS)
