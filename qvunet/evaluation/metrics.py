"""Figures for the distance between two sets of images, computed from their features.

Each is a `Metric`, called as ``kernel_inception_distance(real, generated, seed=0)``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torchmetrics.image.kid import poly_kernel

from backends.errors import UserError
from qvunet.evaluation.intervals import Estimate, half_sample_estimate

NUM_NEIGHBOURS = 3
"""k of precision and recall, as in Kynkaanniemi et al. 2019 (arXiv:1904.06991)."""

MIN_IMAGES = 50
"""Of each set, for every metric: halves of fewer say nothing about uncertainty."""

DEFAULT_RESAMPLES = 200
"""Random halves behind an interval."""

_ROWS = 1024
"""Rows of a matrix of pairs that are in memory at a time."""


@dataclass(frozen=True)
class Metric:
    """A figure that compares generated images with real ones.

    Attributes:
        name: key in results and configs.
        label: for people.
        statistic: of real and generated features, (N, D) and (M, D) float64.
        source: what it takes of each image, its features or the logits of its classes.
        better: which way is better.
        bounds: smallest and largest value there is.
    """

    name: str
    label: str
    statistic: Callable[[Tensor, Tensor], float]
    source: Literal["values", "logits"]
    better: Literal["lower", "higher"]
    bounds: tuple[float, float]

    def value(self, real: Tensor, generated: Tensor) -> float:
        """The figure without an interval; arguments and errors as for a call."""
        self.require_enough(min(len(real), len(generated)), real.shape[1])
        return self.statistic(real.double(), generated.double())

    def __call__(
        self, real: Tensor, generated: Tensor, *, resamples: int = DEFAULT_RESAMPLES, seed: int = 0
    ) -> Estimate:
        """Compute the figure and its 95 % interval.

        Args:
            real: (N, D), a row for each image.
            generated: (M, D).
            resamples: random halves behind the interval; see `qvunet.evaluation.intervals`.
            seed: of the halves.

        Raises:
            UserError: if there are too few images; says how many are needed.
        """
        self.require_enough(min(len(real), len(generated)), real.shape[1])
        sets = (real.double(), generated.double())
        return half_sample_estimate(self.statistic, sets, resamples=resamples, seed=seed, bounds=self.bounds)

    def images_needed(self, num_features: int) -> int:
        """The fewest images of each set that the figure is given for."""
        if self.name == "fid":  # half of the images must still give a covariance of full rank
            return max(MIN_IMAGES, 2 * (num_features + 1))
        return MIN_IMAGES

    def require_enough(self, num_images: int, num_features: int) -> None:
        """Check the size of the smaller set.

        Raises:
            UserError: if it is too small; says how many images are needed.
        """
        needed = self.images_needed(num_features)
        if num_images < needed:
            raise UserError(
                f"{self.name}: needs at least {needed:,} images of each kind with {num_features:,} features, "
                f"not {num_images:,}"
            )


def _squared_mmd(real: Tensor, generated: Tensor) -> float:
    """Unbiased squared maximum mean discrepancy, kernel (x.y / D + 1)^3.

    Binkowski et al. 2018 (arXiv:1801.01401), section 4; Gretton et al. 2012, eq. 3. It is the mean over all
    subsets, of which the usual estimate draws some.
    """
    within = _mean_over_pairs(real) + _mean_over_pairs(generated)
    across = sum(poly_kernel(rows, generated).sum().item() for rows in real.split(_ROWS))
    return within - 2 * across / (len(real) * len(generated))


def _mean_over_pairs(features: Tensor) -> float:
    """Mean kernel of two different images of a set."""
    total = 0.0
    for start in range(0, len(features), _ROWS):
        kernel = poly_kernel(features[start : start + _ROWS], features)
        total += (kernel.sum() - kernel.diagonal(offset=start).sum()).item()
    return total / (len(features) * (len(features) - 1))


def _frechet_distance(real: Tensor, generated: Tensor) -> float:
    """Squared Frechet distance of the Gaussians with the sets' means and covariances.

    Heusel et al. 2017 (arXiv:1706.08500), eq. 6. The trace of the root of S_1 S_2 is that of the root of
    S_1^1/2 S_2 S_1^1/2, which is symmetric: its eigenvalues are real, and cheaper than those of the
    product, which torchmetrics takes. An interval needs hundreds of them.
    """
    difference = real.mean(dim=0) - generated.mean(dim=0)
    first, second = torch.cov(real.T), torch.cov(generated.T)
    values, vectors = torch.linalg.eigh(first)
    root = (vectors * values.clamp(min=0).sqrt()) @ vectors.T
    cross = torch.linalg.eigvalsh(root @ second @ root).clamp(min=0).sqrt().sum()
    return (difference.square().sum() + first.trace() + second.trace() - 2 * cross).item()


def _inception_score(real: Tensor, generated: Tensor) -> float:
    """exp of the mean divergence of an image's classes from those of all images, in one split.

    Salimans et al. 2016 (arXiv:1606.03498). Real images do not enter.
    """
    log_p = generated.log_softmax(dim=1)
    log_marginal = log_p.logsumexp(dim=0) - math.log(len(log_p))
    return (log_p.exp() * (log_p - log_marginal)).sum(dim=1).mean().exp().item()


def _precision(real: Tensor, generated: Tensor) -> float:
    return _share_inside(real, generated)


def _recall(real: Tensor, generated: Tensor) -> float:
    return _share_inside(generated, real)


def _share_inside(manifold: Tensor, points: Tensor) -> float:
    """Share of points closer to some image of a set than that image's k-th neighbour in the set.

    Kynkaanniemi et al. 2019 (arXiv:1904.06991), eq. 1 and 2.
    """
    radii = torch.cat(
        [
            torch.cdist(rows, manifold).kthvalue(NUM_NEIGHBOURS + 1, dim=1).values  # the nearest is itself
            for rows in manifold.split(_ROWS)
        ]
    )
    inside = [(torch.cdist(rows, manifold) <= radii).any(dim=1) for rows in points.split(_ROWS)]
    return torch.cat(inside).double().mean().item()


kernel_inception_distance = Metric("kid", "KID", _squared_mmd, "values", "lower", (-math.inf, math.inf))
"""KID: unbiased, so that it does not depend on the number of images on average; may be negative."""

frechet_inception_distance = Metric("fid", "FID", _frechet_distance, "values", "lower", (0.0, math.inf))
"""FID: grows as images get fewer; compare at equal numbers."""

inception_score = Metric("inception_score", "IS", _inception_score, "logits", "higher", (1.0, math.inf))
"""Inception Score of the second set, 1 to the number of classes; both arguments are logits."""

precision = Metric("precision", "precision", _precision, "values", "higher", (0.0, 1.0))
"""Share of generated images that lie among the real ones."""

recall = Metric("recall", "recall", _recall, "values", "higher", (0.0, 1.0))
"""Share of real images that lie among the generated ones."""

METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        kernel_inception_distance,
        frechet_inception_distance,
        inception_score,
        precision,
        recall,
    )
}
"""By name, the primary one first."""
