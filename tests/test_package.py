"""What pyproject.toml promises: dependencies that are used, and all that are."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
MODULES = {
    "jinja2": "jinja2",
    "markdown-it-py": "markdown_it",
    "pillow": "PIL",
    "pyyaml": "yaml",
    "scikit-learn": "sklearn",
    "tensorcircuit-ng": "tensorcircuit",
}
"""Of distributions whose module has another name than they have."""

NOT_IMPORTED = {"pylatexenc", "sympy", "cryptography", "pennylane-lightning", "einops", "flax", "tensorboard"}
"""Qiskit needs the first two, Dask's TLS the third, devices and other packages' programs the others."""


def names(requirements: list[str]) -> list[str]:
    return [re.match(r"[\w-]+", requirement)[0] for requirement in requirements]


def module(name: str) -> str:
    return MODULES.get(name, name.replace("-", "_"))


DEPENDENCIES = names(PROJECT["dependencies"])
EXTRAS = PROJECT["optional-dependencies"]
OPTIONAL = names([*EXTRAS["machines"], *EXTRAS["peers"], *EXTRAS["tensorboard"]])


@pytest.fixture(scope="module")
def imported() -> set[str]:
    """Top-level modules that the packages import."""
    found = set()
    for path in [*ROOT.glob("qvunet/**/*.py"), *ROOT.glob("backends/**/*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                found.add(node.module.partition(".")[0])
    return found


def test_every_dependency_stands_once_and_is_used(imported):
    assert len(DEPENDENCIES) == len(set(DEPENDENCIES))
    unused = {name for name in [*DEPENDENCIES, *OPTIONAL] if module(name) not in imported}
    assert unused == NOT_IMPORTED


def test_whatever_is_imported_is_a_dependency(imported):
    declared = {module(name) for name in [*DEPENDENCIES, *OPTIONAL]}
    own = {"qvunet", "backends", "pydantic_core"}  # the last one is part of pydantic
    assert imported - set(sys.stdlib_module_names) - declared - own == set()


@pytest.mark.parametrize("file", ["backends.py", "backends/__init__.py"])
def test_another_package_called_backends_is_named(tmp_path, file):
    foreign = tmp_path / file
    foreign.parent.mkdir(exist_ok=True)
    foreign.write_text("storage = {}")
    metadata = tmp_path / "elsewhere-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Name: elsewhere\nVersion: 1.0\n")
    (metadata / "top_level.txt").write_text("backends\n")
    paths = f"import sys; sys.path[:0] = [{str(tmp_path)!r}, {str(ROOT)!r}]; import qvunet"
    done = subprocess.run([sys.executable, "-c", paths], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert f"Python finds {foreign}, of the distribution elsewhere" in done.stderr
