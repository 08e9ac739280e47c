"""Qiskit's ansaetze and feature maps, each tried as a layer, and the page that tells how it went.

``python -m tests.backends.test_library_page`` prints the table of the page.
"""

from __future__ import annotations

import inspect
import re
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from qiskit.circuit import Parameter, QuantumCircuit, library
from qiskit.quantum_info import SparsePauliOp, Statevector

from backends import UserError, make_backend
from tests.backends.random_circuits import TestAnsatz

pytestmark = pytest.mark.filterwarnings("ignore:.*deprecated:DeprecationWarning")

PAGE = Path(__file__).parents[2] / "docs" / "backends" / "library.md"
BACKENDS = ("statevector", "aer_statevector")
ISING = SparsePauliOp(["IZZ", "ZZI", "IIX", "IXI"], [1.0, 0.5, 0.3, -0.7])
OBSERVABLES = [SparsePauliOp("ZZZ"), SparsePauliOp(["XII", "IIY"], [1.0, 0.5])]

ARGUMENTS = {
    "evolved_operator_ansatz": ([ISING, SparsePauliOp("XYZ")],),
    "hamiltonian_variational_ansatz": (ISING,),
    "qaoa_ansatz": (ISING,),
    "n_local": (3, "ry", "crx"),
    "EvolvedOperatorAnsatz": ([ISING, SparsePauliOp("XYZ")],),
    "QAOAAnsatz": (ISING,),
    "NLocal": (3, library.RYGate(Parameter("a")), library.CRXGate(Parameter("b")), "linear"),
    "TwoLocal": (3, "ry", "crx"),
}
"""What a name is called with, where (3,) does not do."""


def found() -> dict[str, Callable[..., QuantumCircuit]]:
    """The ansaetze and feature maps of the installed Qiskit, functions and classes, by name."""
    members = {
        name: member
        for name, member in inspect.getmembers(library)
        if re.search(r"\.(n_local|data_preparation)\.", getattr(member, "__module__", None) or "")
    }
    return {
        name: member
        for name, member in members.items()
        if inspect.isfunction(member) or (inspect.isclass(member) and issubclass(member, QuantumCircuit))
    }


def build(name: str) -> QuantumCircuit:
    """An example on three qubits, in one repetition."""
    arguments = ARGUMENTS.get(name, (3,))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return found()[name](*arguments, reps=1)


def is_feature_map(name: str) -> bool:
    """Whether its parameters carry data."""
    return "data_preparation" in found()[name].__module__


def ansatz_of(name: str) -> TestAnsatz:
    """A feature map by itself; an ansatz behind a feature map."""
    circuit = build(name)
    if is_feature_map(name):
        return TestAnsatz(circuit, list(circuit.parameters), [], OBSERVABLES)
    features = library.z_feature_map(3, reps=1)
    whole = features.compose(circuit)
    return TestAnsatz(whole, list(features.parameters), list(circuit.parameters), OBSERVABLES)


def true_values(circuit: QuantumCircuit, ansatz: TestAnsatz, row: np.ndarray) -> np.ndarray:
    """Expectations by `Statevector`."""
    parameters = [*ansatz.inputs, *ansatz.weights]
    state = Statevector(circuit.assign_parameters(dict(zip(parameters, row, strict=True))))
    return np.array([state.expectation_value(each).real for each in ansatz.observables])


def tried(ansatz: TestAnsatz, backend: str) -> str:
    """Say "right" if values and gradients are, or what is wrong, or what the backend says against it."""
    try:
        layer = make_backend(backend).layer(ansatz).double()
    except UserError as error:
        return f"refused: {error}"
    row = np.random.default_rng(0).uniform(-1, 1, len(ansatz.inputs) + len(ansatz.weights))
    count = len(ansatz.inputs)
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(row[count:]))
    inputs = torch.from_numpy(row[None, :count]).requires_grad_()
    values = layer(inputs)
    # `Statevector` exponentiates an evolution's matrix; written out, it is the product formula that runs.
    meant = {"right": ansatz.circuit, "right, as the product formula": ansatz.circuit.decompose(reps=4)}
    close = [
        (outcome, circuit)
        for outcome, circuit in meant.items()
        if np.allclose(values.detach()[0], true_values(circuit, ansatz, row), atol=1e-9)
    ]
    if not close:
        return "wrong values"
    outcome, circuit = close[0]
    values.sum().backward()
    slopes = [part.grad.flatten() for part in (inputs, layer.weight) if part.grad is not None]

    def total(point: np.ndarray) -> float:
        return float(true_values(circuit, ansatz, point).sum())

    steps = 1e-5 * np.eye(len(row))
    expected = [(total(row + step) - total(row - step)) / 2e-5 for step in steps]
    return outcome if np.allclose(torch.cat(slopes), expected, atol=1e-6) else "wrong gradients"


def line(name: str) -> str:
    """Its line in the table."""
    ansatz = ansatz_of(name)
    kind = "feature map" if is_feature_map(name) else "ansatz"
    number = len(ansatz.inputs if is_feature_map(name) else ansatz.weights)
    outcomes = [tried(ansatz, backend) for backend in BACKENDS]
    return f"| `{name}` | {kind} | {number} | {' | '.join(outcomes)} |"


@pytest.mark.parametrize("name", found())
def test_the_page_says_how_it_went(name):
    assert line(name) in PAGE.read_text().splitlines()


def test_the_page_names_nothing_else():
    assert re.findall(r"^\| `(\w+)`", PAGE.read_text(), re.MULTILINE) == list(found())


if __name__ == "__main__":
    print("\n".join(line(name) for name in found()))
