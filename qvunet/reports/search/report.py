"""The page of the search: every network's loss, and circuits less controls, seed by seed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import fmean

from matplotlib.figure import Figure

from qvunet.reports.pairs import Pairs
from qvunet.reports.search.networks import CIRCUITS, NETWORKS
from qvunet.reports.search.trials import BATCH_SIZE, LEARNING_RATES, Trial
from qvunet.tools.files import replacing, write_text

COMPARED = ("cosine", "products", "frozen", "no_entanglers", "joint", "joint_large")
"""Controls that every circuit is compared with by pairs of seeds."""

INTRODUCTION = """\
# Where could a circuit beat its controls?

Two denoising problems of twelve numbers, chosen for circuits, whose best answer is computed exactly:

- `rotors`: angles of a chain of rotors, noise that wraps around; the best answer is made of products of
  cosines of neighbours.
- `ising`: spins measured in the ground state of a critical transverse-field Ising chain, normal noise: data
  of a quantum system.

A network shifts its inputs (and scales them, where they are not angles), hands them to two circuits or to
what stands in their place, weighs the values by the noise level, and ends in one linear map. Nothing leads
around. The small perceptron has as many parameters as HQConv has weights and stands in each circuit's place,
the joint one is a hidden layer that reads both copies, with as many parameters in all as HQConv's network.
{training} Loss is on held-out data, 1 for an answer of zeros; *of what is possible* is the share of the fall
from 1 to the best function's loss.
"""


def write_report(out: Path, trials: Sequence[Trial], best: dict[str, float], command: str) -> Path:
    """Write `report.md` and `losses.png`.

    Args:
        out: directory.
        trials: at least one.
        best: loss of the best function by problem.
        command: that makes the page.

    Returns:
        The Markdown file.
    """
    draw(trials, best, out / "losses.png")
    steps = sorted({trial.steps for trial in trials})
    training = (
        f"Each was trained for {' or '.join(f'{n:,}' for n in steps)} steps of {BATCH_SIZE} with Adam, at "
        f"the learning rates {', '.join(map(str, LEARNING_RATES))}, and is listed with the one that did best "
        "on other held-out data."
    )
    parts = [INTRODUCTION.format(training=training), "![Losses](losses.png)\n"]
    for problem in dict.fromkeys(trial.problem for trial in trials):
        parts += _section(problem, [t for t in trials if t.problem == problem], best[problem])
    parts.append(f"Made by `{command}`.\n")
    write_text(out / "report.md", "\n".join(parts))
    return out / "report.md"


def by_network(trials: Iterable[Trial]) -> dict[str, dict[int, float]]:
    """Losses of one problem by network and seed, the lowest mean first."""
    losses: dict[str, dict[int, float]] = {}
    for trial in trials:
        losses.setdefault(trial.network, {})[trial.seed] = trial.loss
    return dict(sorted(losses.items(), key=lambda item: fmean(item[1].values())))


def _section(problem: str, trials: Sequence[Trial], best: float) -> list[str]:
    losses = by_network(trials)
    sizes = {trial.network: trial.parameters for trial in trials}
    rows = [
        (
            f"**{NETWORKS[name][0]}**" if name in CIRCUITS else NETWORKS[name][0],
            f"{sizes[name]:,}",
            str(len(found)),
            f"{fmean(found.values()):.4f}",
            f"{min(found.values()):.4f} to {max(found.values()):.4f}",
            _share((1 - fmean(found.values())) / (1 - best)),
        )
        for name, found in losses.items()
    ]
    header = ("network", "parameters>", "seeds>", "loss>", "of the seeds>", "of what is possible>")
    compared = [name for name in COMPARED if name in losses]
    differences = [
        (NETWORKS[name][0], *(difference(found, losses[control]) for control in compared))
        for name, found in losses.items()
        if name in CIRCUITS
    ]
    parts = [f"## {problem}\n", f"The best of all functions: {best:.4f}. Circuits are in bold.\n"]
    parts.append(_table(header, rows))
    if compared and differences:
        parts.append(
            "Loss of a circuit less that of a control of the same seed, with the 95 % interval over seeds:\n"
        )
        titles = [f"less {NETWORKS[name][0]}>" for name in compared]
        parts.append(_table(("circuit", *titles), differences))
    return parts


def _share(part: float) -> str:
    """In whole percent, never "-0%"."""
    return f"{round(part, 2) + 0.0:.0%}"


def difference(ours: dict[int, float], theirs: dict[int, float]) -> str:
    """Mean and interval, as far as the seeds allow."""
    pairs = Pairs.of(ours, theirs)
    if pairs is None:
        return ""
    if len(pairs.differences) == 1:
        return f"{pairs.mean:+.4f} (one seed)"
    return f"{pairs.mean:+.4f} [{pairs.mean - pairs.margin:+.4f}, {pairs.mean + pairs.margin:+.4f}]"


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    rule = ["---:" if title.endswith(">") else "---" for title in header]
    lines = [[title.rstrip(">") for title in header], rule, *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def draw(trials: Sequence[Trial], best: dict[str, float], path: Path) -> None:
    """Every seed's loss, network by network, a panel for each problem."""
    problems = list(dict.fromkeys(trial.problem for trial in trials))
    count = max(len(by_network(t for t in trials if t.problem == problem)) for problem in problems)
    figure = Figure(figsize=(5.5 * len(problems), 1.2 + 0.27 * count), layout="constrained")
    panels = figure.subplots(1, len(problems), squeeze=False)[0]
    for axes, problem in zip(panels, problems, strict=True):
        losses = by_network(t for t in trials if t.problem == problem)
        for y, (name, found) in enumerate(losses.items()):
            color = "tab:orange" if name in CIRCUITS else "tab:blue"
            axes.plot(list(found.values()), [y] * len(found), "o", color=color, markersize=4, alpha=0.8)
        axes.axvline(best[problem], color="tab:gray", linestyle="--", linewidth=1)
        axes.set_yticks(range(len(losses)), [NETWORKS[name][0] for name in losses], fontsize=8)
        axes.invert_yaxis()
        axes.set(title=problem, xlabel="held-out loss, lower is better")
        axes.grid(alpha=0.3, axis="x")
    for color, title in (("tab:orange", "circuit"), ("tab:blue", "control")):
        panels[0].plot([], [], "o", color=color, label=title)
    panels[0].plot([], [], "--", color="tab:gray", label="best of all functions")
    figure.legend(loc="outside upper center", ncols=3, fontsize=8)
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=110)
