"""A network's description as tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Console

from qvunet.config import Config
from qvunet.costs.executions import Demand, Rows, sampling_demands, stock_demand, training_demands
from qvunet.description.facts import Block, CircuitGroup, Description
from qvunet.diffusion.conditioning import is_guided
from qvunet.tools.tables import TableOf, print_tables

NOTHING = "-"
"""In place of a figure that does not apply."""

BLOCK_COLUMNS = ("block", "kind", "output", "classical>", "quantum>", "circuits")
CIRCUIT_COLUMNS = (
    "block", "where", "circuit", "number>", "qubits>", "weights>", "depth>", "2-qubit depth>", "patches>",
    "rows an image>",
)  # fmt: skip
COST_COLUMNS = ("shots>", "executions>", "jobs>", "QPU time>")
TRAINING_COLUMNS = ("backend", "gradient", "circuits>", "for the gradient>", *COST_COLUMNS)
SAMPLING_COLUMNS = ("backend", "circuits>", *COST_COLUMNS)
"""Columns of the tables, as `TableOf` has them."""


def print_description(description: Description, config: Config, console: Console | None = None) -> None:
    """Print blocks, circuits, and what one step asks of each backend.

    Args:
        description: the network.
        config: it was built from; for batch sizes and the backend's options.
        console: where to; by default stdout.
    """
    print_tables(_tables(description, config), console)


def _tables(description: Description, config: Config) -> Iterator[TableOf]:
    yield f"Blocks of {description.name}", BLOCK_COLUMNS, _block_rows(description)
    if not description.circuits:
        return
    yield "Circuits", CIRCUIT_COLUMNS, map(_circuit_row, description.circuits)
    rows = _rows(description, config.train.batch_size)
    demands = [*training_demands(config, rows), stock_demand(config, rows)]
    yield f"One training step, batch {config.train.batch_size}", TRAINING_COLUMNS, map(_training_row, demands)
    batch, guided = min(config.sample.num, config.sample.batch_size), is_guided(config.sample)
    demands = sampling_demands(config, _rows(description, 2 * batch if guided else batch))
    title = f"One sampling step, batch {batch}" + ", twice for guidance" * guided
    yield title, SAMPLING_COLUMNS, map(_sampling_row, demands)


def _block_rows(description: Description) -> Iterator[Sequence[str]]:
    for block in description.blocks:
        yield (*_names(block), *_counts([block]), _inside(block))
    circuits = sum(group.num_circuits for group in description.circuits)
    yield ("total", "", "", *_counts(description.blocks), f"{circuits} circuits" if circuits else NOTHING)


def _names(block: Block) -> tuple[str, str, str]:
    return block.name, block.label, " x ".join(map(str, block.shape))


def _counts(blocks: Sequence[Block]) -> tuple[str, str]:
    return f"{sum(b.num_classical for b in blocks):,}", f"{sum(b.num_quantum for b in blocks):,}"


def _inside(block: Block) -> str:
    """A block's circuits in a few words, such as ``first half: 7 hqconv``."""
    if block.control is not None:
        return f"{block.control} in their place"
    groups = (f"{group.place}: {group.num_circuits} {group.ansatz.name}" for group in block.circuits)
    return "; ".join(groups) or NOTHING


def _circuit_row(group: CircuitGroup) -> Sequence[str]:
    numbers = (
        group.num_circuits, group.num_qubits, group.num_weights, group.depth, group.two_qubit_depth,
        group.num_patches, group.rows,
    )  # fmt: skip
    return group.block, group.place, group.ansatz.name, *(f"{number:,}" for number in numbers)


def _training_row(demand: Demand) -> Sequence[str]:
    gradient = demand.gradient + " (default)" * demand.is_default
    return demand.backend, gradient, f"{demand.forward:,}", f"{demand.backward:,}", *_costs(demand)


def _sampling_row(demand: Demand) -> Sequence[str]:
    return demand.backend, f"{demand.forward:,}", *_costs(demand)


def _costs(demand: Demand) -> Iterator[str]:
    yield "exact" if demand.shots is None else f"{demand.shots:,}"
    yield NOTHING if demand.executions is None else f"{demand.executions:,}"
    yield NOTHING if demand.jobs is None else f"{demand.jobs:,}"
    yield NOTHING if demand.qpu_seconds is None else f"{demand.qpu_seconds:,.0f} s"


def _rows(description: Description, images: int) -> Rows:
    return [(group.ansatz, group.rows * images) for group in description.circuits]
