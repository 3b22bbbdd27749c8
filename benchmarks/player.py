"""The process of a contender in Python: `python -m benchmarks.player MODULE FUNCTION`."""

import gc
import importlib
import json
import os
import sys
from dataclasses import asdict


def main() -> None:
    """Play a round for each line with a size, until there are no more."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a body prints is not an answer
    module, function = sys.argv[1:]
    play = getattr(importlib.import_module(module), function)
    for line in sys.stdin:
        gc.collect()
        print(json.dumps(asdict(play(int(line)))), file=answers, flush=True)


if __name__ == "__main__":
    main()
