"""Estimates from repeated measurements, each with the error of the estimate."""

from __future__ import annotations

import math

from torch import Tensor


def error_statistics(errors: Tensor) -> dict[str, float]:
    """Split the error of a value into noise and what does not average out.

    Args:
        errors: measured minus exact, (repeats, ...), at least 2 independent repeats.

    Returns:
        ``rmse`` over everything and its standard error ``rmse_error``; ``systematic``, the root of the
        mean square of what stays in the mean over ever more repeats, and ``systematic_limit``, below which
        it cannot be told from 0 (two standard errors of its square).
    """
    repeats = len(errors)
    by_repeat = errors.square().flatten(1).mean(1)
    rmse = math.sqrt(by_repeat.mean())
    in_mean = errors.var(0) / repeats
    # Entries of one row come from the same bitstrings, so only rows count as independent.
    rows = errors.shape[1]
    limit = 2 * math.sqrt(2 / rows) * float(in_mean.mean())
    systematic = float((errors.mean(0).square() - in_mean).mean())
    return {
        "rmse": rmse,
        "rmse_error": float(by_repeat.std()) / math.sqrt(repeats) / (2 * rmse) if rmse else 0.0,
        "systematic": math.sqrt(max(systematic, 0.0)),
        "systematic_limit": math.sqrt(limit),
    }


def gradient_statistics(estimates: Tensor, exact: Tensor) -> dict[str, float]:
    """How far estimates of a gradient are from it, all relative to its norm.

    Args:
        estimates: (repeats, parameters), at least 2 independent repeats.
        exact: (parameters,).

    Returns:
        ``bias``, the norm of the mean's deviation with the mean's own noise taken out, and ``bias_limit``,
        below which it cannot be told from 0; ``variance``, the mean squared distance from the mean;
        ``cosine`` to the exact gradient, its mean over the repeats, and the mean's standard error
        ``cosine_error``.
    """
    repeats, scale = len(estimates), exact.square().sum()
    spread = estimates.var(0) / scale
    deviation = ((estimates.mean(0) - exact).square() / scale).sum()
    norms = estimates.norm(dim=1) * exact.norm()
    cosines = (estimates @ exact) / norms.clamp_min(1e-300)
    noise = spread / repeats
    return {
        "bias": math.sqrt(max(float(deviation - noise.sum()), 0.0)),
        "bias_limit": math.sqrt(2 * math.sqrt(2 * float(noise.square().sum()))),
        "variance": float(spread.sum()),
        "cosine": float(cosines.mean()),
        "cosine_error": float(cosines.std()) / math.sqrt(repeats),
    }
