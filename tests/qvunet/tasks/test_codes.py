"""Latent runs through the commands: the same life as any other run, with an autoencoder in its directory."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
import yaml
from PIL import Image
from typer.testing import CliRunner

from backends.errors import UserError
from qvunet.cli import app
from qvunet.config import Config, load_config
from qvunet.influence.ablations import Ablation, ablated
from qvunet.runs.checkpoint import latest_checkpoint
from qvunet.runs.directory import RunDirectory
from qvunet.tasks import make_task
from qvunet.tasks.trained import load_trained
from qvunet.training.trainer import train
from tests.qvunet.conftest import TINY_LATENT
from tests.qvunet.training.test_trainer import assert_same_training, change


def config(**sections) -> Config:
    return change(Config.model_validate(TINY_LATENT), **sections)


@pytest.fixture(scope="module", autouse=True)
def own_cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("QVUNET_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def finished(own_cache, tmp_path_factory) -> RunDirectory:
    run = RunDirectory(tmp_path_factory.mktemp("latent") / "run")
    summary = train(config(), run)
    assert summary.samples.is_file()
    return run


def command(*arguments):
    return CliRunner().invoke(app, [str(each) for each in arguments])


def test_the_autoencoder_lies_in_the_run_and_nothing_is_a_pickle(finished):
    names = {path.name for path in finished.path.rglob("*") if path.is_file()}
    assert "diffusion_pytorch_model.safetensors" in {path.name for path in finished.autoencoder.iterdir()}
    assert not [name for name in names if name.endswith((".bin", ".pt", ".pkl", ".ckpt"))]


def test_a_resumed_run_is_the_uninterrupted_one(finished, tmp_path):
    half = RunDirectory(tmp_path / "half")
    train(config(), half)
    shutil.rmtree(half.checkpoints / "step_000004")
    train(load_config(half.config_file), half, resume=True)
    assert_same_training(finished, half, 4)


def test_it_draws_wherever_it_is_taken_without_the_cache(finished, tmp_path, monkeypatch):
    moved = tmp_path / "moved"
    shutil.copytree(finished.path, moved)
    monkeypatch.setenv("QVUNET_CACHE", str(tmp_path / "empty"))
    for run, out in ((finished.path, "here"), (moved, "there")):
        result = command("sample", "--run", run, "--num", 2, "--seed", 5, "--out", tmp_path / out)
        assert result.exit_code == 0, result.output
    here, there = (Image.open(tmp_path / out / "0001.png").tobytes() for out in ("here", "there"))
    assert here == there
    assert not (tmp_path / "empty").exists()


@pytest.mark.parametrize(
    "options",
    [
        ["--backend", "aer_statevector"],
        ["--backend", "aer_shots", "--set", "backend.shots=64"],
        ["--backend", "statevector", "--set", "backend.shots=64"],
        ["--sampler", "dpmpp", "--steps", "3"],
        ["--sampler", "ddpm", "--steps", "3"],
    ],
    ids=" ".join,
)
def test_samples_come_from_every_backend_and_sampler(finished, tmp_path, options):
    result = command("sample", "--run", finished.path, "--num", 1, *options, "--out", tmp_path)
    assert result.exit_code == 0, result.output
    assert Image.open(tmp_path / "0000.png").size == (16, 16)


def test_one_job_for_each_block_is_what_a_step_on_hardware_asks_for(finished):
    result = command(
        *("sample", "--run", finished.path, "--backend", "ibm_runtime", "--num", 2, "--dry-run"),
        *("--set", "backend.backend_name=fake_kingston", "--sampler", "dpmpp", "--steps", 3),
    )
    assert result.exit_code == 0, result.output
    assert "in 3 jobs" in result.output


def test_classes_are_trained_and_guided(tmp_path):
    options = config(model={"num_classes": 10}, sample={"num": 4, "guidance_scale": 2.0, "classes": [3, 7]})
    run = RunDirectory(tmp_path / "run")
    train(options, run)
    task = make_task(options, run)
    model = load_trained(task, latest_checkpoint(run.checkpoints))
    with torch.no_grad():
        model.class_embedding.weight.normal_()
    guided = task.draw(model)
    plain = task.draw(model, options.sample.model_copy(update={"guidance_scale": 1.0}))
    assert guided.shape == (4, 1, 16, 16)
    assert (guided - plain).abs().max() > 1e-3


def test_evaluation_states_the_copies(finished, tmp_path):
    result = command(
        *("evaluate", "--run", finished.path, "--num", 50, "--steps", 1, "--out", tmp_path / "e.json"),
        *("--set", "evaluate.classifier_steps=2", "--set", "evaluate.metrics=[kid]"),
    )
    assert result.exit_code == 0, result.output
    assert "copies" in yaml.safe_load((tmp_path / "e.json").read_text())["kid"]
    assert "as the autoencoder returns them" in result.output


def test_taking_the_circuits_away_changes_what_is_drawn(finished):
    options = load_config(finished.config_file)
    task = make_task(options, finished)
    model = load_trained(task, latest_checkpoint(finished.checkpoints))
    whole = task.draw(model)
    with ablated(model, Ablation("zero"), {}):
        without = task.draw(model)
    assert (whole - without).abs().max() > 1e-3


@pytest.mark.parametrize("damage", ["missing", "damaged"])
def test_a_run_without_its_autoencoder_is_refused_by_name(finished, tmp_path, damage):
    broken = tmp_path / "broken"
    shutil.copytree(finished.path, broken)
    if damage == "missing":
        shutil.rmtree(broken / "autoencoder")
    else:
        (broken / "autoencoder" / "diffusion_pytorch_model.safetensors").write_bytes(b"nothing")
    result = command("sample", "--run", broken, "--num", 1, "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert f"{broken / 'autoencoder'}: {damage}" in result.output.replace("\n", "")
    with pytest.raises(UserError, match=damage):
        _ = make_task(load_config(broken / "config.yaml"), RunDirectory(broken)).autoencoder


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"model": {"kind": "latnet"}}, "model.kind"),
        ({"model": {"kind": "latent", "hybridization": 0.1}}, "model.hybridization"),
        ({"model": {"kind": "unet"}, "sample": {"sampler": "heun"}}, "sample.sampler"),
        ({"model": {"kind": "latent", "autoencoder": {"width": 12}}}, "model.autoencoder.width"),
        ({"model": {"kind": "latent", "readout": "xy"}}, "model.readout"),
    ],
)
def test_wrong_keys_are_named(tmp_path, values, named):
    file = Path(tmp_path, "c.yaml")
    file.write_text(yaml.safe_dump(values))
    with pytest.raises(UserError, match=named):
        load_config(file)


def test_there_is_no_classical_latent_network(tmp_path):
    file = Path(tmp_path, "c.yaml")
    file.write_text("model: {kind: latent, ansatz: hqconf}\n")
    with pytest.raises(UserError, match=r"model\.ansatz: 'hqconf'.*hqconv") as caught:
        load_config(file)
    assert "null" not in str(caught.value)
