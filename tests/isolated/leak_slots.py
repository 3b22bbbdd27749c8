"""Submissions that start, wait, are replaced, dropped, refused, cancelled, and purged."""

import measure

import taskvisor as tv


def waits(ctx: tv.TaskContext) -> None:
    ctx.wait()


class Silent:
    """Keeps failures out of the log."""

    def on_event(self, event: tv.Event) -> None:
        pass


waiting = tv.TaskSpec.once(waits)
queue, replace, drop = (
    tv.ControllerSpec(policy, waiting, slot="slot") for policy in tv.AdmissionPolicy
)


def work() -> None:
    owner = supervisor.submit(queue)
    measure.wait_for(lambda: supervisor.is_alive(owner))
    queued, refused = supervisor.submit(queue), supervisor.submit(drop)
    assert refused.outcome(20).rejection is tv.RejectionKind.SLOT_BUSY
    replaced, last = supervisor.submit(replace), supervisor.submit(replace)
    assert replaced.outcome(20).kind in {"rejected", "canceled"}  # the owner may be quick to go
    assert owner.outcome(20).kind == "canceled"
    for _ in range(2):
        supervisor.try_submit(queue)
    supervisor.controller_snapshot(), queued.state, hash(queue), repr(queue)
    try:
        while True:
            supervisor.try_submit(queue)
    except tv.ControllerFull as error:
        error.last = last
    supervisor.cancel_slot("slot")
    assert supervisor.join(20)


config = tv.ControllerConfig(queue_capacity=4)
with tv.Supervisor(subscribers=[Silent()], controller=config) as supervisor:
    measure.check(
        work, tv.TaskHandle, tv.TaskOutcome, tv.TaskSpec, tv.ControllerSpec, tv.ControllerFull
    )
