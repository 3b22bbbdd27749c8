"""Specs made, replaced, compared, hashed, refused, and in cycles with what they hold."""

import pickle

import measure

import taskvisor as tv


def takes(ctx: tv.TaskContext, a: object, *, b: object = None) -> None:
    pass


class Owner:
    """Holds a spec of its own method: a cycle."""

    def __init__(self) -> None:
        self.spec = tv.TaskSpec(self.body, args=([self],))

    def body(self, value: object) -> None:
        pass


def refused(**options: object) -> None:
    try:
        tv.TaskSpec(takes, **options)
    except (TypeError, ValueError):
        return
    raise AssertionError("not refused")


def work() -> None:
    spec = tv.TaskSpec(takes, name="a", args=([],), kwargs={"b": {}}, timeout=1.5, backoff=policy)
    changed = spec.replace(name="b", timeout=..., args=((1,),), kwargs={})
    assert changed != spec
    assert spec == spec.replace(name="a")
    assert pickle.loads(pickle.dumps(changed)) == changed
    hash(changed), repr(spec)
    assert (spec.fn, spec.args, spec.kwargs) == (takes, ([],), {"b": {}})
    tv.TaskSpec.periodic(takes, 5, args=(1,))
    Owner()
    refused(args=[1])
    refused(args=(1,), kwargs={"c": 1})
    refused(args=(1,), timeout=-1)
    refused(args=(1,), name="nul\0")


policy = tv.BackoffPolicy(first=0.1)
measure.check(work, tv.TaskSpec, Owner, tv.BackoffPolicy)
