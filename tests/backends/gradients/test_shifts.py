import numpy as np
import pytest
import torch
from hypothesis import given, settings
from qiskit.circuit import ParameterVector, QuantumCircuit

from backends.circuits.program import AffineMap, Program, program_from_circuit, without_controls
from backends.exact import ExactEngine
from backends.gradients.shifts import ParameterShift
from qvunet.ansatz import fqconv, hqconv
from tests.backends.random_circuits import TestAnsatz, ansaetze, z_observables


def free_program(ansatz):
    """The lowered program with its angles as inputs."""
    program = without_controls(program_from_circuit(ansatz.circuit, ansatz.inputs, ansatz.weights))
    n = program.num_angles
    return Program(
        program.num_qubits, program.operations, AffineMap(np.eye(n), np.zeros((n, 0)), np.zeros(n))
    )


def expectations_of(program, calls):
    """The exact engine as a function of rows of angles, in numpy; every call is noted."""
    engine = ExactEngine(program)

    def expectations(angles):
        calls.append(angles.shape)
        return engine.expectations(torch.from_numpy(angles)[None], torch.zeros(1, 0).double())[0].numpy()

    return expectations


def autograd_jacobian(program, angles):
    """(R, num_observables, num_angles)."""
    engine = ExactEngine(program)
    none = torch.zeros(1, 0).double()

    def one_row(row):
        return engine.expectations(row[None, None], none)[0, 0]

    return np.array([torch.autograd.functional.jacobian(one_row, torch.from_numpy(row)) for row in angles])


def random_angles(program, rows=2):
    return np.random.default_rng(0).uniform(-np.pi, np.pi, (rows, program.num_angles))


@settings(max_examples=20)
@given(ansaetze(max_qubits=4, max_gates=8).filter(lambda a: a.weights))
def test_jacobian_agrees_with_autograd(ansatz):
    program = free_program(ansatz)
    shift = ParameterShift(program, z_observables(program.num_qubits))
    if not shift.groups:
        return
    angles, calls = random_angles(program), []
    jacobian = shift.jacobian(angles, expectations_of(program, calls))
    np.testing.assert_allclose(jacobian, autograd_jacobian(program, angles), atol=1e-11)
    assert calls == [(2 * shift.executions_per_row, program.num_angles)]


@pytest.mark.parametrize("ansatz", [hqconv(1), fqconv(1)], ids=lambda ansatz: ansatz.name)
def test_ansaetze(ansatz):
    program = free_program(ansatz)
    angles = random_angles(program, rows=1)
    shift = ParameterShift(program, ansatz.observables)
    jacobian = shift.jacobian(angles, expectations_of(program, []))
    np.testing.assert_allclose(jacobian, autograd_jacobian(program, angles), atol=1e-11)


def test_fqconv_takes_a_fourth_of_the_executions():
    shift = ParameterShift(free_program(fqconv(1)), fqconv(1).observables)
    assert shift.executions_per_row == 2 * (12 + 48) / 4


@pytest.mark.parametrize("make", [hqconv, fqconv])
def test_grouped_shifts_equal_single_ones(make):
    ansatz = make(1)
    program = free_program(ansatz)
    angles = random_angles(program, rows=1)
    grouped, single = (ParameterShift(program, ansatz.observables) for _ in range(2))
    single.groups = [[angle] for group in grouped.groups for angle in group]
    assert len(grouped.groups) < len(single.groups)
    expectations = expectations_of(program, [])
    np.testing.assert_allclose(
        grouped.jacobian(angles, expectations), single.jacobian(angles, expectations), atol=1e-12
    )


def test_only_wanted_angles_are_shifted():
    ansatz = hqconv(1)
    program = free_program(ansatz)
    angles = random_angles(program, rows=1)
    wanted = np.arange(program.num_angles) % 5 == 0
    expectations = expectations_of(program, [])
    some = ParameterShift(program, ansatz.observables, wanted)
    everything = ParameterShift(program, ansatz.observables)
    assert some.executions_per_row < everything.executions_per_row
    expected = np.where(wanted, everything.jacobian(angles, expectations), 0)
    np.testing.assert_allclose(some.jacobian(angles, expectations), expected, atol=1e-12)


@pytest.mark.parametrize("gate", ["crx", "cry", "crz"])
def test_the_plain_two_term_rule_would_be_wrong_here(gate):
    """The reason why controlled rotations are rewritten; the shift of the lowered program is right."""
    w = ParameterVector("w", 1)
    circuit = QuantumCircuit(2)
    circuit.ry(1.0, 0)
    circuit.ry(0.6, 1)
    getattr(circuit, gate)(w[0], 0, 1)
    circuit.h([0, 1])  # the odd frequency shows in coherences of the control
    ansatz = TestAnsatz(circuit, [], [*w])
    program = free_program(ansatz)
    shift = ParameterShift(program, ansatz.observables)
    scales = without_controls(program_from_circuit(circuit, [], w)).angles.weights_matrix

    def at(value):
        weights = torch.tensor([[value]], dtype=torch.float64)
        return ansatz.expectations(torch.zeros(1, 1, 0), weights)[0, 0].numpy()

    value, step = 0.4, 1e-6
    exact = (at(value + step) - at(value - step)) / (2 * step)
    jacobian = shift.jacobian(scales.T * value, expectations_of(program, []))
    np.testing.assert_allclose((jacobian @ scales)[0, :, 0], exact, atol=1e-8)
    assert np.abs((at(value + np.pi / 2) - at(value - np.pi / 2)) / 2 - exact).max() > 0.01


def test_angles_of_which_none_matters():
    w = ParameterVector("w", 2)
    circuit = QuantumCircuit(1)
    circuit.rz(w[0], 0)
    circuit.rz(w[1], 0)
    program = free_program(TestAnsatz(circuit, [], [*w]))
    shift = ParameterShift(program, z_observables(1))
    assert shift.executions_per_row == 0
    calls = []
    jacobian = shift.jacobian(random_angles(program), expectations_of(program, calls))
    np.testing.assert_array_equal(jacobian, np.zeros((2, 1, 2)))
    assert calls == []  # Aer dies of a run without rows
