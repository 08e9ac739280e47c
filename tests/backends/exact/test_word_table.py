import numpy as np
import pytest
import torch

from backends.circuits.program import AffineMap, Rotation
from backends.exact.fusion import WORD_LENGTH, absorb_constants, conditional, rotation_gate, words
from backends.exact.word_table import WordTable
from tests.backends.exact.gates import PATTERNS, matrix_at, product, sequence, weights_only


@pytest.mark.parametrize("length", range(1, WORD_LENGTH + 1))
def test_multiplies_in_time_order(length):
    (word,) = words(sequence("r" * length))
    angles = np.random.default_rng(1).uniform(-3, 3, length)
    matrices, _ = WordTable([word], [range(length)], weights_only(length))(torch.from_numpy(angles)[None])
    np.testing.assert_allclose(matrices[0, :, 0], product(word.gates, angles, {}), atol=1e-13)


def two_circuits(pattern):
    """A table of two circuits that take their angles from different rows, its words, and those rows."""
    gates = sequence(pattern)
    count = sum(gate.angle is not None for gate in gates)
    cut = words(absorb_constants(gates))
    rng = np.random.default_rng(1)
    rows = [rng.permutation(count), rng.permutation(count)]
    return WordTable(cut, rows, weights_only(count)), cut, rows, rng.uniform(-3, 3, (3, count))


@pytest.mark.parametrize("pattern", PATTERNS)
def test_holds_every_branch_of_every_word_and_circuit(pattern):
    table, cut, rows, weights = two_circuits(pattern)
    matrices, _ = table(torch.from_numpy(weights))
    starts = np.cumsum([0, *table.branches])
    for g, c in np.ndindex(3, 2):
        for start, word in zip(starts, cut, strict=False):
            for branch in range(word.branches):
                expected = product(word.gates, weights[g][rows[c]], {word.link: branch})
                np.testing.assert_allclose(matrices[2 * g + c, :, start + branch], expected, atol=1e-13)
    assert starts[-1] == matrices.shape[2]


@pytest.mark.parametrize("pattern", [pattern for pattern in PATTERNS if pattern != "c"])
def test_gradient(pattern):
    """Against autograd through the same products, for a loss that reads real and imaginary parts."""
    table, _, _, weights = two_circuits(pattern)
    weights = torch.from_numpy(weights).requires_grad_()
    matrices, pull = table(weights)
    coefficients = torch.randn(
        matrices.shape, dtype=torch.complex128, generator=torch.Generator().manual_seed(0)
    )
    (expected,) = torch.autograd.grad((coefficients.conj() * matrices).sum().real, weights)
    torch.testing.assert_close(pull(coefficients.conj().resolve_conj()), expected, atol=1e-12, rtol=0)


def test_the_identity_branch_of_a_controlled_gate_is_a_constant():
    gate = conditional(Rotation("X", (1,), 0, (0,)), 0, 0, 2, link=0)
    table = WordTable(words([gate]), [[0]], weights_only(1))
    assert table.computed.array.tolist() == [1]
    matrices, _ = table(torch.zeros(1, 1, dtype=torch.float64))
    np.testing.assert_array_equal(matrices[0, :, 0], np.eye(4))


def test_two_controlled_gates_after_each_other_need_five_of_nine_terms():
    gates = [rotation_gate(Rotation(axis, (1,), k, (0,)), 2) for k, axis in enumerate("ZX")]
    table = WordTable(words(gates), [[0, 1]], weights_only(2))
    assert table.pairs.array.shape[1] == 5


def test_applies_the_affine_map():
    gate = rotation_gate(Rotation("Y", (0,), 0), 1)
    angles = AffineMap(np.zeros((1, 0)), np.array([[2.0, -1.0]]), np.array([0.3]))
    matrices, _ = WordTable(words([gate]), [[0]], angles)(torch.tensor([[0.5, 0.2]], dtype=torch.float64))
    np.testing.assert_allclose(matrices[0, :, 0], matrix_at(gate, 2 * 0.5 - 0.2 + 0.3), atol=1e-15)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_precision_follows_the_weights(dtype):
    table = WordTable(words(sequence("rp")), [[0]], weights_only(1))
    matrices, pull = table(torch.zeros(1, 1, dtype=dtype))
    assert matrices.dtype == dtype.to_complex()
    assert pull(matrices).dtype == dtype
