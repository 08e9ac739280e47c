import pytest
import torch
from qiskit.circuit import ParameterVector, QuantumCircuit
from qiskit.quantum_info import SparsePauliOp

from backends import make_backend
from backends.exact import engine
from backends.exact.terms import PauliEngine, factors_of
from qvunet.ansatz import fqconv, hqconv
from tests.backends import truth
from tests.backends.exact.forced import program_of
from tests.backends.random_circuits import TestAnsatz

SUMS = [
    SparsePauliOp.from_sparse_list([("ZZ", [0, 4], 0.5), ("X", [7], -1.5), ("", [], 0.25)], 12),
    SparsePauliOp.from_sparse_list([("XYZ", [1, 5, 9], 1.0), ("Y", [11], 2.0), ("ZZZ", [0, 1, 2], 1)], 12),
    SparsePauliOp.from_sparse_list([("Z", [3], 1.0)], 12),
]


def reading(ansatz, observables):
    return TestAnsatz(ansatz.circuit, [*ansatz.inputs], [*ansatz.weights], observables)


def test_a_string_is_a_product_over_the_parts_of_the_circuit():
    classes = PauliEngine(program_of(fqconv(1)), ["Z" * 12]).classes
    assert factors_of("I" * 11 + "X", classes) == [(0, 0, "XII")]
    string = "".join({0: "X", 9: "Y", 4: "Z"}.get(qubit, "I") for qubit in reversed(range(12)))
    assert factors_of(string, classes) == [(0, 0, "XZI"), (0, 1, "IIY")]


@pytest.mark.parametrize(
    "ansatz", [hqconv(1), hqconv(2), fqconv(1)], ids=["hqconv-1", "hqconv-2", "fqconv-1"]
)
def test_published_circuits(ansatz):
    test = reading(ansatz, SUMS)
    layer = make_backend("statevector").layer(test).double()
    inputs = torch.randn(3, 12, dtype=torch.double, generator=torch.Generator().manual_seed(0))
    rows = torch.cat([inputs, layer.weight.detach().expand(3, -1)], dim=1).numpy()
    expected = truth.expectations(test.circuit, [*test.inputs, *test.weights], rows, SUMS)
    torch.testing.assert_close(layer(inputs).detach(), torch.from_numpy(expected), atol=1e-10, rtol=0)


def test_long_chains_need_no_state():
    """Forty qubits, of which two neighbours, two far apart, and all together are read."""
    n = 40
    x = ParameterVector("x", n)
    circuit = QuantumCircuit(n)
    for qubit in range(n):
        circuit.rx(x[qubit], qubit)
    for qubit in range(0, n - 1):
        circuit.cz(qubit, qubit + 1)
    observables = [
        SparsePauliOp.from_sparse_list([("YZ", [0, 1], 1.0)], n),
        SparsePauliOp.from_sparse_list([("ZZ", [3, 30], 2.0), ("", [], 1.0)], n),
        SparsePauliOp("Z" * n),
    ]
    test = TestAnsatz(circuit, [*x], [], observables)
    rows = torch.linspace(0.1, 0.9, n, dtype=torch.double).expand(2, n).clone().requires_grad_()
    values = make_backend("statevector").layer(test).double()(rows)
    sines, cosines = rows[0].sin(), rows[0].cos()
    expected = torch.stack([-sines[0], 1 + 2 * cosines[3] * cosines[30], cosines.prod()])
    torch.testing.assert_close(values[0], expected, atol=1e-10, rtol=0)


def test_parts_that_nothing_reads_are_not_simulated():
    circuit = QuantumCircuit(3)
    circuit.h(0)
    circuit.cx(0, 1)
    engine = PauliEngine(program_of(TestAnsatz(circuit, [], [])), ["IZZ"])
    assert [reader is None for reader in engine.readers] == [False, True]


def test_chunks_change_neither_values_nor_gradients(monkeypatch):
    layer = make_backend("statevector").layer(reading(hqconv(1), SUMS)).double()
    inputs = torch.rand(5, 12, dtype=torch.double)

    def run():
        layer.zero_grad()
        values = layer(inputs)
        values.square().sum().backward()
        return torch.cat([values.detach().flatten(), layer.weight.grad])

    whole = run()
    monkeypatch.setattr(engine, "CHUNK_BYTES", 1)
    torch.testing.assert_close(run(), whole, atol=1e-12, rtol=0)
    with torch.inference_mode():
        torch.testing.assert_close(layer(inputs).flatten(), whole[:15], atol=1e-12, rtol=0)


def test_transforms():
    layer = make_backend("statevector").layer(reading(fqconv(1), SUMS)).double()
    inputs = torch.rand(3, 12, dtype=torch.double)
    rows = torch.func.vmap(torch.func.jacrev(lambda row: layer(row[None])[0]))(inputs)
    forward = torch.func.vmap(torch.func.jacfwd(lambda row: layer(row[None])[0]))(inputs)
    whole = torch.autograd.functional.jacobian(layer, inputs)
    torch.testing.assert_close(rows, torch.stack([whole[i, :, i] for i in range(3)]), atol=1e-10, rtol=0)
    torch.testing.assert_close(forward, rows, atol=1e-10, rtol=0)


def test_observables_that_are_constants():
    layer = make_backend("statevector").layer(
        reading(fqconv(1), [SparsePauliOp("I" * 12, 0.5), SparsePauliOp("Z" * 12, 0.0)])
    )
    values = layer(torch.rand(2, 12))
    assert values.tolist() == [[0.5, 0.0]] * 2
    values.sum().backward()
    assert not layer.weight.grad.any()
