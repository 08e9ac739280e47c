"""Measure qvunet against its peers and against itself, side by side and in turns.

Writes benchmark.json and one plot a suite. Every system runs in a process of its own and only one works at
a time. A layer is checked, values and gradients, before it is timed. The ratio is the median over the rounds
of a system's time a sample over that of the table's first system. Peers that are not installed are named as
skipped: pip install 'qvunet[peers]'.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from qvunet.reports.arguments import parser, positive, table_console
from qvunet.reports.benchmark.report import render, write_json
from qvunet.reports.benchmark.rounds import Effort, measure
from qvunet.reports.benchmark.suites import PEERS, SUITES, Request
from qvunet.reports.benchmark.system import Measured

QUICK = Effort(repeats=2, repetition_s=0.02, budget_s=5.0, memory_gb=8.0)
"""For seeing that everything works; its figures mean nothing."""

QUICK_ROWS = 4

PIPED_WIDTH = 130
"""Characters of a table where no terminal says how many fit."""


def main(arguments: Sequence[str]) -> int:
    """Measure, write and show; returns the exit status."""
    return _measure(_parse(arguments))


def _measure(arguments: argparse.Namespace) -> int:
    from qvunet.reports.benchmark.plot import write_plot  # here, because --help need not wait for it

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
    console = table_console(PIPED_WIDTH)
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
    return 0


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    options = parser("benchmark", __doc__)
    options.add_argument("--suite", choices=[*SUITES, "all"], default="all", help="what to measure")
    options.add_argument("--out", type=Path, default=Path("runs/benchmark"), help="directory for the results")
    options.add_argument("--batch", type=positive, default=64, help="samples in a batch")
    options.add_argument("--repeats", type=positive, default=15, help="rounds, each system once a round")
    options.add_argument("--repetition", type=float, default=0.3, help="least seconds a system works a round")
    options.add_argument(
        "--budget", type=float, default=60.0, help="seconds after which a slow system sits out"
    )
    options.add_argument("--memory", type=float, default=12.0, help="GB that one process may allocate")
    options.add_argument("--peers", nargs="*", choices=list(PEERS), default=list(PEERS), help="which peers")
    options.add_argument(
        "--capece", type=Path, help="checkout of lucrezio001/Quantum-Hybrid-Diffusion-Models"
    )
    options.add_argument("--defalco", type=Path, help="checkout of NesyaLab/Quantum-Hybrid-Diffusion-Models")
    options.add_argument(
        "--precisions",
        nargs="+",
        choices=["float32", "bfloat16"],
        default=["float32", "bfloat16"],
        help="of our training steps; a CPU without bfloat16 units emulates them slowly",
    )
    options.add_argument("--quick", action="store_true", help="a small first case of each suite, for testing")
    return options.parse_args(arguments)
