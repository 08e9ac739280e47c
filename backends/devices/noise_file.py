"""Noise models of Qiskit Aer in JSON files: ``json.dump(noise_model.to_dict(serializable=True), file)``."""

from __future__ import annotations

import json
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from qiskit_aer.noise import NoiseModel

from backends.errors import UserError


class NoiseFile:
    """A noise model read from a file; its qubit numbers are those of the circuit.

    Args:
        path: of the JSON file.

    Raises:
        UserError: if the file cannot be read or holds no noise model.
    """

    def __init__(self, path: Path | str) -> None:
        try:
            self._errors = json.loads(Path(path).read_text(encoding="utf-8"))["errors"]
            self.basis_gates = self.on(()).basis_gates
        except OSError as error:
            raise UserError(f"noise_model {path}: cannot be read ({error.strerror})") from None
        except Exception:
            raise UserError(
                f"noise_model {path}: not a saved noise model; "
                "write one with json.dump(noise_model.to_dict(serializable=True), file)"
            ) from None

    def on(self, qubits: Sequence[int]) -> NoiseModel:
        """The noise on some qubits, renumbered from 0 in the order given; every error's gates stay known."""
        return noise_on(self._errors, qubits)


def noise_on(errors: Sequence[dict[str, Any]], qubits: Sequence[int]) -> NoiseModel:
    """The noise of some errors, as a file lists them, on some qubits; see `NoiseFile.on`."""
    index = {qubit: k for k, qubit in enumerate(qubits)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the only reader that Aer has
        model = NoiseModel.from_dict({"errors": [_decode(e, index) for e in errors if _on(e, index)]})
    model.add_basis_gates([name for error in errors for name in error["operations"]])
    return model


def _on(error: dict[str, Any], index: dict[int, int]) -> bool:
    """Whether the error is on the qubits; one without qubits is on all."""
    return "gate_qubits" not in error or set(error["gate_qubits"][0]) <= index.keys()


def _decode(error: dict[str, Any], index: dict[int, int]) -> dict[str, Any]:
    """Renumber the qubits, and make pairs of numbers complex, which Aer writes but does not read."""
    decoded = dict(error)
    if "gate_qubits" in error:
        decoded["gate_qubits"] = [[index[qubit] for qubit in error["gate_qubits"][0]]]
    if "instructions" in error:
        decoded["instructions"] = [
            [_decode_gate(gate) for gate in branch] for branch in error["instructions"]
        ]
    return decoded


def _decode_gate(gate: dict[str, Any]) -> dict[str, Any]:
    if gate["name"] not in ("kraus", "unitary"):
        return gate
    return {**gate, "params": [_complex_matrix(matrix) for matrix in gate["params"]]}


def _complex_matrix(pairs: Any) -> np.ndarray:
    array = np.asarray(pairs, dtype=float)
    return array[..., 0] + 1j * array[..., 1]
