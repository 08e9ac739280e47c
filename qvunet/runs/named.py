"""A run by its directory, or by the name of a trained network that comes with the package."""

from __future__ import annotations

import shutil
from pathlib import Path

from backends.errors import UserError
from qvunet.config import load_config
from qvunet.runs.directory import RunDirectory
from qvunet.tools.files import replacing
from qvunet.weights.finding import NETWORK, PREFIX, weights_folder


def open_run(path: Path) -> RunDirectory:
    """The run in a directory, or that of a named network, which becomes `runs/NAME` here.

    A directory goes before a name. `runs/NAME` is then a run like any other, but that it cannot be
    resumed: it holds the averaged weights alone.

    Raises:
        UserError: if there is neither, or `runs/NAME` holds something else.
    """
    name = str(path).removeprefix(PREFIX)
    if path.exists() or Path(name).name != name:
        run = RunDirectory(path)
        run.require_run()
        return run
    folder, run = weights_folder(name), RunDirectory(Path("runs") / name)
    if not run.path.exists():
        with replacing(run.path) as temporary:
            lay_out(folder, RunDirectory(temporary))
    elif not _holds(run, folder):
        raise UserError(
            f"{run.path}: holds something else than the trained network {name}; give --run {run.path} "
            "if it is meant, or move it away"
        )
    return run


def lay_out(folder: Path, run: RunDirectory) -> Path:
    """Lay a folder of weights out as a run that has just ended; gives its checkpoint."""
    network = _network(folder, run)
    network.mkdir(parents=True)
    for file in NETWORK:
        shutil.copyfile(folder / file, network / file)
    shutil.copyfile(folder / run.config_file.name, run.config_file)
    for part in (run.autoencoder, run.circuit):
        if (folder / part.name).is_dir():
            shutil.copytree(folder / part.name, part)
    return network.parent


def _holds(run: RunDirectory, folder: Path) -> bool:
    """Whether the run's weights are the folder's, byte by byte."""
    stored, packaged = (directory / NETWORK[1] for directory in (_network(folder, run), folder))
    return stored.is_file() and stored.read_bytes() == packaged.read_bytes()


def _network(folder: Path, run: RunDirectory) -> Path:
    steps = load_config(folder / run.config_file.name).train.steps
    return run.checkpoints / f"step_{steps:06d}" / "ema"
