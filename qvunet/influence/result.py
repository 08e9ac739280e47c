"""What was found, and its form in influence.json."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from qvunet.influence.ablations import Ablation
from qvunet.influence.change import Change, relative_change, relative_difference
from qvunet.influence.probe import Prediction


@dataclass(frozen=True)
class Band:
    """A change at some noise levels.

    Attributes:
        start: lowest level.
        stop: highest level.
        change: relative to the loss at these levels.
    """

    start: float
    stop: float
    change: Change


@dataclass(frozen=True)
class Finding:
    """What an ablation does.

    Attributes:
        kind: what replaced the output.
        where: of what.
        change: of the loss, relative.
        bands: the same by noise levels.
        noise_change: root mean square change of the predicted noise, relative to its root mean square.
        kid_change: KID of images drawn with the ablation less that without; None if none were drawn.
    """

    kind: str
    where: str
    change: Change
    bands: tuple[Band, ...]
    noise_change: float
    kid_change: float | None = None

    @classmethod
    def of(cls, ablation: Ablation, before: Prediction, after: Prediction, edges: Tensor) -> Finding:
        """Compare two predictions of one probe."""
        bands = [
            Band(float(start), float(stop), relative_change(*losses))
            for start, stop, *losses in zip(edges[:-1], edges[1:], before.losses, after.losses, strict=True)
        ]
        return cls(
            ablation.kind,
            ablation.where,
            relative_change(before.image_losses, after.image_losses),
            tuple(bands),
            relative_difference(before.noise, after.noise),
        )

    def as_dict(self) -> dict[str, Any]:
        """As in influence.json."""
        return {
            "kind": self.kind,
            "where": self.where,
            "loss_change": self.change.value,
            "low": self.change.low,
            "high": self.change.high,
            "noise_change": self.noise_change,
            "kid_change": self.kid_change,
            "by_timestep": [
                {
                    "from": band.start,
                    "to": band.stop,
                    "loss_change": band.change.value,
                    "low": band.change.low,
                    "high": band.change.high,
                }
                for band in self.bands
            ],
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Finding:
        """The reverse of `as_dict`.

        Raises:
            KeyError: if something is missing.
        """
        return cls(
            values["kind"],
            values["where"],
            _change(values),
            tuple(Band(band["from"], band["to"], _change(band)) for band in values["by_timestep"]),
            values["noise_change"],
            values["kid_change"],
        )


def _change(values: dict[str, Any]) -> Change:
    return Change(values["loss_change"], values["low"], values["high"])
