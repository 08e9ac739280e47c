"""The circuits' part in the gradient, in the Fisher information and in the movement of training.

Each is a share of a sum of squares over all trained weights, 0 to 1. A share far below that of the circuits
in the number of weights says that training hardly notices them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from qvunet.influence.probe import Probe
from qvunet.models.network import HybridNetwork

SHARE_IMAGES = 16


@dataclass(frozen=True)
class Shares:
    """Of the circuits' weights among all that are trained.

    Attributes:
        weights: share in their number.
        gradient: in the squared norm of the gradient of the mean loss.
        fisher: in the trace of the empirical Fisher information, the mean squared norm of the gradients of
            single examples (Kunstner et al. 2019, arXiv:1905.12558).
        movement: in the squared distance that training has moved the weights; None where the first weights
            are not known, as after a transfer.
    """

    weights: float
    gradient: float
    fisher: float
    movement: float | None


def measure_shares(
    model: HybridNetwork,
    probe: Probe,
    initial: Mapping[str, Tensor] | None,
    trained: Mapping[str, Tensor],
    on_example: Callable[[int], None] = lambda done: None,
) -> Shares:
    """Measure them on the probe's first images, each at every band of noise levels.

    Args:
        model: whose circuits have exact gradients, or noisy ones by the method of their backend.
        probe: held-out examples.
        initial: the weights before training, by name; None if they are not known.
        trained: the weights after it, not averaged.
        on_example: called with the number of examples done.
    """
    circuits = {f"{name}.weight" for name in model.circuit_layers()}
    parameters = {name: p for name, p in model.named_parameters() if p.requires_grad or name in circuits}
    squares = dict.fromkeys(parameters, 0.0)
    total = {name: torch.zeros_like(p) for name, p in parameters.items()}
    device = next(model.parameters()).device
    count = 0
    for band in range(len(probe.levels)):
        for image in range(min(SHARE_IMAGES, len(probe.clean))):
            one = slice(image, image + 1)
            parts = (probe.clean[one], probe.noise[band, one], probe.levels[band, one])
            clean, noise, levels = (part.to(device) for part in parts)
            labels = None if probe.labels is None else probe.labels[one].to(device)
            loss = probe.objective.losses(model, clean, noise, levels, labels).mean()
            gradients = torch.autograd.grad(loss, list(parameters.values()), allow_unused=True)
            for name, gradient in zip(parameters, gradients, strict=True):
                if gradient is not None:
                    squares[name] += float(gradient.square().sum())
                    total[name] += gradient
            count += 1
            on_example(count)
    moved = None
    if initial is not None:
        moved = {
            name: float((trained[name].cpu() - initial[name].cpu()).square().sum()) for name in parameters
        }
    return Shares(
        weights=_share({name: float(p.numel()) for name, p in parameters.items()}, circuits),
        gradient=_share({name: float(each.square().sum()) for name, each in total.items()}, circuits),
        fisher=_share(squares, circuits),
        movement=None if moved is None else _share(moved, circuits),
    )


def _share(amounts: Mapping[str, float], circuits: set[str]) -> float:
    whole = sum(amounts.values())
    return sum(amount for name, amount in amounts.items() if name in circuits) / whole if whole else 0.0
