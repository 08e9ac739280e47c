"""The wheel is whole: built, checked, installed, and the README's commands run outside the clone.

Run by `make wheel`. The environment is empty but for the wheel, and sees the packages of this one, since
6 GB of dependencies need not be installed twice; the editable qvunet of this one it does not see.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.readme import COMMANDS, ROOT, SNIPPET, shortened

pytestmark = pytest.mark.slow

Run = Callable[..., str]

KEPT = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONDONTWRITEBYTECODE")}


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Run:
    """Runs a command that must succeed; what one compiles the next need not compile again."""
    environment = KEPT | {"PYTHONPYCACHEPREFIX": str(tmp_path_factory.mktemp("compiled"))}

    def run(*command: object, cwd: Path = ROOT) -> str:
        words = [str(word) for word in command]
        done = subprocess.run(words, cwd=cwd, env=environment, capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        return done.stdout

    return run


@pytest.fixture(scope="module")
def distributions(run, tmp_path_factory) -> tuple[Path, Path]:
    """The sdist, and the wheel that is built from it."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder)
    (sdist,), (wheel,) = folder.glob("*.tar.gz"), folder.glob("*.whl")
    return sdist, wheel


@pytest.fixture(scope="module")
def installed(run, distributions, tmp_path_factory) -> Path:
    """The commands of an environment with the wheel."""
    folder = tmp_path_factory.mktemp("environment")
    run(sys.executable, "-m", "venv", "--without-pip", folder)
    (site,) = folder.glob("lib/python*/site-packages")
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    pip = (sys.executable, "-m", "pip", "--python", folder / "bin" / "python", "install")
    run(*pip, "--quiet", "--no-index", "--no-deps", "--ignore-installed", distributions[1])
    return folder / "bin"


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("elsewhere")


def test_twine_and_check_wheel_contents_find_nothing(run, distributions):
    run(sys.executable, "-m", "twine", "check", "--strict", *distributions)
    run(sys.executable, "-m", "check_wheel_contents", distributions[1])


def test_whatever_is_no_code_is_in_the_wheel_too(run, distributions):
    files = set(zipfile.ZipFile(distributions[1]).namelist())
    for package in ("qvunet", "backends"):
        kept = {str(path.relative_to(ROOT)) for path in (ROOT / package).rglob("*") if path.is_file()}
        assert {path for path in kept if "__pycache__" not in path} <= files
    experiments = {path.relative_to(ROOT / "configs") for path in (ROOT / "configs").rglob("*.yaml")}
    assert {f"qvunet/experiments/{path}" for path in experiments} <= files


def test_the_sdist_holds_what_git_holds(run, distributions):
    with tarfile.open(distributions[0]) as archive:
        files = {name.partition("/")[2] for name in archive.getnames()}
    kept = set(run("git", "ls-files").splitlines())
    assert {path for path in kept if not path.startswith(".")} <= files


def test_it_is_the_wheel_that_runs(run, installed, elsewhere):
    code = "import qvunet, backends; print(qvunet.__file__, backends.__file__)"
    for path in run(installed / "python", "-c", code, cwd=elsewhere).split():
        assert Path(path).is_relative_to(installed.parent)


def test_commands(run, installed, elsewhere):
    for command in COMMANDS:
        run(installed / "qvunet", *shortened(command), cwd=elsewhere)
    assert list(elsewhere.glob("runs/mine/samples/*.png"))


def test_every_report_starts(run, installed, elsewhere):
    for name in ("depth", "shots", "tables", "mitigation", "prices", "benchmark"):
        usage = run(installed / "qvunet", "report", name, "--help", cwd=elsewhere)
        assert f"usage: qvunet report {name}" in usage


def test_reports_find_their_budgets_and_templates(run, installed, elsewhere):
    small = ["--variants", "classical", "--out", "tables"]
    run(installed / "qvunet", "report", "tables", *small, cwd=elsewhere)
    assert (elsewhere / "tables" / "report.html").is_file()


def test_python_snippet(run, installed, elsewhere):
    run(installed / "python", "-c", SNIPPET, cwd=elsewhere)
