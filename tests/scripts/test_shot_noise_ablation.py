from __future__ import annotations

import csv
import json
import math
import shutil
from pathlib import Path

import pytest
import torch
import yaml

from backends import make_backend
from backends.errors import UserError
from qvunet.ansatz import fqconv
from qvunet.config import load_config
from qvunet.runs.directory import RunDirectory
from tests.qvunet.conftest import TINY
from tests.scripts.commands import report

NETWORK = {"source": "fresh", "ansatz": "fqconv", "hybridization": 0.1, "image_size": 16}

TINY_BUDGET = {
    "layer_error": [
        {
            "over": {"num_layers": [1, 2], "executor": [{"backend": "statevector"}]},
            "ansatz": "fqconv",
            "shots": [64, 1024],
            "rows": 2,
            "repeats": 3,
        }
    ],
    "eps_error": [
        {
            "network": "runs",
            "executor": {},
            "shots": [64],
            "times": [0.1, 0.9],
            "images": 1,
            "repeats": 2,
        }
    ],
    "gradients": [
        {
            "ansatz": "fqconv",
            "num_layers": 1,
            "executor": {},
            "executions": [16, 512],
            "directions": [2],
            "rows": 1,
            "repeats": 3,
        }
    ],
    "training_curves": [
        {"network": NETWORK, "shots": None, "steps": 2, "batch_size": 2, "holdout_images": 2},
        {
            "network": NETWORK,
            "shots": 16,
            "gradient": "surrogate",
            "steps": 2,
            "batch_size": 2,
            "holdout_images": 2,
        },
    ],
    "images": [
        {
            "network": "run",
            "shots": [16],
            "num": 50,
            "pictures": 3,
            "steps": 1,
            "classifier_steps": 5,
            "resamples": 20,
        }
    ],
}


@pytest.fixture
def bench(tmp_path):
    from qvunet.reports.shots.measurement import Bench

    return Bench(tmp_path / "work", torch.device("cpu"))


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    """A run of one step."""
    from qvunet.training.trainer import train

    path = tmp_path_factory.mktemp("shot_noise")
    values = {**TINY, "train": {**TINY["train"], "steps": 1}}
    (path / "tiny.yaml").write_text(yaml.safe_dump(values))
    train(load_config(path / "tiny.yaml"), RunDirectory(path / "run"))
    return path / "run"


def layer_error(**changes):
    from qvunet.reports.shots.layer_error import LayerError

    fields = {"ansatz": "fqconv", "num_layers": 1, "executor": {}, "shots": (256,), "rows": 16, "repeats": 16}
    return LayerError.model_validate(fields | changes)


@pytest.mark.parametrize("ansatz", ["hqconv", "fqconv"])
def test_error_of_the_sampling_engine_is_counting_noise(ansatz, bench):
    points = layer_error(ansatz=ansatz, shots=(64, 4096)).measure(bench)["points"]
    for point in points:
        assert abs(point["rmse"] - point["expected"]) < 4 * point["rmse_error"]
        assert point["systematic"] < 2 * point["systematic_limit"]
    assert points[0]["expected"] == pytest.approx(8 * points[1]["expected"])


def test_what_does_not_average_out_is_told_from_noise():
    from qvunet.reports.shots.statistics import error_statistics

    generator = torch.Generator().manual_seed(0)
    noise = 0.1 * torch.randn(64, 50, 12, generator=generator, dtype=torch.float64)
    quiet, biased = error_statistics(noise), error_statistics(noise + 0.05)
    assert quiet["systematic"] < quiet["systematic_limit"] < 0.02
    assert biased["systematic"] == pytest.approx(0.05, rel=0.05)
    assert biased["rmse"] == pytest.approx(math.hypot(0.1, 0.05), rel=0.02)
    assert quiet["rmse_error"] == pytest.approx(0.1 / math.sqrt(2 * noise.numel()), rel=0.4)


def test_gradient_statistics_recover_bias_and_variance():
    from qvunet.reports.shots.statistics import gradient_statistics

    generator = torch.Generator().manual_seed(1)
    exact = torch.randn(40, generator=generator, dtype=torch.float64)
    noise = 0.3 * torch.randn(400, 40, generator=generator, dtype=torch.float64)
    scale = float(exact.square().sum())
    unbiased = gradient_statistics(exact + noise, exact)
    assert unbiased["bias"] < unbiased["bias_limit"]
    assert unbiased["variance"] == pytest.approx(0.09 * 40 / scale, rel=0.05)
    expected_cosine = 1 / math.sqrt(1 + 0.09 * 40 / scale)
    assert unbiased["cosine"] == pytest.approx(expected_cosine, abs=0.02)
    assert gradient_statistics(1.5 * exact + noise, exact)["bias"] == pytest.approx(0.5, rel=0.05)


