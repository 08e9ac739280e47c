"""The parameterised circuits of Qiskit's library as layers: ansaetze by weights, feature maps by inputs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from qiskit.circuit import QuantumCircuit, library
from qiskit.quantum_info import SparsePauliOp

from backends import make_backend
from tests.backends import truth
from tests.backends.random_circuits import TestAnsatz

ISING = SparsePauliOp(["IZZ", "ZZI", "IIX", "IXI"], [1.0, 0.5, 0.3, -0.7])
ANSAETZE: dict[str, Callable[[], QuantumCircuit]] = {
    "efficient_su2": lambda: library.efficient_su2(3, reps=1),
    "real_amplitudes": lambda: library.real_amplitudes(3, reps=1, entanglement="circular"),
    "n_local": lambda: library.n_local(3, ["ry", "rz"], "crx", "sca", reps=2),
    "n_local of three qubits": lambda: library.n_local(3, "rx", library.CCXGate(), reps=1),
    "excitation_preserving": lambda: library.excitation_preserving(3, mode="fsim", reps=1),
    "pauli_two_design": lambda: library.pauli_two_design(3, reps=2, seed=1),
    "qaoa_ansatz": lambda: library.qaoa_ansatz(ISING, reps=2),
    "evolved_operator_ansatz": lambda: library.evolved_operator_ansatz([ISING, SparsePauliOp("XYZ")], reps=1),
    "hamiltonian_variational_ansatz": lambda: library.hamiltonian_variational_ansatz(ISING, reps=1),
}
FEATURE_MAPS: dict[str, Callable[[], QuantumCircuit]] = {
    "z_feature_map": lambda: library.z_feature_map(3),
    "zz_feature_map": lambda: library.zz_feature_map(3, reps=1),
    "pauli_feature_map": lambda: library.pauli_feature_map(3, paulis=["Z", "YY", "ZXZ"], reps=1),
    "data_map": lambda: library.pauli_feature_map(2, paulis=["Z", "ZZ"], data_map_func=squares),
}


def squares(x):
    """A data map that is neither affine nor a product."""
    return x[0] ** 2 if len(x) == 1 else (x[0] - x[1]).sin()


def assert_right(ansatz: TestAnsatz) -> None:
    layer = make_backend("statevector").layer(ansatz).double()
    rng = np.random.default_rng(0)
    rows = rng.uniform(-1, 1, (1, len(ansatz.inputs) + len(ansatz.weights)))
    count, parameters = len(ansatz.inputs), [*ansatz.inputs, *ansatz.weights]
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(rows[0, count:]))
    inputs = torch.from_numpy(rows[:, :count]).requires_grad_()
    values = layer(inputs)
    values.sum().backward()

    written_out = ansatz.circuit.decompose("PauliEvolution", reps=2)

    def total(points):
        return truth.expectations(written_out, parameters, points, ansatz.observables).sum(-1)

    expected = truth.expectations(written_out, parameters, rows, ansatz.observables)
    np.testing.assert_allclose(values.detach(), expected, atol=1e-9)
    slopes = [part.grad.flatten() for part in (inputs, layer.weight) if part.grad is not None]
    np.testing.assert_allclose(torch.cat(slopes), truth.gradient(total, rows[0]), atol=1e-7)


def observables(n: int) -> list[SparsePauliOp]:
    return [SparsePauliOp("Z" * n), SparsePauliOp(["X" + "I" * (n - 1), "I" * (n - 1) + "Y"], [1.0, 0.5])]


@pytest.mark.parametrize("name", ANSAETZE)
def test_ansaetze(name):
    body = ANSAETZE[name]()
    weights = list(body.parameters)
    circuit = QuantumCircuit(body.num_qubits)
    features = library.z_feature_map(body.num_qubits, reps=1)
    circuit.compose(features, inplace=True)
    circuit.compose(body, inplace=True)
    assert_right(TestAnsatz(circuit, list(features.parameters), weights, observables(body.num_qubits)))


@pytest.mark.parametrize("name", FEATURE_MAPS)
def test_feature_maps(name):
    features = FEATURE_MAPS[name]()
    assert_right(TestAnsatz(features, list(features.parameters), [], observables(features.num_qubits)))
