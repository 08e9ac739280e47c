from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch

from backends import UserError
from qvunet.config import Config
from qvunet.data import load_data
from qvunet.diffusion.process import make_noise_scheduler, p2_weights
from qvunet.influence import ablate as module
from qvunet.influence import shares
from qvunet.influence.ablate import ablate
from qvunet.influence.probe import Probe
from qvunet.influence.quick import quick_influence
from qvunet.runs.checkpoint import latest_checkpoint
from qvunet.runs.directory import RunDirectory
from qvunet.tasks import make_task
from qvunet.tasks.trained import load_trained
from qvunet.training.trainer import train
from tests.qvunet.conftest import TINY


@pytest.fixture(autouse=True)
def _few_gradients(monkeypatch):
    monkeypatch.setattr(shares, "SHARE_IMAGES", 1)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    run = RunDirectory(tmp_path_factory.mktemp("influence") / "run")
    config = Config.model_validate({**TINY, "train": {**TINY["train"], "steps": 2}})
    return config, run, train(config, run)


def test_figures_are_those_of_an_independent_computation(trained, tmp_path):
    """By forward hooks on the circuit layers, and the formula of the loss written out."""
    config, run, _ = trained
    found = ablate(config, run, ["zero"], num=12, seed=3, out=tmp_path)
    task = make_task(config, run)
    probe = Probe.of(task, load_data(config.data).holdout, 12, 3)
    model = load_trained(task, latest_checkpoint(run.checkpoints))
    alphas = make_noise_scheduler(config.diffusion).alphas_cumprod
    weights = p2_weights(alphas, 1.0, 1.0)

    def mean_loss():
        losses = []
        for noise, levels in zip(probe.noise, probe.levels, strict=True):
            t = levels.long()
            signal = alphas[t].view(-1, 1, 1, 1)
            noisy = signal.sqrt() * probe.clean + (1 - signal).sqrt() * noise
            with torch.no_grad():
                predicted = model(noisy, t).sample
            losses.append(weights[t] * (predicted - noise).square().mean(dim=(1, 2, 3)))
        return float(torch.stack(losses).double().mean())

    before = mean_loss()
    for layer in model.circuit_layers().values():
        layer.register_forward_hook(lambda m, inputs, output: torch.zeros_like(output))
    after = mean_loss()
    assert found.loss == pytest.approx(before, rel=1e-5)
    whole = next(each for each in found.findings if each.where == "circuits")
    assert whole.change.value == pytest.approx((after - before) / before, abs=2e-6)


def test_what_is_written(trained, tmp_path):
    config, run, _ = trained
    found = ablate(config, run, ["mean", "zero"], num=10, out=tmp_path)
    document = json.loads((tmp_path / "influence.json").read_text())
    assert document["baseline"]["loss"] == found.loss
    first = document["ablations"][0]
    assert (first["kind"], first["where"]) == ("zero", "circuits")
    assert first["low"] <= first["loss_change"] <= first["high"]
    assert [band["from"] for band in first["by_timestep"]] == list(range(0, 20, 2))
    assert document["verdict"] == found.verdict
    assert 0 < document["shares"]["weights"] < 0.01
    assert document["shares"]["movement"] > 0
    page = (tmp_path / "influence.html").read_text()
    assert page.count("data:image/png;base64") == 2
    assert found.verdict.split(":")[0] in page
    assert all((tmp_path / name).exists() for name in ("influence.md", "influence.png", "by_level.png"))
    assert found.lines()[-1].endswith("influence.html")


def test_an_interrupted_ablation_goes_on_where_it_stopped(trained, tmp_path, monkeypatch):
    config, run, _ = trained
    whole = ablate(config, run, ["zero", "shuffled"], num=10, out=tmp_path / "whole")
    plain = module.ablated
    used = []

    def counted(model, ablation, means, seed=0):
        if len(used) == 4:
            raise KeyboardInterrupt
        used.append(ablation)
        return plain(model, ablation, means, seed)

    monkeypatch.setattr(module, "ablated", counted)
    with pytest.raises(KeyboardInterrupt):
        ablate(config, run, ["zero", "shuffled"], num=10, out=tmp_path / "parts")
    monkeypatch.setattr(
        module, "ablated", lambda *args, **options: used.append(args[1]) or plain(*args, **options)
    )
    again = ablate(config, run, ["zero", "shuffled"], num=10, out=tmp_path / "parts")
    assert len(used) == len(whole.findings)  # none twice
    assert replace(again, directory=whole.directory) == whole


def test_a_damaged_piece_is_named(trained, tmp_path):
    config, run, _ = trained
    ablate(config, run, ["zero"], num=10, out=tmp_path)
    (piece,) = tmp_path.glob("pieces_*/zero_circuits.json")
    piece.write_text("{")
    with pytest.raises(UserError, match=r"zero_circuits\.json: damaged.*delete it"):
        ablate(config, run, ["zero"], num=10, out=tmp_path)


def test_kid_on_request(trained, tmp_path, monkeypatch):
    config, run, _ = trained
    monkeypatch.setenv("QVUNET_CACHE", str(tmp_path / "cache"))
    evaluate = {"classifier_steps": 2, "steps": 1, "sampler": "ddim"}
    config = Config.model_validate({**config.model_dump(), "evaluate": evaluate})
    found = ablate(config, run, ["zero"], num=10, out=tmp_path, kid_images=50)
    assert found.findings[0].kid_change is not None
    assert found.findings[1].kid_change is None  # one place alone is not drawn for
    assert "change of KID" in (tmp_path / "influence.md").read_text()


def changed(config, **values):
    return Config.model_validate({**config.model_dump(), **values})


@pytest.mark.parametrize(
    ("changes", "options", "message"),
    [
        ({"model": {}}, {}, "the network is classical"),
        ({"backend": {"name": "ibm_runtime"}}, {}, "backends that simulate"),
        ({}, {"kinds": ["half"]}, "--kinds half"),
        ({}, {"num": 5}, "--num 5: from 10 to the 180 images"),
        ({}, {"num": 500}, "--num 500: from 10 to the 180 images"),
        (
            {"data": {"name": "digits", "image_size": 16, "holdout": 0.0}},
            {},
            "--num 0: from 10 to the 0 images",
        ),
    ],
)
def test_what_cannot_be_measured_is_refused(trained, tmp_path, changes, options, message):
    config, run, _ = trained
    with pytest.raises(UserError, match=message):
        ablate(changed(config, **changes), run, out=tmp_path, **options)
    assert not (tmp_path / "influence.json").exists()


def test_a_run_without_a_checkpoint_is_refused(trained, tmp_path):
    with pytest.raises(UserError, match="no checkpoint yet"):
        ablate(trained[0], RunDirectory(tmp_path), out=tmp_path)


def test_every_training_ends_with_a_line_about_its_circuits(trained):
    config, run, summary = trained
    assert summary.influence is not None
    (line,) = [line for line in summary.lines() if line.startswith("influence")]
    assert line.startswith("influence    circuits to zero changes the held-out loss by ")
    task = make_task(config, run)
    model = load_trained(task, latest_checkpoint(run.checkpoints))
    again = quick_influence(model, task, load_data(config.data).holdout)
    assert again.change.value == pytest.approx(summary.influence.change.value, abs=1e-7)
