"""The examples of Qiskit Machine Learning's tutorials on EstimatorQNN and TorchConnector, for any layer.

Circuits, sizes, losses and networks are those of the tutorials, named by their files; data are made here, for
a seed each. An `Example` takes our layer and the stock one alike, so that both can be trained, compared and
timed on the same numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from qiskit.circuit import Parameter, ParameterVector, QuantumCircuit
from qiskit.circuit.library import efficient_su2, real_amplitudes, z_feature_map, zz_feature_map
from qiskit.quantum_info import SparsePauliOp
from torch import Tensor, nn

from qvunet.ansatz import Ansatz
from qvunet.config.options import DigitsOptions
from qvunet.data import load_data

Network = Callable[[nn.Module], nn.Module]
"""From a layer of circuits to a network that holds it."""

Loss = Callable[[Tensor], Tensor]
"""Of a network's values for all rows."""


@dataclass(frozen=True)
class Example:
    """A circuit, what it is fed with, and what is asked of it.

    Attributes:
        title: what it is, and the tutorial's number.
        ansatz: the circuit.
        rows: what the network reads, float64.
        start: weights of the circuit, radians, float64.
        loss: of the network's values.
        network: around the layer; by default nothing.
        needs_gradient: whether its training does.
        needs_input_gradient: whether something before the circuit learns, or asks.
        of_samples: whether the tutorial's layer is a SamplerQNN, and so measures.
        interpret: what that makes of a bitstring's number; None for the number itself.
    """

    title: str
    ansatz: Ansatz
    rows: Tensor
    start: Tensor
    loss: Loss
    network: Network = field(default=lambda layer: layer)
    needs_gradient: bool = True
    needs_input_gradient: bool = False
    of_samples: bool = False
    interpret: Callable[[int], int] | None = None

    def passing(self, layer: nn.Module, dtype: torch.dtype = torch.float32) -> Callable[[], list[Tensor]]:
        """What training does again and again: the loss, and its gradient in all weights if that is needed.

        Args:
            layer: ours, or a stock one.
            dtype: of the network and what it reads.

        Returns:
            Without dropout, so that passes can be compared.
        """
        torch.manual_seed(0)
        network, rows = self.network(layer).to(dtype).eval(), self.rows.to(dtype)
        weights = list(network.parameters())

        def call() -> list[Tensor]:
            with torch.set_grad_enabled(self.needs_gradient):
                loss = self.loss(network(rows))
            if not self.needs_gradient:
                return [loss]
            gradients = torch.autograd.grad(loss, weights)
            return [loss.detach(), torch.cat([gradient.flatten() for gradient in gradients])]

        return call


def joined(
    title: str, features: QuantumCircuit, weighted: QuantumCircuit, observables: list[SparsePauliOp]
) -> Ansatz:
    """A feature map, then weighted gates."""
    circuit = features.compose(weighted)
    return Ansatz(title, circuit, list(features.parameters), list(weighted.parameters), observables)


def all_z(num_qubits: int) -> list[SparsePauliOp]:
    """What EstimatorQNN reads if nothing is said: Z of all qubits together."""
    return [SparsePauliOp("Z" * num_qubits)]


def of_each_outcome(num_qubits: int) -> list[SparsePauliOp]:
    """The probability of every bitstring, as a sum of products of Z: what SamplerQNN returns."""
    outcomes = []
    for bits in range(2**num_qubits):
        projector = SparsePauliOp("")
        for qubit in range(num_qubits):
            sign = -0.5 if bits >> qubit & 1 else 0.5
            projector = SparsePauliOp(["I", "Z"], [0.5, sign]).tensor(projector)
        outcomes.append(projector)
    return outcomes


def _random(seed: int, *shape: int, low: float = -1.0, high: float = 1.0) -> Tensor:
    return torch.from_numpy(np.random.default_rng(seed).uniform(low, high, shape))


def _squared_error(targets: Tensor) -> Loss:
    return lambda values: (values - targets.to(values)).square().sum()


POINTS = _random(42, 20, 2)
"""Twenty points of the plane, in two classes by the sign of their sum."""

SIDES = (POINTS.sum(dim=1, keepdim=True) >= 0).double() * 2 - 1


def one_qubit() -> Example:
    """01: values and gradients, in inputs too, of two observables."""
    x, w = Parameter("x"), Parameter("w")
    circuit = QuantumCircuit(1)
    circuit.h(0)
    circuit.ry(x, 0)
    circuit.rx(w, 0)
    ansatz = Ansatz("one qubit", circuit, [x], [w], [SparsePauliOp("Y"), SparsePauliOp("Z")])
    return Example(
        "01: one qubit, two observables",
        ansatz,
        _random(1, 2, 1),
        _random(2, 1),
        Tensor.sum,
        needs_input_gradient=True,
    )


