"""Our layer, on any of our backends."""

from __future__ import annotations

import torch

from backends import make_backend
from qvunet.reports.benchmark.problem import make_problem
from qvunet.reports.benchmark.systems.torch_layer import Call, forward_backward


def build(*, ansatz: str, rows: int, backend: str, dtype: str = "float32", **options: int) -> Call:
    """A pass over the problem, ready to be timed."""
    problem = make_problem(ansatz, rows, **options)
    layer = make_backend(backend).layer(problem.ansatz).to(getattr(torch, dtype))
    with torch.no_grad():
        layer.weight.copy_(torch.as_tensor(problem.weights))
    return forward_backward(layer, [layer.weight], problem, layer.weight.dtype)
