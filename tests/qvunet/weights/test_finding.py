"""The trained networks that come with the package: whole, small, and drawn from by name."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from huggingface_hub import ModelCard
from PIL import Image

from backends.errors import UserError
from qvunet import QVUNet
from qvunet.config import SAMPLE_KEYS, load_changed
from qvunet.generation.generate import generate
from qvunet.runs.named import open_run
from qvunet.weights.finding import PACKAGED, weights_folder, weights_names, weights_summary

NAMES = weights_names()


def test_there_are_some_and_together_they_are_small():
    assert NAMES
    assert sum(file.stat().st_size for file in PACKAGED.rglob("*") if file.is_file()) < 3_000_000


@pytest.mark.parametrize("name", NAMES)
def test_a_name_draws_the_picture_of_its_card(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = open_run(weights_folder(name).relative_to(PACKAGED))
    config = load_changed(run.config_file, ["sample.num=64"], None, SAMPLE_KEYS)
    grid = np.asarray(Image.open(generate(config, run))).astype(int)
    shown = np.asarray(Image.open(weights_folder(name) / "samples.png").convert("RGB")).astype(int)
    assert abs(grid - shown).max() <= 8  # of 255: that was drawn in float32


@pytest.mark.parametrize("name", NAMES)
def test_its_card_is_whole(name):
    folder = weights_folder(name)
    card = ModelCard.load(folder / "README.md")
    assert card.data.license == "mit"
    assert card.data.eval_results
    assert "-dirty" not in card.text
    for part in (
        "# " + name,
        "**Data**",
        "qvunet train",
        "seed",
        "interval",
        "samples.png",
        "## Limits",
        "Licence",
    ):
        assert part in card.text
    assert (folder / "samples.png").is_file()
    assert weights_summary(name) in card.text


@pytest.mark.parametrize("name", ["qvunet/mnist-nothing", "../finding", "qvunet/"])
def test_an_unknown_name_lists_those_there_are(name):
    with pytest.raises(UserError, match=", ".join(NAMES)):
        weights_folder(name)


def test_from_pretrained_lists_them_too():
    with pytest.raises(UserError, match="no trained network of that name"):
        QVUNet.from_pretrained("qvunet/nothing")


def test_float16_is_read_as_float32(monkeypatch, tmp_path):
    from tests.qvunet.networks import build

    net = build(ansatz="fqconv", double=False)
    net.half().save_pretrained(tmp_path / "mine")
    (tmp_path / "mine" / "README.md").write_text("# mine\n\nA test.\n")
    monkeypatch.setenv("QVUNET_WEIGHTS", str(tmp_path))
    loaded = QVUNet.from_pretrained("qvunet/mine")
    assert {p.dtype for p in loaded.parameters()} == {torch.float32}
    assert all(torch.equal(p.half(), q) for p, q in zip(loaded.parameters(), net.parameters(), strict=True))
