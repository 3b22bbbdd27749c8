"""Contexts kept beyond their attempt, in cycles, and asked for their supervisor and token."""

import measure

import taskvisor as tv


class Keeper:
    """Holds the context, and is held by the call."""

    def __call__(self, ctx: tv.TaskContext) -> object:
        self.ctx = ctx
        assert tv.current() is ctx
        assert (ctx.name, ctx.id, ctx.cancelled) == ("Keeper", ctx.id, False)
        ctx.supervisor.list()
        ctx.token.child_token()
        ctx.check()
        ctx.wait(0)
        ctx.sleep(0)
        ctx.token.cancel()
        try:
            ctx.sleep(10)
        except tv.Canceled:
            return ctx
        raise AssertionError("slept")


def work() -> None:
    handle = supervisor.add(tv.TaskSpec.once(Keeper()))
    assert handle.result(20).attempt == 1


with tv.Supervisor() as supervisor:
    measure.check(work, tv.TaskContext, tv.CancellationToken, tv.SupervisorHandle, Keeper)
