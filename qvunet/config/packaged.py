"""The experiments that come with the package: `configs/` of a clone, `qvunet/experiments/` of a wheel.

The build copies the one to the other (setup.py), so that both hold the same files.
"""

from __future__ import annotations

from pathlib import Path

from backends.errors import UserError
from qvunet.config.errors import suggest

_PACKAGE = Path(__file__).resolve().parents[1]
_OF_A_WHEEL, _OF_A_CLONE = _PACKAGE / "experiments", _PACKAGE.parent / "configs"

EXPERIMENTS = _OF_A_WHEEL if _OF_A_WHEEL.is_dir() else _OF_A_CLONE
"""Where the experiments are; the budgets of reports are in folders below."""


def experiment_names() -> list[str]:
    """The names that stand for a packaged experiment, sorted."""
    return sorted(path.stem for path in EXPERIMENTS.glob("*.yaml"))


def experiment_file(name: str) -> Path:
    """The file of a packaged experiment, or of what one extends.

    Args:
        name: such as ``digits_demo`` or ``base/compact``, with or without ``.yaml``.

    Raises:
        UserError: if there is none of that name.
    """
    path = EXPERIMENTS / (name if name.endswith(".yaml") else f"{name}.yaml")
    if not path.is_file():
        raise UserError(
            f"{name}: no file, and no packaged experiment{suggest(name, experiment_names())}; "
            "`qvunet configs` lists them"
        )
    return path


def summary(name: str) -> str:
    """What a packaged experiment is, in the words of its first line."""
    return experiment_file(name).read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ")


def find_config(path: Path) -> Path:
    """The file that a path or a name stands for; a file of that name goes before a packaged experiment.

    Raises:
        UserError: if it is a bare name, but no experiment's.
    """
    if path.is_file() or path.suffix or path.name != str(path):
        return path  # whether it can be read is for the reader to say
    return experiment_file(str(path))


def find_extended(name: str, folder: Path) -> Path:
    """The file that ``extends: NAME`` in a file of `folder` means: one relative to it, or a packaged one."""
    beside = folder / name
    try:
        return beside if beside.is_file() else experiment_file(name)
    except UserError:
        return beside
