"""Measure qvunet against its peers and against itself, side by side and in turns.

Writes benchmark.json and one plot a suite. Every system runs in a process of its own and only one works at
a time. A layer is checked, values and gradients, before it is timed. The ratio is the median over the rounds
of a system's time a sample over that of the table's first system. Peers that are not installed are named as
skipped: pip install 'qvunet[peers]'.
"""

from __future__ import annotations

import argparse
import sys
from itertools import islice
from pathlib import Path

from rich.console import Console

from qvunet.reports.benchmark.report import render, write_json
from qvunet.reports.benchmark.rounds import Effort, measure
from qvunet.reports.benchmark.suites import PEERS, SUITES, Request
from qvunet.reports.benchmark.system import Measured

QUICK = Effort(repeats=2, repetition_s=0.02, budget_s=5.0, memory_gb=8.0)
"""For seeing that everything works; its figures mean nothing."""

QUICK_ROWS = 4

PIPED_WIDTH = 130
"""Characters of a table where no terminal says how many fit."""


def main() -> None:
    from qvunet.reports.benchmark.plot import write_plot  # here, because every worker imports this file

    arguments = _arguments()
    effort = (
        QUICK
        if arguments.quick
        else Effort(arguments.repeats, arguments.repetition, arguments.budget, arguments.memory)
    )
    request = Request(
        QUICK_ROWS if arguments.quick else arguments.batch,
        arguments.peers,
        arguments.capece and str(arguments.capece.resolve()),
        arguments.defalco and str(arguments.defalco.resolve()),
        arguments.precisions,
    )
    names = list(SUITES) if arguments.suite == "all" else [arguments.suite]
    console = Console(width=None if sys.stdout.isatty() else PIPED_WIDTH)
    measured: dict[str, Measured] = {}
    path = arguments.out / "benchmark.json"
    for name in names:
        measured[name] = []
        for case in islice(SUITES[name](request), 1 if arguments.quick else None):
            with console.status(case.title) as status:
                results = measure(case, effort, status.update)
            measured[name].append((case, results))
            console.print(render(case, results))
            write_json(path, effort, measured)  # after each case, since all of them take an hour
        write_plot(arguments.out / f"{name}.png", measured[name])
        console.print(f"{path}, {arguments.out / name}.png")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--suite", choices=[*SUITES, "all"], default="all", help="what to measure")
    parser.add_argument("--out", type=Path, default=Path("runs/benchmark"), help="directory for the results")
    parser.add_argument("--batch", type=_positive, default=64, help="samples in a batch")
    parser.add_argument("--repeats", type=_positive, default=15, help="rounds, each system once a round")
    parser.add_argument("--repetition", type=float, default=0.3, help="least seconds a system works a round")
    parser.add_argument(
        "--budget", type=float, default=60.0, help="seconds after which a slow system sits out"
    )
    parser.add_argument("--memory", type=float, default=12.0, help="GB that one process may allocate")
    parser.add_argument("--peers", nargs="*", choices=list(PEERS), default=list(PEERS), help="which peers")
    parser.add_argument("--capece", type=Path, help="checkout of lucrezio001/Quantum-Hybrid-Diffusion-Models")
    parser.add_argument("--defalco", type=Path, help="checkout of NesyaLab/Quantum-Hybrid-Diffusion-Models")
    parser.add_argument(
        "--precisions",
        nargs="+",
        choices=["float32", "bfloat16"],
        default=["float32", "bfloat16"],
        help="of our training steps; a CPU without bfloat16 units emulates them slowly",
    )
    parser.add_argument("--quick", action="store_true", help="a small first case of each suite, for testing")
    return parser.parse_args()


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


if __name__ == "__main__":
    main()
