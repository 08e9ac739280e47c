"""Compare ways of error mitigation by the pictures that come of them, on a recorded device.

Draws the same images of a trained run exactly and through a rehearsal of hardware, one method a time, and
sets the distance to the exact images against the estimated QPU seconds. All methods are compared at the
first number of shots and of steps; the others are tried by the method of --vary. Each drawing is one file in
results/ of the output directory, and its jobs are kept there too: an interrupted comparison goes on.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from qvunet.reports.arguments import parser, positive
from qvunet.reports.mitigation.methods import METHODS

if TYPE_CHECKING:
    from qvunet.reports.mitigation.drawing import MitigatedImages

LOWERINGS = ("bound", "merged", "pauli")


def main(arguments: Sequence[str]) -> int:
    """Draw what is not drawn yet, and write the report; returns the exit status.

    Raises:
        UserError: if the run or the device cannot be used.
    """
    return _compare(_parse(arguments), Console(stderr=True))


def _compare(arguments: argparse.Namespace, console: Console) -> int:
    # Imported here, so that --help and bad arguments need not wait for torch and Qiskit.
    from qvunet.config import Config
    from qvunet.reports.mitigation.report import write_report
    from qvunet.reports.shots.store import Store
    from qvunet.runs.device import prepare_torch

    wanted, store = drawings(arguments), Store(arguments.out)
    device = prepare_torch(Config(device="cpu"))
    for number, drawing in enumerate(wanted, start=1):
        if store.has(drawing):
            continue
        console.print(f"{number}/{len(wanted)}  {drawing.title}", markup=False, highlight=False)
        started = time.monotonic()
        store.measure(drawing, device)
        console.print(f"        {time.monotonic() - started:.1f} s")
    specs = [drawing.spec for drawing in wanted]
    for path in write_report(arguments.out, [r for r in store.records() if r["spec"] in specs]):
        print(path)
    return 0


def drawings(arguments: argparse.Namespace) -> list[MitigatedImages]:
    """What the command line asks for.

    Raises:
        UserError: if the run is none, or the device is not recorded.
    """
    from backends.devices.device import fake_device_names
    from backends.errors import UserError
    from qvunet.reports.mitigation.drawing import MitigatedImages
    from qvunet.reports.shots.networks import TrainedNetwork

    if arguments.device not in fake_device_names():
        raise UserError(f"--device {arguments.device}: allowed: {', '.join(fake_device_names())}")
    (shots, *more_shots), (steps, *more_steps) = arguments.shots, arguments.steps
    network = TrainedNetwork.of(arguments.run)
    settings = [
        *((method, shots, steps) for method in arguments.methods),
        *((arguments.vary, each, steps) for each in more_shots),
        *((arguments.vary, shots, each) for each in more_steps),
    ]
    return [
        MitigatedImages(
            network=network,
            device=arguments.device,
            method=method,
            shots=shots_of_it,
            steps=steps_of_it,
            fine_steps=arguments.fine_steps,
            num=arguments.num,
            sampler=arguments.sampler,
            lowering=arguments.lowering,
            idling=not arguments.no_idling,
            seed=arguments.seed,
        )
        for method, shots_of_it, steps_of_it in dict.fromkeys(settings)
    ]


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    options = parser("mitigation", __doc__)
    options.add_argument("--run", type=Path, required=True, help="a run that `qvunet train` made")
    options.add_argument("--device", default="fake_kingston", help="a recorded device")
    options.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    options.add_argument("--shots", nargs="+", type=positive, default=[1024, 256, 4096])
    options.add_argument("--steps", nargs="+", type=positive, default=[4, 2, 8], help="denoising steps")
    options.add_argument("--vary", choices=METHODS, default="readout", help="method of the other numbers")
    options.add_argument("--fine-steps", type=positive, default=20, help="of the exact images in the end")
    options.add_argument("--num", type=positive, default=16, help="images")
    options.add_argument("--sampler", choices=("heun", "ddim", "dpmpp"), default="dpmpp")
    options.add_argument("--lowering", choices=LOWERINGS, default="bound")
    options.add_argument("--no-idling", action="store_true", help="let qubits wait without relaxing")
    options.add_argument("--seed", type=int, default=0, help="of the noise that images begin with")
    options.add_argument("--out", type=Path, default=Path("runs/mitigation"), help="directory for everything")
    return options.parse_args(arguments)
