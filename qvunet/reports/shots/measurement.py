"""What a measurement is: a specification that can be compared, and figures that follow from it alone."""

from __future__ import annotations

import hashlib
import json
from abc import abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from pydantic import NonNegativeInt

from qvunet.config.options import Section


@dataclass(frozen=True)
class Bench:
    """Where a measurement works.

    Attributes:
        workspace: directory of its own, for what an interrupted measurement goes on from.
        device: where networks run.
    """

    workspace: Path
    device: torch.device


class Measurement(Section):
    """One measurement; its fields are all that its figures depend on, but for versions.

    Attributes:
        kind: names the table it belongs to.
    """

    kind: ClassVar[str]
    seed: NonNegativeInt = 0

    @property
    @abstractmethod
    def title(self) -> str:
        """Tells it from the others of its kind, for people and file names."""

    @abstractmethod
    def measure(self, bench: Bench) -> dict[str, Any]:
        """Measure; the result is ready for JSON."""

    @property
    def spec(self) -> dict[str, Any]:
        """The fields, ready for JSON."""
        return self.model_dump(mode="json")

    @property
    def slug(self) -> str:
        """A file name of letters, digits and underscores."""
        words = "".join(c if c.isalnum() else " " for c in f"{self.kind} {self.title}".lower())
        return "_".join(words.split())

    @property
    def digest(self) -> str:
        """Short hash of the specification."""
        return hashlib.sha256(json.dumps(self.spec, sort_keys=True).encode()).hexdigest()[:8]


def counted(number: int, noun: str) -> str:
    """``1 layer``, ``3 layers``."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
