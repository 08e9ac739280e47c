"""What error mitigation does to pictures, and what it costs in QPU seconds: `qvunet report mitigation`."""

from __future__ import annotations

import sys

from qvunet.cli import main

if __name__ == "__main__":
    main(["report", "mitigation", *sys.argv[1:]])