def test_methods_spend_the_executions_they_are_said_to_cost(monkeypatch):
    """Counted where the engine measures."""
    from backends.statevector.sampling import SampledCircuit
    from qvunet.reports.shots.gradients import gradient, methods
    from qvunet.reports.shots.layer_error import random_layer

    rows, measured = 3, []
    measure = SampledCircuit.measure

    def counting(self, angles):
        measured.append(angles.shape[0] * angles.shape[1])
        return measure(self, angles)

    monkeypatch.setattr(SampledCircuit, "measure", counting)
    layer, inputs = random_layer("fqconv", 1, rows, seed=0)
    for method in methods(fqconv(), (1, 5)):
        measured.clear()
        backend = make_backend(
            "statevector", shots=8, gradient=method.name, spsa_directions=method.directions
        )
        gradient(layer, backend, inputs, torch.zeros_like(inputs), repeats=2)
        assert sum(measured) == 2 * rows * method.circuits


def test_gradients_are_unbiased_and_spsa_is_the_noisier(bench):
    from qvunet.reports.shots.gradients import Gradients

    spec = {"ansatz": "fqconv", "num_layers": 1, "executor": {}, "rows": 2, "repeats": 24}
    measurement = Gradients.model_validate(spec | {"executions": (1, 992, 15872), "directions": (4,)})
    points = {(p["method"], p["of"], p["executions"]): p for p in measurement.measure(bench)["points"]}
    assert ("param_shift", "weights", 1) not in points  # one execution does not pay for a gradient
    assert points["param_shift", "weights", 992]["shots"] == 32
    for (method, _, _), point in points.items():
        if method != "spsa, 4 directions":
            assert point["bias"] < 2 * point["bias_limit"]
    for of in ("weights", "inputs"):
        few, many = (points["param_shift", of, n] for n in (992, 15872))
        assert few["variance"] / many["variance"] == pytest.approx(16, rel=0.4)
        assert many["cosine"] > points["spsa, 4 directions", of, 15872]["cosine"] + 0.2


def test_error_of_eps_falls_with_shots_and_refers_to_exact_circuits(bench):
    from qvunet.reports.shots.eps_error import EpsError

    fields = {"network": NETWORK, "executor": {}, "times": (0.5,), "images": 2, "repeats": 2}
    (few, many) = EpsError.model_validate(fields | {"shots": (16, 16384)}).measure(bench)["points"]
    assert few["timestep"] == 500
    assert few["rmse"] > 10 * many["rmse"] > 0
    assert few["own_error"] == many["own_error"] > 0.1


def test_whole_ablation_goes_on_where_it_was(tmp_path, monkeypatch, trained, capsys):
    monkeypatch.setenv("QVUNET_CACHE", str(tmp_path / "cache"))
    from qvunet.reports.shots import store

    (tmp_path / "budget.yaml").write_text(yaml.safe_dump(TINY_BUDGET))
    out = tmp_path / "out"
    arguments = ["--budget", tmp_path / "budget.yaml", "--run", trained, "--out", out, "--device", "cpu"]
    measure, made = store.Store.measure, []

    def interrupted(self, measurement, device):
        if len(made) == 5:
            raise KeyboardInterrupt
        made.append(measurement.slug)
        measure(self, measurement, device)

    monkeypatch.setattr(store.Store, "measure", interrupted)
    assert report("shots", *arguments) == 130
    assert "goes on" in capsys.readouterr().err
    monkeypatch.setattr(store.Store, "measure", lambda s, m, d: (made.append(m.slug), measure(s, m, d)))
    assert report("shots", *arguments) == 0
    assert len(made) == len(set(made)) == 7

    for name in ("layer_error", "eps_error", "gradients", "training_curves", "images"):
        assert list(csv.DictReader((out / f"{name}.csv").open()))
    written = (out / "README.md").read_text()
    page = (out / "report.html").read_text()
    assert page.count('src="data:image/png;base64,') == written.count(".png)") == 7
    assert ".png" not in page.replace("data:image/png", "")

    kept = tmp_path / "kept" / "results"
    kept.mkdir(parents=True)
    for path in out.glob("results/images_*.json"):
        shutil.copy(path, kept)
    assert report("shots", "--only-report", "--out", kept.parent) == 0
    section = written[written.index("## Images") :]
    assert section in (kept.parent / "README.md").read_text()


