"""The core does what the model says: of the same inputs, the same events, acts and visible state.

The core runs in the simulator (tests/sim), compiled here, in its mode that replays moves. There are
three sources of moves: sequences of hypothesis, which shrink to the shortest that differs; long
random ones; and the simulator's own seeds, which know stranger values.
"""

import json
import os
import random
import shlex
import subprocess
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from model import Supervisor
from model_values import IN_BODY, NEVER, Backoff, Config, Options
from player import Player, config_text, options_text

TESTS = Path(__file__).parent
ROOT = TESTS.parent
FLAGS = ["-std=c11", "-O1", "-ffp-contract=off", f"-I{ROOT / 'csrc'}", f"-I{TESTS}"]


@pytest.fixture(scope="session")
def sim(tmp_path_factory) -> Path:
    """The simulator. A machine without a C compiler fails here: the core is not proved on it."""
    program = tmp_path_factory.mktemp("sim") / "sim"
    sources = sorted(map(str, [*ROOT.glob("csrc/core/*.c"), *TESTS.glob("sim/*.c")]))
    compiler = shlex.split(os.environ.get("CC", "cc"))
    subprocess.run([*compiler, *FLAGS, *sources, "-o", str(program)], check=True)
    return program


def compare(sim: Path, player: Player) -> None:
    """Replays what the player has played, and compares line by line."""
    text = "\n".join(player.lines) + "\n"
    run = subprocess.run(
        [sim, "--replay"], input=text, text=True, encoding="utf-8", capture_output=True
    )
    assert run.returncode == 0, run.stdout[-2000:] + run.stderr
    answers = run.stdout.splitlines()
    for n, found in enumerate(player.found):
        core = json.loads(answers[n])
        if core != found:
            before = "\n".join([player.lines[0], *player.lines[max(1, n - 20) : n + 2]])
            pytest.fail(f"after\n{before}\nthe core said\n  {core}\nand the model\n  {found}")
    assert len(answers) == len(player.found)


# ---- drawn moves ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Intent:
    """A move before it is known what there is: `which` chooses among what can be meant then."""

    kind: str
    time: str | int = 0
    which: int = 0
    how: str = ""
    options: Options | None = None
    inherits: int = 0
    place: str = ""  # where the body runs; and whether its failure is everybody's end


def instant(model: Supervisor, time: str | int) -> int:
    if isinstance(time, int):
        return max(0, model.now + time)
    due = model.timers.next_at()
    return model.now if due == NEVER else max(0, due + {"before": -1, "due": 0, "after": 1}[time])


def chosen(items: list, which: int):
    return items[which % len(items)] if items else None


def line_of(intent: Intent, player: Player) -> str | None:
    """The move that is meant, or None where nobody can be meant."""
    model, kind, which = player.model, intent.kind, intent.which
    in_body = [task for task in model.tasks if task.state in IN_BODY]
    rest: str | None = ""
    if kind in ("add", "reserve", "submit"):
        place = {"add": "", "reserve": f"{which % 2} ", "submit": f"s{which % 2} {intent.how} "}
        name = "abcdefgh"[which % 8]
        options = options_text(intent.options, intent.inherits)
        rest = f"{place[kind]}{name} {intent.place} {options}"
    elif kind == "take":
        rest = intent.place if model.in_state("READY") else "loop"
    elif kind == "withdraw":
        task = chosen(model.in_state("ROOM") or [t for t in model.tasks if t.slot], which)
        rest = str(task.id) if task else None
    elif kind == "cancel_slot":
        rest = f"s{which % 2} {intent.how}"
    elif kind == "commit":
        rest = str(which % 2)
    elif kind == "leave":
        rest = leave_text(intent, player)
    elif kind == "result":
        task = chosen(in_body, which)
        rest = f"{task.id} {intent.how}" if task else None
    elif kind == "unreserve":
        task = chosen([t for t in model.tasks if t.state == "RESERVED"], which)
        rest = str(task.id) if task else None
    elif kind == "shutdown":
        rest = intent.how
    return None if rest is None else f"{instant(model, intent.time)} {kind} {rest}".strip()


def leave_text(intent: Intent, player: Player) -> str | None:
    target, style = intent.how.split()
    if target == "name":
        return f"name {'abcdefgh'[intent.which % 8]} {style}"
    if target == "id":
        return f"id {1 + intent.which % (len(player.ids) + 2)} {style}"
    task = chosen(player.model.tasks, intent.which)
    return f"handle {task.id} {style}" if task else None


