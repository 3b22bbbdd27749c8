"""How a task is described: its name, its call, its context, what it inherits, what is refused."""

import contextvars
import functools
import inspect
import threading
from datetime import timedelta
from types import SimpleNamespace

import pytest
from waiting import SOON

import taskvisor as tv
from taskvisor import TaskContext

FOREVER = 3600.0


def work(*args, **kwargs):
    """A body of the module, so that it can be pickled."""
    return args, kwargs


def waits(ctx):
    """A body that ends as soon as it is asked to."""
    return ctx.wait()


def fails():
    """A body that fails."""
    raise tv.Fail("x")


class Callable:
    """Objects that can be called, and a method."""

    def __call__(self, ctx):
        return ctx.name

    def method(self, ctx):
        return ctx.name


# --- the name


@pytest.mark.rule("R0.20")
@pytest.mark.parametrize(
    ("fn", "name"),
    [
        (work, "work"),
        (functools.partial(work, 1), "work"),
        (functools.partial(functools.partial(work, 1), 2), "work"),
        (functools.partial(Callable()), "Callable"),
        (Callable(), "Callable"),
        (Callable().method, "method"),
        (max, "max"),
        (int, "int"),
        (lambda: 1, "<lambda>"),
    ],
)
def test_name_left_out_is_that_of_what_is_called(fn, name):
    args = (1,) if fn is max else ()
    assert tv.TaskSpec(fn, args=args).name == name
    assert tv.TaskSpec(fn, args=args, name="given").name == "given"


@pytest.mark.rule("R0.21", "R0.7")
@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("", ValueError),
        ("a\0b", ValueError),
        ("\ud800", ValueError),
        ("a\udfff", ValueError),
        (5, TypeError),
        (b"a", TypeError),
        (["a"], TypeError),
        (True, TypeError),
    ],
)
def test_bad_name_is_refused(name, error):
    with pytest.raises(error):
        tv.TaskSpec(work, name=name)


@pytest.mark.rule("R0.21")
def test_name_of_a_str_subclass_is_copied():
    class Name(str):
        pass

    name = tv.TaskSpec(work, name=Name("a")).name
    assert (type(name), name) == (str, "a")


# --- the call


def decorated(fn):
    """fn behind a wrapper with any signature."""

    @functools.wraps(fn)
    def wrapper(*args, **kwargs):
        return fn(*args, **kwargs)

    return wrapper


def first_named(ctx, *args):
    return type(ctx), args


def only_positional(ctx, /, *args):
    return type(ctx), args


def with_default(ctx=None, *args):
    return type(ctx), args


def annotated(c: TaskContext, *args):
    return type(c), args


def annotated_as_text(c: "TaskContext", *args):
    return type(c), args


def annotated_as_dotted_text(c: "tv.TaskContext", *args):
    return type(c), args


def annotated_with_default(c: TaskContext = None):
    return type(c), ()


def named_with_default(ctx=None):
    return type(ctx), ()


@pytest.mark.rule("R0.22")
@pytest.mark.parametrize("fn", [annotated_with_default, named_with_default])
def test_context_is_given_also_where_the_call_would_fit_without_it(serve, fn):
    assert serve().add(tv.TaskSpec(fn)).result(timeout=30) == (tv.TaskContext, ())


@pytest.mark.rule("R0.22", "R0.25")
@pytest.mark.parametrize(
    "fn",
    [
        first_named, only_positional, with_default, annotated, annotated_as_text,
        annotated_as_dotted_text, decorated(first_named), decorated(annotated_as_text),
    ],
)  # fmt: skip
def test_body_whose_first_parameter_is_a_context_gets_it(serve, fn):
    handle = serve().add(tv.TaskSpec(fn, args=(1, 2), name="a"))
    assert handle.result(timeout=30) == (tv.TaskContext, (1, 2))


