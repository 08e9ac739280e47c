"""Price lists as tables: one line for each setting, one column for each piece of work, in QPU seconds."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich.table import Table

from qvunet.config import Config
from qvunet.costs.pricing import Price
from qvunet.tools.files import write_text

Rows = list[list[str]]


def screen_table(prices: Sequence[Price]) -> Table:
    """For a terminal."""
    header, rows = cells(prices)
    table = Table(title=f"QPU seconds, estimated: {footing(prices)}")
    for name in header:
        table.add_column(name, justify="right")
    for row in rows:
        table.add_row(*row)
    return table


def markdown(prices: Sequence[Price]) -> str:
    """For a repository."""
    header, rows = cells(prices)
    lines = [header, ["---:"] * len(header), *rows]
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return f"# Price list\n\nQPU seconds, estimated: {footing(prices)}.\n\n{table}\n"


def cells(prices: Sequence[Price]) -> tuple[list[str], Rows]:
    """Header, and a row for each pair of shots and tiles."""
    work = list(dict.fromkeys(price.work for price in prices))
    settings = dict.fromkeys((price.shots, price.tiles) for price in prices)
    seconds = {(price.shots, price.tiles, price.work): price.cost.qpu_seconds for price in prices}
    rows = [
        [f"{shots:,}", str(tiles), *(f"{seconds[shots, tiles, name]:,.1f}" for name in work)]
        for shots, tiles in settings
    ]
    return ["shots", "tiles", *work], rows


def footing(prices: Sequence[Price]) -> str:
    """How many images each price is for."""
    batch, images = prices[0].images, prices[-1].images
    return f"forward and gradients of a batch of {batch}, images {images} at a time"


def write_json(path: Path, config: Config, prices: Sequence[Price]) -> None:
    """Every price with its jobs, circuits and executions, and the config that it holds for."""
    listed = [{**asdict(price), "qpu_seconds": price.cost.qpu_seconds} for price in prices]
    record = {"config": config.model_dump(mode="json"), "prices": listed}
    write_text(path, json.dumps(record, indent=2) + "\n")