def classifier(by_gradient: bool) -> Example:
    """02 and 05: the sign of a ZZ tells two classes apart, trained by COBYLA, or by gradients in torch."""
    ansatz = joined("classifier", zz_feature_map(2), real_amplitudes(2), all_z(2))
    title = "05: classification, pass of LBFGS" if by_gradient else "02: classification, pass of COBYLA"
    return Example(
        title,
        ansatz,
        POINTS,
        0.1 * _random(3, len(ansatz.weights)),
        _squared_error(SIDES),
        needs_gradient=by_gradient,
    )


def regression() -> Example:
    """02 and 05: a sine with noise, by one qubit of one weight."""
    x, w = Parameter("x"), Parameter("w")
    circuit = QuantumCircuit(1)
    circuit.ry(x, 0)
    circuit.ry(w, 0)
    rows = math.pi * _random(4, 20, 1)
    targets = rows.sin() + 0.2 * _random(5, 20, 1)
    ansatz = Ansatz("regression", circuit, [x], [w], all_z(1))
    return Example(
        "02, 05: regression, pass of L-BFGS", ansatz, rows, 0.1 * _random(6, 1), _squared_error(targets)
    )


def parity_classifier() -> Example:
    """05: the probabilities of even and odd bitstrings tell two classes apart."""
    even, odd = (SparsePauliOp(["II", "ZZ"], [0.5, sign]) for sign in (0.5, -0.5))
    weighted = real_amplitudes(2, entanglement="linear", reps=1)
    ansatz = joined("parity", zz_feature_map(2), weighted, [even, odd])
    classes = (SIDES.flatten() > 0).long()
    return Example(
        "05: classification by parity, pass of LBFGS",
        ansatz,
        POINTS,
        0.1 * _random(7, len(ansatz.weights)),
        lambda values: nn.functional.cross_entropy(values, classes),
        of_samples=True,
        interpret=lambda bits: bits.bit_count() % 2,
    )


class Columns(nn.Module):
    """(B, 1) -> (B, 2): a number and what it lacks to 1."""

    def forward(self, x: Tensor) -> Tensor:
        """Set them side by side."""
        return torch.cat([x, 1 - x], dim=1)


