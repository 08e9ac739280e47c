from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from qvunet.config import Config
from qvunet.description.describe import describe
from qvunet.description.tables import print_description


def printed(terminal: bool = False, **values: object) -> str:
    config = Config.model_validate(values)
    console = Console(file=io.StringIO(), force_terminal=terminal, width=200 if terminal else None)
    print_description(describe(config), config, console)
    return console.file.getvalue()


@pytest.fixture(scope="module")
def hybrid() -> str:
    return printed(
        model={"ansatz": "fqconv", "num_layers": 3, "num_classes": 3},
        backend={"name": "aer_shots", "shots": 100},
        train={"batch_size": 2},
        sample={"num": 5, "guidance_scale": 2.0},
    )


def line_of(text: str, *start: str) -> list[str]:
    """The cells of the row that starts with these."""
    rows = [re.split(r"\s{2,}", line.strip()) for line in text.splitlines()]
    (found,) = [row for row in rows if tuple(row[: len(start)]) == start]
    return found[len(start) :]


def test_blocks_and_circuits(hybrid):
    assert line_of(hybrid, "vertex.b", "residual unit") == [
        "40 x 2 x 2", "28,156", "144", "first half: 1 fqconv; second half: 1 fqconv"
    ]  # fmt: skip
    assert line_of(hybrid, "total") == [f"{475_281 - 288 + 4 * 40:,}", "288", "4 circuits"]
    circuits = ["fqconv", "1", "12", "72", "19", "18", "1", "1"]
    assert line_of(hybrid, "vertex.a", "second half") == circuits


def test_steps(hybrid):
    assert "One training step, batch 2" in hybrid
    assert line_of(hybrid, "aer_shots", "surrogate") == ["8", "0", "100", "800", "-", "-"]
    assert line_of(hybrid, "statevector", "adjoint (default)") == ["0", "0", "exact", "-", "-", "-"]
    assert line_of(hybrid, "ibm_runtime", "surrogate (default)")[-2] == "4"
    assert line_of(hybrid, "stock EstimatorQNN")[1] == str(12 * 8)
    assert "One sampling step, batch 5, twice for guidance" in hybrid
    assert line_of(hybrid, "aer_shots", "40") == ["100", "4,000", "-", "-"]


def test_a_classical_network_has_blocks_only():
    text = printed()
    assert line_of(text, "total") == ["483,321", "0", "-"]
    assert "Circuits" not in text
    assert "step" not in text.replace("timestep", "")


def test_a_control_is_told_in_the_circuits_place():
    text = printed(model={"ansatz": "hqconv", "core": "mlp"})
    assert line_of(text, "vertex.b", "residual unit")[-1] == "mlp in their place"
    assert "One training step" not in text


def test_plain_text_where_there_is_no_terminal(hybrid):
    assert hybrid.isascii()
    assert "\x1b" in printed(terminal=True)
