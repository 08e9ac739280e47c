"""What commands load before they do anything: modules, since seconds depend on the machine."""

from __future__ import annotations

import subprocess
import sys

import pytest
import yaml

from tests.qvunet.conftest import TINY

HEAVY = {"torch", "qiskit", "diffusers", "scipy", "sklearn", "matplotlib", "torchvision"}


def loaded(code: str) -> set[str]:
    """Modules that are loaded when the code has run."""
    program = (
        f"import sys, contextlib\nwith contextlib.suppress(SystemExit):\n    {code}\nprint(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=300, check=True
    )
    return set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["configs"],
        ["train", "--config", "digits_demo", "--set", "train.stepz=1"],
        ["train", "--config", "digits_demo", "--set", "model.ansatz=hqkonv"],
        ["report", "depth", "--layers", "none"],
    ],
)
def test_help_and_errors_need_neither_torch_nor_qiskit(arguments):
    modules = loaded(f"from qvunet.cli import main; main({arguments})")
    assert "qvunet.cli" in modules
    assert modules & HEAVY == set()


def test_help_does_not_validate():
    assert "pydantic" not in loaded("from qvunet.cli import main; main(['--help'])")


def test_a_network_needs_no_compiler_and_no_other_networks():
    modules = loaded("from qvunet import QVUNet")
    assert "diffusers" in modules
    unneeded = {"torch._dynamo", "sympy", "torchvision", "sklearn", "transformers", "matplotlib"}
    assert modules & (unneeded | {"diffusers.models.unets"}) == set()


def test_the_compiler_is_there_for_who_asks():
    code = "from qvunet import QVUNet; import torch; torch._dynamo.optimize"
    assert "torch._dynamo.eval_frame" in loaded(code)


def test_digits_need_no_scikit_learn():
    load = "from qvunet.config.options import DigitsOptions; from qvunet.data import load_data"
    assert "sklearn" not in loaded(f"{load}; load_data(DigitsOptions())")


def test_an_estimate_needs_no_compiler_and_nothing_that_draws(tmp_path):
    """What `qvunet sample --dry-run` on hardware waits for is modules, most of all."""
    config = tmp_path / "tiny.yaml"
    config.write_text(yaml.safe_dump({**TINY, "sample": {"sampler": "dpmpp", "num": 2, "steps": 2}}))
    run = tmp_path / "run"
    subprocess.run(
        [sys.executable, "-m", "qvunet", "train", "--config", config, "--run-dir", run],
        check=True,
        timeout=300,
    )
    hardware = ["--backend", "ibm_runtime", "--set", "backend.backend_name=fake_manila", "--dry-run"]
    modules = loaded(f"from qvunet.cli import main; main({['sample', '--run', str(run), *hardware]})")
    assert "qiskit_ibm_runtime" in modules
    unneeded = {
        "torch._dynamo",
        "sympy",
        "torchvision",
        "sklearn",
        "transformers",
        "matplotlib",
        "scipy.stats",
    }
    assert modules & (unneeded | {"diffusers.models.unets"}) == set()


FIRST_STEP = """
import os, sys
from qvunet.cli import main
from qvunet.training import trainer

step = trainer.Trainer._step

def step_and_stop(self):
    step(self)
    print(flush=True)
    print(*sys.modules, flush=True)
    os._exit(0)

trainer.Trainer._step = step_and_stop
main(["train", "--config", "digits_demo", "--run-dir", sys.argv[1]])
"""


def test_a_training_comes_to_its_first_step_without_what_it_does_not_need(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", FIRST_STEP, str(tmp_path / "run")],
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    modules = set(done.stdout.splitlines()[-1].split())
    assert {"torch", "qiskit", "qvunet.models.unet"} <= modules
    unneeded = {
        "torch._dynamo",
        "sympy",
        "transformers",
        "sklearn",
        "scipy.stats",
        "torchvision",
        "matplotlib",
    }
    assert modules & unneeded == set()