def convolutional(layer: nn.Module) -> nn.Module:
    """The classical network of tutorial 05 around a layer of two qubits."""
    return nn.Sequential(
        *(nn.Conv2d(1, 2, 5), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(2, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout2d()),
        *(nn.Flatten(), nn.Linear(256, 64), nn.ReLU(), nn.Linear(64, 2)),
        *(layer, nn.Linear(1, 1), Columns()),
    )


def zeros_and_ones(number: int) -> tuple[Tensor, Tensor]:
    """Handwritten 0 and 1 of scikit-learn's digits at 28x28 pixels, (N, 1, 28, 28) in [0, 1], and classes."""
    images = load_data(DigitsOptions()).train
    assert images.labels is not None
    chosen = (images.labels < 2).nonzero().flatten()[:number]
    return images.images[chosen].double() / 255, images.labels[chosen].long()


def hybrid_pictures(number: int = 1) -> Example:
    """05: a convolutional network whose last but one layer is a circuit; batches of one picture."""
    images, classes = zeros_and_ones(number)
    ansatz = joined("hybrid", zz_feature_map(2), real_amplitudes(2, reps=1), all_z(2))
    return Example(
        "05: hybrid network on pictures, step of one",
        ansatz,
        images,
        _random(8, len(ansatz.weights)),
        lambda values: nn.functional.nll_loss(values, classes),
        convolutional,
        needs_input_gradient=True,
    )


def _pair(circuit: QuantumCircuit, angles: list[Parameter], first: int, second: int, last: bool) -> None:
    """The two-qubit block of tutorial 11; a convolution ends in two more gates than a pooling."""
    circuit.rz(-math.pi / 2, second)
    circuit.cx(second, first)
    circuit.rz(angles[0], first)
    circuit.ry(angles[1], second)
    circuit.cx(first, second)
    circuit.ry(angles[2], second)
    if last:
        circuit.cx(second, first)
        circuit.rz(math.pi / 2, first)


def quantum_convolutions() -> QuantumCircuit:
    """Tutorial 11: eight qubits, convolved and pooled to four, two and one; 63 weights."""
    w = iter(ParameterVector("w", 63))
    circuit = QuantumCircuit(8)
    for qubits in (list(range(8)), list(range(4, 8)), [6, 7]):
        half = len(qubits) // 2
        neighbours = [*zip(qubits[::2], qubits[1::2], strict=True)]
        neighbours += zip(qubits[1::2], [*qubits[2::2], qubits[0]], strict=True)
        for first, second in neighbours:
            _pair(circuit, [next(w) for _ in range(3)], first, second, last=True)
        for first, second in zip(qubits[:half], qubits[half:], strict=True):
            _pair(circuit, [next(w) for _ in range(3)], first, second, last=False)
    return circuit


def lines(number: int) -> tuple[Tensor, Tensor]:
    """Tutorial 11: pictures of 2x4 pixels with a line, lying (-1) or standing (+1), on noise."""
    rng = np.random.default_rng(9)
    pictures, kinds = rng.uniform(0, math.pi / 4, (number, 2, 4)), rng.integers(0, 2, number)
    for picture, stands in zip(pictures, kinds, strict=True):
        if stands:
            picture[:, rng.integers(4)] = math.pi / 2
        else:
            row, column = rng.integers(2), rng.integers(3)
            picture[row, column : column + 2] = math.pi / 2
    return torch.from_numpy(pictures).flatten(1), torch.from_numpy(2.0 * kinds - 1).unsqueeze(1)


def convolution_of_lines() -> Example:
    """11: a circuit that convolves tells lines apart; 35 pictures, trained by COBYLA."""
    pictures, kinds = lines(35)
    observable = [SparsePauliOp("Z" + 7 * "I")]
    ansatz = joined("convolutions", z_feature_map(8), quantum_convolutions(), observable)
    return Example(
        "11: quantum convolutions, pass of COBYLA",
        ansatz,
        pictures,
        _random(10, len(ansatz.weights), low=0, high=2 * math.pi),
        _squared_error(kinds),
        needs_gradient=False,
    )


def generator(num_qubits: int = 6, reps: int = 6) -> Example:
    """04: a circuit whose outcomes are to follow a distribution that a discriminator knows."""
    circuit = QuantumCircuit(num_qubits)
    circuit.h(circuit.qubits)
    weighted = efficient_su2(num_qubits, reps=reps)
    ansatz = joined("generator", circuit, weighted, of_each_outcome(num_qubits))
    judge = Discriminator(num_qubits)
    return Example(
        "04: generative adversarial network, pass of the generator",
        ansatz,
        torch.zeros(1, 0, dtype=torch.float64),
        _random(11, len(ansatz.weights), low=0),
        lambda values: adversarial_loss(judge.to(values)(judge.grid), 1.0, values.reshape(-1, 1)),
        of_samples=True,
    )


class Discriminator(nn.Module):
    """The classical network of tutorial 04: how likely a place of the plane comes from the data.

    Args:
        num_qubits: of the generator; half of them say where in each direction.

    Attributes:
        grid: the places, (2^num_qubits, 2), in [-2, 2].
        data: their probabilities by a normal distribution, (2^num_qubits, 1).
    """

    grid: Tensor
    data: Tensor

    def __init__(self, num_qubits: int) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.layers = nn.Sequential(nn.Linear(2, 20), nn.LeakyReLU(0.2), nn.Linear(20, 1), nn.Sigmoid())
        side = torch.linspace(-2, 2, 2 ** (num_qubits // 2))
        self.register_buffer("grid", torch.cartesian_prod(side, side))
        density = (-self.grid.square().sum(dim=1, keepdim=True) / 2).exp()
        self.register_buffer("data", density / density.sum())

    def forward(self, places: Tensor) -> Tensor:
        """(N, 2) -> (N, 1), in (0, 1)."""
        values: Tensor = self.layers(places)
        return values


def adversarial_loss(values: Tensor, target: float, weights: Tensor) -> Tensor:
    """Binary cross entropy against one target, summed by weights."""
    return -(weights * (target * values.log() + (1 - target) * (1 - values).log())).sum()


def for_dimension(local: bool) -> tuple[Ansatz, Tensor, Tensor]:
    """10: a circuit, inputs (N, 3) and weights (S, 6): one set of them (local), or ten.

    The tutorial reads the parity of all bits, or Z of all qubits, which is the same.
    """
    ansatz = joined("dimension", z_feature_map(3, reps=1), real_amplitudes(3, reps=1), all_z(3))
    if local:
        return ansatz, _random(12, 50, 3, low=0), _random(13, 1, 6, low=0)
    return ansatz, torch.from_numpy(np.random.default_rng(14).normal(size=(10, 3))), _random(15, 10, 6, low=0)


SIZES = (5_000, 8_000, 10_000, 40_000, 60_000, 100_000, 150_000, 200_000, 500_000, 1_000_000)
"""10: numbers of data."""

EXAMPLES: dict[str, Callable[[], Example]] = {
    "one_qubit": one_qubit,
    "cobyla_classifier": lambda: classifier(by_gradient=False),
    "torch_classifier": lambda: classifier(by_gradient=True),
    "regression": regression,
    "parity_classifier": parity_classifier,
    "hybrid_pictures": hybrid_pictures,
    "convolution_of_lines": convolution_of_lines,
    "generator": generator,
}
"""Every example that trains, or could."""
