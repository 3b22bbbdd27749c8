"""`@task`: the function stays what it was, and a supervisor takes it for its spec."""

import asyncio
import sys
import types

import cli
import pytest
from waiting import SOON

import taskvisor as tv
from taskvisor import aio
from taskvisor.decorator import collect


@tv.task
def plain(value=3):
    return value


@tv.task(every=0.5, name="poller", timeout=2, fatal=KeyError, essential=True)
async def poll(ctx):
    return ctx.name


@pytest.mark.rule("R0.35")
def test_decorated_function_is_the_same_function():
    def body(value=3):
        return value

    assert tv.task(body) is body
    assert tv.task(timeout=1)(body) is body
    assert body(4) == 4
    assert asyncio.iscoroutinefunction(poll)


@pytest.mark.rule("R0.35")
def test_options_are_those_of_a_spec_and_every_is_a_period():
    spec = poll.__taskspec__
    assert spec == tv.TaskSpec.periodic(
        poll, 0.5, name="poller", timeout=2, fatal=KeyError, essential=True
    )
    assert plain.__taskspec__ == tv.TaskSpec(plain)
    with pytest.raises(TypeError, match="every and restart"):
        tv.task(every=1, restart="never")
    with pytest.raises(TypeError):
        tv.task(unknown=1)(lambda: None)
    with pytest.raises(TypeError, match="attributes"):
        tv.task(print)


@pytest.mark.rule("R0.35")
def test_supervisor_takes_a_decorated_function_for_its_spec(serve):
    sup = serve(controller=tv.ControllerConfig())
    assert sup.add(plain).result(SOON) == 3
    assert [each.result(SOON) for each in sup.add_many([plain, plain], names=["a", "b"])] == [3, 3]
    with pytest.raises(TypeError, match="@task"):
        sup.add(lambda: None)


@pytest.mark.rule("R0.36")
def test_run_takes_a_module_for_what_is_decorated_in_it():
    ran = []
    module = types.ModuleType("service")
    for name in ("first", "second"):

        def body(name=name):
            ran.append(name)

        body.__module__ = "service"
        vars(module)[name] = tv.task(name=name)(body)
    vars(module).update(elsewhere=plain, kind=tv.TaskSpec, undecorated=lambda: ran.append("no"))
    assert [spec.name for spec in collect(module)] == ["first", "second"]
    tv.Supervisor().run(module)
    asyncio.run(aio.run(module))
    assert sorted(ran) == ["first", "first", "second", "second"]


@pytest.mark.rule("R0.36")
def test_command_line_collects_a_module_without_tasks(tmp_path):
    (tmp_path / "service.py").write_text(
        "import taskvisor as tv\n"
        "@tv.task\n"
        "def hello():\n    print('hello')\n"
        "@tv.task(name='bye')\n"
        "async def later():\n    print('bye')\n"
    )
    for target in ("service", "service.py", "service:hello"):
        ended = cli.taskvisor(tmp_path, "run", target)
        assert ended.code == 0, ended.err
        assert "hello" in ended.out
        assert ("bye" in ended.out) == (target != "service:hello")
    assert sys.modules.get("service") is None
