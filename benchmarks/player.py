"""The process of a contender in Python: `python -m benchmarks.player MODULE:FUNCTION [PART…]`.

Parts are named like the function; it is called with them and the size.
"""

import gc
import importlib
import json
import os
import sys
from collections.abc import Callable
from dataclasses import asdict


def find(place: str) -> Callable:
    """The function of that name, its module imported."""
    module, name = place.split(":")
    return getattr(importlib.import_module(module), name)


def main() -> None:
    """Play a round for each line with a size, until there are no more."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a body prints is not an answer
    play, *parts = map(find, sys.argv[1:])
    for line in sys.stdin:
        gc.collect()
        print(json.dumps(asdict(play(*parts, int(line)))), file=answers, flush=True)


if __name__ == "__main__":
    main()
