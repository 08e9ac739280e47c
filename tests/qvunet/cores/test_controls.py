from __future__ import annotations

from math import prod

import pytest
import torch
from torch import nn

from backends import UserError, make_backend
from qvunet import QVUNet
from qvunet.ansatz import basic_entangler, fqconv, hqconv
from qvunet.cores.circuits import CircuitCores
from qvunet.cores.controls import CONTROLS, ControlCores, nearest_width
from qvunet.cores.registry import CORES, make_cores


def control(name, ansatz, share=False):
    return ControlCores(ansatz, share, CONTROLS[name])


def size(module: nn.Module) -> int:
    return sum(prod(p.shape) for p in module.parameters())


@pytest.mark.parametrize(
    ("ansatz", "hidden", "parameters"),
    [
        (hqconv(num_layers=3), 3, 87),  # for 84 weights
        (fqconv(num_layers=3), 2, 62),  # for 72
        (hqconv(num_layers=1), 1, 37),  # for 28: less than one hidden unit is none
        (basic_entangler(), 1, 13),  # for 16
    ],
)
def test_perceptrons_come_nearest_to_the_circuit_s_number_of_weights(ansatz, hidden, parameters):
    features, weights = ansatz.num_qubits, len(ansatz.weights)
    assert nearest_width(weights, 2 * features + 1, features) == hidden
    assert size(control("mlp", ansatz)(1)) == parameters
    sizes = {h: h * (2 * features + 1) + features for h in range(1, 8)}
    assert min(sizes, key=lambda h: abs(sizes[h] - weights)) == hidden


def test_perceptrons_of_a_core_are_independent():
    core = control("mlp", hqconv(num_layers=3))(3).double()
    angles = torch.randn(5, 3, 12, dtype=torch.double)
    out = core(angles)
    assert out.shape == (5, 3, 12)
    assert out.abs().max() <= 1
    for j in range(3):
        hidden = nn.functional.silu(angles[:, j] @ core.weight1[j] + core.bias1[j])
        torch.testing.assert_close(out[:, j], (hidden @ core.weight2[j] + core.bias2[j]).tanh())
    assert not torch.allclose(core(angles[:, :1].expand(5, 3, 12))[:, 0], out[:, 1])


def test_shared_perceptrons_have_one_set_of_weights():
    core = control("mlp", hqconv(num_layers=3), share=True)(4)
    assert size(core) == 87
    out = core(torch.randn(2, 1, 12).expand(2, 4, 12))
    assert out.shape == (2, 4, 12)
    torch.testing.assert_close(out, out[:, :1].expand_as(out))


@pytest.mark.parametrize("ansatz", [hqconv(), fqconv()], ids=lambda ansatz: ansatz.name)
def test_encoding_is_the_circuit_without_its_weighted_layers(ansatz):
    """With zero weights every controlled rotation does nothing."""
    angles = 3 * torch.randn(4, 2, 12)
    circuits = CircuitCores(ansatz, make_backend("statevector"), share=False, weight_init="zeros")(2)
    encoding = control("encoding", ansatz)(2)
    assert size(encoding) == 0
    torch.testing.assert_close(encoding(angles), circuits(angles), rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("core", "replaced"),
    [("mlp", 87), ("encoding", 0), ("tanh", 0), ("none", 0), ("fourier", 86), ("linear", 84)],
)
def test_controls_stand_where_the_circuits_stood(core, replaced):
    """Same network but for the cores; nothing counts as quantum, and no backend is asked for anything."""
    options = {"ansatz": "hqconv", "num_layers": 3, "sample_size": 16}
    circuits = QVUNet.from_preset(**options).num_parameters_by_kind()
    control = QVUNet.from_preset(**options, core=core)
    assert circuits["quantum"] == 4 * 84
    assert control.num_parameters_by_kind() == {
        "classical": circuits["classical"] + 4 * replaced,
        "quantum": 0,
    }
    assert control.circuit_layers() == {}
    control.set_backend("aer_statevector")
    assert control(torch.zeros(1, 1, 16, 16), 0).sample.isfinite().all()


@pytest.mark.parametrize("core", CORES)
@pytest.mark.parametrize("share", [False, True])
def test_every_core_reads_and_returns_what_a_circuit_does(core, share):
    ansatz = hqconv(num_layers=2)
    cores = make_cores(core, ansatz, make_backend("statevector"), share=share, weight_init="uniform")
    assert cores.num_features == 12
    module = cores(3)
    angles = torch.randn(4, 3, 12, requires_grad=True)
    out = module(angles)
    assert out.shape == (4, 3, 12)
    if core == "none":
        assert torch.equal(out, torch.zeros_like(out))
        return
    out.sum().backward()
    trained = [p for p in module.parameters() if p.requires_grad]
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in trained)
    assert (len(trained) == 0) == (core in ("frozen", "encoding", "tanh"))


def test_no_entanglers_joins_no_qubits_and_uses_every_weight():
    cores = make_cores("no_entanglers", hqconv(2), make_backend(), share=True, weight_init="uniform")
    module = cores(1).double()
    jacobian = torch.autograd.functional.jacobian(
        lambda x: module(x[None, None])[0, 0], torch.rand(12).double()
    )
    torch.testing.assert_close(jacobian, jacobian.diagonal().diag())
    assert jacobian.diagonal().abs().min() > 1e-6


def test_an_unknown_core_is_named():
    with pytest.raises(UserError, match="core = 'cosine': allowed are circuits, frozen"):
        make_cores("cosine", hqconv(), make_backend(), share=False, weight_init="uniform")
