import pytest
import torch
from qiskit.circuit import Parameter, ParameterVector, QuantumCircuit
from qiskit.quantum_info import SparsePauliOp

from backends import UserError, make_backend
from qvunet.ansatz import basic_entangler, hqconv
from tests.backends.random_circuits import TestAnsatz
from tests.backends.reference import GRADIENT_DIGITS, VALUE_DIGITS, case_name, cases, run_case

X, W = ParameterVector("x", 2), ParameterVector("w", 2)


@pytest.mark.parametrize("case", cases(), ids=case_name)
def test_reference_in_double_precision(case):
    result = run_case(make_backend("statevector"), case, torch.float64)
    for name, tolerance in {
        "expectations": VALUE_DIGITS,
        "grad_inputs": GRADIENT_DIGITS,
        "grad_weights": GRADIENT_DIGITS,
    }.items():
        expected = torch.tensor(case[name], dtype=torch.float64)
        torch.testing.assert_close(result[name], expected, atol=tolerance, rtol=0)


@pytest.mark.parametrize("case", cases(), ids=case_name)
def test_reference_in_single_precision(case):
    result = run_case(make_backend("statevector"), case, torch.float32)
    for name, values in result.items():
        torch.testing.assert_close(values, torch.tensor(case[name]), atol=2e-4, rtol=0)


def test_observables_may_be_any_choice_of_qubits_in_any_order():
    ansatz = basic_entangler(3, 1)
    chosen = [ansatz.observables[2], ansatz.observables[0]]
    test = TestAnsatz(ansatz.circuit, [*ansatz.inputs], [*ansatz.weights], chosen)
    inputs, weights = test.parameters(groups=1)
    values = make_backend("statevector").compile(test)(inputs, weights)
    expected = test.expectations(inputs, weights)[..., [2, 0]]
    torch.testing.assert_close(values, expected, atol=1e-12, rtol=0)


def _with(append):
    circuit = QuantumCircuit(2, 1)
    circuit.rx(X[0], 0)
    append(circuit)
    return circuit


@pytest.mark.parametrize(
    ("circuit", "named"),
    [
        (_with(lambda c: (c.measure(0, 0), c.h(0))), "'measure'"),
        (_with(lambda c: c.reset(0)), "'reset'"),
        (_with(lambda c: c.rx(X[0] * Parameter("stray"), 0)), "'stray'"),
        (_with(lambda c: c.rx(1j * X[0] * W[0], 0)), "complex"),
        (_with(lambda c: c.rx(Parameter("stray"), 0)), "'stray'"),
    ],
)
def test_a_layer_is_refused_when_it_is_made(circuit, named):
    with pytest.raises(UserError, match=named):
        make_backend("statevector").layer(TestAnsatz(circuit, [*X], [*W]))


@pytest.mark.parametrize("observable", [SparsePauliOp("XI", 1j), SparsePauliOp("XII")])
def test_observables_are_refused_by_name(observable):
    ansatz = TestAnsatz(_with(lambda c: None), [*X], [*W], [observable])
    with pytest.raises(UserError, match=r"observable .*XI"):
        make_backend("statevector").layer(ansatz)


def test_is_the_default():
    assert make_backend().name == "statevector"


def test_compiled_once_runs_for_every_precision_and_batch():
    execute = make_backend("statevector").compile(hqconv(1))
    single = execute(torch.ones(1, 2, 12), torch.ones(1, 28))
    double = execute(torch.ones(3, 5, 12).double(), torch.ones(3, 28).double())
    assert (single.dtype, double.dtype) == (torch.float32, torch.float64)
    torch.testing.assert_close(single[0, 0].double(), double[2, 4], atol=1e-6, rtol=0)
