"""Report what the circuits cost on a chip: gates, depth, duration and estimated success, by lowering.

Compiles every case with many seeds and writes a table, depth.json, depth.csv, depth.md, depth.html (all in
one file), a plot and drawings. Lowerings: stock is Qiskit's transpiler on the circuit as it is, stock_bound
the same with random weights put in beforehand, pauli the same on Pauli rotations, merged one two-qubit
rotation for each pair of qubits, fractional that with RZZ gates, bound what readings in Z alone allow.
Devices: fake_* names, devices of your IBM Quantum account, or line, grid, heavy_hex and all_to_all.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from qvunet.reports.arguments import parser, positive, table_console

if TYPE_CHECKING:
    from qiskit.providers import BackendV2

    from qvunet.reports.depth.compile import Compiled
    from qvunet.reports.depth.noise import NoiseError
    from qvunet.reports.depth.report import Report
    from qvunet.reports.depth.study import Case, Study
    from qvunet.tools.progress import ProgressReporter

PIPED_WIDTH = 160
"""Characters of a table where no terminal says how many fit."""

ANSAETZE = ("hqconv", "fqconv")
LOWERINGS = ("stock", "stock_bound", "pauli", "merged", "fractional", "bound")


def main(arguments: Sequence[str]) -> int:
    """Compile, write and show; returns the exit status.

    Raises:
        UserError: if there is no such device.
    """
    return _report(_parse(arguments))


def _report(arguments: argparse.Namespace) -> int:
    from qvunet.reports.depth.devices import find_device
    from qvunet.reports.depth.report import tables
    from qvunet.reports.depth.study import Study
    from qvunet.tools.progress import ProgressReporter

    study = Study(
        find_device(arguments.device, arguments.qubits),
        arguments.ansatz,
        arguments.layers,
        arguments.lowering,
        arguments.optimization_level,
        arguments.seeds,
    )
    noisy = len(set(arguments.lowering) - {"stock_bound"})
    cases_of_each = len(study) // (arguments.seeds * len(arguments.lowering))
    rows = arguments.noise_rows * noisy * cases_of_each if arguments.noise_error else 0
    with ProgressReporter("depth report", len(study) + rows, "circuits") as progress:
        step = _counter(progress)
        cases = list(study.run(step))
        if rows:
            _publish(study, arguments, cases, [])  # here already, since noise can take an hour
        errors = _errors(study, arguments, step) if rows else []
    written = _publish(study, arguments, cases, errors)
    console = table_console(PIPED_WIDTH)
    for table in tables(written):
        console.print(table)
    console.print(arguments.out / "depth.html")
    return 0


def _publish(
    study: Study, arguments: argparse.Namespace, cases: Sequence[Case], errors: Sequence[NoiseError]
) -> Report:
    from qvunet.reports.depth.drawing import write_drawing, write_plot
    from qvunet.reports.depth.report import Report, drawn, write

    title = f"Circuits on {study.device.name}, {study.device.num_qubits} qubits"
    settings = {
        key: str(value) if isinstance(value, Path) else value for key, value in vars(arguments).items()
    }
    report = Report(title, _notes(study, arguments), settings, cases, errors)
    write_plot(arguments.out / report.plot, cases, title)
    for case in drawn(cases):
        write_drawing(arguments.out / f"{case.name}.png", case)
    write(report, arguments.out)
    return report


def _counter(progress: ProgressReporter) -> Callable[[str], None]:
    done = 0

    def step(what: str) -> None:
        nonlocal done
        done += 1
        progress.update(done, what)

    return step


def _errors(study: Study, arguments: argparse.Namespace, step: Callable[[str], None]) -> list[NoiseError]:
    from qvunet.ansatz import make_ansatz
    from qvunet.reports.depth.compile import compile_ansatz
    from qvunet.reports.depth.noise import noise_errors

    found = []
    for name in study.ansaetze:
        for layers in study.layers:
            ansatz = make_ansatz(name, num_layers=layers)
            compiled: dict[str, tuple[Compiled, BackendV2]] = {
                lowering: (
                    compile_ansatz(ansatz, study.device_for(lowering), lowering, study.optimization_level, 0),
                    study.device_for(lowering),
                )
                for lowering in study.lowerings
                if lowering != "stock_bound"  # its weights are not those of the rows
            }
            found += noise_errors(ansatz, layers, compiled, arguments.noise_rows, arguments.shots, step)
    return found


def _notes(study: Study, arguments: argparse.Namespace) -> list[str]:
    from qvunet.reports.depth.devices import GENERIC, with_rzz

    notes = [
        f"Qiskit's transpiler at level {study.optimization_level} for stock, stock_bound and pauli; "
        f"{study.seeds} seeds each; weights and inputs are free parameters, but for stock_bound, which gets "
        "random weights of each seed's own.",
        "Success is the product of 1 - error over all gates and readouts of the calibration; with idling "
        "also of each waiting qubit's average fidelity under T1 and T2. Crosstalk is in neither.",
        "A SWAP beside a rotation of the same pair merges with it: one CZ more instead of three.",
    ]
    if arguments.device in GENERIC:
        notes.append(
            "The map's errors and timings are invented: the medians of Heron chips, on every coupling."
        )
    if "fractional" in study.lowerings and with_rzz(study.device)[1]:
        notes.append(
            "The recorded device tells no RZZ gate: each is assumed to be as good and as long as its CZ."
        )
    if arguments.noise_error:
        notes.append(
            f"Error under noise: {arguments.noise_rows} random rows, {arguments.shots} shots each, seed 0 of "
            "the compilation, gate and readout errors of the calibration, no mitigation."
        )
    return notes


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    options = parser("depth", __doc__)
    options.add_argument("--ansatz", nargs="+", choices=ANSAETZE, default=list(ANSAETZE))
    options.add_argument("--layers", nargs="+", type=positive, default=[1])
    options.add_argument("--device", default="fake_torino", help="fake_*, a device of the account, or a map")
    options.add_argument("--qubits", type=positive, default=24, help="least size of a generic map")
    options.add_argument("--optimization-level", type=int, choices=range(4), default=3, help="of Qiskit")
    options.add_argument("--seeds", type=positive, default=20, help="how many, from 0")
    options.add_argument("--lowering", nargs="+", choices=LOWERINGS, default=list(LOWERINGS))
    options.add_argument("--noise-error", action="store_true", help="also simulate the device's noise")
    options.add_argument(
        "--noise-rows",
        type=positive,
        default=20,
        help="random rows with noise; HQConv's take up to a minute each",
    )
    options.add_argument("--shots", type=positive, default=4096, help="of each such row")
    options.add_argument("--out", type=Path, default=Path("runs/depth"), help="directory for the results")
    return options.parse_args(arguments)
