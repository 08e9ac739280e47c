"""Report what the circuits cost on a chip: gates, depth, duration and estimated success, by lowering.

Compiles every case with many seeds and writes a table, depth.json, depth.csv, depth.md, depth.html (all in
one file), a plot and drawings. Lowerings: stock is Qiskit's transpiler on the circuit as it is, pauli the
same on Pauli rotations, merged one two-qubit rotation for each pair of qubits, fractional that with RZZ
gates. Devices: fake_* names, devices of your IBM Quantum account, or line, grid, heavy_hex and all_to_all.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

if TYPE_CHECKING:
    from qvunet.reports.depth.noise import NoiseError
    from qvunet.reports.depth.report import Report
    from qvunet.reports.depth.study import Case, Study
    from qvunet.tools.progress import ProgressReporter

PIPED_WIDTH = 160
"""Characters of a table where no terminal says how many fit."""

ANSAETZE = ("hqconv", "fqconv")
LOWERINGS = ("stock", "pauli", "merged", "fractional")


def main() -> None:
    arguments = _arguments()
    from backends.errors import UserError

    try:
        _run(arguments)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)


def _run(arguments: argparse.Namespace) -> None:
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
    rows = arguments.noise_rows * len(study) // arguments.seeds if arguments.noise_error else 0
    with ProgressReporter("depth report", len(study) + rows, "circuits") as progress:
        step = _counter(progress)
        cases = list(study.run(step))
        if rows:
            _publish(study, arguments, cases, [])  # here already, since noise can take an hour
        errors = _errors(study, arguments, step) if rows else []
    written = _publish(study, arguments, cases, errors)
    console = Console(width=None if sys.stdout.isatty() else PIPED_WIDTH)
    for table in tables(written):
        console.print(table)
    console.print(arguments.out / "depth.html")


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
            compiled = {
                lowering: (
                    compile_ansatz(ansatz, study.device_for(lowering), lowering, study.optimization_level, 0),
                    study.device_for(lowering),
                )
                for lowering in study.lowerings
            }
            found += noise_errors(ansatz, layers, compiled, arguments.noise_rows, arguments.shots, step)
    return found


def _notes(study: Study, arguments: argparse.Namespace) -> list[str]:
    from qvunet.reports.depth.devices import GENERIC, with_rzz

    notes = [
        f"Qiskit's transpiler at level {study.optimization_level} for stock and pauli; "
        f"{study.seeds} seeds each; weights and inputs are free parameters.",
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


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--ansatz", nargs="+", choices=ANSAETZE, default=list(ANSAETZE))
    parser.add_argument("--layers", nargs="+", type=_positive, default=[1])
    parser.add_argument("--device", default="fake_torino", help="fake_*, a device of the account, or a map")
    parser.add_argument("--qubits", type=_positive, default=24, help="least size of a generic map")
    parser.add_argument("--optimization-level", type=int, choices=range(4), default=3, help="of Qiskit")
    parser.add_argument("--seeds", type=_positive, default=20, help="how many, from 0")
    parser.add_argument("--lowering", nargs="+", choices=LOWERINGS, default=list(LOWERINGS))
    parser.add_argument("--noise-error", action="store_true", help="also simulate the device's noise")
    parser.add_argument(
        "--noise-rows",
        type=_positive,
        default=20,
        help="random rows with noise; HQConv's take up to a minute each",
    )
    parser.add_argument("--shots", type=_positive, default=4096, help="of each such row")
    parser.add_argument("--out", type=Path, default=Path("runs/depth"), help="directory for the results")
    return parser.parse_args()


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


if __name__ == "__main__":
    main()
