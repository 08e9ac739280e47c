"""What a result depends on beside its config: versions, commit, machine."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = (
    "qvunet",
    "torch",
    "diffusers",
    "accelerate",
    "torchmetrics",
    "numpy",
    "qiskit",
    "qiskit-aer",
    "qiskit-ibm-runtime",
)
"""Packages whose versions are recorded."""


def describe_environment() -> dict[str, Any]:
    """Versions, git commit (None outside a checkout), platform and host cores."""
    return {
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in PACKAGES},
        "commit": source_commit(),
        "platform": platform.platform(),
        "host_cores": os.cpu_count(),
    }


def source_commit() -> str | None:
    """Git commit of the checkout this package is imported from, "-dirty" added if files differ from it."""
    root = Path(__file__).resolve().parents[2]
    # An installed package may lie in somebody else's checkout, whose commit would say nothing.
    if _git(root, "rev-parse", "--show-toplevel") != str(root):
        return None
    commit = _git(root, "rev-parse", "HEAD")
    return f"{commit}-dirty" if commit and _git(root, "status", "--porcelain") else commit


def _git(root: Path, *arguments: str) -> str | None:
    try:
        result = subprocess.run(["git", "-C", root, *arguments], capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return result.stdout.strip() if result.returncode == 0 else None


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
