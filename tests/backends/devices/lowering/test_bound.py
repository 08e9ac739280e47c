from __future__ import annotations

import numpy as np
import pytest
import torch
from qiskit.circuit import QuantumCircuit
from qiskit.quantum_info import SparsePauliOp, Statevector

from backends import make_backend
from backends.circuits.emission import angle_circuit
from backends.circuits.program import program_from_circuit, without_controls
from backends.circuits.structure import components
from backends.devices.device import restrict
from backends.devices.lowering import NotBound, bound, emit, lower
from qvunet.ansatz import basic_entangler, fqconv, hqconv
from tests.backends.devices.lowering.devices import GRID, LINE, device, one_way_line

FQCONV = fqconv(num_layers=1)


def lowered_by(ansatz, chip, lowering="bound"):
    program = without_controls(program_from_circuit(ansatz.circuit, ansatz.inputs, ansatz.weights))
    return program, emit(lower(components(program), chip, lowering), chip.num_qubits)


def z_values(circuit: QuantumCircuit, num_qubits: int) -> list[float]:
    state = Statevector(circuit)
    paulis = [SparsePauliOp.from_sparse_list([("Z", [k], 1)], num_qubits) for k in range(num_qubits)]
    layout = circuit.layout
    return [state.expectation_value(p if layout is None else p.apply_layout(layout)).real for p in paulis]


@pytest.mark.parametrize(
    ("ansatz", "chip", "most"),
    [
        (FQCONV, device(LINE(12)), 4 * 4),
        (FQCONV, device(GRID(3, 4), "ecr"), 4 * 4),
        (fqconv(num_layers=3), device(LINE(12)), 4 * 13),
        (basic_entangler(num_qubits=3, num_layers=3), one_way_line(3, "cx"), 9),
        (basic_entangler(num_qubits=2, num_layers=3), device(LINE(2)), 2),
    ],
    ids=["fqconv 1", "fqconv 1 on ecr", "fqconv 3", "entangler 3", "entangler 2"],
)
def test_values_are_exact_with_fewer_gates_than_merged(ansatz, chip, most):
    program, lowered = lowered_by(ansatz, chip)
    merged = lowered_by(ansatz, chip, "merged")[1]
    assert lowered.circuit.num_nonlocal_gates() <= most < merged.circuit.num_nonlocal_gates()
    rng = np.random.default_rng(0)
    for weights in (rng.uniform(0, 2 * np.pi, len(ansatz.weights)), np.zeros(len(ansatz.weights))):
        inputs = rng.uniform(-np.pi, np.pi, (2, len(ansatz.inputs)))
        rows = program.angles(inputs, np.broadcast_to(weights, (2, len(weights))))
        for row, x in zip(lowered.values(rows), inputs, strict=True):
            made, _ = restrict(lowered.circuit.assign_parameters(row), chip)
            parameters = [*zip(ansatz.inputs, x, strict=True), *zip(ansatz.weights, weights, strict=True)]
            truth = ansatz.circuit.assign_parameters(dict(parameters))
            np.testing.assert_allclose(
                z_values(made, len(x)), z_values(truth, len(x)), atol=1e-9, err_msg=str(weights)
            )


def test_weights_may_differ_among_some_rows_and_are_fitted_once(monkeypatch):
    ansatz = basic_entangler(num_qubits=3, num_layers=3)
    program, lowered = lowered_by(ansatz, one_way_line(3, "cx"))
    rng = np.random.default_rng(0)
    sets = rng.uniform(0, 6, (2, len(ansatz.weights)))[[0, 1, 0, 1]]
    rows = program.angles(rng.uniform(0, 3, (4, 3)), sets)
    whole = lowered.values(rows)
    monkeypatch.setattr(bound, "ROUNDS", 0)  # what is not known now is not found any more
    np.testing.assert_array_equal(lowered.values(rows[[1, 2]]), whole[[1, 2]])
    with pytest.raises(NotBound, match="no exact fit"):
        lowered.values(rows + 0.1)


def test_what_is_too_large_for_a_fit_takes_any_number_of_weights_and_fewer_gates_than_merged():
    ansatz = hqconv(num_layers=1)
    merged, found = (lowered_by(ansatz, device(GRID(3, 4)), k) for k in ("merged", "bound"))
    assert found[1].circuit.num_nonlocal_gates() < merged[1].circuit.num_nonlocal_gates()
    rng = np.random.default_rng(0)
    inputs, weights = rng.uniform(-3, 3, (100, 12)), rng.uniform(0, 6, (100, 28))
    values = found[1].values(found[0].angles(inputs, weights))
    made = found[1].circuit.assign_parameters(values[-1])
    parameters = [
        *zip(ansatz.inputs, inputs[-1], strict=True),
        *zip(ansatz.weights, weights[-1], strict=True),
    ]
    truth = ansatz.circuit.assign_parameters(dict(parameters))
    np.testing.assert_allclose(z_values(made, 12), z_values(truth, 12), atol=1e-9)


PATHS = [("aer_shots", {"noise_model": "fake_kingston"}), ("ibm_runtime", {"backend_name": "fake_kingston"})]


@pytest.mark.parametrize(("name", "options"), PATHS)
def test_backends_bind_where_few_weights_differ(name, options, monkeypatch):
    monkeypatch.setattr(bound, "MAX_BODIES", 2)
    calls = []
    evaluate = bound.BoundSkeleton.evaluate
    monkeypatch.setattr(
        bound.BoundSkeleton, "evaluate", lambda self, angles: calls.append(1) or evaluate(self, angles)
    )
    ansatz, inputs = basic_entangler(num_qubits=3, num_layers=3), torch.rand(2, 3)
    backend = make_backend(name, shots=2000, lowering="bound", gradient="param_shift", **options)
    layer, exact = backend.layer(ansatz), make_backend("statevector").layer(ansatz)
    exact.load_state_dict(layer.state_dict())
    inputs.requires_grad_()
    values = layer(inputs)
    assert calls
    assert (values - exact(inputs)).abs().max() < 0.2
    values.sum().backward()  # shifted weights are many: merged
    slope = inputs.grad.clone()
    inputs.grad = None
    exact(inputs).sum().backward()
    assert (slope - inputs.grad).abs().max() < 0.3


def test_readings_in_x_are_right():
    """A diagonal after the circuit would be seen there."""
    circuit = angle_circuit(basic_entangler(num_qubits=3, num_layers=3))
    values = np.random.default_rng(0).uniform(-3, 3, circuit.num_parameters)
    paulis = [SparsePauliOp(label) for label in ("XII", "IYZ", "ZZX", "IZI")]
    state = Statevector(circuit.assign_parameters(values))
    truth = [state.expectation_value(pauli).real for pauli in paulis]
    for name, options in PATHS:
        estimator = make_backend(name, shots=4000, lowering="bound", **options).estimator()
        found = estimator.run([(circuit, paulis, values)], precision=1 / 4000**0.5).result()[0].data.evs
        np.testing.assert_allclose(found, truth, atol=0.2)
