"""Try recorded devices with a small circuit and write a page that says which work.

Every device is tried by every lowering that it has the gates for, on aer_shots with its noise and as a
rehearsal of ibm_runtime. Exits with 1 if the two do not agree. All devices take some ten minutes.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from pathlib import Path

from rich.console import Console

LOWERINGS = ("merged", "pauli", "fractional")


def main() -> int:
    arguments = _arguments()
    from backends.devices.device import fake_device_names
    from backends.errors import UserError
    from qvunet.reports.devices.report import markdown
    from qvunet.reports.devices.trials import run_trials
    from qvunet.tools.files import write_text
    from qvunet.tools.progress import ProgressReporter

    warnings.simplefilter("ignore")  # recorded devices warn of what was invented for them
    devices = arguments.devices or fake_device_names()
    trials = []
    try:
        with ProgressReporter("device table", len(devices), "devices") as progress:
            for done, device in enumerate(devices, 1):
                trials += run_trials([device], arguments.lowering, arguments.shots)
                progress.update(done, device)
    except UserError as error:
        Console(stderr=True).print(f"error: {error}", style="red", markup=False, soft_wrap=True)
        return 2
    write_text(arguments.out, markdown(trials, f"python scripts/device_table.py --out {arguments.out}"))
    print(arguments.out)
    return 0 if all(trial.is_alike for trial in trials) else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--devices", nargs="+", metavar="NAME", help="fake_* names; all if none is given")
    parser.add_argument("--lowering", nargs="+", choices=LOWERINGS, default=LOWERINGS)
    parser.add_argument("--shots", type=int, default=4096)
    parser.add_argument("--out", type=Path, default=Path("runs/devices/devices.md"), metavar="FILE")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
