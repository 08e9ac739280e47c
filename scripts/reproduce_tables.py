"""Train and evaluate a grid of networks: `qvunet report tables`."""

from __future__ import annotations

import sys

from qvunet.cli import main

if __name__ == "__main__":
    main(["report", "tables", *sys.argv[1:]])
