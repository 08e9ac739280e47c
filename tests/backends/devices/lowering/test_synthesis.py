from __future__ import annotations

import numpy as np
import pytest
from qiskit.circuit import QuantumCircuit
from qiskit.circuit.library import RZZGate, UnitaryGate
from qiskit.quantum_info import Operator, random_unitary

from backends.devices.lowering.synthesis import Template


def circuit_of(template: Template, singles) -> Operator:
    """The template as a circuit with its outcomes in the order of the qubits."""
    circuit, following = QuantumCircuit(template.num_qubits), iter(singles)
    for pair in template.pairs:
        for wire in pair:
            circuit.append(UnitaryGate(next(following)), [wire])
        circuit.append(RZZGate(np.pi / 2), pair)
    for wire, single in enumerate(following):
        circuit.append(UnitaryGate(single), [wire])
    ordered = QuantumCircuit(template.num_qubits)
    ordered.compose(circuit, inplace=True)
    read = QuantumCircuit(template.num_qubits).compose(ordered)
    return Operator(read).reverse_qargs()


@pytest.mark.parametrize(
    "template",
    [
        Template(2, ((0, 1), (1, 0)), (0, 1)),
        Template(2, ((0, 1), (0, 1)), (1, 0)),
        Template(3, tuple([(0, 1), (1, 2)][k % 2] for k in range(13)), (0, 1, 2)),
        Template(3, tuple([(2, 0), (0, 1)][k % 2] for k in range(13)), (2, 0, 1)),
    ],
    ids=["two", "two crossed", "three", "three in another order"],
)
def test_any_unitary_is_made_up_to_a_diagonal(template):
    """Probabilities of all outcomes are those of the unitary, whatever the state that it acts on."""
    n = template.num_qubits
    unitary = random_unitary(2**n, seed=1).data
    singles = template.fit(unitary, np.random.default_rng(0))
    assert singles is not None
    made = circuit_of(template, singles).data.reshape(*[2] * n, -1)
    made = made.transpose([*template.outputs, n]).reshape(unitary.shape)
    np.testing.assert_allclose(abs(np.sum(made * unitary.conj(), axis=1)), 1, atol=1e-10)


def test_too_few_gates_are_no_fit():
    template = Template(3, tuple([(0, 1), (1, 2)][k % 2] for k in range(11)), (0, 1, 2))
    assert template.fit(random_unitary(8, seed=1).data, np.random.default_rng(0)) is None
