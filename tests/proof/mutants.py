"""Mutants of the core and of the runtime's slot, wait and shutdown paths: who catches which?

Draws COUNT mutants by a seed, in turn from every file, compiles each in a copy of the tree and
runs the tests on it: those in C and the simulator, and where none of them fails the same under
sanitizers, the relations, the small scopes, the runtime's tests and the model in Python. A mutant
that is the same machine code as the original is none, and another one is drawn. A survivor has to
stand in docs/design/mutants.md, with why it changes nothing that was promised.

    python tests/proof/mutants.py [SEED] [COUNT] [FILE...]
"""

import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sites import Site, sites_of

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "design" / "mutants.md"
RUNTIME = ["slots.c", "wait.c", "waiter.c", "timer.c", "serve.c"]
ENOUGH = 0.95
MAKE = ["make", "-s", "WARNINGS=-w", "CFLAGS=-O1 -g -fno-omit-frame-pointer"]
SANITIZE = "SANITIZE=-fsanitize=address,undefined -fno-sanitize-recover=all"
ENVIRONMENT = {"ASAN_OPTIONS": "hard_rss_limit_mb=1500", "LC_ALL": "C"}
SANITIZED = "mutant-san"  # whose shadow memory is no memory taken: ASan has a limit of its own
MEMORY = 2 << 30  # bytes that a mutant may take
LONGEST = 60.0  # seconds, for one program


@dataclass
class Mutant:
    site: Site
    line: int
    code: str
    caught_by: list[str] = field(default_factory=list)

    def key(self) -> tuple[str, str, str]:
        """How the table names it: without the line, which moves."""
        change = f"{self.site.operator}: {self.site.text}"
        return self.site.file, self.code, re.sub(r"\s+", " ", change)


def files() -> list[str]:
    core = sorted((ROOT / "csrc/core").glob("*.[ch]"))
    runtime = [ROOT / "csrc/rt" / name for name in RUNTIME]
    return [str(path.relative_to(ROOT)) for path in [*core, *runtime]]


def order(seed: int, names: list[str]) -> list[Site]:
    """All sites, shuffled; the first of each file, then the second of each, and so on."""
    draw = random.Random(seed)
    stacks = []
    for name in names:
        found = sites_of(name, (ROOT / name).read_text(encoding="utf-8"))
        draw.shuffle(found)
        stacks.append(found)
    draw.shuffle(stacks)
    rounds = range(max(map(len, stacks)))
    return [stack[n] for n in rounds for stack in stacks if n < len(stack)]


def limited() -> None:
    """Endless recursion and endless lists end soon."""
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))


