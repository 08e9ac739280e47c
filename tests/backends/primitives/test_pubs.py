from __future__ import annotations

import numpy as np
import pytest
from qiskit.circuit import QuantumCircuit
from qiskit.circuit.library import real_amplitudes
from qiskit.primitives import StatevectorEstimator
from qiskit.quantum_info import SparsePauliOp

from backends.aer.exact import AerExactEstimator
from backends.aer.shots import AerShotsEstimator
from backends.primitives.pubs import precision_from_shots, shots_from_precision

OBSERVABLES = [
    SparsePauliOp("ZIII"),
    SparsePauliOp(["XYZI", "IIZZ", "IIII"], [0.5, -1.0, 0.25]),
    SparsePauliOp("YIIX"),
]


@pytest.mark.parametrize("shots", [1, 3, 100, 1000, 1024, 4096, 123_457, 10_000_000])
def test_shots_and_precision_are_inverse(shots):
    assert shots_from_precision(precision_from_shots(shots)) == shots


def test_no_shots_means_exact():
    assert precision_from_shots(None) == 0


def test_a_precision_is_never_undershot():
    assert shots_from_precision(0.015625) == 4096
    assert shots_from_precision(0.3) == 12


def pubs():
    separate = QuantumCircuit(4)  # two parts of unequal shape
    separate.compose(real_amplitudes(2, reps=1), [0, 2], inplace=True)
    separate.compose(real_amplitudes(2, reps=1, parameter_prefix="b").inverse(), [1, 3], inplace=True)
    values = np.random.default_rng(0).uniform(-3, 3, (5, 1, separate.num_parameters))
    joined = real_amplitudes(4, reps=1)
    return [
        (separate, OBSERVABLES, values),
        (joined, [[o] for o in OBSERVABLES], values[:2, 0]),
        (joined.assign_parameters(values[0, 0]), OBSERVABLES[1]),
    ]


def test_exact_values_of_every_shape():
    ours = AerExactEstimator(threads=1).run(pubs()).result()
    stock = StatevectorEstimator().run(pubs(), precision=0).result()
    for mine, theirs in zip(ours, stock, strict=True):
        assert mine.data.evs.shape == theirs.data.evs.shape
        np.testing.assert_allclose(mine.data.evs, theirs.data.evs, atol=1e-10)
        assert not np.any(mine.data.stds)


def test_counted_values_of_every_shape_within_their_standard_errors():
    ours = AerShotsEstimator(threads=1).run(pubs(), precision=precision_from_shots(20_000)).result()
    stock = StatevectorEstimator().run(pubs(), precision=0).result()
    for mine, theirs in zip(ours, stock, strict=True):
        assert mine.data.evs.shape == theirs.data.evs.shape
        assert np.all(mine.data.stds < 0.02)
        # terms of one observable share bitstrings, so its error can exceed the quadratic sum
        assert np.all(np.abs(mine.data.evs - theirs.data.evs) < 6 * mine.data.stds + 0.01)
        assert mine.metadata["shots"] == 20_000


def test_each_pub_has_its_own_precision():
    circuit = QuantumCircuit(1)
    circuit.h(0)
    pub = (circuit, SparsePauliOp("Z"))
    result = AerShotsEstimator(default_shots=77).run([pub, (*pub, None, 0.1)]).result()
    assert [r.metadata["shots"] for r in result] == [77, 100]
