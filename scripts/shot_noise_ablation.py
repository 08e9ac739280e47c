"""Measure what shots do to layers, predicted noise, gradients, training and images: `qvunet report shots`."""

from __future__ import annotations

import sys

from qvunet.cli import main

if __name__ == "__main__":
    main(["report", "shots", *sys.argv[1:]])
