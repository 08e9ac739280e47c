"""Show what a network's work costs on IBM hardware, in QPU seconds, at several numbers of shots and tiles.

A forward pass and the gradients are of one batch (train.batch_size), the images those of one `qvunet sample`
(sample.num), whose --dry-run shows the same figures. Writes price_list.md and, with jobs, circuits and
executions, price_list.json. No account is needed, unless tiles are to be chosen by a device's calibration.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from qvunet.reports.arguments import parser, positive, table_console

PIPED_WIDTH = 130
"""Characters of a table where no terminal says how many fit."""


def main(arguments: Sequence[str]) -> int:
    """Price, write and show; returns the exit status.

    Raises:
        UserError: if the run or config cannot be used.
    """
    return _price(_parse(arguments))


def _price(arguments: argparse.Namespace) -> int:
    run = _run(arguments)
    config = _config(arguments, run)
    # Imported here, so that --help and a wrong config need not wait for torch and Qiskit.
    from qvunet.costs.pricing import price_list
    from qvunet.reports.prices.report import markdown, screen_table, write_json
    from qvunet.tools.files import write_text

    prices = price_list(config, arguments.shots, arguments.tiles, arguments.steps, run)
    table_console(PIPED_WIDTH).print(screen_table(prices))
    write_json(arguments.out / "price_list.json", config, prices)
    write_text(arguments.out / "price_list.md", markdown(prices))
    print(arguments.out / "price_list.md")
    return 0


def _run(arguments: argparse.Namespace) -> Any:
    """The run, if it is a run's network."""
    from qvunet.runs.directory import RunDirectory

    if arguments.run is None:
        return None
    run = RunDirectory(arguments.run)
    run.require_run()
    return run


def _config(arguments: argparse.Namespace, run: Any) -> Any:
    """The config of the network, on hardware."""
    from qvunet.config import load_config

    return load_config(arguments.config if run is None else run.config_file, arguments.set, "ibm_runtime")


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    options = parser("prices", __doc__)
    network = options.add_mutually_exclusive_group(required=True)
    network.add_argument("--run", type=Path, metavar="DIR", help="a run that `qvunet train` made")
    network.add_argument(
        "--config", type=Path, metavar="FILE", help="a config file, or a name that `qvunet configs` lists"
    )
    options.add_argument("--shots", type=_numbers, default="256,1024,4096", help="of each circuit")
    options.add_argument("--tiles", type=_tiles, default="1,4,8", help="copies on a chip; auto is one, too")
    options.add_argument("--steps", type=_numbers, default="4,10,20", help="denoising steps of the images")
    options.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="change a config key"
    )
    options.add_argument("--out", type=Path, default=Path("runs/prices"), help="directory for the results")
    return options.parse_args(arguments)


def _numbers(text: str) -> list[int]:
    return [positive(part) for part in text.split(",")]


def _tiles(text: str) -> list[int | str]:
    return [part if part == "auto" else positive(part) for part in text.split(",")]
