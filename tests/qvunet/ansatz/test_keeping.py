"""Circuits written as plain values and read again."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from qiskit import qpy
from qiskit.circuit import Gate, Parameter, ParameterVector, QuantumCircuit
from qiskit.circuit.library import UnitaryGate, efficient_su2, zz_feature_map
from qiskit.quantum_info import SparsePauliOp, random_unitary

from backends import UserError, make_backend
from backends.circuits.stored import OLDEST_QPY
from qvunet.ansatz import Ansatz, hqconv
from qvunet.ansatz.keeping import (
    as_record,
    find_ansatz,
    from_record,
    read_kept,
    same_circuit,
    write_kept,
)

ZZ = SparsePauliOp.from_sparse_list([("ZZ", [0, 2], 0.1), ("XY", [1, 2], -2.0), ("", [], 1 / 3)], 3)
Z = SparsePauliOp("IIZ")


def nonlinear() -> Ansatz:
    features, weighted = zz_feature_map(3, reps=1), efficient_su2(3, reps=1)
    return Ansatz(
        "expressions",
        features.compose(weighted),
        list(features.parameters)[::-1],
        list(weighted.parameters),
        [ZZ, Z],
    )


def unread() -> Ansatz:
    """An input and a weight that the circuit does not read, and parameters that are no vector's."""
    x, w = ParameterVector("x", 3), [Parameter("b"), Parameter("a"), Parameter("never")]
    circuit = QuantumCircuit(3)
    circuit.rx(x[2] * 2 - w[1], 0)
    circuit.crz(w[0], 0, 1)
    circuit.ry(x[0], 2)
    return Ansatz("unread", circuit, x, w, [Z, ZZ])


def blocks() -> Ansatz:
    """Gates of its own, a matrix, a preparation, more controls, metadata that are no JSON."""
    x, w = ParameterVector("x", 1), ParameterVector("w", 1)
    inner = QuantumCircuit(2, name="mine")
    inner.rzz(3 * w[0], 0, 1)
    inner.rx(x[0], 1)
    circuit = QuantumCircuit(3, metadata={"by": object})
    circuit.initialize([0.6, 0.8j], 1)
    circuit.append(inner.to_gate(), [2, 0])
    circuit.append(UnitaryGate(random_unitary(4, seed=3)), [1, 2])
    circuit.append(inner.to_gate().control(1), [0, 1, 2])
    return Ansatz("blocks", circuit, x, w, [ZZ])


CASES = [lambda: hqconv(2), nonlinear, unread, blocks]


def values(ansatz: Ansatz) -> torch.Tensor:
    layer = make_backend().layer(ansatz).double()
    generator = torch.Generator().manual_seed(0)
    weights = torch.rand(layer.weight.shape, generator=generator, dtype=torch.float64)
    layer.load_state_dict({"weight": 6 * weights})
    rows = torch.rand(3, len(ansatz.inputs), generator=generator, dtype=torch.float64)
    return layer(6 * rows).detach()


@pytest.mark.parametrize("case", CASES)
def test_what_is_read_is_what_was_written(case: Callable[[], Ansatz], tmp_path):
    made = case()
    write_kept(tmp_path / "circuit", json.loads(json.dumps(as_record(made))))
    assert sorted(file.name for file in (tmp_path / "circuit").iterdir()) == ["ansatz.json", "circuit.qpy"]
    found = find_ansatz("elsewhere:function", 7, read_kept(tmp_path / "circuit"))
    assert found.name == made.name
    for part in ("inputs", "weights"):
        assert [p.name for p in getattr(found, part)] == [p.name for p in getattr(made, part)]
    assert found.observables == made.observables
    assert torch.equal(values(found), values(made))
    assert same_circuit(found, made)
    assert same_circuit(case(), made)


def test_any_qiskit_reads_the_file(tmp_path):
    write_kept(tmp_path, as_record(hqconv()))
    with open(tmp_path / "circuit.qpy", "rb") as file:
        assert qpy.get_qpy_version(file) == OLDEST_QPY  # as old as is trusted, so that most versions read it
        (circuit,) = qpy.load(file)
    assert circuit.count_ops() == hqconv().circuit.count_ops()


