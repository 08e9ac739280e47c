"""Train on one backend, sample on another, from one checkpoint and without conversion."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
import torch
import yaml

from backends import make_backend
from backends.options import StatevectorOptions
from qvunet.config import load_config
from qvunet.costs.hardware import Consent
from qvunet.generation.generate import generate
from qvunet.runs.directory import RunDirectory
from qvunet.tasks import make_task
from qvunet.training.trainer import train
from tests.qvunet.conftest import TINY

OPTIONS = {
    "statevector": {"shots": 64, "gradient": "surrogate"},
    "aer_statevector": {"gradient": "surrogate"},
    "aer_shots": {"shots": 64, "gradient": "surrogate"},
    "ibm_runtime": {
        "shots": 4,
        "gradient": "surrogate",
        "backend_name": "fake_kingston",
        "resilience_level": 0,
        "max_qpu_seconds": 1000,
    },
}
"""Exact gradients, since all that is at stake is whether it runs and what is loaded."""
TINY_RUN = {
    **TINY,
    "model": {"ansatz": "basic_entangler", "num_layers": 2},  # four qubits: quick with noise, too
    "train": {**TINY["train"], "steps": 1, "batch_size": 1},
    "sample": {"num": 1, "steps": 1, "sampler": "ddim"},
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> dict[str, RunDirectory]:
    """A trained run for each backend."""
    made = {}
    for name, options in OPTIONS.items():
        path = tmp_path_factory.mktemp(name) / "config.yaml"
        path.write_text(yaml.safe_dump({**TINY_RUN, "backend": {"name": name, **options, "threads": 1}}))
        made[name] = RunDirectory(path.parent / "run")
        train(load_config(path), made[name], consent=Consent(yes=True))
    return made


@pytest.mark.parametrize(("trained", "sampled"), list(itertools.product(OPTIONS, OPTIONS)))
def test_every_pair(runs, trained, sampled, tmp_path):
    options = [f"backend.{key}={value}" for key, value in OPTIONS[sampled].items()]
    config = load_config(runs[trained].config_file, options, backend=sampled)
    grid = generate(config, runs[trained], tmp_path, Consent(yes=True))
    assert Path(grid).stat().st_size > 0


def test_shot_noise_follows_the_seed_of_the_run(runs):
    """Equal seeds draw equal noise; the backend's own seed comes before that of training or sampling."""

    def predict(noise_seed: int, *overrides: str) -> torch.Tensor:
        config = load_config(runs["statevector"].config_file, ["backend.shots=2", *overrides])
        with torch.no_grad():
            return make_task(config).network(noise_seed)(torch.ones(1, 1, 16, 16), torch.tensor([3])).sample

    assert torch.equal(predict(1), predict(1))
    assert not torch.equal(predict(1), predict(2))
    assert torch.equal(predict(1, "backend.seed=2"), predict(2))


def test_a_resumed_run_meets_the_same_noise(tmp_path):
    """Two steps at once, and one step, then another: the same weights, though the values are noisy."""
    path = tmp_path / "config.yaml"
    values = {**TINY_RUN, "backend": {"name": "statevector", "shots": 16}}
    values["train"] = {**values["train"], "steps": 2, "checkpoint_every": 1}
    path.write_text(yaml.safe_dump(values))
    whole, parts = RunDirectory(tmp_path / "whole"), RunDirectory(tmp_path / "parts")
    train(load_config(path), whole)
    train(load_config(path, ["train.steps=1"]), parts)
    train(load_config(path), parts, resume=True)
    lines = [[line["loss"] for line in run.read_metrics()] for run in (whole, parts)]
    assert lines[0] == lines[1]


def test_set_backend_keeps_the_weights():
    from qvunet import QVUNet

    torch.manual_seed(0)
    net = QVUNet.from_preset(preset="compact", ansatz="fqconv", hybridization=0.1)
    sample, timestep = torch.randn(1, 1, 28, 28), torch.tensor([3])
    with torch.no_grad():
        expected = net(sample, timestep).sample
        net.set_backend(make_backend("statevector", shots=2))
        assert not torch.equal(net(sample, timestep).sample, expected)
        net.set_backend(make_backend(StatevectorOptions()))
        assert torch.equal(net(sample, timestep).sample, expected)