@pytest.mark.rule("R0.22")
@pytest.mark.parametrize(
    "fn",
    [
        Callable(),
        Callable().method,
        functools.partial(lambda x, ctx: ctx.name, 1),
        functools.partial(lambda ctx, x: ctx.name, x=1),
    ],
)
def test_methods_objects_and_partials_get_the_context_as_their_first_free_parameter(serve, fn):
    assert serve().add(tv.TaskSpec(fn, name="a")).result(timeout=30) == "a"


@pytest.mark.rule("R0.23", "R0.24")
@pytest.mark.parametrize(
    ("fn", "args", "kwargs", "result"),
    [
        (lambda a, ctx: (a, ctx), (1, 2), {}, (1, 2)),
        (lambda a, *, ctx: (a, ctx), (1,), {"ctx": 2}, (1, 2)),
        (lambda *ctx: ctx, (1,), {}, (1,)),
        (lambda **ctx: ctx, (), {"ctx": 1}, {"ctx": 1}),
        (lambda context: context, (1,), {}, 1),
        (work, (1,), {"ctx": 2}, ((1,), {"ctx": 2})),
        (max, (1, 2), {}, 2),
        (int, (), {}, 0),
    ],
)
def test_every_other_body_gets_its_arguments_alone(serve, fn, args, kwargs, result):
    spec = tv.TaskSpec(fn, args=args, kwargs=kwargs)
    assert serve().add(spec).result(timeout=30) == result


@pytest.mark.rule("R0.24")
def test_current_gives_the_context_to_a_body_that_does_not_take_it(serve):
    assert tv.current() is None
    sup = serve()
    assert sup.add(tv.TaskSpec(lambda: tv.current().name, name="a")).result(timeout=30) == "a"
    assert sup.add(tv.TaskSpec(lambda ctx: tv.current() is ctx, name="b")).result(timeout=30)
    assert tv.current() is None


@pytest.mark.rule("R0.25")
@pytest.mark.parametrize(
    ("fn", "args", "kwargs"),
    [
        (lambda: 1, (1,), {}),
        (lambda a: 1, (), {}),
        (lambda a: 1, (1, 2), {}),
        (lambda a: 1, (1,), {"a": 1}),
        (lambda a: 1, (1,), {"b": 1}),
        (lambda ctx: 1, (1,), {}),
        (lambda ctx: 1, (), {"ctx": 1}),
        (lambda ctx, a: 1, (), {}),
        (lambda *, ctx: 1, (), {}),
        (decorated(lambda a: 1), (), {}),
        (functools.partial(lambda a: 1, 1), (2,), {}),
        (Callable().method, (1,), {}),
    ],
)
def test_call_that_does_not_fit_is_refused_at_construction(fn, args, kwargs):
    with pytest.raises(TypeError):
        tv.TaskSpec(fn, args=args, kwargs=kwargs)


@pytest.mark.rule("R0.25", "R0.30")
def test_replace_binds_the_call_again():
    spec = tv.TaskSpec(lambda a: a, args=(1,))
    with pytest.raises(TypeError):
        spec.replace(args=())
    assert spec.replace(fn=lambda a, b: a, args=(1, 2)).args == (1, 2)


def generator():
    yield 1


async def async_generator():
    yield 1


async def coroutine():
    pass


@pytest.mark.rule("R0.26")
@pytest.mark.parametrize(
    "fn",
    [
        generator, async_generator, functools.partial(generator), None, 3, "work",
        SimpleNamespace(),
    ],
)  # fmt: skip
def test_what_cannot_be_a_body_is_refused(fn):
    with pytest.raises(TypeError):
        tv.TaskSpec(fn)


class Poller:
    async def method(self):
        return "method"

    async def __call__(self):
        return "call"


@pytest.mark.rule("R0.27")
@pytest.mark.parametrize(
    ("fn", "value"),
    [
        (coroutine, None),
        (functools.partial(coroutine), None),
        (Poller().method, "method"),
        (functools.partial(Poller().method), "method"),
        (Poller(), "call"),
        (functools.partial(functools.partial(Poller())), "call"),
        (lambda: threading.current_thread().name, "taskvisor-1"),
    ],
)
def test_coroutine_functions_of_every_kind_are_awaited(serve, fn, value):
    assert serve().add(tv.TaskSpec.once(fn)).result(SOON) == value


