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


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"noise_model": "fake_kingston", "shots": 10}, "aer_shots"),
        ({"noise_model": "fake_kingston", "gradient": "param_shift"}, "adjoint"),
        ({"noise_model": "fake_kingston", "lowering": "bound"}, "merged"),
        ({"lowering": "merged"}, "noise_model"),
    ],
)
def test_what_does_not_go_with_noise_is_refused_by_name(options, named):
    with pytest.raises(UserError, match=named):
        make_backend("statevector", **options)


@pytest.mark.parametrize(
    ("noise", "named"), [("fake_nowhere", "fake_kingston"), ("nowhere.json", "cannot be read")]
)
def test_noise_that_is_nowhere_is_refused_when_a_layer_is_made(noise, named):
    with pytest.raises(UserError, match=named):
        make_backend("statevector", noise_model=noise).layer(basic_entangler(2, 1))


def test_gradients_that_are_not_of_the_noise():
    torch.manual_seed(0)
    ansatz = basic_entangler(2, 1)
    noisy, surrogate, spsa, exact = (
        make_backend("statevector", **options).layer(ansatz)
        for options in (
            {"noise_model": "fake_kingston"},
            {"noise_model": "fake_kingston", "gradient": "surrogate"},
            {"noise_model": "fake_kingston", "gradient": "spsa", "spsa_directions": 3000, "spsa_step": 1e-2},
            {},
        )
    )
    inputs, found = torch.rand(2, 2), {}
    for name, layer in {"noisy": noisy, "surrogate": surrogate, "spsa": spsa, "exact": exact}.items():
        layer.load_state_dict(exact.state_dict())
        values = layer(inputs)
        values.sum().backward()
        found[name] = values.detach(), layer.weight.grad
    assert torch.equal(found["surrogate"][0], found["noisy"][0])
    torch.testing.assert_close(found["surrogate"][1], found["exact"][1])
    assert (found["noisy"][1] - found["exact"][1]).abs().max() > 1e-3
    torch.testing.assert_close(found["spsa"][1], found["noisy"][1], atol=0.1, rtol=0)
