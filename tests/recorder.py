"""The recorder of `taskvisor.testing`, and what our own tests ask of it besides."""

from taskvisor import testing
from taskvisor.testing import described, lines

__all__ = ["Recorder", "described", "lines"]


class Recorder(testing.Recorder):
    """A subscriber that keeps every event; lines are those of its `words`."""

    def wait_line(self, task: str, line: str, count: int = 1):
        """The `count`th event of `task` whose line begins with `line`."""

        def nth(events):
            hits = [e for e in events if e.task == task and described(e).startswith(line)]
            return hits[count - 1] if len(hits) >= count else None

        return self.wait(nth)

    def removed(self, task: str) -> list[str]:
        """The words of `task`, once it has been removed."""
        self.wait_for("task_removed", task)
        return self.words(task)