@pytest.mark.rule("R0.27")
@pytest.mark.skipif(not hasattr(inspect, "markcoroutinefunction"), reason="came with Python 3.12")
def test_marked_function_is_a_coroutine_function(serve):
    marked = inspect.markcoroutinefunction(lambda: Poller().method())
    assert serve().add(tv.TaskSpec.once(marked, name="marked")).result(SOON) == "method"


@pytest.mark.rule("R0.26")
@pytest.mark.parametrize("fn", [generator, async_generator, coroutine])
def test_plain_function_that_wraps_another_kind_is_a_plain_function(fn):
    @functools.wraps(fn)
    def drives_it():
        return "done"

    assert tv.TaskSpec(drives_it).name == fn.__name__


@pytest.mark.rule("R0.26")
@pytest.mark.parametrize("args", [[1], 1, "ab", None, {1: 2}, iter(())])
def test_args_that_are_no_tuple_are_refused(args):
    with pytest.raises(TypeError):
        tv.TaskSpec(work, args=args)


@pytest.mark.rule("R0.26")
@pytest.mark.parametrize("kwargs", [{1: 2}, {None: 1}, [("a", 1)], "a", 3, (1,)])
def test_kwargs_that_are_no_mapping_of_str_are_refused(kwargs):
    with pytest.raises(TypeError):
        tv.TaskSpec(work, kwargs=kwargs)


@pytest.mark.rule("R0.26")
def test_unknown_option_is_refused():
    with pytest.raises(TypeError):
        tv.TaskSpec(work, retries=3)
    with pytest.raises(TypeError):
        tv.TaskSpec(work).replace(retries=3)
    with pytest.raises(TypeError):
        tv.TaskSpec(work, "name")


# --- options

OPTIONS = ["restart", "backoff", "timeout", "max_retries", "reset_after", "grace"]


@pytest.mark.rule("R0.28")
def test_option_left_out_reads_as_ellipsis():
    spec = tv.TaskSpec(work)
    assert [getattr(spec, name) for name in OPTIONS] == [...] * 6
    assert (spec.fn, spec.args, spec.kwargs) == (work, (), {})
    assert tv.TaskSpec(work, **dict.fromkeys(OPTIONS, ...)) == spec


@pytest.mark.rule("R0.29")
def test_none_is_taken_where_it_means_something_and_refused_elsewhere():
    spec = tv.TaskSpec(work, timeout=None, max_retries=None, reset_after=None)
    assert [spec.timeout, spec.max_retries, spec.reset_after] == [None] * 3
    for name in ("restart", "backoff", "grace"):
        with pytest.raises(TypeError):
            tv.TaskSpec(work, **{name: None})
        with pytest.raises(TypeError):
            tv.TaskSpec(work).replace(**{name: None})


@pytest.mark.rule("R0.29", "R0.7")
@pytest.mark.parametrize("name", ["restart", "backoff"])
@pytest.mark.parametrize("value", [3, object(), ["never"]])
def test_policy_of_another_type_is_refused(name, value):
    with pytest.raises(TypeError):
        tv.TaskSpec(work, **{name: value})


GIVEN = {
    "fn": work,
    "name": "a",
    "args": (1,),
    "kwargs": {"k": 2},
    "restart": tv.RestartPolicy.always(3),
    "backoff": tv.BackoffPolicy(first=1),
    "timeout": 4.0,
    "max_retries": 5,
    "reset_after": 6.0,
    "grace": 7.0,
}
OTHER = {
    "fn": first_named,
    "name": "b",
    "args": (2, 3),
    "kwargs": {"j": 2},
    "restart": tv.RestartPolicy.NEVER,
    "backoff": tv.BackoffPolicy(first=2),
    "timeout": None,
    "max_retries": None,
    "reset_after": None,
    "grace": 0.0,
}


