from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from backends.errors import ExecutionError, UserError
from qvunet.config import Config, load_config
from qvunet.runs.checkpoint import list_checkpoints
from qvunet.runs.directory import RunDirectory
from qvunet.training.trainer import Trainer, make_accelerator, train

STEADY = ("step", "loss", "grad_norm", "circuit_grad_norm", "lr")
"""Metrics that do not measure time."""


def change(config: Config, **sections: dict) -> Config:
    values = config.model_dump()
    for section, update in sections.items():
        values[section] = {**values[section], **update}
    return Config.model_validate(values)


def steady_metrics(run: RunDirectory) -> list[dict]:
    return [{key: line[key] for key in STEADY} for line in run.read_metrics()]


def tensors(checkpoint: Path) -> dict[str, Tensor]:
    return {
        f"{file.relative_to(checkpoint)}:{name}": tensor
        for file in sorted(checkpoint.rglob("*.safetensors"))
        for name, tensor in load_file(file).items()
    }


def assert_same_training(first: RunDirectory, second: RunDirectory, step: int) -> None:
    assert steady_metrics(first) == steady_metrics(second)
    mine, theirs = (tensors(run.checkpoints / f"step_{step:06d}") for run in (first, second))
    assert mine.keys() == theirs.keys()
    assert [name for name in mine if not torch.equal(mine[name], theirs[name])] == []


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A finished tiny run, for tests that only look."""
    from tests.qvunet.conftest import TINY

    run = RunDirectory(tmp_path_factory.mktemp("finished") / "run")
    config = change(Config.model_validate(TINY), train={"sample_every": 2, "keep_checkpoints": 1})
    return run, config, train(config, run)


def test_a_run_directory_holds_what_it_should(finished):
    run, config, summary = finished
    assert load_config(run.config_file) == config
    assert json.loads(run.environment_file.read_text())["seed"] == config.seed
    assert [line["step"] for line in run.read_metrics()] == [1, 2, 3, 4]
    assert all(line["loss"] > 0 and line["images_per_s"] > 0 for line in run.read_metrics())
    assert [path.name for path in run.checkpoints.iterdir()] == ["step_000004"]
    assert sorted(path.name for path in run.samples.iterdir()) == ["step_000002.png", "step_000004.png"]
    assert run.loss_curve.is_file()
    assert summary.samples == run.samples / "step_000004.png"
    assert summary.steps == 4


def test_nothing_in_a_run_directory_is_a_pickle(finished):
    files = [path for path in finished[0].path.rglob("*") if path.is_file() and path.stat().st_size]
    assert {path.suffix for path in files} == {".yaml", ".json", ".jsonl", ".png", ".safetensors"}
    for file in files:
        assert not file.read_bytes().startswith((b"\x80", b"PK"))  # pickle, and torch.save's zip of pickles


def test_the_quantum_weights_move_and_the_summary_says_so(finished):
    run, _, summary = finished
    assert len(summary.circuit_changes) == 4
    assert all(change > 0 for change in summary.circuit_changes.values())
    start = load_file(run.checkpoints / "step_000004" / "initial_circuits.safetensors")
    end = load_file(run.checkpoints / "step_000004" / "model" / "diffusion_pytorch_model.safetensors")
    total = sum((end[f"{name}.weight"] - start[name]).square().sum() for name in start).sqrt()
    assert summary.total_circuit_change == pytest.approx(float(total), rel=1e-5)


def test_the_loss_falls(tiny, tmp_path):
    config = change(
        tiny,
        model={"ansatz": None},
        train={"steps": 25, "batch_size": 8, "learning_rate": 3e-3, "checkpoint_every": 99},
    )
    run = RunDirectory(tmp_path / "run")
    train(config, run)
    losses = [line["loss"] for line in run.read_metrics()]
    assert sum(losses[-5:]) < 0.6 * sum(losses[:5])
    assert "circuit_grad_norm" not in run.read_metrics()[0]


def test_a_killed_run_continues_exactly(tiny_file, tmp_path):
    killed, whole = RunDirectory(tmp_path / "killed"), RunDirectory(tmp_path / "whole")
    command = [sys.executable, "-m", "qvunet", "train", "--config", tiny_file, "--run-dir", killed.path]
    command += ["--set", "train.steps=100000", "--set", "train.keep_checkpoints=1000"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 120
        while len(killed.read_metrics()) < 5 and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    steps = killed.read_metrics()[-1]["step"] + 3

    config = change(load_config(killed.config_file), train={"steps": steps})
    summary = train(config, killed, resume=True)
    reference = train(config, whole)
    assert_same_training(killed, whole, steps)
    assert summary.circuit_changes == reference.circuit_changes
    assert json.loads(killed.environment_file.read_text())["resumed"][0]["from_step"] > 0


def test_drawing_grids_and_saving_do_not_disturb_training(finished, tiny, tmp_path):
    run, _, _ = finished
    other = RunDirectory(tmp_path / "run")
    train(change(tiny, train={"checkpoint_every": 99}), other)
    assert_same_training(run, other, 4)


def test_a_run_killed_before_its_first_checkpoint_starts_again(tiny, finished, tmp_path):
    run = RunDirectory(tmp_path / "run")
    run.path.mkdir()
    run.write_config(tiny)
    run.log_metrics({"step": 1, "loss": 99.0})
    train(tiny, run, resume=True)
    assert_same_training(finished[0], run, 4)


def test_ctrl_c_saves_and_resuming_continues_exactly(tiny, finished, tmp_path, monkeypatch):
    run = RunDirectory(tmp_path / "run")
    log = Trainer._log

    def interrupted_log(trainer: Trainer, *args) -> None:
        log(trainer, *args)
        if trainer.state.progress.step == 3:
            signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "_log", interrupted_log)
        with pytest.raises(KeyboardInterrupt):
            train(tiny, run)
    assert (run.checkpoints / "step_000003").is_dir()
    train(tiny, run, resume=True)
    assert_same_training(finished[0], run, 4)


def test_the_seed_decides_everything(tiny, finished, tmp_path):
    run = RunDirectory(tmp_path / "run")
    train(Config.model_validate({**tiny.model_dump(), "seed": 1}), run)
    assert steady_metrics(run)[0]["loss"] != steady_metrics(finished[0])[0]["loss"]


def test_backends_agree_step_by_step(tiny, tmp_path):
    config = change(tiny, train={"steps": 3, "batch_size": 1}, sample={"num": 1, "steps": 1})
    exact, aer = RunDirectory(tmp_path / "exact"), RunDirectory(tmp_path / "aer")
    train(config, exact)
    train(Config.model_validate({**config.model_dump(), "backend": {"name": "aer_statevector"}}), aer)
    for ours, theirs in zip(exact.read_metrics(), aer.read_metrics(), strict=True):
        assert ours["loss"] == pytest.approx(theirs["loss"], abs=1e-4)
        assert ours["circuit_grad_norm"] == pytest.approx(theirs["circuit_grad_norm"], rel=1e-2)


def test_bfloat16_and_tensorboard_on_request(tiny, tmp_path):
    run = RunDirectory(tmp_path / "run")
    config = change(tiny, train={"steps": 2, "mixed_precision": "bf16", "tensorboard": True})
    train(config, run)
    assert len(run.read_metrics()) == 2
    assert list((run.path / "tensorboard").rglob("events.out.tfevents.*"))


def test_large_gradients_are_scaled_down(tiny, tmp_path):
    config = change(tiny, train={"steps": 1, "max_grad_norm": 1e-30})
    summary = train(config, RunDirectory(tmp_path / "run"))
    assert summary.total_circuit_change == 0  # such a gradient vanishes beside Adam's epsilon


def test_a_smaller_epsilon_lets_weights_of_small_gradient_move(tiny, tmp_path):
    config = change(tiny, train={"steps": 1, "adam_eps": 1e-20})
    summary = train(config, RunDirectory(tmp_path / "run"))
    num_weights = 4 * 28
    # Adam's first step is the learning rate, whatever the gradient.
    assert summary.total_circuit_change == pytest.approx(1e-3 * num_weights**0.5, rel=0.1)


def test_a_loss_that_is_not_a_number_stops_the_run(tiny, tmp_path):
    config = change(tiny, train={"learning_rate": 1e30})
    run = RunDirectory(tmp_path / "run")
    with pytest.raises(ExecutionError, match=r"step 2 is (nan|inf).*train anew.*below 1e\+30.*=1e\+29`"):
        train(config, run)
    assert list_checkpoints(run.checkpoints) == []  # one is due at this very step


@pytest.mark.parametrize("log_every", [1, 3])
def test_a_run_that_went_wrong_goes_on_with_a_lower_rate(tiny, tmp_path, log_every):
    """A weight becomes infinite after the checkpoint of step 2, whether or not that step is logged."""
    run = RunDirectory(tmp_path / "run")
    config = change(tiny, train={"log_every": log_every})
    plain = Trainer._optimize

    def explode(self, step):
        result = plain(self, step)
        if step == 2 and self.config.train.learning_rate == config.train.learning_rate:
            with torch.no_grad():
                next(self.state.model.parameters()).fill_(torch.inf)
        return result

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Trainer, "_optimize", explode)
        with pytest.raises(
            ExecutionError, match=r"checkpoint is \S*step_000002.*--resume --set train\.learning_"
        ):
            train(config, run)
        assert [path.name for path in list_checkpoints(run.checkpoints)] == ["step_000002"]
        slower = change(config, train={"learning_rate": 1e-4})
        summary = train(slower, run, resume=True)
    assert summary.steps == 4
    assert all(torch.isfinite(each).all() for each in tensors(run.checkpoints / "step_000004").values())


def limited(limit: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """The command line in a process that has less of something."""
    code = (
        f"import resource; {limit}; import sys; sys.argv[0] = 'qvunet'; from qvunet.cli import main; main()"
    )
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def assert_one_line(done: subprocess.CompletedProcess[str], what: str) -> None:
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    assert what in [line for line in done.stderr.splitlines() if line.startswith("error: ")][-1]


def test_memory_that_runs_out_ends_in_one_line(tiny_file, tmp_path):
    limit = "resource.setrlimit(resource.RLIMIT_AS, (9 << 30, 9 << 30))"
    large = ["--set", "train.batch_size=1000000000"]
    done = limited(limit, "train", "--config", tiny_file, "--run-dir", tmp_path / "run", *large)
    assert_one_line(done, "memory ran out")


@pytest.fixture
def small_disk(tmp_path):
    """A file system of its own, with room for little more than a checkpoint or two."""
    path = tmp_path / "disk"
    path.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=32m", "none", path], capture_output=True)
    if mounted.returncode:
        pytest.skip("mounting a file system is not allowed here")
    yield path
    subprocess.run(["umount", "-l", path], check=True)


def test_a_full_disk_ends_in_one_line_and_loses_nothing(tiny, small_disk):
    run = RunDirectory(small_disk / "run")
    train(change(tiny, train={"steps": 1}), run)
    before = tensors(run.checkpoints / "step_000001")
    (small_disk / "filler").write_bytes(bytes(shutil.disk_usage(small_disk).free - 2**20))
    going_on = ("train", "--run-dir", run.path, "--resume", "--set", "train.steps=4")
    assert_one_line(limited("pass", *going_on), "the disk is full")
    assert not list(small_disk.rglob("*.tmp*"))
    after = tensors(run.checkpoints / "step_000001")
    assert all(torch.equal(after[name], before[name]) for name in before)
    (small_disk / "filler").unlink()
    done = limited("pass", *going_on)
    assert done.returncode == 0, done.stderr
    assert (run.checkpoints / "step_000004").is_dir()


def test_sigterm_saves_a_checkpoint(tiny, tmp_path):
    run = RunDirectory(tmp_path / "run")
    plain = Trainer._optimize

    def terminated(self, step):
        if step == 0:
            signal.raise_signal(signal.SIGTERM)
        return plain(self, step)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Trainer, "_optimize", terminated)
        with pytest.raises(KeyboardInterrupt):
            train(tiny, run)
    assert [path.name for path in list_checkpoints(run.checkpoints)] == ["step_000001"]


def test_errors_come_before_anything_is_written(tiny, tmp_path):
    run = RunDirectory(tmp_path / "run")
    missing = {"name": "image_folder", "root": tmp_path / "none"}
    for broken in (
        Config.model_validate({**tiny.model_dump(), "data": missing}),
        Config.model_validate({**tiny.model_dump(), "device": "cuda"})
        if not torch.cuda.is_available()
        else None,
        change(tiny, data={"image_size": 5}),
    ):
        if broken is not None:
            with pytest.raises(UserError):
                train(broken, run)
    assert not run.path.exists()


def test_a_batch_that_processes_cannot_share_is_refused(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr("accelerate.Accelerator.num_processes", 3)
    with pytest.raises(UserError, match=r"train\.batch_size: 4 images cannot be shared equally by 3"):
        make_accelerator(tiny, RunDirectory(tmp_path / "run"))


def test_a_missing_tensorboard_is_named(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr("qvunet.training.trainer.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"train\.tensorboard: .*pip install"):
        make_accelerator(change(tiny, train={"tensorboard": True}), RunDirectory(tmp_path / "run"))


def test_a_measured_step_says_what_it_had_executed(tiny, tmp_path):
    run = RunDirectory(tmp_path / "run")
    backend = {"name": "statevector", "shots": 8, "gradient": "spsa", "spsa_directions": 2}
    config = Config.model_validate({**change(tiny, train={"steps": 2}).model_dump(), "backend": backend})
    summary = train(config, run)
    circuits = 4 * 4 * (1 + 2 * 2)  # four layers, four images, and two directions, forth and back
    for line in run.read_metrics():
        assert (line["circuits"], line["executions"]) == (circuits, 8 * circuits)
    assert f"executions   {8 * circuits:,} a step" in "\n".join(summary.lines())


def test_exact_values_are_no_executions(tiny, tmp_path):
    run = RunDirectory(tmp_path / "run")
    summary = train(change(tiny, train={"steps": 1}), run)
    assert "executions" not in run.read_metrics()[0]
    assert "executions" not in "\n".join(summary.lines())
