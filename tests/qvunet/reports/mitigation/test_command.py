from __future__ import annotations

import json

import pytest
from PIL import Image

from backends.devices.lowering import routing
from qvunet.config import Config
from qvunet.reports.mitigation.methods import METHODS
from qvunet.runs.directory import RunDirectory
from qvunet.training.trainer import train
from tests.qvunet.conftest import TINY_LATENT
from tests.scripts.commands import report


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    directory = tmp_path_factory.mktemp("mitigation") / "run"
    train(Config.model_validate(TINY_LATENT), RunDirectory(directory))
    return directory


def test_a_comparison_goes_on_where_it_was(run, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(routing, "STARTS_PER_QUBIT", 1)
    choices = ["--run", run, "--out", tmp_path, "--num", "2", "--steps", "1", "--lowering", "merged"]
    choices += ["--device", "fake_guadalupe"]
    assert report("mitigation", *choices, "--methods", "none", "--shots", "64") == 0
    (first,) = (tmp_path / "results").iterdir()
    written = first.stat().st_mtime_ns
    capsys.readouterr()
    both = ["--methods", "none", "readout", "--vary", "none", "--shots", "64", "32"]
    assert report("mitigation", *choices, *both) == 0
    assert first.stat().st_mtime_ns == written
    assert "2/3  readout, 64 shots, 1 steps" in capsys.readouterr().err
    rows = json.loads((tmp_path / "mitigation.json").read_text())
    assert [(row["method"], row["shots"]) for row in rows] == [("none", 32), ("none", 64), ("readout", 64)]
    # One denoiser evaluation, one block: a job of 2 images x 1 circuit, and the readout's calibration.
    assert rows[1]["qpu_seconds"] == pytest.approx(2 + 0.00035 * 2 * 64)
    assert rows[2]["qpu_seconds"] == pytest.approx(2 + 0.00035 * 3 * 64)
    assert 0 < rows[1]["distance"]["value"] < 2
    page = (tmp_path / "mitigation.md").read_text()
    assert page.count("\n| none | ") == 2 + 1  # of figures, and what is simulated of it
    assert "at 64 shots and 1 steps" in page
    for name in ("costs", "pictures"):
        assert min(Image.open(tmp_path / f"{name}.png").size) > 100
    assert (tmp_path / "mitigation.html").read_text().count("data:image/png;base64,") == 2


def test_every_method_is_one_that_the_backend_takes():
    from backends import make_backend

    for method in METHODS.values():
        make_backend("ibm_runtime", backend_name="fake_manila", **method.options)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--device", "ibm_fez"], "--device ibm_fez: allowed: fake_"),
        (["--run", "nowhere"], "nowhere: not a run directory"),
    ],
)
def test_what_cannot_be_used_exits_2(run, capsys, arguments, words):
    assert report("mitigation", "--run", run, *arguments) == 2
    assert words in capsys.readouterr().err