def read(spec):
    return {name: getattr(spec, name) for name in GIVEN}


@pytest.mark.rule("R0.30")
@pytest.mark.parametrize("name", GIVEN)
def test_replace_changes_what_is_named_and_keeps_the_rest(name):
    given = {**GIVEN, "kwargs": {}} if name == "fn" else GIVEN
    spec = tv.TaskSpec(**given)
    changed = spec.replace(**{name: OTHER[name]})
    assert read(changed) == {**given, name: OTHER[name]}
    assert read(spec) == given


@pytest.mark.rule("R0.30", "R0.28")
def test_replace_with_ellipsis_goes_back_to_inheriting():
    spec = tv.TaskSpec(**GIVEN)
    for name in OPTIONS:
        assert getattr(spec.replace(**{name: ...}), name) is ...
    assert spec.replace() == spec


@pytest.mark.rule("R0.31")
def test_shorthands_are_specs_with_their_restart_policy():
    options = {name: GIVEN[name] for name in GIVEN if name not in ("fn", "restart")}
    never, failure = tv.RestartPolicy.NEVER, tv.RestartPolicy.ON_FAILURE
    always = tv.RestartPolicy.always(9)
    assert tv.TaskSpec.once(work, **options) == tv.TaskSpec(work, restart=never, **options)
    assert tv.TaskSpec.restartable(work, **options) == tv.TaskSpec(work, restart=failure, **options)
    assert tv.TaskSpec.periodic(work, 9, **options) == tv.TaskSpec(work, restart=always, **options)
    every = timedelta(seconds=9)
    assert tv.TaskSpec.periodic(work, every=every).restart == always


@pytest.mark.rule("R0.32")
def test_defaults_of_the_config():
    config = tv.SupervisorConfig()
    assert (config.grace, config.subscriber_grace, config.bus_capacity) == (60.0, 5.0, 1024)
    assert (config.max_concurrent, config.seed, config.timeout) == (None, None, None)
    assert (config.max_retries, config.reset_after) == (None, 60.0)
    assert (config.restart, config.backoff) == (tv.RestartPolicy.ON_FAILURE, tv.BackoffPolicy())


# Each option of the config is seen in what tasks do that leave it out, and in those that do not.


@pytest.mark.rule("R0.28")
def test_restart_is_inherited(serve, recorder):
    sup = serve(recorder, restart="never", backoff=tv.BackoffPolicy.constant(0))
    assert sup.add(tv.TaskSpec(fails, name="a")).outcome(timeout=30).attempts == 1
    spec = tv.TaskSpec(fails, name="b", restart="on_failure", max_retries=3)
    assert sup.add(spec).outcome(timeout=30).attempts == 4


@pytest.mark.rule("R0.28")
def test_backoff_is_inherited(serve, recorder):
    sup = serve(recorder, backoff=tv.BackoffPolicy.constant(FOREVER))
    sup.add(tv.TaskSpec(fails, name="a"))
    sup.add(tv.TaskSpec(fails, name="b", backoff=tv.BackoffPolicy.constant(2 * FOREVER)))
    assert recorder.wait_line("a", "backoff_scheduled").delay_ms == 3_600_000
    assert recorder.wait_line("b", "backoff_scheduled").delay_ms == 7_200_000


@pytest.mark.rule("R0.28", "R0.29")
def test_timeout_is_inherited_and_none_is_none(serve, recorder):
    sup = serve(recorder, timeout=0.01, restart="never")
    assert sup.add(tv.TaskSpec(waits)).outcome(timeout=30).reason == "timed out after 10ms"
    other = tv.TaskSpec(waits, timeout=0.02)
    assert sup.add(other).outcome(timeout=30).reason == "timed out after 20ms"
    none = tv.TaskSpec(lambda ctx: ctx.wait(0.1), timeout=None)
    assert sup.add(none).result(timeout=30) is False


