from __future__ import annotations

import pytest
import torch
from qiskit.quantum_info import SparsePauliOp, Statevector

from backends import make_backend
from backends.errors import UserError
from qvunet.ansatz import basic_entangler, fqconv, hqconv
from qvunet.ansatz.readout import joined_qubits, with_readout
from qvunet.latent.denoiser import LatentDenoiser


def test_z_alone_is_the_ansatz_itself():
    ansatz = fqconv()
    assert with_readout(ansatz, "z") is ansatz
    with pytest.raises(UserError, match="readout = 'x': allowed are z, zz"):
        with_readout(ansatz, "x")


def test_joined_qubits():
    assert joined_qubits(basic_entangler(num_layers=1)) == [(0, 1), (0, 3), (1, 2), (2, 3)]
    assert len(joined_qubits(fqconv())) == 12
    assert len(joined_qubits(hqconv())) == 14


def test_products_follow_the_zs_and_are_right():
    ansatz = with_readout(fqconv(), "zz")
    layer = make_backend("statevector").layer(ansatz).double()
    x = torch.rand(1, 12, dtype=torch.double)
    with torch.no_grad():
        found = layer(x)[0]
    values = {**dict(zip(ansatz.inputs, x[0].tolist(), strict=True))}
    values |= dict(zip(ansatz.weights, layer.weight.tolist(), strict=True))
    state = Statevector(ansatz.circuit.assign_parameters(values))
    i, j = joined_qubits(ansatz)[0]
    product = SparsePauliOp.from_sparse_list([("ZZ", [i, j], 1.0)], 12)
    assert len(found) == 24
    assert float(found[12]) == pytest.approx(state.expectation_value(product).real)


def test_a_denoiser_reads_products():
    net = LatentDenoiser(ansatz="fqconv", readout="zz", num_circuits=2)
    y = net(torch.randn(3, 24), 1.0).sample
    assert y.shape == (3, 24)
    y.sum().backward()
    assert all(p.grad is not None for p in net.parameters())
