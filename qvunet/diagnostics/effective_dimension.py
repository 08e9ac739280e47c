"""The effective dimension of a circuit that tells two classes apart (Abbas et al. 2021, arXiv:2011.00027)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from backends import make_backend
from backends.circuits.program import Ansatz
from backends.errors import UserError


def effective_dimension(ansatz: Ansatz, inputs: Tensor, weights: Tensor, sizes: Sequence[int]) -> Tensor:
    """How many dimensions of a circuit's weights data sets can tell apart.

    The classes have the probabilities (1 + v)/2 and (1 - v)/2, with v the expectation that is read. Fisher's
    information is averaged over inputs, and normalised over all weights.

    Args:
        ansatz: with one observable, whose expectation is in [-1, 1].
        inputs: (N, num_inputs), radians.
        weights: (S, num_weights), radians; one set of them gives the local effective dimension.
        sizes: numbers of data, at least 10.

    Returns:
        The effective dimension for each of them, in [0, num_weights], float64.

    Raises:
        UserError: if there is another number of observables, or a number of data is too small.
    """
    if len(ansatz.observables) != 1:
        raise UserError(f"observables: one tells two classes apart, not {len(ansatz.observables)}")
    if min(sizes) < 10:
        raise UserError(f"sizes: at least 10 data, not {min(sizes)}")
    information = fisher_information(ansatz, inputs, weights)
    total = information.diagonal(dim1=-2, dim2=-1).sum(dim=-1).mean()
    normalised = information * information.shape[-1] / total
    scale = torch.tensor([n / (2 * math.pi * math.log(n)) for n in sizes], dtype=torch.float64)
    identity = torch.eye(information.shape[-1], dtype=torch.float64)
    volumes = torch.linalg.slogdet(identity + scale[:, None, None, None] * normalised).logabsdet / 2
    return 2 * (volumes.logsumexp(dim=1) - math.log(len(weights))) / scale.log()


def fisher_information(ansatz: Ansatz, inputs: Tensor, weights: Tensor) -> Tensor:
    """(S, num_weights, num_weights), averaged over the inputs; arguments as in `effective_dimension`."""
    sets, rows = len(weights), len(inputs)
    # One circuit for each pair of weights and inputs: then one gradient of the sum is that of each.
    layer = make_backend("statevector").layer(ansatz, num_circuits=sets * rows).double()
    with torch.no_grad():
        layer.weight.copy_(weights.repeat_interleave(rows, dim=0))
    values = layer(inputs.repeat(sets, 1).unsqueeze(0)).flatten()
    (slopes,) = torch.autograd.grad(values.sum(), layer.weight)
    variances = 1 - values.detach().square()  # where it is nothing, so is the slope
    scaled = torch.where(variances > 0, variances.rsqrt(), 0.0).unsqueeze(1) * slopes
    scaled = scaled.unflatten(0, (sets, rows))
    return scaled.mT @ scaled / rows
