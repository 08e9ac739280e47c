"""Problems made for circuits, and whether circuits beat their controls there: `qvunet report search`."""

from __future__ import annotations

import sys

from qvunet.cli import main

if __name__ == "__main__":
    main(["report", "search", *sys.argv[1:]])
