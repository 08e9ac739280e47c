"""Circuits named as package.module:function, from a module that is no part of this package."""

from __future__ import annotations

import sys

import pytest
import torch

from backends import CircuitLayer, UserError, make_backend
from qvunet import QVUNet
from qvunet.ansatz import fqconv, make_ansatz
from qvunet.config import Config

MODULE = """
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter, ParameterVector
from qiskit.quantum_info import SparsePauliOp
from types import SimpleNamespace
from qvunet.ansatz import fqconv

def plain():
    x, scale = ParameterVector("x", 4), Parameter("scale")
    circuit = QuantumCircuit(5)  # one qubit more than inputs
    for qubit, angle in enumerate(x):
        circuit.rx(scale * angle, qubit)
        circuit.cx(qubit, 4)
    return circuit

def equal(num_layers=1):
    made = plain()
    zs = [SparsePauliOp.from_sparse_list([("ZZ", [i, 4], 1.0)], 5) for i in range(4)]
    x = made.parameters[1:]
    return SimpleNamespace(circuit=made, inputs=x, weights=made.parameters[:1], observables=zs)

def layered(num_layers):
    return fqconv(num_layers)

def without_inputs():
    circuit = QuantumCircuit(1)
    circuit.rx(Parameter("w"), 0)
    return circuit

def nothing():
    return 3

def broken():
    return 1 / 0

number = 3
"""


@pytest.fixture(autouse=True)
def module(tmp_path, monkeypatch):
    (tmp_path / "someones_circuits.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    yield
    sys.modules.pop("someones_circuits", None)


def test_a_plain_circuit_tells_its_inputs_by_name():
    ansatz = make_ansatz("someones_circuits:plain", num_layers=1)
    assert ansatz.name == "someones_circuits:plain"
    assert [p.name for p in ansatz.inputs] == ["x[0]", "x[1]", "x[2]", "x[3]"]
    assert [p.name for p in ansatz.weights] == ["scale"]
    layer = make_backend().layer(ansatz)
    assert layer(torch.rand(2, 4)).shape == (2, 5)


def test_an_ansatz_and_options():
    ansatz = make_ansatz("someones_circuits:layered", num_layers=2)
    assert len(ansatz.weights) == len(fqconv(2).weights)
    assert ansatz.name == "someones_circuits:layered"


@pytest.mark.parametrize(
    ("name", "options", "named"),
    [
        ("no_such_module:f", {}, "no_such_module"),
        ("someones_circuits:missing", {}, "no function 'missing'"),
        ("someones_circuits:number", {}, "no function 'number'"),
        (":f", {}, "package.module:function"),
        ("someones_circuits:plain", {"num_layers": 2}, "unknown option 'num_layers'"),
        ("someones_circuits:without_inputs", {}, "named x or inputs"),
        ("someones_circuits:nothing", {}, "gives a int"),
        ("someones_circuits:broken", {}, "ZeroDivisionError"),
    ],
)
def test_is_refused_by_name(name, options, named):
    with pytest.raises(UserError, match=f"^ansatz = '{name}': .*{named}"):
        make_ansatz(name, **options)


def test_trains_in_a_network():
    """Five qubits for four inputs, two-qubit observables, an angle that is a product."""
    net = QVUNet.from_preset("compact", ansatz="someones_circuits:equal", hybridization=0.5)
    net(torch.rand(2, 1, 28, 28), torch.tensor([3, 500])).sample.square().sum().backward()
    layers = [each for each in net.modules() if isinstance(each, CircuitLayer)]
    assert layers
    assert all(each.weight.grad.any() for each in layers)


def test_a_network_takes_as_many_outputs_as_inputs():
    with pytest.raises(UserError, match="4 inputs and 5 observables"):
        QVUNet.from_preset("compact", ansatz="someones_circuits:plain")


def test_configs_name_it():
    model = {"ansatz": "someones_circuits:equal"}
    assert Config.model_validate({"model": model}).model.ansatz == "someones_circuits:equal"
    with pytest.raises(ValueError, match="no function 'missing'"):
        Config.model_validate({"model": {"ansatz": "someones_circuits:missing"}})
