from __future__ import annotations

import importlib
import json
import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from backends.errors import UserError
from qvunet.cli import app
from qvunet.config import Config
from qvunet.costs.hardware import Consent
from qvunet.evaluation import Evaluation, evaluate
from qvunet.runs.directory import RunDirectory
from qvunet.tasks.pixels import PixelTask
from qvunet.training.trainer import train
from tests.qvunet.conftest import TINY

MODULE = importlib.import_module("qvunet.evaluation.evaluate")  # the package has a function of its name
PAGE = Path(__file__).parents[3] / "docs" / "evaluation.md"
COMMANDS = re.findall(r"^\$ (qvunet evaluate .*)$", PAGE.read_text(), re.MULTILINE)
FEW = {"num": 60, "steps": 1, "metrics": ["kid", "recall"], "resamples": 50, "classifier_steps": 20}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("evaluated")
        patch.setenv("QVUNET_CACHE", str(folder / "cache"))
        run = RunDirectory(folder / "run")
        values = {**TINY, "train": {**TINY["train"], "steps": 1}, "evaluate": FEW}
        train(Config.model_validate(values), run)
        yield run


@pytest.fixture(scope="module")
def config(run) -> Config:
    from qvunet.config import load_config

    return load_config(run.config_file)


@pytest.fixture(scope="module")
def first(run, config) -> Evaluation:
    return evaluate(config, run)


def with_options(config: Config, **values: object) -> Config:
    return Config.model_validate({**config.model_dump(), **values})


def figures(evaluation: Evaluation) -> list[object]:
    return [evaluation.figures, evaluation.num, evaluation.features]


def run_cli(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["evaluate", *map(str, arguments)])


def test_the_json_says_what_the_figures_depend_on(first, run):
    assert first.file.parent == first.samples
    assert first.file.parent.parent == run.evaluation
    record = json.loads(first.file.read_text())
    assert record == json.loads(json.dumps(first.as_dict()))
    assert set(record["kid"]) == {"value", "low", "high", "floor"}
    assert "fid" not in record
    stated = {key: record[key] for key in ("num", "sampler", "steps", "seed", "backend", "shots")}
    assert stated == {
        "num": 60,
        "sampler": "dpmpp",
        "steps": 1,
        "seed": 0,
        "backend": "statevector",
        "shots": None,
    }
    assert record["checkpoint_step"] == 1
    assert 0 < record["features"]["accuracy"] <= 1
    assert record["options"]["evaluate"]["metric_seed"] == 0
    assert record["environment"]["versions"]["torchmetrics"]


def test_real_images_are_nearer_than_those_of_an_untrained_network(first):
    kid, recall = first.figures["kid"], first.figures["recall"]
    assert abs(kid.floor) < 0.1 * kid.estimate.low
    assert recall.floor > 0.5 > recall.estimate.value


def test_the_same_command_gives_the_same_figures(first, run, config, tmp_path):
    again = evaluate(config, RunDirectory(run.path), tmp_path / "again.json")
    assert figures(again) == figures(first)
    record = json.loads((tmp_path / "again.json").read_text())
    assert record == json.loads(first.file.read_text())


def test_interrupted_and_resumed_gives_the_same_figures(first, run, config, monkeypatch):
    config = with_options(config, evaluate={**FEW, "batch_size": 16})
    whole = evaluate(config, run)
    for path in sorted(whole.samples.glob("*.npy"))[1:]:
        path.unlink()
    kept = PixelTask.draw
    drawn = []

    def draw(task, model, **options):
        drawn.append(options["indices"])
        return kept(task, model, **options)

    monkeypatch.setattr(PixelTask, "draw", draw)
    assert figures(evaluate(config, run)) == figures(whole)
    assert drawn == [range(16, 32), range(32, 48), range(48, 60)]


def test_another_seed_draws_other_images_but_meets_the_same_real_ones(first, run, config):
    other = evaluate(with_options(config, evaluate={**FEW, "seed": 1}), run)
    assert other.figures["kid"].estimate != first.figures["kid"].estimate
    assert other.figures["kid"].floor == first.figures["kid"].floor


def test_shots_are_stated(first, run, config):
    noisy = with_options(config, backend={"name": "statevector", "shots": 2})
    result = evaluate(noisy, run)
    assert result.shots == result.as_dict()["shots"] == 2
    assert any("statevector, 2 shots" in line for line in result.lines())
    assert result.figures["kid"].estimate != first.figures["kid"].estimate
    assert any("statevector, exact" in line for line in first.lines())


def test_too_few_images_are_refused_before_anything_is_drawn(run, config, monkeypatch):
    monkeypatch.delattr(MODULE, "load_trained")
    few = with_options(config, evaluate={**FEW, "num": 49})
    with pytest.raises(UserError, match=r"kid: needs at least 50 images .* not 49.*evaluate.num"):
        evaluate(few, run)
    with pytest.raises(UserError, match=r"fid: needs at least 130 .* not 60: .*evaluate.metrics"):
        evaluate(with_options(config, evaluate={**FEW, "metrics": ["fid"]}), run)
    with pytest.raises(UserError, match=r"fid: needs at least 4,098"):
        evaluate(with_options(config, evaluate={**FEW, "metrics": ["fid"], "features": "inception"}), run)
    with pytest.raises(UserError, match=r"evaluate.num: at most 180"):
        evaluate(with_options(config, evaluate={**FEW, "num": 181}), run)


def test_a_directory_is_no_place_for_the_json(run, config, tmp_path):
    with pytest.raises(UserError, match="a directory, not a file"):
        evaluate(config, run, tmp_path)


def test_a_dry_run_trains_and_draws_nothing(run, config, monkeypatch):
    monkeypatch.delattr(MODULE, "make_feature_network")
    assert evaluate(config, run, consent=Consent(dry_run=True)) is None


def test_the_command_line_prints_all_five(run):
    metrics = "[kid, fid, inception_score, precision, recall]"
    result = run_cli("--run", run.path, "--num", 130, "--seed", 2, "--set", f"evaluate.metrics={metrics}")
    assert result.exit_code == 0, result.output
    for words in ("130 drawn", "dpmpp, 1 steps, seed 2", "95 % interval", "classified right"):
        assert words in result.stdout
    labels = [line.split()[0] for line in result.stdout.splitlines() if line.endswith("is better")]
    assert labels == ["KID", "FID", "IS", "precision", "recall"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--features", "vgg"], "evaluate.features: 'vgg' is not allowed"),
        (["--steps", "21"], "evaluate.steps: at most diffusion.num_train_timesteps (20)"),
        (["--set", "evaluate.metrics=[ssim]"], "'ssim' is not allowed"),
        (["--set", "data.channels=3"], "data.channels: fixed"),
        (["--features", "inception", "--set", "evaluate.inception_weights=no.pth"], "no.pth"),
    ],
)
def test_the_command_line_refuses(arguments, words, run):
    result = run_cli("--run", run.path, *arguments)
    assert result.exit_code == 2, result.output
    assert words in result.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_the_page_s_commands_work(command, run, tmp_path):
    """As written, but on the tiny run, with few images and one step."""
    arguments = shlex.split(command)[2:]
    arguments[arguments.index("--run") + 1] = str(run.path)
    result = run_cli(*arguments, "--num", 60, "--steps", 1, "--out", tmp_path / "figures.json")
    assert result.exit_code == 0, result.output
    assert json.loads((tmp_path / "figures.json").read_text())["num"] == 60


def test_the_page_shows_commands():
    assert len(COMMANDS) >= 2
