"""A small service, supervised from start to clean stop, in about six seconds.

Five tasks, each an ordinary function:

    schema    runs once and makes the database; the others are added when it is done
    server    serves pages of readings over HTTP; it refuses some, and one comes too slowly
    poller    fetches a page and stores it, every 100 ms, until the database holds enough
    report    prints figures computed from the database, every second
    archive   finds that nobody has configured it: no retry will help, and it says so

What to look for in the output: a refused fetch is tried again after a delay that doubles (backoff);
the slow one is asked to stop at its timeout, leaves no half page behind and is tried again;
`archive` ends for good while all others go on; and at the end everything that still runs is asked
to stop, and has. Ctrl-C stops it the same way at any time.
"""

import json
import sqlite3
import tempfile
import time
from collections import Counter, defaultdict
from contextlib import closing, suppress
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path

from taskvisor import (
    BackoffPolicy,
    BackoffSource,
    Event,
    EventKind,
    Fail,
    Fatal,
    Subscribe,
    Supervisor,
    SupervisorConfig,
    TaskContext,
    TaskHandle,
    TaskSpec,
    current,
)

SENSORS = ["attic", "cellar", "garden", "kitchen"]
ENOUGH = 24 * len(SENSORS)
LONGEST = 12.0  # seconds


# ---- the service: pages of readings, one line per sensor ----------------------------------------


class Server(ThreadingHTTPServer):
    """Listens from the moment it is made, so that a restart of its task loses no caller."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Page)
        self.requests = count(1)

    def service_actions(self) -> None:
        """Is called between two requests: the place to stop when asked to."""
        current().check()


class Page(BaseHTTPRequestHandler):
    """Of seven requests the third and the fourth are refused; the sixth of all is slow."""

    def do_GET(self) -> None:
        number = next(self.server.requests)
        if number % 7 in (3, 4):
            self.send_error(503)
            return
        self.send_response(200)
        self.end_headers()
        with suppress(ConnectionError):  # the caller may have left
            for place, sensor in enumerate(SENSORS):
                time.sleep(0.2 if number == 6 else 0.0)
                reading = {"sensor": sensor, "celsius": 12.0 + 3 * place + number % 5}
                self.wfile.write(json.dumps(reading).encode() + b"\n")

    def log_message(self, *_: object) -> None:
        """The poller tells what came of its requests."""


# ---- the tasks: a body gets the context if its first parameter is called ctx --------------------


def make_database(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE reading (sensor TEXT, celsius REAL)")


def serve(server: Server) -> None:
    server.serve_forever(poll_interval=0.05)


def poll(ctx: TaskContext, address: tuple[str, int], path: Path) -> None:
    """One page, all of it or nothing: an exception rolls the transaction back."""
    with closing(HTTPConnection(*address, timeout=5.0)) as connection:
        connection.request("GET", "/")
        response = connection.getresponse()
        if response.status != 200:
            raise Fail(f"the server said {response.status} {response.reason}")
        with closing(sqlite3.connect(path)) as db, db:
            for line in response:
                ctx.check()  # a timeout asks the body to stop; here it does
                db.execute("INSERT INTO reading VALUES (:sensor, :celsius)", json.loads(line))
            (stored,) = db.execute("SELECT count(*) FROM reading").fetchone()
    if stored >= ENOUGH:
        ctx.supervisor.shutdown(wait=False)


def report(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        stored, mean = db.execute("SELECT count(*), avg(celsius) FROM reading").fetchone()
    say("report", f"{stored} readings so far" + (f", {mean:.1f} °C on average" if stored else ""))


def archive() -> None:
    raise Fatal("no archive is configured", exit_code=78)


# ---- watching: a subscriber hears of everything, on a thread of its own -------------------------


class Ledger(Subscribe):
    """Tells what is worth telling, and keeps the books for the closing table."""

    def __init__(self) -> None:
        self.failures: Counter[str] = Counter()
        self.last_error: defaultdict[str, str] = defaultdict(lambda: "-")
        self.seconds: Counter[str] = Counter()

    def on_event(self, event: Event) -> None:
        self.keep(event)
        attempt = f"attempt {event.attempt}"
        match event.kind:
            case EventKind.TIMEOUT_HIT:
                say(event.task, f"{attempt}: asked to stop after {event.timeout_ms} ms")
            case EventKind.BACKOFF_SCHEDULED if event.backoff_source is BackoffSource.FAILURE:
                say(event.task, f"{attempt}: {event.reason}; again in {event.delay_ms} ms")
            case EventKind.ACTOR_DEAD:
                say(event.task, f"{attempt}: {event.reason}; never again")
            case EventKind.SHUTDOWN_REQUESTED | EventKind.ALL_STOPPED_WITHIN_GRACE:
                say("all", event.kind.replace("_", " "))

    def keep(self, event: Event) -> None:
        if event.kind in (EventKind.TASK_STOPPED, EventKind.TASK_FAILED):
            self.seconds[event.task] += event.duration
        if event.kind is EventKind.TASK_FAILED:
            self.failures[event.task] += 1
            self.last_error[event.task] = event.reason


def say(task: str, text: str) -> None:
    print(f"{task:<8} {text}\n", end="", flush=True)  # one write, so that threads share lines


# ---- the main job -------------------------------------------------------------------------------


def supervise(path: Path, ledger: Ledger) -> list[TaskHandle]:
    """Runs everything until the poller has enough, and returns the tasks' handles."""
    config = SupervisorConfig(
        grace=3.0,  # how long a stop may take; what still runs then would be named in an error
        backoff=BackoffPolicy(first=0.2, factor=2.0, max=2.0),
        seed=7,  # the same delays every time
    )
    with Server() as server, Supervisor(config, subscribers=[ledger]) as sup:
        schema = sup.add(TaskSpec.once(make_database, name="schema", args=(path,)))
        schema.result(timeout=LONGEST)
        to_poll = {"args": (server.server_address, path), "timeout": 0.5}
        handles = sup.add_many(
            [
                TaskSpec.restartable(serve, name="server", args=(server,)),
                TaskSpec.periodic(poll, name="poller", every=0.1, **to_poll),
                TaskSpec.periodic(report, name="report", every=1.0, args=(path,)),
                TaskSpec.restartable(archive),
            ]
        )
        with suppress(KeyboardInterrupt):
            sup.join(timeout=LONGEST)
    return [schema, *handles]


def print_figures(path: Path) -> None:
    print("\nsensor    readings  coldest  mean  warmest")
    with closing(sqlite3.connect(path)) as db:
        for row in db.execute(
            "SELECT sensor, count(*), min(celsius), avg(celsius), max(celsius)"
            " FROM reading GROUP BY sensor ORDER BY sensor"
        ):
            print("{:<8}  {:>8}  {:>7.1f}  {:>4.1f}  {:>7.1f}".format(*row))


def print_tasks(handles: list[TaskHandle], ledger: Ledger) -> None:
    print("\ntask     outcome    attempts  failures  time spent  last error")
    for handle in handles:
        name, outcome = handle.name, handle.outcome()
        print(
            f"{name:<8} {outcome.kind:<9}  {outcome.attempts:>8}  {ledger.failures[name]:>8}"
            f"  {ledger.seconds[name]:>8.2f} s  {ledger.last_error[name]}"
        )


def main() -> None:
    ledger = Ledger()
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "readings.db"
        handles = supervise(path, ledger)
        print_figures(path)
    print_tasks(handles, ledger)


if __name__ == "__main__":
    main()
