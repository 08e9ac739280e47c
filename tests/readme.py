"""The commands and the snippet of the README, and what makes each command short."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def shell_commands(page: str) -> list[list[str]]:
    """The `qvunet` commands of a page's shell blocks, as words."""
    shell = "\n".join(re.findall(r"```sh\n(.*?)```", page, re.DOTALL)).replace("\\\n", " ")
    return [shlex.split(line, comments=True) for line in shell.splitlines() if line.startswith("qvunet ")]


BLOCKS = re.findall(r"```(\w+)\n(.*?)```", README, re.DOTALL)
SHELL = "\n".join(text for language, text in BLOCKS if language == "sh").replace("\\\n", " ")
COMMANDS = shell_commands(README)
(SNIPPET,) = [text for language, text in BLOCKS if language == "python"]

SMALLER = {
    "train": ["--set", "train.steps=1", "--set", "sample.num=1", "--set", "sample.steps=2"],
    "sample": ["--num", "1", "--steps", "1"],
    "evaluate": [
        *["--num", "50", "--steps", "1"],
        *["--set", "evaluate.classifier_steps=2", "--set", "evaluate.metrics=[kid]"],
    ],
    "ablate": ["--num", "10", "--kinds", "zero"],
    "describe": [],
    "configs": [],
    "report": ["--seeds", "1", "--optimization-level", "1"],
}
"""By command; of `report`, for `depth`."""


def shortened(command: list[str]) -> list[str]:
    """The arguments of one of `COMMANDS`, with those that make it short."""
    return [*command[1:], *SMALLER[command[1]]]