def test_images_of_an_interrupted_measurement_are_the_same(trained, bench, monkeypatch, tmp_path):
    """The second half is drawn in another session."""
    from qvunet.reports.shots.images import Images
    from qvunet.reports.shots.networks import TrainedNetwork

    monkeypatch.setenv("QVUNET_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("qvunet.reports.shots.images.BATCH_SIZE", 25)
    fields = {"network": TrainedNetwork.of(trained), "shots": (4,), "num": 50, "steps": 1}
    fields |= {"classifier_steps": 5, "resamples": 20}
    first = Images.model_validate(fields).measure(bench)
    files = sorted(bench.workspace.glob("*/*.npy"))
    assert len(files) == 4
    for path in files[1:]:
        path.unlink()
    assert Images.model_validate(fields).measure(bench) == first
    exact, counted = first["points"]
    assert exact["pixel_rmse"] == 0 < counted["pixel_rmse"]
    assert counted["difference"]["low"] <= counted["difference"]["value"] <= counted["difference"]["high"]
    assert counted["difference"]["value"] == pytest.approx(counted["kid"]["value"] - exact["kid"]["value"])


def test_a_result_is_reused_only_for_an_equal_specification(tmp_path):
    from qvunet.reports.shots.store import Store

    store, device = Store(tmp_path), torch.device("cpu")
    first = layer_error(rows=2, repeats=2)
    store.measure(first, device)
    assert store.has(first)
    assert not store.has(layer_error(rows=3, repeats=2))
    (path,) = store.results.glob("*.json")
    assert json.loads(path.read_text())["spec"] == first.spec
    path.write_text("{}")
    with pytest.raises(UserError, match="delete it"):
        store.has(first)


def test_moving_a_run_leaves_its_specification_alone(trained, tmp_path):
    from qvunet.reports.shots.networks import TrainedNetwork

    network = TrainedNetwork.of(trained)
    moved = network.model_copy(update={"path": tmp_path})
    assert network.model_dump() == moved.model_dump()
    assert "path" not in network.model_dump()


@pytest.mark.parametrize("name", ["smoke", "laptop", "full"])
def test_shipped_budgets_are_valid_and_their_file_names_differ(name, trained):
    from qvunet.reports.shots.budgets import KINDS, budget_names, load_budget
    from qvunet.reports.shots.networks import TrainedNetwork

    assert name in budget_names()
    measurements = load_budget(name, [TrainedNetwork.of(trained)])
    assert {measurement.kind for measurement in measurements} == set(KINDS)
    assert len({measurement.slug for measurement in measurements}) == len(measurements)
    assert {m.kind for m in load_budget(name, [])} == set(KINDS) - {"images"}


@pytest.mark.parametrize(
    ("budget", "message"),
    [
        ({"layers": []}, "unknown key 'layers'"),
        ({"images": 3}, "images: a list"),
        ({"gradients": [{"ansatz": "hqconv", "shot": 3}]}, r"gradients\[0\].*shot: unknown key"),
        ({"training_curves": [{"network": NETWORK, "shots": 4, "steps": 1, "batch_size": 1}]}, "gradient"),
        ({"layer_error": [{"executor": {"noise_model": "fake_kingston"}}]}, "aer_shots"),
    ],
)
def test_a_wrong_budget_is_refused_with_its_key(budget, message, tmp_path):
    from qvunet.reports.shots.budgets import load_budget

    path = tmp_path / "budget.yaml"
    path.write_text(yaml.safe_dump(budget))
    with pytest.raises(UserError, match=f"(?s){message}"):
        load_budget(str(path), [])


def test_wrong_arguments_end_with_a_message(tmp_path, capsys, trained):
    assert report("shots", "--budget", "tiny", "--out", tmp_path) == 2
    assert "smoke" in capsys.readouterr().err
    assert report("shots", "--only-report", "--out", tmp_path) == 2
    assert "no results" in capsys.readouterr().err
    assert report("shots", "--run", tmp_path, "--out", tmp_path) == 2
    assert "not a run directory" in capsys.readouterr().err
