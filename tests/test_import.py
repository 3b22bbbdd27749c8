"""What importing the package brings: no module that only some programs need."""

import pytest
from programs import run_well

# Each is wanted somewhere in the package, by some.
LATER = {"argparse", "asyncio", "concurrent.futures", "json", "pytest", "random", "rich", "socket"}


def modules_of(program: str) -> set[str]:
    """The modules that there are at the end of a program, which may print something itself."""
    out = run_well(f"{program}\nimport sys; print('modules:', *sys.modules)")
    return set(out.partition("modules:")[2].split())


@pytest.mark.parametrize("module", ["taskvisor", "taskvisor.testing"])
def test_import_brings_no_module_that_only_some_need(module):
    bare = modules_of("pass")
    brought = modules_of(f"import {module}") - bare
    assert brought & LATER == set()
    assert {"taskvisor._core", "dataclasses"} <= brought


@pytest.mark.parametrize(
    ("args", "module"),
    [(["--help"], "arguments"), (["preview", "--retries", "1"], "preview")],
)
def test_command_line_brings_only_what_its_command_needs(args, module):
    program = (
        f"from contextlib import suppress; from taskvisor.cli import main\n"
        f"with suppress(SystemExit): main({args})"
    )
    brought = modules_of(program)
    assert f"taskvisor.cli.{module}" in brought
    assert {"asyncio", "rich", "taskvisor.cli.run"} & brought == set()
