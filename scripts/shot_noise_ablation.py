"""Measure what shots do to a layer's output, the predicted noise, gradients, training and images.

Every measurement is one JSON file in results/ of the output directory. What is there already is not measured
again, so an interrupted ablation goes on where it was. A budget is a name or a YAML file like those in
configs/shot_noise/. Trained networks come in by --run: of each the error of the predicted noise is measured,
of the first the images too.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from rich.console import Console

from backends.errors import UserError

BUDGETS = ("smoke", "laptop", "full")


def main() -> int:
    arguments = _arguments()
    console = Console(stderr=True)
    try:
        if not arguments.only_report:
            _measure(arguments, console)
        from qvunet.reports.shots.report import write_report
        from qvunet.reports.shots.store import Store

        for path in write_report(arguments.out, Store(arguments.out).records()):
            print(path)
    except UserError as error:
        console.print(f"error: {error}", style="red", markup=False, highlight=False, soft_wrap=True)
        return 2
    except KeyboardInterrupt:
        console.print(f"interrupted; the same command goes on, with what is in {arguments.out}")
        return 130
    return 0


def _measure(arguments: argparse.Namespace, console: Console) -> None:
    # Imported here, so that --help need not wait for torch and Qiskit.
    from qvunet.config import Config
    from qvunet.reports.shots.budgets import load_budget
    from qvunet.reports.shots.networks import TrainedNetwork
    from qvunet.reports.shots.store import Store
    from qvunet.runs.device import prepare_torch

    device = prepare_torch(Config(device=arguments.device))
    runs = [TrainedNetwork.of(run) for run in arguments.run]
    measurements = load_budget(arguments.budget, runs)
    store = Store(arguments.out)
    todo = [measurement for measurement in measurements if not store.has(measurement)]
    console.print(f"{len(measurements)} measurements, {len(measurements) - len(todo)} made already")
    for number, measurement in enumerate(todo, start=1):
        console.print(
            f"{number}/{len(todo)}  {measurement.kind}: {measurement.title}", markup=False, highlight=False
        )
        started = time.monotonic()
        store.measure(measurement, device)
        console.print(f"        {time.monotonic() - started:.1f} s")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--budget", default="laptop", help=f"{', '.join(BUDGETS)}, or a YAML file")
    parser.add_argument(
        "--run", type=Path, action="append", default=[], help="a trained run; may be repeated"
    )
    parser.add_argument("--out", type=Path, default=Path("runs/shot_noise"), help="directory for everything")
    parser.add_argument(
        "--device", choices=["auto", "cpu", "cuda", "mps"], default="auto", help="for networks"
    )
    parser.add_argument("--only-report", action="store_true", help="write the report anew from the results")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