@pytest.mark.rule("R0.28", "R0.29")
def test_max_retries_is_inherited_and_none_is_none(serve):
    calls = iter(range(30))

    def until_20():
        if next(calls) < 20:
            raise tv.Fail("x")

    sup = serve(max_retries=2, backoff=tv.BackoffPolicy.constant(0))
    assert sup.add(tv.TaskSpec(fails)).outcome(timeout=30).attempts == 3
    assert sup.add(tv.TaskSpec(fails, max_retries=0)).outcome(timeout=30).attempts == 1
    assert sup.add(tv.TaskSpec(until_20, max_retries=None)).outcome(timeout=30).attempts == 21


@pytest.mark.rule("R0.28", "R0.29", "R1.3")
def test_reset_after_is_inherited_and_none_is_none(serve):
    def until_five():
        if tv.current().attempt < 5:
            raise tv.Fail("x")

    sup = serve(reset_after=0, max_retries=1, backoff=tv.BackoffPolicy.constant(0))
    assert sup.add(tv.TaskSpec(until_five)).outcome(timeout=30).kind == "completed"
    none = tv.TaskSpec(until_five, reset_after=None)
    assert sup.add(none).outcome(timeout=30).attempts == 2


@pytest.mark.rule("R0.28", "R0.41")
def test_grace_is_inherited(serve, gate):
    sup, held = serve(grace=0.02), gate()
    handles = [sup.add(tv.TaskSpec(held, name="a"))]
    handles.append(sup.add(tv.TaskSpec(held, name="b", grace=0.03)))
    held.wait_inside(2)
    for handle, grace in zip(handles, (0.02, 0.03), strict=True):
        with pytest.raises(tv.TaskRemoveTimeout) as caught:
            sup.cancel(handle)
        assert caught.value.timeout == grace
        assert handle.outcome(timeout=0).kind == "abandoned"


@pytest.mark.rule("R0.32")
def test_supervisor_without_a_config_has_the_default_one():
    with tv.Supervisor() as sup:
        assert sup.add(tv.TaskSpec(work)).result(timeout=30) == ((), {})


@pytest.mark.rule("R0.7")
@pytest.mark.parametrize("config", [{}, "x", 3, tv.BackoffPolicy()])
def test_config_of_another_type_is_refused(config):
    with pytest.raises(TypeError):
        tv.Supervisor(config)


VAR = contextvars.ContextVar("VAR", default="unset")


@pytest.mark.rule("R2.28")
@pytest.mark.parametrize("batch", [False, True])
def test_context_variables_are_those_of_the_add_in_every_attempt(serve, batch):
    seen = []

    def body():
        seen.append(VAR.get())
        VAR.set("changed in a body")
        if len(seen) < 3:
            raise tv.Fail("x")
        return VAR.get()

    sup = serve(backoff=tv.BackoffPolicy.constant(0))
    spec = tv.TaskSpec(body)
    VAR.set("at construction and serve")

    def add():
        VAR.set("at add")
        (handle,) = sup.add_many([spec]) if batch else [sup.add(spec)]
        VAR.set("after add")
        return handle

    handle = contextvars.copy_context().run(add)
    assert handle.result(timeout=30) == "changed in a body"
    assert seen == ["at add"] * 3
    assert VAR.get() == "at construction and serve"


@pytest.mark.rule("R2.28")
def test_tasks_of_a_batch_do_not_see_each_others_context_variables(serve):
    def body(mine):
        before = VAR.get()
        VAR.set(mine)
        return before, VAR.get()

    def add():
        VAR.set("at add")
        specs = [tv.TaskSpec(body, args=(n,), name=f"t{n}", restart="never") for n in range(20)]
        return serve().add_many(specs)

    handles = contextvars.copy_context().run(add)
    assert [h.result(timeout=30) for h in handles] == [("at add", n) for n in range(20)]
