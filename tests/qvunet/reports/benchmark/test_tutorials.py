"""Qiskit Machine Learning's tutorials, side by side on our layers and on the library's own classes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from qiskit.quantum_info import Statevector
from qiskit_machine_learning.algorithms.classifiers import NeuralNetworkClassifier
from qiskit_machine_learning.algorithms.regressors import NeuralNetworkRegressor
from qiskit_machine_learning.optimizers import COBYLA, L_BFGS_B
from torch import Tensor, nn

from qvunet.reports.benchmark.systems.tutorial import own_layer, stock_layer, stock_network
from qvunet.reports.benchmark.tutorials import (
    EXAMPLES,
    POINTS,
    SIDES,
    Discriminator,
    Example,
    adversarial_loss,
    convolution_of_lines,
    generator,
    hybrid_pictures,
    lines,
    parity_classifier,
    quantum_convolutions,
    regression,
    zeros_and_ones,
)

EXACT = [name for name, make in EXAMPLES.items() if not make().of_samples]


@pytest.mark.parametrize("name", EXACT)
def test_a_pass_is_the_same(name):
    example = EXAMPLES[name]()
    ours = example.passing(own_layer(example), torch.float64)()
    theirs = example.passing(stock_layer(example))()
    assert [part.shape for part in ours] == [part.shape for part in theirs]
    for own, stock in zip(ours, theirs, strict=True):
        assert stock.abs().max() > 0.1
        assert torch.allclose(own.float(), stock, rtol=1e-5, atol=1e-5)


def test_01_values_and_gradients_of_two_observables():
    example = EXAMPLES["one_qubit"]()
    layer, network = own_layer(example), stock_network(example)
    rows = example.rows.clone().requires_grad_()
    values = layer(rows)
    assert np.allclose(values.detach(), network.forward(rows.detach().numpy(), example.start.numpy()))
    of_inputs, of_weights = network.backward(rows.detach().numpy(), example.start.numpy())
    for k in range(2):
        inputs, weights = torch.autograd.grad(values[:, k].sum(), (rows, layer.weight), retain_graph=True)
        assert np.allclose(inputs, of_inputs[:, k], atol=1e-9)
        assert np.allclose(weights, of_weights[:, k].sum(axis=0), atol=1e-9)


class Objective:
    """The mean squared error as a function of weights, for optimizers that are not torch's."""

    def __init__(self, example: Example, targets: Tensor):
        self.example, self.targets, self.layer = example, targets, own_layer(example)
        self.values: list[float] = []

    def loss(self, weights: np.ndarray) -> Tensor:
        self.layer.load_state_dict({"weight": torch.from_numpy(weights)})
        return (self.layer(self.example.rows) - self.targets).square().mean()

    def __call__(self, weights: np.ndarray) -> float:
        self.values.append(self.loss(weights).item())
        return self.values[-1]

    def gradient(self, weights: np.ndarray) -> np.ndarray:
        (gradient,) = torch.autograd.grad(self.loss(weights), self.layer.weight)
        return gradient.numpy()


def stock_objective(model: type, example: Example, targets: Tensor, optimizer: object) -> list[float]:
    """Values that a model of the library's sees while it is fitted."""
    values: list[float] = []
    fitted = model(
        stock_network(example),
        optimizer=optimizer,
        initial_point=example.start.numpy(),
        callback=lambda weights, value: values.append(value),
    )
    fitted.fit(example.rows.numpy(), targets.flatten().numpy())
    return values


def test_02_classification_by_cobyla():
    example = EXAMPLES["cobyla_classifier"]()
    objective = Objective(example, SIDES)
    COBYLA(maxiter=15).minimize(objective, example.start.numpy())
    stock = stock_objective(NeuralNetworkClassifier, example, SIDES, COBYLA(maxiter=15))
    assert len(stock) == 15
    assert min(stock) < 0.9 * stock[0]
    assert np.allclose(objective.values, stock, atol=1e-6)


def test_02_regression_by_l_bfgs_b():
    example = regression()
    targets = example.rows.sin()
    objective = Objective(example, targets)
    L_BFGS_B(maxiter=5).minimize(objective, example.start.numpy(), jac=objective.gradient)
    stock = stock_objective(NeuralNetworkRegressor, example, targets, L_BFGS_B(maxiter=5))
    assert stock[-1] < 0.1 * stock[0]
    assert np.allclose(objective.values[: len(stock)], stock, atol=1e-6)


def lbfgs_losses(example: Example, layer: nn.Module, dtype: torch.dtype, iterations: int) -> list[float]:
    network, rows = example.network(layer).to(dtype), example.rows.to(dtype)
    optimizer = torch.optim.LBFGS(network.parameters(), max_iter=iterations)
    losses: list[float] = []

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = example.loss(network(rows))
        loss.backward()
        losses.append(loss.item())
        return loss

    optimizer.step(closure)
    return losses


@pytest.mark.parametrize(
    ("name", "iterations", "falls", "tolerance"),
    [
        ("torch_classifier", 3, 0.9, 1e-4),
        ("regression", 20, 0.1, 3e-3),  # jumps about before it ends; what single precision adds grows
    ],
)
def test_05_training_by_torch(name, iterations, falls, tolerance):
    example = EXAMPLES[name]()
    ours = lbfgs_losses(example, own_layer(example), torch.float64, iterations)
    theirs = lbfgs_losses(example, stock_layer(example), torch.float32, iterations)
    assert theirs[-1] < falls * theirs[0]
    assert np.allclose(ours, theirs, rtol=tolerance)


