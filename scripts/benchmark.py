"""Measure qvunet against its peers and against itself: `qvunet report benchmark`."""

from __future__ import annotations

import sys

from qvunet.cli import main

if __name__ == "__main__":
    main(["report", "benchmark", *sys.argv[1:]])