TIMES = st.sampled_from([0, 0, 0, 1, 2, 3, 7, 50, -2, "before", "due", "due", "after"])
SMALL = st.sampled_from([0, 1, 2, 3, 5, 10, 40])
BACKOFFS = st.builds(
    lambda first, more, factor, jitter: Backoff(first, first + more, factor, jitter),
    SMALL,
    st.sampled_from([0, 1, 10, 1000, 10**9]),
    st.sampled_from([1.0, 1.5, 2.0, 3.7, 1e300]),
    st.sampled_from(["none", "full", "equal", "decorrelated"]),
)
OPTIONS = st.builds(
    Options,
    restart=st.sampled_from(["on_failure", "always", "never"]),
    interval=st.none() | SMALL,
    timeout=st.just(0) | SMALL,
    reset=st.none() | SMALL,
    grace=SMALL | st.just(10**10),
    retries=st.none() | st.integers(0, 3),
    backoff=BACKOFFS,
)
HOWS = [
    *["none", "none", "fail |boom|", 'fail |µ \\ "quoted"| exit=3', "fail || exit=-1"],
    *["fatal |no way|", "fatal |no| exit=0", "canceled", "stray"],
]
LEAVES = [f"{t} {s}" for t in ("name", "id", "handle") for s in ("remove", "cancel")]
SUBMITS = ["queue wait", "queue try"]
SUBMITS += [f"{a} {p}" for a in ("queue", "replace", "drop_if_running") for p in ("wait", "try")]
EXTENTS = ["owner", "purge"]
GRACES = ["0", "1", "5", "5 quiet", "40", "0 quiet", str(10**10), str(NEVER)]
PLACES = st.sampled_from(["", "", "loop"])
WHICH = st.integers(0, 30)


def intents(kind: str, times: int = 1, **more) -> list:
    """As many strategies: one_of takes the same one twice for one."""
    return [
        st.builds(Intent, kind=st.just(kind), time=TIMES, which=WHICH, **more) for _ in range(times)
    ]


TASK = {
    "options": OPTIONS,
    "inherits": st.sampled_from([0, 0, 63, 9, 18, 36]),
    "place": st.sampled_from(["", "", "", "loop", "loop", "essential", "loop essential"]),
}
STEPS = [  # a shorter sequence is one with more ticks: lists of hypothesis are short unless told
    *intents("tick"),
    *intents("add", 2, **TASK),
    *intents("reserve", **TASK),
    *intents("take", 4, place=PLACES),
    *intents("result", 4, how=st.sampled_from(HOWS)),
    *intents("commit"),
    *intents("unreserve"),
    *intents("leave", how=st.sampled_from(LEAVES)),
    *intents("submit", 6, how=st.sampled_from(SUBMITS), **TASK),
    *intents("withdraw"),
    *intents("cancel_slot", how=st.sampled_from(EXTENTS)),
]
ENDINGS = [
    *STEPS,
    *intents("shutdown", 2, how=st.sampled_from(GRACES)),
    *intents("finish"),
    *intents("drained"),
]
SEQUENCES = st.builds(
    lambda life, end: [*life, *end],
    st.lists(st.one_of(STEPS), min_size=40, max_size=80),
    st.lists(st.one_of(ENDINGS), min_size=5, max_size=25),
)
CONFIGS = st.builds(
    lambda limit, seed, grace, room, queue, defaults: config_text(
        Config(limit, seed, grace, room, queue), defaults
    ),
    st.sampled_from([0, 1, 2, 3]),
    st.integers(0, 2**64 - 1),
    SMALL,
    st.sampled_from([1, 2, 10]),
    st.sampled_from([5, 2, 1, 0]),
    OPTIONS,
)


EVENTS = {
    *("shutdown_requested", "all_stopped_within_grace", "grace_exceeded", "task_starting"),
    *("task_stopped", "task_failed", "timeout_hit", "backoff_scheduled", "task_add_requested"),
    *("task_added", "task_remove_requested", "task_removed", "actor_exhausted", "actor_dead"),
    *("controller_rejected", "controller_submitted", "controller_slot_transition"),
}
STATES = {
    *("RESERVED", "ROOM", "QUEUED", "PERMIT", "READY", "INBOX", "RUNNING", "OVERDUE", "STOPPING"),
    *("BACKOFF", "PAUSED", "ABANDONED", "OPEN", "WAITING", "DRAINING", "CLOSED"),
}
ANSWERS = {"ok", "exists", "closed", "unknown", "already", "full", "wait"}
ACTS = {"cancel", "timeout", "settle", "forget", "decided", "slot"}
OUTCOMES = {"completed", "failed", "fatal", "canceled", "abandoned", "rejected"}


def take_census(player: Player, census: Counter) -> None:
    """What a sequence has shown: by name, as the lists above."""
    census["sequences"] += 1
    for found in player.found:
        census[found["answer"]] += 1
        census.update(event["kind"] for event in found["events"])
        census.update(act["kind"] for act in found["acts"])
        census.update(act["outcome"] for act in found["acts"] if act["kind"] == "settle")
        census.update(task["state"] for task in found["state"]["tasks"])
        census[found["state"]["shutdown"]] += 1


