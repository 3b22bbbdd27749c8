"""`python -m taskvisor`: the command line."""

import sys

from taskvisor.cli import main

if __name__ == "__main__":
    sys.exit(main())
