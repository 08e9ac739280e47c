"""The table of devices, in Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from qvunet.reports.devices.trials import NUM_QUBITS, PATHS, Trial

INTRODUCTION = """\
# Recorded devices

Those of `qiskit_ibm_runtime`, tried with a circuit of {num_qubits} qubits (`basic_entangler`, one layer) and
{shots:,} shots: with the noise of their calibration on `aer_shots`, and as a rehearsal on `ibm_runtime` with
`resilience_level: 0`. Under a backend is the largest error of an expectation; the last column is the largest
difference between the two, in its standard errors. Devices recorded with the gates `u1`, `u2`, `u3` are taken
as ones of `rz`, `sx`, `x` with the same calibration.

{summary}

Made by `{command}`; a device that is not listed is not in the installed version.
"""


def markdown(trials: Sequence[Trial], command: str) -> str:
    """A page with a line for each trial.

    Args:
        trials: at least one.
        command: that makes the page.
    """
    introduction = INTRODUCTION.format(
        num_qubits=NUM_QUBITS, shots=trials[0].shots, summary=summary(trials), command=command
    )
    header = ["device", "qubits", "gates", "lowering", *(f"`{name}`" for name in PATHS), "apart by"]
    rows = [header, ["---", "---:", "---", "---", "---:", "---:", "---:"], *map(_cells, trials)]
    return introduction + "\n" + "".join(f"| {' | '.join(row)} |\n" for row in rows)


def summary(trials: Sequence[Trial]) -> str:
    """How many devices work, and which do not."""
    devices = dict.fromkeys(trial.device for trial in trials)
    refused = {trial.device for trial in trials if not trial.works}
    strange = {trial.device for trial in trials if not trial.is_alike}
    working = len(devices) - len(refused)
    text = f"{working} of {len(devices)} devices work by every lowering that they have gates for"
    verdict = f"Backends disagree on {', '.join(sorted(strange))}." if strange else "The backends agree."
    reasons = dict.fromkeys(
        outcome.reason for trial in trials for outcome in trial.outcomes.values() if outcome.reason
    )
    if not reasons:
        return f"{text}. {verdict}"
    return f"{text}. {verdict} Refused were:\n\n" + "\n".join(f"- {reason}" for reason in reasons)


def _cells(trial: Trial) -> list[str]:
    errors = [trial.error(name) for name in PATHS]
    return [
        trial.device,
        str(trial.num_qubits),
        ", ".join(trial.gates),
        trial.lowering,
        *("refused" if error is None else f"{error:.3f}" for error in errors),
        f"{trial.difference:.1f}" if trial.works else "",
    ]
