"""What the figures amount to in plain words, by fixed rules; docs/influence.md states them."""

from __future__ import annotations

from collections.abc import Sequence

from qvunet.influence.ablations import BESIDE, CIRCUITS, VERTEX
from qvunet.influence.change import percent
from qvunet.influence.result import Finding

MATTERS = 0.01
"""A change of the held-out loss from which on circuits matter: 1 %."""
NOTHING = 0.001
"""A change below which they do nothing that a picture would show: 0.1 %."""
REMOVALS = ("zero", "mean", "shuffled")
"""Kinds that take away what circuits say about their input."""


def verdict(findings: Sequence[Finding], core: str) -> str:
    """The verdict on a network.

    Args:
        findings: of its ablations.
        core: what stands between angles and expectations, as `model.core` names it.
    """
    whole = {each.kind: each for each in findings if each.where == CIRCUITS}
    removals = [whole[kind] for kind in REMOVALS if kind in whole]
    if not removals:
        return "Nothing was taken away, so nothing can be said; ablate zero, mean or shuffled."
    subject = "The circuits" if core == "circuits" else f"What stands in the circuits' place ({core})"
    worst = max(removals, key=lambda each: each.change.value)
    sentences = [_how_much(subject, worst), *_at_which_levels(worst), *_compared(worst, findings)]
    if core == "circuits" and worst.change.high >= NOTHING:
        sentences += _cosine(whole)
    return " ".join(sentences)


def _how_much(subject: str, worst: Finding) -> str:
    change = worst.change
    figures = f"{percent(change.value)} ({percent(change.low)} to {percent(change.high)})"
    how = {"zero": "replaced by zeros", "mean": "replaced by their mean", "shuffled": "shuffled among rows"}
    what = f"{how[worst.kind]}, the held-out loss changes by {figures}"
    if change.low >= MATTERS:
        return f"{subject} matter to this network: {what}."
    if change.high < NOTHING:
        return f"{subject} do nothing for this network: {what}, whatever else is measured of its pictures."
    if change.high < MATTERS:
        return f"{subject} matter little to this network: {what}."
    return f"Whether {subject[0].lower()}{subject[1:]} matter is not certain with so few images: {what}."


def _at_which_levels(worst: Finding) -> list[str]:
    strong = [band for band in worst.bands if band.change.low >= MATTERS]
    if not strong or len(strong) == len(worst.bands):
        return ["They matter at every noise level."] if strong else []
    ranges = ", ".join(f"{band.start:g} to {band.stop:g}" for band in strong)
    return [f"They matter at the noise levels {ranges}."]


def _compared(worst: Finding, findings: Sequence[Finding]) -> list[str]:
    sentences = []
    for each in findings:
        if each.where in (BESIDE, VERTEX):
            name = "the convolutions beside them" if each.where == BESIDE else "the whole vertex"
            amount = percent(each.change.value)
            less = "less" if each.change.value < worst.change.value else "more"
            sentences.append(f"Without {name} the loss changes {less}: by {amount}.")
    return sentences


def _cosine(whole: dict[str, Finding]) -> list[str]:
    if "cosine" not in whole:
        return []
    return [
        f"A cosine put in their place after training changes the loss by "
        f"{percent(whole['cosine'].change.value)}. "
        "Whether one would have done as well from the start only a network trained with it can say: train "
        "the "
        "same config with model.core=encoding, and compare."
    ]
