"""A tiny latent run and a tiny classical one, packed, found by name, and drawn from."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from huggingface_hub import ModelCard
from PIL import Image
from safetensors.torch import load_file
from typer.testing import CliRunner

from qvunet import QVUNet
from qvunet.cards.packing import pack
from qvunet.cli import app
from qvunet.config import Config
from qvunet.latent.denoiser import LatentDenoiser
from qvunet.runs.directory import RunDirectory
from qvunet.training.trainer import train
from tests.qvunet.conftest import TINY, TINY_LATENT

KID = {"metrics": ["kid"], "resamples": 50, "classifier_steps": 5, "num": 60}


def run_cli(*arguments: object):
    return CliRunner().invoke(app, [str(each) for each in arguments])


def measured_run(path: Path, values: dict, *, circuits: bool) -> RunDirectory:
    run = RunDirectory(path)
    train(Config.model_validate(values | {"evaluate": values.get("evaluate", {"steps": 1}) | KID}), run)
    commands = [["evaluate"], ["ablate", "--num", "10", "--kinds", "zero"]]
    for command in commands if circuits else commands[:1]:
        result = run_cli(command[0], "--run", path, *command[1:])
        assert result.exit_code == 0, result.output
    return run


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> RunDirectory:
    return measured_run(tmp_path_factory.mktemp("runs") / "tiny-latent", TINY_LATENT, circuits=True)


@pytest.fixture(scope="module")
def packed(run) -> Path:
    return pack(run, run.path.parent / "weights")


@pytest.fixture
def here(packed, tmp_path, monkeypatch) -> Path:
    """An empty working directory from which the folder is found by name."""
    monkeypatch.setenv("QVUNET_WEIGHTS", str(packed.parent))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_weights_are_the_averaged_ones_in_half_precision(run, packed):
    (ema,) = run.checkpoints.glob("step_000004/ema/*.safetensors")
    trained, stored = load_file(ema), load_file(packed / ema.name)
    assert trained.keys() == stored.keys()
    for name, tensor in stored.items():
        assert tensor.dtype == torch.float16
        assert torch.equal(tensor, trained[name].half())


def test_the_card_says_what_was_measured(run, packed):
    card = ModelCard.load(packed / "README.md")
    (evaluation,) = run.evaluation.glob("*/classifier.json")
    kid = json.loads(evaluation.read_text())["kid"]
    assert card.data.license == "mit"
    (result,) = card.data.eval_results
    assert result.metric_value == pytest.approx(kid["value"], abs=1e-6)
    assert f"[{kid['low']:.4f}, {kid['high']:.4f}]" in card.text
    influence = json.loads((run.path / "influence" / "influence.json").read_text())
    assert influence["verdict"] in card.text
    for words in ("# tiny-latent", "licence of the images: CC BY 4.0", "seed 0", "![", "## Limits", "MIT."):
        assert words in card.text
    six_digits = json.loads(json.dumps(influence), parse_float=lambda text: float(f"{float(text):.5e}"))
    assert json.loads((packed / "figures.json").read_text())["influence"] == six_digits


def test_a_name_is_a_run(here, packed):
    assert "tiny-latent" in run_cli("models").stdout
    assert run_cli("card", "tiny-latent").stdout == (packed / "README.md").read_text()
    drawn = []
    for name, out in (("tiny-latent", "a"), ("qvunet/tiny-latent", "b")):
        result = run_cli("sample", "--run", name, "--num", "1", "--out", out)
        assert result.exit_code == 0, result.output
        drawn.append(np.asarray(Image.open(here / out / "0000.png")))
    assert np.array_equal(*drawn)
    trained = np.asarray(Image.open(packed / "samples.png"))
    assert trained.std() > 0
    assert run_cli("ablate", "--run", "tiny-latent", "--num", "10", "--kinds", "zero").exit_code == 0


def test_what_is_drawn_is_what_the_run_draws(here, run):
    for name, out in ((run.path, "run"), ("tiny-latent", "name")):
        assert run_cli("sample", "--run", name, "--out", out).exit_code == 0
    a, b = (np.asarray(Image.open(here / out / "grid.png")).astype(int) for out in ("run", "name"))
    assert abs(a - b).max() <= 2  # of 255: what rounding to float16 does


def test_networks_load_by_name_in_single_precision(here):
    net = LatentDenoiser.from_pretrained("qvunet/tiny-latent", backend="aer_statevector")
    assert {p.dtype for p in net.parameters()} == {torch.float32}
    assert net(*net.example()).sample.shape == (1, 12)
    with pytest.raises(Exception, match="a LatentDenoiser, not a QVUNet"):
        QVUNet.from_pretrained("qvunet/tiny-latent")


def test_a_classical_run_needs_no_ablation(here, tmp_path):
    values = TINY | {"model": {}}
    folder = pack(measured_run(tmp_path / "tiny-classical", values, circuits=False), tmp_path / "more")
    assert "It holds no circuits." in (folder / "README.md").read_text()
    assert QVUNet.from_pretrained(folder).circuit_layers() == {}


def test_another_run_of_that_name_is_left_alone(here):
    (here / "runs" / "tiny-latent").mkdir(parents=True)
    result = run_cli("sample", "--run", "tiny-latent")
    assert result.exit_code == 2
    assert "holds something else than the trained network tiny-latent" in result.stderr


def test_refusals(here, tmp_path):
    result = run_cli("sample", "--run", "tiny-latant")
    assert result.exit_code == 2
    assert "did you mean 'tiny-latent'?" in result.stderr
    unmeasured = RunDirectory(tmp_path / "unmeasured")
    train(Config.model_validate(TINY_LATENT), unmeasured)
    result = run_cli("card", "--run", unmeasured.path)
    assert result.exit_code == 2
    assert "is not evaluated; run `qvunet evaluate --run" in result.stderr
    assert "one of them is needed" in run_cli("card").stderr
