"""The reference file: expectations and gradients that nobody here computed."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from backends import Backend
from qvunet.ansatz import Ansatz, make_ansatz

PATH = Path(__file__).parents[1] / "reference" / "ansatz_expectations.json"
VALUE_DIGITS = 1e-10
"""The file holds ten digits of each expectation, so an exact engine is off by up to half of the last."""
GRADIENT_DIGITS = 1e-8
"""Its gradients are central differences (error about 1e-11) rounded to eight digits: up to 5e-9 off, and
5.1e-9 is what the exact engine measures in float64. Other tests check gradients to full precision."""


@functools.cache
def cases() -> list[dict[str, Any]]:
    """One dict for each ansatz and number of layers."""
    return json.loads(PATH.read_text())["cases"]


def case_name(case: dict[str, Any]) -> str:
    """What pytest calls a case."""
    return f"{case['ansatz']}-{case['num_layers']}"


def ansatz_of(case: dict[str, Any]) -> Ansatz:
    """The circuit that a case is about."""
    return make_ansatz(case["ansatz"], num_layers=case["num_layers"])


def run_case(backend: Backend, case: dict[str, Any], dtype: torch.dtype) -> dict[str, Tensor]:
    """What a backend's layer gives for a case, under the file's own names."""
    layer = backend.layer(ansatz_of(case)).to(dtype)
    layer.load_state_dict({"weight": torch.tensor(case["weights"], dtype=dtype)})
    inputs = torch.tensor(case["inputs"], dtype=dtype, requires_grad=True)
    expectations = layer(inputs)
    (expectations @ torch.tensor(case["cotangent"], dtype=dtype)).sum().backward()
    return {"expectations": expectations, "grad_inputs": inputs.grad, "grad_weights": layer.weight.grad}
