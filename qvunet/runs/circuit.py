"""The circuit of a run whose config names one that this package does not know."""

from __future__ import annotations

import typer

from backends.errors import UserError
from qvunet.ansatz import make_ansatz
from qvunet.ansatz.keeping import Record, from_record, is_kept, read_kept, same_circuit, write_kept
from qvunet.config import Config
from qvunet.models.network import HybridNetwork
from qvunet.runs.directory import RunDirectory


def keep_circuit(run: RunDirectory, model: HybridNetwork) -> None:
    """Write the circuit of a network into its run, unless it is there or the package can make it."""
    if model.config.circuit is not None and not run.circuit.is_dir():
        write_kept(run.circuit, model.config.circuit)


def kept_circuit(config: Config, run: RunDirectory, compare: bool = True) -> Record | None:
    """The circuit that a run keeps, which goes before its function: the run's weights belong to it.

    Where the function is there too and makes another circuit by now, a note says so.

    Args:
        config: of the run.
        run: where it is.
        compare: call the function, for that note.

    Returns:
        None if the package can make the circuit, or the run keeps none: a new one, or one of a version that
        kept none.

    Raises:
        UserError: if what is kept is damaged, or of a version of QPY that this Qiskit does not read.
    """
    name = config.model.ansatz
    if name is None or not is_kept(name) or not run.circuit.is_dir():
        return None
    record = read_kept(run.circuit)
    kept = from_record(record, str(run.circuit))
    try:
        changed = compare and not same_circuit(make_ansatz(name, num_layers=config.model.num_layers), kept)
    except UserError:  # it is not installed, or makes nothing that could be compared
        changed = False
    if changed:
        typer.echo(
            f"note: model.ansatz: {name} makes another circuit now than when {run.path} began; the one kept "
            f"in {run.circuit} rules, for the run's weights belong to it; train a new run for the other",
            err=True,
        )
    return record
