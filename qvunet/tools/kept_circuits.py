"""Where a run keeps a circuit that this package does not know, told without Qiskit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from backends.errors import UserError

CIRCUIT_FOLDER = "circuit"
"""Of a run directory, or of a folder of trained weights."""

QPY_FILE = "circuit.qpy"
"""In that folder: the circuit, in Qiskit's own format."""

ANSATZ_FILE = "ansatz.json"
"""Beside it: its name, the order of its inputs and weights, its observables."""


def read_kept_facts(folder: Path) -> dict[str, Any]:
    """What `ANSATZ_FILE` of a folder says.

    Raises:
        UserError: if the file is missing or damaged.
    """
    file = folder / ANSATZ_FILE
    try:
        facts = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{file}: missing or damaged ({error})") from None
    if not isinstance(facts, dict) or not isinstance(facts.get("name"), str):
        raise UserError(f"{file}: damaged, it names no circuit")
    return facts


def kept_name(run: Path) -> str | None:
    """The `model.ansatz` whose circuit a run directory keeps; None if it keeps none.

    Raises:
        UserError: if what it keeps is damaged.
    """
    folder = run / CIRCUIT_FOLDER
    return read_kept_facts(folder)["name"] if folder.is_dir() else None