def changed(change: Callable[[QuantumCircuit], object]) -> Ansatz:
    made = nonlinear()
    circuit = made.circuit.copy()
    change(circuit)
    return replace(made, circuit=circuit)


def reversed_inputs(made: Ansatz) -> Ansatz:
    return replace(made, inputs=made.inputs[::-1])


@pytest.mark.parametrize(
    "other",
    [
        changed(lambda circuit: circuit.h(0)),
        changed(lambda circuit: circuit.data.pop()),
        changed(lambda circuit: circuit.rz(1e-6, 1)),
        replace(nonlinear(), observables=[Z, ZZ]),
        replace(nonlinear(), observables=[1.001 * ZZ, Z]),
        reversed_inputs(nonlinear()),
        replace(unread(), name="expressions"),
    ],
)
def test_what_changed_is_another_circuit(other: Ansatz):
    assert not same_circuit(nonlinear(), other)


def test_another_power_of_an_input_is_another_circuit():
    """The same gates, whose angles are functions of the same inputs."""
    one, other = (angle_of(lambda x: x[0] * x[1]), angle_of(lambda x: x[0] * x[1] ** 2))
    assert same_circuit(one, one)
    assert not same_circuit(one, other)


def angle_of(expression) -> Ansatz:
    x = ParameterVector("x", 2)
    circuit = QuantumCircuit(1)
    circuit.rx(expression(x), 0)
    return Ansatz("angle", circuit, x, [], [SparsePauliOp("Z")])


def test_names_and_blocks_do_not_count():
    made = blocks()
    flat = made.circuit.decompose(gates_to_decompose=["mine"])
    renamed = dict(zip(made.inputs, ParameterVector("other", 1), strict=True))
    other = replace(
        made, circuit=flat.assign_parameters(renamed), inputs=list(renamed.values()), name="another"
    )
    assert same_circuit(made, other)


def with_byte(index: int, value: int) -> dict:
    record = as_record(hqconv())
    data = bytearray(base64.b64decode(record["qpy"]))
    data[index] = value
    return {**record, "qpy": base64.b64encode(data).decode()}


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (with_byte(6, 99), r"^here: QPY of version 99, .* to read 13 to \d+; install a newer one$"),
        (with_byte(6, 12), r"^here: QPY of version 12, where Qiskit [\d.]+ is trusted to read 13 to \d+$"),
        (with_byte(0, 0), "^here: damaged .*it does not begin as QPY does"),
        ({**as_record(hqconv()), "qpy": ""}, "^here: damaged .*it does not begin as QPY does"),
        ({"name": "half"}, "^here: damaged .*'qpy'"),
        ({**as_record(hqconv()), "observables": [[["Q", [0], 1.0]]]}, "^here: damaged"),
    ],
)
def test_what_cannot_be_read_is_told_in_one_line(record, message):
    with pytest.raises(UserError, match=message):
        from_record(record, "here")


def test_a_file_that_ends_early_is_damaged():
    record = as_record(hqconv())
    data = base64.b64decode(record["qpy"])
    for length in np.linspace(7, len(data) - 1, 40).astype(int):
        with pytest.raises(UserError, match=r"^here: damaged"):
            from_record({**record, "qpy": base64.b64encode(data[:length]).decode()}, "here")


def test_missing_files_are_named(tmp_path):
    write_kept(tmp_path / "circuit", as_record(hqconv()))
    (tmp_path / "circuit" / "ansatz.json").write_text("[")
    with pytest.raises(UserError, match=r"ansatz\.json: missing or damaged"):
        read_kept(tmp_path / "circuit")
    (tmp_path / "circuit" / "circuit.qpy").unlink()
    with pytest.raises(UserError, match=r"circuit\.qpy: missing or damaged"):
        read_kept(tmp_path / "circuit")


class Strange(Gate):
    """A gate that takes anything."""

    def validate_parameter(self, parameter):
        return parameter


def test_what_qiskit_cannot_store_is_refused_by_name():
    circuit = QuantumCircuit(1)
    circuit.rx(Parameter("x"), 0)
    circuit.append(Strange("strange", 1, [object()]), [0])
    with pytest.raises(UserError, match=r"^ansatz = 'strange': Qiskit cannot store its circuit"):
        as_record(Ansatz("strange", circuit, list(circuit.parameters), [], [SparsePauliOp("Z")]))