@pytest.mark.rule("R0.60", "R0.61", "R0.62", "R0.63", "R1.5", "R1.6", "R1.20", "R1.21", "R1.37")
@pytest.mark.rule("R2.3", "R2.4", "R3.6", "R3.8", "R4.30", "R4.32", "R5.22", "R5.23", "R5.40")
def test_core_does_what_the_model_says(sim):
    census = Counter()

    @settings(
        max_examples=300,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(config=CONFIGS, sequence=SEQUENCES)
    def the_core_does_what_the_model_says(config, sequence):
        player = Player(config)
        for intent in sequence:
            if line := line_of(intent, player):
                player.play(line)
        compare(sim, player)
        take_census(player, census)

    the_core_does_what_the_model_says()
    seldom = {name for name in EVENTS | STATES | ANSWERS | ACTS | OUTCOMES if census[name] < 20}
    assert (census["sequences"] >= 300, seldom) == (True, set()), census


def random_options(draw: random.Random, delays: list[int]) -> Options:
    first = draw.choice(delays[:4])
    return Options(
        restart=draw.choice(["on_failure", "on_failure", "always", "never"]),
        interval=draw.choice([None, *delays]),
        timeout=draw.choice([0, *delays]),
        reset=draw.choice([None, *delays]),
        grace=draw.choice(delays),
        retries=draw.choice([None, None, 0, 1, 5]),
        backoff=Backoff(
            first,
            first + draw.choice(delays),
            draw.choice([1.0, 1.5, 2.0]),
            draw.choice(["none", "full", "equal", "decorrelated"]),
        ),
    )


def random_intent(draw: random.Random, delays: list[int], ending: bool) -> Intent:
    kinds = ["add"] * 4 + ["reserve"] * 2 + ["take"] * 6 + ["result"] * 6
    kinds += ["commit", "leave", "tick", "unreserve"] + ["shutdown", "drained"] * ending
    kinds += ["submit"] * 6 + ["withdraw", "cancel_slot"]
    kind = draw.choice(kinds)
    hows = {"result": HOWS, "leave": LEAVES, "shutdown": GRACES}
    hows |= {"submit": SUBMITS, "cancel_slot": EXTENTS}
    return Intent(
        kind,
        draw.choice([0, 0, 1, *delays, "due", "after"]),
        draw.randrange(1000),
        draw.choice(hows.get(kind, [""])),
        random_options(draw, delays),
        draw.randrange(64),
        draw.choice(["", "", "loop"]),
    )


@pytest.mark.parametrize("seed", range(12))
def test_core_does_what_the_model_says_for_long(sim, seed):
    draw = random.Random(seed)
    delays = draw.choice([[0, 1, 2, 5], [3, 10, 30, 100], [10**6, 10**9, 60 * 10**9, 10**12]])
    config = Config(draw.choice([0, 0, 2, 4]), draw.getrandbits(64), draw.choice(delays))
    player = Player(config_text(config, random_options(draw, delays)))
    for n in range(1000):
        if line := line_of(random_intent(draw, delays, ending=n > 900), player):
            player.play(line)
    compare(sim, player)


def many_tasks(player: Player, count: int, options: Options) -> None:
    for n in range(count):
        player.play(f"0 reserve 0 task{n} {options_text(options)}")
    player.play("0 commit 0")
    for _ in range(count):
        player.play("0 take")


@pytest.mark.rule("R0.64")
@pytest.mark.parametrize("grace", [0, 20])
def test_slices_of_many_tasks_are_one_step_to_the_model(sim, grace):
    options = random_options(random.Random(5), [10, 20, 30, 40])
    options = replace(options, restart="on_failure", timeout=10, grace=15, retries=None)
    player = Player(config_text(Config(0, 1, 5), options))
    many_tasks(player, 400, options)
    for line in ("10 result 300 none", "11 result 299 none", f"12 shutdown {grace}", "40 tick"):
        player.play(line)
    compare(sim, player)


def test_slices_of_many_waiting_submissions_are_one_step_to_the_model(sim):
    """All starts from a long queue fail, one queue is purged, another rejected by a shutdown."""
    options = random_options(random.Random(5), [10, 20, 30, 40])
    player = Player(config_text(Config(0, 1, 5, 2000, 1000), options))
    player.play(f"0 add taken {options_text(options)}")
    for slot in ("s0", "s1", "s2"):
        for n in range(300):
            name = "taken" if slot == "s0" and n else f"{slot}-{n}"
            player.play(f"0 submit {slot} queue try {name} {options_text(options)}")
    for line in ("1 leave name s0-0 cancel", "2 cancel_slot s1 purge", "3 shutdown 9"):
        player.play(line)
    compare(sim, player)


def moves_of_seed(sim: Path, seed: int) -> list[str]:
    run = subprocess.run([sim, f"--seed={seed}"], capture_output=True, check=True, encoding="utf-8")
    lines = [line.partition("   # ")[0] for line in run.stdout.splitlines() if line[0] != "#"]
    return [line for line in lines if line.split()[1] not in ("hold", "drop")]


@pytest.mark.parametrize("tenth", range(10))
def test_core_does_what_the_model_says_of_the_simulators_own_moves(sim, tenth):
    compared = 0
    for seed in range(1000 + tenth * 10, 1010 + tenth * 10):
        config, *moves = moves_of_seed(sim, seed)
        if len(moves) > 600:  # a large world, which takes the model minutes
            continue
        player = Player(config)
        for line in moves:
            player.play(line)
        compare(sim, player)
        compared += 1
    assert compared >= 8
