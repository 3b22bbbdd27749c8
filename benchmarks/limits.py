"""The limit: a bare loop of attach, call, detach in C, without any supervision."""

import sys
from collections.abc import Callable
from importlib.machinery import ExtensionFileLoader
from importlib.util import module_from_spec, spec_from_loader

from benchmarks.contenders import BUILT

EXTENSION = BUILT / f"_limits.{sys.implementation.cache_tag}.so"


def call_attached(fn: Callable[[], object], calls: int, per_attach: int = 1) -> float:
    """Seconds that so many calls took on a thread that attaches for each `per_attach` of them."""
    loader = ExtensionFileLoader("_limits", str(EXTENSION))
    module = module_from_spec(spec_from_loader("_limits", loader))
    loader.exec_module(module)
    return module.call_attached(fn, calls, per_attach)