def test_05_a_hybrid_network_on_pictures():
    """Six steps of one picture, with the dropout of the tutorial."""
    example, (pictures, classes) = hybrid_pictures(), zeros_and_ones(6)
    losses = []
    for layer in (own_layer(example), stock_layer(example)):
        torch.manual_seed(0)
        network = example.network(layer).float()
        optimizer = torch.optim.Adam(network.parameters(), lr=0.001)
        losses.append([])
        for picture, kind in zip(pictures.float(), classes, strict=True):
            loss = nn.functional.nll_loss(network(picture.unsqueeze(0)), kind.unsqueeze(0))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses[-1].append(loss.item())
    assert len(set(classes.tolist())) == 2
    assert len(set(losses[0])) == 6
    assert np.allclose(*losses, atol=1e-4)


def test_05_classification_by_parity():
    """Ours is exact; the stock one samples, and its values scatter about ours before training and after."""
    example = parity_classifier()
    network = stock_network(example)
    network.sampler._default_shots = shots = 20_000
    layer = own_layer(example)
    losses = lbfgs_losses(example, layer, torch.float64, 5)
    assert losses[-1] < losses[0] - 0.03
    for weights in (example.start, layer.weight.detach().clone()):
        layer.load_state_dict({"weight": weights})
        exact = layer(POINTS).detach().numpy()
        assert np.allclose(exact.sum(axis=1), 1)
        assert_scatters(network.forward(POINTS.numpy(), weights.numpy()), exact, shots)


def assert_scatters(measured: np.ndarray, exact: np.ndarray, shots: int) -> None:
    """Frequencies lie about probabilities as they do by chance: within six standard deviations each."""
    deviations = np.sqrt(exact * (1 - exact) / shots)
    assert (abs(measured - exact) < 6 * deviations + 2 / shots).all()
    assert (abs(measured - exact) / deviations).mean() == pytest.approx(np.sqrt(2 / np.pi), abs=0.3)


def test_11_quantum_convolutions_by_cobyla():
    """Of three pictures, since COBYLA begins with a pass for each of the 63 weights."""
    example, (pictures, kinds) = convolution_of_lines(), lines(3)
    assert len(example.ansatz.weights) == 63
    example = replace(example, rows=pictures)
    objective = Objective(example, kinds)
    COBYLA(maxiter=66).minimize(objective, example.start.numpy())
    stock = stock_objective(NeuralNetworkClassifier, example, kinds, COBYLA(maxiter=66))
    assert min(stock) < 0.9 * stock[0]
    assert np.allclose(objective.values, stock, atol=1e-6)


def test_11_is_convolved_and_pooled():
    circuit = quantum_convolutions()
    ops = circuit.count_ops()
    convolutions, poolings = 8 + 4 + 2, 4 + 2 + 1
    assert ops["cx"] == 3 * convolutions + 2 * poolings
    assert ops["rz"] + ops["ry"] == 5 * convolutions + 4 * poolings


def test_04_the_generator_returns_probabilities():
    example = generator()
    assert len(example.ansatz.weights) == 84
    exact = own_layer(example)(example.rows).detach().numpy()
    values = dict(zip(example.ansatz.weights, example.start.tolist(), strict=True))
    state = Statevector(example.ansatz.circuit.assign_parameters(values))
    assert np.allclose(exact, state.probabilities(), atol=1e-7)
    measured = stock_network(example).forward(np.array([]), example.start.numpy())
    assert_scatters(measured, exact, 1024)


def test_04_generator_and_discriminator_learn_the_same():
    """A smaller generator, so that the stock class can be exact: EstimatorQNN reads all probabilities."""
    example = replace(generator(num_qubits=4, reps=1), of_samples=False)
    ours = adversarial_losses(own_layer(example), torch.float64, example)
    theirs = adversarial_losses(stock_layer(example), torch.float32, example)
    assert len(set(ours)) == len(ours) == 4
    assert np.allclose(ours, theirs, rtol=1e-4)


def adversarial_losses(layer: nn.Module, dtype: torch.dtype, example: Example) -> list[float]:
    """Of generator and discriminator, for two epochs of the tutorial's loop."""
    layer, judge, rows = layer.to(dtype), Discriminator(4).to(dtype), example.rows.to(dtype)
    optimizers: list[torch.optim.Optimizer] = [
        torch.optim.Adam(part.parameters(), lr=0.01, betas=(0.7, 0.999), weight_decay=0.005)
        for part in (layer, judge)
    ]
    steps: list[Callable[[Tensor], Tensor]] = [
        lambda made: adversarial_loss(judge(judge.grid), 1.0, made),
        lambda made: (
            (
                adversarial_loss(judge(judge.grid), 1.0, judge.data)
                + adversarial_loss(judge(judge.grid), 0.0, made.detach())
            )
            / 2
        ),
    ]
    losses = []
    for _ in range(2):
        made = layer(rows).reshape(-1, 1)
        for step, optimizer in zip(steps, optimizers, strict=True):
            loss = step(made)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    return losses
