"""Nothing is left behind: references, blocks, heap, threads, descriptors are where they were."""

import pytest
from programs import ISOLATED, run, run_well
from waiting import SANITIZED

TYPES = [
    "supervisor", "supervisor_handle", "task_spec", "task_handle", "task_context",
    "cancellation_token", "subscribe", "event", "event_stream", "loop", "attempt", "watch", "slots",
    "clock",
]  # fmt: skip


def test_every_extension_type_has_a_leak_script():
    assert {path.stem for path in ISOLATED.glob("leak_*.py")} == {
        f"leak_{t}" for t in [*TYPES, "rounds"]
    }


@pytest.mark.rule("R5.59")
@pytest.mark.parametrize("kind", TYPES)
def test_a_thousand_rounds_leave_nothing_of(kind):
    run_well(ISOLATED / f"leak_{kind}.py", limit=60)


@pytest.mark.rule("R5.59")
def test_a_thousand_rounds_of_serve_add_shutdown_leave_nothing():
    run_well(ISOLATED / "leak_rounds.py", limit=60)


PLANTED = {
    "object": "kept.append(object.__new__(type('Kept', (), {})))",
    "reference": "kept.append(tv.CancellationToken)",
    "descriptor": "kept.append(os.dup(0) if len(kept) == 1500 else None)",
    "memory": "ctypes.CDLL(None).malloc(100)",
}


@pytest.mark.skipif(SANITIZED, reason="Python's blocks are not counted, and freed ones are kept")
@pytest.mark.parametrize("fault", PLANTED)
def test_planted_leak_is_seen(fault):
    ended = run(f"""
        import ctypes, os, sys
        sys.path.insert(0, {str(ISOLATED)!r})
        import measure
        import taskvisor as tv
        measure.PATIENCE = 0.5
        kept = []
        def work():
            {PLANTED[fault]}
        measure.check(work, tv.CancellationToken)
    """)
    assert ended.code == 1
    assert ended.err.startswith("left behind: ")