def run(command: list[str], tree: Path, patience: float) -> str:
    """ "" where it ends well in time, else how it does not."""
    process = subprocess.Popen(
        command,
        cwd=tree,
        env=os.environ | ENVIRONMENT,
        preexec_fn=None if SANITIZED in command[0] else limited,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        return "fails" if process.wait(patience) else ""
    except subprocess.TimeoutExpired:
        return "hangs"
    finally:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.wait()


class Bench:
    """A copy of the tree where one file at a time is another one."""

    def __init__(self, tree: Path):
        self.tree = tree
        for name in ("csrc", "tests", "docs"):
            shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "Makefile", tree)
        programs = sorted(tree.glob("tests/core/test_*.c"))
        runtime = sorted([*tree.glob("tests/rt/test_*.c"), *tree.glob("tests/rt/stress_*.c")])
        self.core = [f"build/mutant/tests/core/{path.stem}" for path in programs]
        self.runtime = [f"build/mutant/tests/rt/{path.stem}" for path in runtime]
        self.sim = "build/mutant/sim"
        self.took: dict[str, float] = {}
        self.checked()

    def checked(self) -> None:
        """The original is built and passes, or nothing that follows means anything."""
        if not self.make([*self.core, *self.runtime, self.sim]):
            sys.exit("mutants: the original does not compile")
        for program in [*self.core, *self.runtime]:
            begin = time.monotonic()
            run([program], self.tree, LONGEST)
            self.took[Path(program).stem] = time.monotonic() - begin
        failing = self.catchers([*self.core, *self.runtime]) + self.simulate(500)
        failing += self.sanitize() + self.relate() + self.walk() + self.compare()
        if failing:
            sys.exit(f"mutants: the original fails {failing}")

    def make(self, targets: list[str]) -> bool:
        command = [*MAKE, "VARIANT=mutant", *targets]
        return subprocess.run(command, cwd=self.tree, capture_output=True).returncode == 0

    def sanitized(self, programs: list[str], more: Sequence[str] = ()) -> list[str]:
        """The first that catches it when built with ASan and UBSan, which see leaks too."""
        programs = [program.replace("mutant", SANITIZED) for program in programs]
        command = [*MAKE, f"VARIANT={SANITIZED}", SANITIZE, *programs]
        if subprocess.run(command, cwd=self.tree, capture_output=True).returncode:
            return []
        return [f"{name} (sanitized)" for name in self.catchers(programs, more, enough=1)]

    def sanitize(self) -> list[str]:
        return self.sanitized(self.core) or self.sanitized([self.sim], ["--seeds=300"])

    def catchers(
        self, programs: list[str], more: Sequence[str] = (), enough: int = 99
    ) -> list[str]:
        found: list[str] = []
        for program in programs:
            if len(found) < enough and run([program, *more], self.tree, self.patience(program)):
                found.append(Path(program).stem)
        return found

    def patience(self, program: str) -> float:
        """When it hangs: after twenty times what the original takes, and not at once."""
        return min(LONGEST, 10 + 20 * self.took.get(Path(program).stem, LONGEST))

    def simulate(self, seeds: int) -> list[str]:
        return ["sim"] if run([self.sim, f"--seeds={seeds}"], self.tree, 120) else []

    def relate(self) -> list[str]:
        return ["relations"] if run([self.sim, "--relations=200"], self.tree, 120) else []

    def walk(self) -> list[str]:
        command = ["make", "-s", "WARNINGS=-w", "VARIANT=scope", "CFLAGS=-O2", "scope"]
        return ["scope"] if run(command, self.tree, 300) else []

    def compare(self) -> list[str]:
        command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider"]
        command += ["--noconftest", "--rootdir=tests", "-c", "/dev/null", "tests/test_model.py"]
        return ["model"] if run(command, self.tree, 300) else []

    def machine_code(self, file: str) -> bytes:
        """What the compiler makes of the file, or of a source that includes it, at -O2."""
        source = file if file.endswith(".c") else "tests/proof/headers.c"
        command = ["gcc", "-std=c11", "-O2", "-w", "-Icsrc", "-Itests", "-ffp-contract=off", "-S"]
        done = subprocess.run([*command, "-o", "-", source], cwd=self.tree, capture_output=True)
        return done.stdout

    def judge(self, mutant: Mutant) -> None:
        if mutant.site.file.startswith("csrc/rt"):
            about = Path(mutant.site.file).stem
            mutant.caught_by = self.ask_runtime(about) or self.sanitized(self.named(about))
            return
        if not self.make([*self.core, self.sim]):
            return
        mutant.caught_by = self.catchers(self.core) + self.simulate(500)
        for more in (self.sanitize, self.relate, self.walk, self.ask_runtime, self.compare):
            mutant.caught_by = mutant.caught_by or more()

    def named(self, about: str) -> list[str]:
        """The runtime's programs, those named after a file first."""
        return sorted(self.runtime, key=lambda program: about not in program)

    def ask_runtime(self, about: str = "") -> list[str]:
        """The first that catches it."""
        return self.catchers(self.named(about), enough=1) if self.make(self.runtime) else []

    def try_out(self, site: Site) -> Mutant | None:
        """None: it does not compile, or is no other program."""
        path = self.tree / site.file
        source = path.read_text(encoding="utf-8")
        line = site.line(source)
        mutant = Mutant(site, line, source.splitlines()[line - 1].strip())
        before = self.machine_code(site.file)
        try:
            path.write_text(site.apply(source), encoding="utf-8")
            after = self.machine_code(site.file)
            if not after or after == before:
                return None
            self.judge(mutant)
        finally:
            path.write_text(source, encoding="utf-8")
        return mutant


ROW = re.compile(r"^\| `([\w./]+)` \| `` (.*?) `` \| `` (.*?) `` \| (.+) \|$", re.MULTILINE)


def plain(cell: str) -> str:
    return cell.replace("\\|", "|")


def explained() -> set[tuple[str, str, str]]:
    rows = ROW.findall(PAGE.read_text(encoding="utf-8"))
    return {(file, plain(code), plain(change)) for file, code, change, _ in rows}


def report(mutants: list[Mutant]) -> int:
    known = explained()
    alive = [mutant for mutant in mutants if not mutant.caught_by]
    new = [mutant for mutant in alive if mutant.key() not in known]
    counted = len(mutants) - len(alive) + len(new)
    share = (counted - len(new)) / counted if counted else 0.0
    by_test: dict[str, int] = {}
    for mutant in mutants:
        for name in mutant.caught_by:
            by_test[name] = by_test.get(name, 0) + 1
    print("\ncaught by: " + ", ".join(f"{name} {n}" for name, n in sorted(by_test.items())))
    print(
        f"{len(mutants)} mutants, {len(mutants) - len(alive)} caught, "
        f"{len(alive) - len(new)} explained, {len(new)} not: {share:.1%}"
    )
    for mutant in new:
        file, code, change = (text.replace("|", "\\|") for text in mutant.key())
        print(f"| `{file}` | `` {code} `` | `` {change} `` |  |")
    return 0 if share >= ENOUGH else 1


def main(seed: int, count: int, names: list[str]) -> int:
    all_sites = order(seed, names)
    print(f"mutants: seed {seed}, {count} of {len(all_sites)} sites in {len(names)} files")
    mutants: list[Mutant] = []
    with tempfile.TemporaryDirectory(prefix="mutants") as directory:
        bench = Bench(Path(directory) / "tree")
        for site in all_sites:
            begin = time.monotonic()
            mutant = bench.try_out(site)
            if mutant is None:
                continue
            mutants.append(mutant)
            caught = ", ".join(mutant.caught_by) or "NOBODY"
            file, code, change = mutant.key()
            spent = time.monotonic() - begin
            print(f"{len(mutants):3} {file}:{mutant.line} {change}\n    {code}\n    -> {caught}")
            print(f"    ({spent:.0f} s)", flush=True)
            if len(mutants) == count:
                break
    return report(mutants)


if __name__ == "__main__":
    arguments = sys.argv[1:] + ["1", "60"][len(sys.argv) - 1 :]
    sys.exit(main(int(arguments[0]), int(arguments[1]), arguments[2:] or files()))
