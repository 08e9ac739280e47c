"""Show what a network's work costs on IBM hardware, in QPU seconds: `qvunet report prices`."""

from __future__ import annotations

import sys

from qvunet.cli import main

if __name__ == "__main__":
    main(["report", "prices", *sys.argv[1:]])
