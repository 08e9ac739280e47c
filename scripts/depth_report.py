"""Report what the circuits cost on a chip: `qvunet report depth`."""

from __future__ import annotations

import sys

from qvunet.cli import main

if __name__ == "__main__":
    main(["report", "depth", *sys.argv[1:]])
