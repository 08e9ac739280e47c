"""Look for problems where circuits beat what could stand in their place, and say whether they do.

Trains small denoisers, circuits and controls with the same seeds, on angles of rotors and on spins of an
Ising chain, and compares them with each other and with the best of all functions. After an interruption run
the same command again: finished trainings are kept.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from qvunet.reports.arguments import add_workers, parser, positive, workers_of

if TYPE_CHECKING:
    from qvunet.reports.search.store import Store
    from qvunet.tools.workers import Workers

PROBLEM_NAMES = ("rotors", "ising")
"""Those of `qvunet.reports.search.problems.PROBLEMS`, which need torch to be read."""


def main(arguments: Sequence[str]) -> int:
    """Train and write the report; returns the exit status.

    Raises:
        UserError: if a network is unknown, or stored results are damaged.
    """
    options = _parse(arguments)
    # Imported here, so that --help and bad arguments need not wait for torch and Qiskit.
    from backends.errors import UserError
    from qvunet.reports.search.networks import NETWORKS
    from qvunet.reports.search.report import write_report
    from qvunet.reports.search.store import Store

    networks = options.networks or list(NETWORKS)
    for name in networks:
        if name not in NETWORKS:
            raise UserError(f"--networks {name}: allowed are {', '.join(NETWORKS)}")
    store = Store(options.out)
    _fill(store, options.problems, networks, options.seeds, options.steps, workers_of(options))
    command = f"qvunet report search --seeds {options.seeds} --steps {options.steps}"
    print(write_report(options.out, store.trials, store.best, command))
    return 0


def _fill(
    store: Store,
    problems: Sequence[str],
    networks: Sequence[str],
    seeds: int,
    steps: int,
    workers: Workers,
) -> None:
    """Do what is not done yet, one seed of all networks after another."""
    from qvunet.reports.search.trials import best_loss, run_trial
    from qvunet.tools.progress import ProgressReporter

    cells = [(p, n, seed) for seed in range(seeds) for p in problems for n in networks]
    missing = [cell for cell in cells if not store.has(*cell, steps)]
    done = len(cells) - len(missing)
    for problem in problems:
        if problem not in store.best:
            store.set_best(problem, best_loss(problem))
    with ProgressReporter("search", len(cells), "trainings", done=done) as progress:
        jobs = [(*cell, steps) for cell in missing]
        for number, (_, future) in enumerate(workers.run(run_trial, jobs), start=done + 1):
            trial = future.result()
            store.add(trial)
            progress.update(number, f"{trial.problem} {trial.network} {trial.loss:.4f}")


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    options = parser("search", __doc__)
    options.add_argument(
        "--problems", nargs="+", choices=PROBLEM_NAMES, default=list(PROBLEM_NAMES), help="what is denoised"
    )
    options.add_argument("--networks", nargs="+", metavar="NAME", help="only these; all if not given")
    options.add_argument(
        "--seeds", type=positive, default=5, metavar="N", help="0 to N - 1, the same for all"
    )
    options.add_argument("--steps", type=positive, default=500, help="of each training, 256 data each")
    add_workers(options, "trainings")
    options.add_argument("--out", type=Path, default=Path("runs/search"), help="directory for the results")
    return options.parse_args(arguments)
