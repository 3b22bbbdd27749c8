"""Moves of the simulator as lines of text, played in the model.

The lines are those that tests/sim/move.c reads; what a move brings is kept in the shape in which
tests/sim/show.c writes it.
"""

from dataclasses import replace

from model import Supervisor
from model_values import Backoff, Config, Error, Options, Task

INHERIT = ("restart", "backoff", "timeout", "retries", "reset", "grace")  # bit 0, 1, 2 …
ERRORS = {"fail", "fatal", "canceled"}


def number(value: int | None) -> int:
    return -1 if value is None else value


def options_text(options: Options, inherits: int = 0) -> str:
    backoff = options.backoff
    return (
        f"inherits={inherits} restart={options.restart} interval={number(options.interval)} "
        f"timeout={options.timeout} reset={number(options.reset)} grace={options.grace} "
        f"retries={number(options.retries)} first={backoff.first} max={backoff.max} "
        f"factor={backoff.factor!r} jitter={backoff.jitter}"
    )


def config_text(config: Config, defaults: Options) -> str:
    return (
        f"config max_concurrent={config.max_concurrent} seed={config.seed} "
        f"subscriber_grace={config.subscriber_grace} queue_capacity={config.queue_capacity} "
        f"max_slot_queue={config.max_slot_queue} {options_text(defaults)}"
    )


def inherit(own: Options, defaults: Options, bits: int) -> Options:
    names = [name for i, name in enumerate(INHERIT) if bits & 1 << i]
    if "restart" in names:
        names.append("interval")
    return replace(own, **{name: getattr(defaults, name) for name in names})


class Player:
    """Plays lines of text in the model, and keeps both for the comparison."""

    def __init__(self, config: str):
        words = dict(word.split("=") for word in config.split()[1:])
        self.defaults = self._options(words)
        self.lines = [config]
        self.found: list[dict] = []
        self.ids: dict[int, Task] = {}
        self.batches: dict[int, list[Task]] = {}
        keys = tuple(vars(Config(0, 0, 0)))
        self.model = Supervisor(Config(*(int(words[key]) for key in keys)))

    def play(self, line: str) -> dict:
        self.lines.append(line)
        head, bar, tail = line.partition("|")
        text, _, rest = tail.partition("|") if bar else ("", "", "")
        now, kind, *words = (head + rest).split()
        act, args = getattr(self, f"_{kind}")(words, text)
        played = self.model.step(int(now), act, *args)
        found = {
            "answer": played.answer,
            **({"task": played.task} if played.task else {}),
            **({"count": played.count} if played.count else {}),
            "events": played.events,
            "acts": played.acts,
            "state": self.model.visible(),
        }
        self.found.append(found)
        return found

    def _options(self, words: dict[str, str]) -> Options:
        def optional(key: str) -> int | None:
            return None if words[key] == "-1" else int(words[key])

        return Options(
            restart=words["restart"],
            interval=optional("interval"),
            timeout=int(words["timeout"]),
            reset=optional("reset"),
            grace=int(words["grace"]),
            retries=optional("retries"),
            backoff=Backoff(
                int(words["first"]), int(words["max"]), float(words["factor"]), words["jitter"]
            ),
        )

    def _task(self, words: list[str]) -> Task:
        flags = [word for word in words[1:3] if "=" not in word]
        pairs = dict(word.split("=") for word in words[1 + len(flags) :])
        options = inherit(self._options(pairs), self.defaults, int(pairs["inherits"]))
        task = Task(len(self.ids) + 1, words[0], options)
        task.on_loop, task.essential = "loop" in flags, "essential" in flags
        self.ids[task.id] = task
        return task

    def _tick(self, words, text):
        return self.model.tick, ()

    def _add(self, words, text):
        return self.model.add, (self._task(words),)

    def _reserve(self, words, text):
        task = self._task(words[1:])
        self.batches.setdefault(int(words[0]), []).append(task)
        return self.model.reserve, (task,)

    def _unreserve(self, words, text):
        return self.model.unreserve, (self.ids[int(words[0])],)

    def _commit(self, words, text):
        batch = [t for t in self.batches.pop(int(words[0]), []) if t in self.model.tasks]
        return self.model.commit, ([task for task in batch if task.state == "RESERVED"],)

    def _leave(self, words, text):
        target, which, style = words
        meant = {"name": str, "id": int, "handle": lambda id: self.ids[int(id)]}[target](which)
        return self.model.leave, (meant, style)

    def _submit(self, words, text):
        slot, admission, patience, *rest = words
        return self.model.submit, (self._task(rest), slot, admission, patience == "wait")

    def _withdraw(self, words, text):
        return self.model.withdraw, (self.ids[int(words[0])],)

    def _cancel_slot(self, words, text):
        return self.model.cancel_slot, (words[0], words[1] == "purge")

    def _take(self, words, text):
        return self.model.take, (words == ["loop"],)

    def _result(self, words, text):
        id, how, *code = words
        exit_code = int(code[0].removeprefix("exit=")) if code else None
        error = Error(how, text, exit_code) if how in ERRORS else None
        return self.model.result, (self.ids[int(id)], error, how == "stray")

    def _finish(self, words, text):
        return self.model.finish, ()

    def _shutdown(self, words, text):
        return self.model.shutdown, (int(words[0]), "quiet" in words)

    def _drained(self, words, text):
        return self.model.drained, ()
