"""A bundle of a drawing that has just been made, or found again in its journal."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from backends.errors import UserError
from qvunet.ansatz.keeping import is_kept
from qvunet.config import Config
from qvunet.runs.directory import RunDirectory
from qvunet.tools.files import replacing

if TYPE_CHECKING:
    from backends.records.journal import Journal


def require_bundle(path: Path, config: Config, run: RunDirectory, on_hardware: bool) -> None:
    """Check, before anything is paid for, that a bundle can be made.

    Raises:
        UserError: if the circuits do not run on IBM's hardware, they are of one's own and the run does
            not keep them, or a directory is in the way.
    """
    if not on_hardware:
        raise UserError(f"--bundle {path}: of circuits on hardware, or its rehearsal: --backend ibm_runtime")
    if is_kept(config.model.ansatz) and not run.circuit.is_dir():
        raise UserError(
            f"--bundle {path}: needs the circuit of {config.model.ansatz} itself, and "
            f"{run.circuit} is not there; runs of older versions did not keep it"
        )
    if path.is_dir():
        raise UserError(f"--bundle {path}: a directory, where a file is to be written")


def write_bundle(
    path: Path, config: Config, run: RunDirectory, checkpoint: Path, journal: Journal, pictures: Path
) -> None:
    """Write the bundle of a drawing; the same drawing, found again in its journal, gives the same bytes.

    Args:
        path: of the file.
        config: of the drawing.
        run: its run.
        checkpoint: whose averaged weights drew.
        journal: that has answered all the drawing asked.
        pictures: directory of its pictures.

    Raises:
        UserError: if a job is older than what the journal must know of it.
    """
    # Imported here: IBM's client takes seconds to load, and most drawings do without.
    from qvunet.bundles.archive import pack
    from qvunet.bundles.contents import members_of

    content = pack(members_of(config, run, checkpoint, journal, pictures))
    with replacing(path) as temporary:
        temporary.write_bytes(content)
