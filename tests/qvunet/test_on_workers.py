"""Commands whose pieces a Dask cluster does give what they give alone, bit for bit: real workers and TLS."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import dask
import numpy as np
import pytest
import yaml
from distributed import LocalCluster
from distributed.security import Security
from typer.testing import CliRunner

from qvunet.cli import app
from qvunet.config import Config
from qvunet.runs.directory import RunDirectory
from qvunet.training.trainer import train
from tests.qvunet.conftest import TINY, TINY_LATENT
from tests.readme import shell_commands

PAGE = (Path(__file__).parents[2] / "docs" / "machines.md").read_text()

COMMANDS = [words[1:] for words in shell_commands(PAGE)]

pytestmark = pytest.mark.slow  # each worker imports torch and Qiskit

EVALUATE = ["--num", "50", "--steps", "1", "--set", "evaluate.metrics=[kid]"]
EVALUATE += ["--set", "evaluate.classifier_steps=2", "--set", "evaluate.batch_size=20"]


@pytest.fixture(scope="module")
def scheduler(tmp_path_factory) -> Iterator[str]:
    """Address of a cluster with two workers, whose certificates Dask's config names as the page shows."""
    folder = tmp_path_factory.mktemp("certificates")
    made = Security.temporary()
    (folder / "cert.pem").write_text(made.tls_ca_file)
    (folder / "key.pem").write_text(made.tls_client_key)
    (block,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    settings = yaml.safe_load(block.replace("/path/to", str(folder)))
    with (
        dask.config.set(dask.config.merge(dask.config.config, settings)),
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0") as cluster,
    ):
        assert cluster.scheduler_address.startswith("tls://")
        yield cluster.scheduler_address


@pytest.fixture(scope="module", params=[TINY, TINY_LATENT], ids=["pixels", "latent"])
def run(request, tmp_path_factory) -> RunDirectory:
    run = RunDirectory(tmp_path_factory.mktemp("trained") / "run")
    config = {**request.param, "train": {**request.param["train"], "steps": 1}}
    train(Config.model_validate(config), run)
    return run


def from_page(*words: str, run: RunDirectory | None = None) -> list[str]:
    """A command of the page without what says who works."""
    found = next(each for each in COMMANDS if each[: len(words)] == list(words))
    kept = found[: next(i for i, word in enumerate(found) if word in ("--workers", "--scheduler"))]
    return [str(run.path) if word == "runs/mine" and run else word for word in kept]


def invoke(*arguments: str) -> None:
    result = CliRunner().invoke(app, list(arguments))
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize("backend", ["statevector", "aer_shots"])
def test_evaluate(backend, run, scheduler, tmp_path):
    shots = ["--set", "backend.shots=64"] if backend == "aer_shots" else []
    images, found = [], []
    for name, where in (("alone", []), ("workers", ["--scheduler", scheduler])):
        file = tmp_path / f"{name}.json"
        common = ["--backend", backend, *shots, *EVALUATE, "--out", str(file)]
        invoke(*from_page("evaluate", run=run), *common, *where)
        found.append(json.loads(file.read_text()))
        folder = Path(found[-1]["samples"])
        files = sorted(folder.glob("*.npy"))
        assert len(files) == 3
        images.append(np.concatenate([np.load(each) for each in files]))
        folder.rename(tmp_path / name)
    assert np.array_equal(*images)
    assert found[0]["kid"] == found[1]["kid"]


def test_ablate(run, scheduler, tmp_path):
    smaller = ["--num", "10", "--kinds", "zero,shuffled,random", "--kid", "50"]
    smaller += ["--set", "evaluate.steps=1", "--set", "evaluate.classifier_steps=2"]
    found = []
    for name, where in (("alone", []), ("workers", ["--scheduler", scheduler])):
        invoke(*from_page("ablate", run=run), *smaller, "--out", str(tmp_path / name), *where)
        found.append(json.loads((tmp_path / name / "influence.json").read_text()))
    assert found[0]["ablations"] == found[1]["ablations"]
    assert found[0]["verdict"] == found[1]["verdict"]
    assert any(each["kid_change"] for each in found[0]["ablations"])


def test_search(scheduler, tmp_path):
    smaller = ["--networks", "cosine", "hqconv", "--problems", "rotors", "--seeds", "2", "--steps", "2"]
    found, pages = [], []
    for name, where in (("alone", []), ("workers", ["--scheduler", scheduler])):
        out = tmp_path / name
        invoke(*from_page("report", "search"), *smaller, "--out", str(out), *where)
        trials = json.loads((out / "results.json").read_text())["trials"]
        found.append([{key: value for key, value in each.items() if key != "seconds"} for each in trials])
        pages.append((out / "report.md").read_text())
    assert len(found[0]) == 4
    assert found[0] == found[1]
    assert pages[0] == pages[1]
