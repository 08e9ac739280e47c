"""Measure what shots do to a layer's output, the predicted noise, gradients, training and images.

Every measurement is one JSON file in results/ of the output directory. What is there already is not measured
again, so an interrupted ablation goes on where it was. A budget is a name or a YAML file like those in
configs/shot_noise/. Trained networks come in by --run: of each the error of the predicted noise is measured,
of the first the images too.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from qvunet.reports.arguments import parser

BUDGETS = ("smoke", "laptop", "full")


def main(arguments: Sequence[str]) -> int:
    """Measure what is not measured yet, and write the report; returns the exit status.

    Raises:
        UserError: if the budget or a run cannot be used.
    """
    return _ablate(_parse(arguments), Console(stderr=True))


def _ablate(arguments: argparse.Namespace, console: Console) -> int:
    if not arguments.only_report:
        try:
            _measure(arguments, console)
        except KeyboardInterrupt:
            console.print(f"the same command goes on, with what is in {arguments.out}")
            raise
    # Imported here, so that --help need not wait for torch and Qiskit.
    from qvunet.reports.shots.report import write_report
    from qvunet.reports.shots.store import Store

    for path in write_report(arguments.out, Store(arguments.out).records()):
        print(path)
    return 0


def _measure(arguments: argparse.Namespace, console: Console) -> None:
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


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    options = parser("shots", __doc__)
    options.add_argument("--budget", default="laptop", help=f"{', '.join(BUDGETS)}, or a YAML file")
    options.add_argument(
        "--run", type=Path, action="append", default=[], help="a trained run; may be repeated"
    )
    options.add_argument("--out", type=Path, default=Path("runs/shot_noise"), help="directory for everything")
    options.add_argument(
        "--device", choices=["auto", "cpu", "cuda", "mps"], default="auto", help="for networks"
    )
    options.add_argument("--only-report", action="store_true", help="write the report anew from the results")
    return options.parse_args(arguments)
