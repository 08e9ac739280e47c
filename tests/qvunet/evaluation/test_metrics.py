from __future__ import annotations

import itertools
import math

import numpy as np
import numpy.typing as npt
import pytest
import scipy.linalg
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torchmetrics.image.fid import FrechetInceptionDistance
from torchmetrics.image.inception import InceptionScore
from torchmetrics.image.kid import poly_mmd

from backends.errors import UserError
from qvunet.evaluation import metrics
from qvunet.evaluation.metrics import (
    METRICS,
    frechet_inception_distance,
    inception_score,
    kernel_inception_distance,
    precision,
    recall,
)

Array = npt.NDArray[np.float64]
DIM = 6


def gaussian(num: int, seed: int, shift: float = 0.0, scale: float = 1.0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(num, DIM, generator=generator, dtype=torch.double) * scale + shift


@pytest.fixture(scope="module")
def sets() -> tuple[Tensor, Tensor]:
    mixing = gaussian(DIM, 9)
    return gaussian(120, 1) @ mixing, gaussian(90, 2, shift=0.4, scale=0.8)


def expected_kernel(mean: Array, cov: Array, other_mean: Array, other_cov: Array) -> float:
    """E (x.y / d + 1)^3 for independent Gaussian x and y, from their first three moments."""

    def moments(m: Array, s: Array) -> tuple[Array, Array, Array]:
        third = np.einsum("i,j,k->ijk", m, m, m)
        third += np.einsum("i,jk->ijk", m, s) + np.einsum("j,ik->ijk", m, s) + np.einsum("k,ij->ijk", m, s)
        return m, s + np.outer(m, m), third

    pairs = zip(moments(mean, cov), moments(other_mean, other_cov), strict=True)
    return 1 + sum(math.comb(3, k) * (x * y).sum() / DIM**k for k, (x, y) in enumerate(pairs, start=1))


def kid_of_gaussians(shift: float, scale: float) -> float:
    real = np.zeros(DIM), np.eye(DIM)
    other = np.full(DIM, shift), scale**2 * np.eye(DIM)
    return (
        expected_kernel(*real, *real) + expected_kernel(*other, *other) - 2 * expected_kernel(*real, *other)
    )


def test_kid_is_the_unbiased_mmd_written_out(sets):
    real, generated = (each.numpy() for each in sets)

    def kernel(x: Array, y: Array) -> float:
        return (x @ y / DIM + 1) ** 3

    within = [np.mean([kernel(x, y) for x, y in itertools.permutations(each, 2)]) for each in sets]
    across = np.mean([kernel(x, y) for x in real for y in generated])
    assert kernel_inception_distance.value(*sets) == pytest.approx(sum(within) - 2 * across)


def test_kid_is_torchmetrics_on_sets_of_equal_size(sets):
    real, generated = sets[0][:90], sets[1]
    expected = poly_mmd(real, generated).item()
    assert kernel_inception_distance.value(real, generated) == pytest.approx(expected)


@pytest.mark.parametrize(("shift", "scale"), [(0.0, 1.0), (0.3, 1.0), (0.2, 1.3)])
def test_kid_of_gaussians_is_the_known_one_within_its_interval(shift, scale):
    """The interval covers at least as often as it says; wider near 0, where it is known to be cautious."""
    truth = kid_of_gaussians(shift, scale)
    estimates = [
        kernel_inception_distance(
            gaussian(80, 2 * k), gaussian(80, 2 * k + 1, shift, scale), resamples=60, seed=k
        )
        for k in range(40)
    ]
    values = np.array([each.value for each in estimates])
    assert values.mean() == pytest.approx(truth, abs=4 * values.std() / len(values) ** 0.5)
    assert sum(each.low <= truth <= each.high for each in estimates) >= 35
    width = np.mean([each.high - each.low for each in estimates])
    assert 0.8 < width / (2 * 1.96 * values.std()) < 2.2


def test_kid_of_two_halves_of_the_digits_is_near_zero():
    pixels = torch.from_numpy(load_digits().data / 16)
    pixels = pixels[torch.randperm(len(pixels), generator=torch.Generator().manual_seed(3))]
    estimate = kernel_inception_distance(pixels[:800], pixels[800:1600], resamples=100)
    assert estimate.low < 0 < estimate.high
    assert abs(estimate.value) < 0.01 * kernel_inception_distance.value(pixels[:800], 1 - pixels[800:1600])


def test_fid_is_scipy_s_and_torchmetrics(sets):
    real, generated = (each.numpy() for each in sets)
    covs = [np.cov(each, rowvar=False) for each in (real, generated)]
    expected = np.sum((real.mean(0) - generated.mean(0)) ** 2)
    expected += np.trace(covs[0] + covs[1] - 2 * scipy.linalg.sqrtm(covs[0] @ covs[1]).real)
    value = frechet_inception_distance.value(*sets)
    assert value == pytest.approx(expected)

    identity = nn.Identity()
    identity.num_features = DIM
    metric = FrechetInceptionDistance(feature=identity).set_dtype(torch.double)
    metric.update(sets[0], real=True)
    metric.update(sets[1], real=False)
    assert value == pytest.approx(metric.compute().item())


def test_fid_of_gaussians_is_the_known_one():
    """|m1 - m2|^2 + sum (s1 - s2)^2 for diagonal covariances."""
    estimate = frechet_inception_distance(gaussian(4000, 1), gaussian(4000, 2, 0.5, 1.5), resamples=100)
    truth = DIM * (0.5**2 + 0.5**2)
    assert estimate.value == pytest.approx(truth, rel=0.04)
    assert estimate.low < truth < estimate.high
    assert estimate.high - estimate.low < 0.4 * truth


def test_fid_bears_features_that_never_change():
    real, generated = gaussian(100, 1), gaussian(100, 2)
    real[:, 0] = generated[:, 0] = 0.0
    expected = frechet_inception_distance.value(real[:, 1:], generated[:, 1:])
    assert frechet_inception_distance.value(real, generated) == pytest.approx(expected)


@pytest.mark.filterwarnings("ignore")  # torchmetrics' on memory, and on the deviation of a single split
def test_inception_score_is_torchmetrics_in_one_split(sets):
    logits = 3 * sets[1]
    metric = InceptionScore(feature=nn.Identity(), splits=1)
    metric.update(logits)
    expected = metric.compute()[0].item()
    assert inception_score.value(sets[0], logits) == pytest.approx(expected)


def test_inception_score_runs_from_one_to_the_number_of_classes():
    certain = 1000 * torch.eye(DIM).repeat(20, 1)
    assert inception_score.value(certain, certain) == pytest.approx(DIM)
    assert inception_score.value(certain, torch.zeros(60, DIM)) == pytest.approx(1.0)
    assert inception_score.value(certain, certain[:1].expand(60, -1)) == pytest.approx(1.0)


def test_precision_and_recall_are_the_definition_written_out(sets):
    real, generated = (each.numpy() for each in sets)

    def inside(point: Array, manifold: Array) -> bool:
        return any(
            np.linalg.norm(point - centre) <= np.sort(np.linalg.norm(manifold - centre, axis=1))[3]
            for centre in manifold
        )

    assert precision.value(*sets) == pytest.approx(np.mean([inside(p, real) for p in generated]))
    assert recall.value(*sets) == pytest.approx(np.mean([inside(p, generated) for p in real]))


def test_precision_and_recall_tell_missing_modes_from_bad_images():
    real = torch.cat([gaussian(60, 1), gaussian(60, 2, shift=50.0)])
    one_mode = gaussian(60, 3)
    assert precision.value(real, one_mode) > 0.7
    assert recall.value(real, one_mode) <= 0.5
    with_bad = torch.cat([real + 0.01, gaussian(120, 4, shift=-50.0)])
    assert precision.value(real, with_bad) == 0.5
    assert recall.value(real, with_bad) == 1.0


def test_results_do_not_depend_on_how_pairs_are_cut(sets, monkeypatch):
    before = {name: metric.value(*sets) for name, metric in METRICS.items()}
    monkeypatch.setattr(metrics, "_ROWS", 7)
    for name, metric in METRICS.items():
        assert metric.value(*sets) == pytest.approx(before[name]), name


@pytest.mark.parametrize("name", METRICS)
def test_estimates_repeat_and_hold_their_value(name, sets):
    metric = METRICS[name]
    estimate = metric(*sets, resamples=30, seed=4)
    assert estimate == metric(*sets, resamples=30, seed=4)
    assert estimate.value == metric.value(*sets)
    assert metric.bounds[0] <= estimate.low <= estimate.value <= estimate.high <= metric.bounds[1]
    assert estimate.low < estimate.high


def test_too_few_images_are_refused_with_the_number_needed(sets):
    for metric in METRICS.values():
        with pytest.raises(UserError, match=rf"{metric.name}: needs at least 50 images"):
            metric(sets[0][:49], sets[1])
    with pytest.raises(UserError, match=r"fid: needs at least 4,098 images .* 2,048 features, not 4,097"):
        frechet_inception_distance.require_enough(4097, 2048)
    frechet_inception_distance.require_enough(4098, 2048)
    kernel_inception_distance.require_enough(50, 2048)
