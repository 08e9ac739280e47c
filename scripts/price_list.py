"""Show what a network's work costs on IBM hardware, in QPU seconds, at several numbers of shots and tiles.

A forward pass and the gradients are of one batch (train.batch_size), the images those of one `qvunet sample`
(sample.num), whose --dry-run shows the same figures. Writes price_list.md and, with jobs, circuits and
executions, price_list.json. No account is needed, unless tiles are to be chosen by a device's calibration.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from rich.console import Console

from backends.errors import UserError

PIPED_WIDTH = 130
"""Characters of a table where no terminal says how many fit."""


def main() -> int:
    arguments = _arguments()
    try:
        config = _config(arguments)
        # Imported here, so that --help and a wrong config need not wait for torch and Qiskit.
        from qvunet.costs.pricing import price_list
        from qvunet.reports.prices.report import markdown, screen_table, write_json
        from qvunet.tools.files import write_text

        prices = price_list(config, arguments.shots, arguments.tiles, arguments.steps)
        Console(width=None if sys.stdout.isatty() else PIPED_WIDTH).print(screen_table(prices))
        write_json(arguments.out / "price_list.json", config, prices)
        write_text(arguments.out / "price_list.md", markdown(prices))
    except UserError as error:
        Console(stderr=True).print(f"error: {error}", style="red", markup=False, soft_wrap=True)
        return 2
    print(arguments.out / "price_list.md")
    return 0


def _config(arguments: argparse.Namespace) -> Any:
    """The config of the network, on hardware."""
    from qvunet.config import load_config
    from qvunet.runs.directory import RunDirectory

    path = arguments.config
    if arguments.run is not None:
        run = RunDirectory(arguments.run)
        run.require_run()
        path = run.config_file
    return load_config(path, arguments.set, "ibm_runtime")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    network = parser.add_mutually_exclusive_group(required=True)
    network.add_argument("--run", type=Path, metavar="DIR", help="a run that `qvunet train` made")
    network.add_argument("--config", type=Path, metavar="FILE", help="a config file")
    parser.add_argument("--shots", type=_numbers, default="256,1024,4096", help="of each circuit")
    parser.add_argument("--tiles", type=_tiles, default="1,4,8", help="copies on a chip; auto is one, too")
    parser.add_argument("--steps", type=_numbers, default="4,10,20", help="denoising steps of the images")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change a config key")
    parser.add_argument("--out", type=Path, default=Path("runs/prices"), help="directory for the results")
    return parser.parse_args()


def _numbers(text: str) -> list[int]:
    return [_positive(part) for part in text.split(",")]


def _tiles(text: str) -> list[int | str]:
    return [part if part == "auto" else _positive(part) for part in text.split(",")]


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
