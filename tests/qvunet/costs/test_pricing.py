from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from backends import UserError
from qvunet.cli import app
from qvunet.config import Config, load_config
from qvunet.costs.pricing import price_list
from tests.qvunet.conftest import TINY

SETTINGS = ["backend.backend_name=fake_kingston", "backend.max_qpu_seconds=10000", "sample.num=5"]
WORK = ["forward", "gradient param_shift", "gradient spsa", "gradient surrogate", "images 2 steps"]


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("pricing")
    values = {**TINY, "model": {"ansatz": "fqconv"}, "train": {**TINY["train"], "steps": 1}}
    (folder / "tiny.yaml").write_text(yaml.safe_dump(values))
    arguments = ["train", "--config", str(folder / "tiny.yaml"), "--run-dir", str(folder / "run")]
    assert CliRunner().invoke(app, arguments).exit_code == 0
    return folder / "run"


@pytest.fixture(scope="module")
def config(run) -> Config:
    return load_config(run / "config.yaml", SETTINGS, "ibm_runtime")


def test_the_price_of_images_is_what_a_dry_run_shows(run, config):
    cost = price_list(config, [100], [4], [2])[-1].cost
    options = [*SETTINGS, "backend.shots=100", "backend.tiles=4", "sample.steps=2"]
    command = ["sample", "--run", str(run), "--backend", "ibm_runtime", "--dry-run"]
    result = CliRunner().invoke(app, command + [part for o in options for part in ("--set", o)])
    assert result.exit_code == 0, result.output
    assert f"{cost.circuits:,} of 100 shots, in {cost.jobs:,} jobs" in result.stdout
    assert f"executions   {cost.executions:,}," in result.stdout
    assert f"about {cost.qpu_seconds:,.0f} s" in result.stdout
    assert cost.circuits == 4 * 2 * 2  # four layers, two steps, and five images on four tiles
    assert re.search(r"calibrated   20\d\d-", result.stdout)
    assert re.search(r"tiles        fqconv: estimated success 0\.\d\d alone; of 4 tiles", result.stdout)


def test_every_work_at_every_setting(config):
    prices = price_list(config, [64, 256], [1, 4], [2])
    assert [(p.shots, p.tiles, p.work) for p in prices] == [
        (shots, tiles, work) for shots in (64, 256) for tiles in (1, 4) for work in WORK
    ]
    by_work = {price.work: price.cost for price in prices[:5]}
    rows = 4 * 4  # a circuit in each half of two blocks, four images
    assert by_work["forward"].circuits == by_work["gradient surrogate"].circuits == rows
    assert by_work["gradient spsa"].circuits == 3 * rows
    assert by_work["gradient param_shift"].circuits == 31 * rows
    assert [price.images for price in prices[:5]] == [4, 4, 4, 4, 5]


@pytest.mark.parametrize(
    ("changes", "steps", "words"),
    [
        (["model.ansatz=null"], 2, "no circuits"),
        ([], 21, "from 1 to diffusion.num_train_timesteps, which is 20"),
    ],
)
def test_what_cannot_be_priced(run, changes, steps, words):
    config = load_config(run / "config.yaml", [*SETTINGS, *changes], "ibm_runtime")
    with pytest.raises(UserError, match=words):
        price_list(config, [64], [1], [steps])
