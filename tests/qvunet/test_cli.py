from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from qvunet.cli import app
from qvunet.runs.directory import RunDirectory


def run_cli(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def python_m_qvunet(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "qvunet", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    import yaml

    from tests.qvunet.conftest import TINY

    folder = tmp_path_factory.mktemp("cli")
    (folder / "tiny.yaml").write_text(yaml.safe_dump(TINY))
    result = run_cli("train", "--config", folder / "tiny.yaml", "--run-dir", folder / "run")
    assert result.exit_code == 0, result.output
    assert "rad in all" in result.stdout
    assert str(folder / "run" / "samples" / "step_000004.png") in result.stdout
    return folder / "run"


def test_help_lists_the_commands():
    result = python_m_qvunet("--help")
    assert result.returncode == 0
    assert "train" in result.stdout
    assert "sample" in result.stdout


def test_help_imports_nothing_heavy():
    code = (
        "import sys; sys.argv = ['qvunet', '--help']\n"
        "import qvunet.cli\n"
        "try: qvunet.cli.main()\n"
        "except SystemExit: pass\n"
        "print([m for m in ('torch', 'qiskit', 'diffusers', 'matplotlib') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip().endswith("[]")


@pytest.mark.parametrize(
    "arguments",
    [["trian"], ["train", "--confg", "x"], ["train"], ["sample"], ["sample", "--run", "x", "--num", "two"]],
)
def test_usage_errors_exit_2(arguments):
    result = run_cli(*arguments)
    assert result.exit_code == 2
    assert "Traceback" not in result.output


def test_user_errors_exit_2_with_one_message_and_write_nothing(tiny_file, tmp_path):
    result = python_m_qvunet(
        "train", "--config", tiny_file, "--run-dir", tmp_path / "run", "--set", "train.stepz=1"
    )
    assert result.returncode == 2
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert result.stderr.startswith("error: ")
    assert "did you mean 'steps'?" in result.stderr
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--config", "none.yaml"], "none.yaml: cannot read"),
        (["--config", "TINY", "--backend", "nosuch"], "backend.name: 'nosuch' is not allowed"),
        (
            ["--config", "TINY", "--set", "data={name: idx, images: no.gz, labels: no.gz}"],
            "no.gz: cannot be read",
        ),
        (["--config", "TINY", "--run-dir", "HERE"], "neither empty nor a run directory"),
        (["--config", "TINY", "--run-dir", "HERE", "--resume"], "not a run directory"),
        (["--config", "TINY", "--resume"], "runs/tiny: not a run directory"),
    ],
)
def test_train_refuses(arguments, words, tiny_file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    places = {"TINY": tiny_file, "HERE": tmp_path}
    result = run_cli("train", *(places.get(argument, argument) for argument in arguments))
    assert result.exit_code == 2, result.output
    assert words in result.stderr
    assert result.stdout == ""
    assert sorted(tmp_path.rglob("*")) == before


def test_the_run_directory_defaults_to_the_config_s_name(tiny_file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run_cli("train", "--config", tiny_file, "--set", "train.steps=1").exit_code == 0
    assert (tmp_path / "runs" / "tiny" / "checkpoints" / "step_000001").is_dir()


def test_a_second_run_needs_resume(trained, tiny_file):
    result = run_cli("train", "--config", tiny_file, "--run-dir", trained)
    assert result.exit_code == 2
    assert "--resume" in result.stderr


def test_a_run_in_use_is_refused(trained):
    with RunDirectory(trained).locked():
        result = run_cli("train", "--run-dir", trained, "--resume")
    assert result.exit_code == 2
    assert "in use" in result.stderr


def test_resume_refuses_another_experiment_and_goes_on_with_the_same(trained, tiny_file):
    result = run_cli("train", "--run-dir", trained, "--resume", "--set", "train.batch_size=2")
    assert result.exit_code == 2
    assert "train.batch_size: fixed" in result.stderr
    tiny_file.write_text(tiny_file.read_text() + "seed: 5\n")
    result = run_cli(
        "train", "--config", tiny_file, "--run-dir", trained, "--resume", "--set", "train.steps=5"
    )
    assert result.exit_code == 0
    assert "note:" in result.stderr
    assert "seed" in result.stderr
    assert len(RunDirectory(trained).read_metrics()) == 5


def test_ctrl_c_exits_130(tiny_file, tmp_path, monkeypatch):
    def interrupted(*args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("qvunet.training.trainer.train", interrupted)
    result = run_cli("train", "--config", tiny_file, "--run-dir", tmp_path / "run")
    assert result.exit_code == 130


def test_a_failure_while_running_exits_1(tiny_file, tmp_path):
    result = run_cli(
        "train", "--config", tiny_file, "--run-dir", tmp_path / "run", "--set", "train.learning_rate=1e30"
    )
    assert result.exit_code == 1


def test_sample_writes_images(trained, tmp_path):
    out = tmp_path / "out"
    result = run_cli("sample", "--run", trained, "--num", 3, "--sampler", "dpmpp", "--steps", 2, "--out", out)
    assert result.exit_code == 0, result.output
    assert str(out / "grid.png") in result.stdout
    names = sorted(path.name for path in out.iterdir())
    assert names == ["0000.png", "0001.png", "0002.png", "grid.png", "sample.json"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--sampler", "euler"], "sample.sampler: 'euler' is not allowed"),
        (["--steps", "1001"], "sample.steps: at most"),
        (["--num", "0"], "sample.num"),
        (["--set", "seed=3"], "seed: fixed"),
        (["--backend", "nosuch"], "backend.name"),
    ],
)
def test_sample_refuses(trained, arguments, words):
    result = run_cli("sample", "--run", trained, *arguments)
    assert result.exit_code == 2
    assert words in result.stderr


def test_sample_needs_a_run(tmp_path):
    result = run_cli("sample", "--run", tmp_path)
    assert result.exit_code == 2
    assert "not a run directory" in result.stderr
