"""Parameter expressions of circuits in torch, which differentiates them to any order.

Executors know angles that are affine in their parameters. Where a circuit holds others, such as
``(pi - x0) * (pi - x1)`` in `zz_feature_map`, executors get a parameter in their place (`name_angles`), and
what stands here computes its value; the chain rule is torch's.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from qiskit.circuit import ParameterExpression
from torch import Tensor

from backends.circuits.expressions import NamedAngles
from backends.errors import UserError
from backends.gradients.methods import Executor

Values = Mapping[str, Tensor]
Value = Callable[[Values], Any]
"""From the values of parameters, by name, to a tensor, or a number where none of them matters."""

_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "Add": lambda *terms: functools.reduce(torch.add, terms),
    "Mul": lambda *factors: functools.reduce(torch.mul, factors),
    "Pow": torch.pow,
    "sin": torch.sin,
    "cos": torch.cos,
    "tan": torch.tan,
    "asin": torch.asin,
    "acos": torch.acos,
    "atan": torch.atan,
    "exp": torch.exp,
    "log": torch.log,
    "Abs": torch.abs,
    "sign": torch.sign,
    "conjugate": lambda value: value,  # parameters are real
}
"""The functions of Qiskit's expressions, by their names in sympy."""


class NamedValues:
    """The parameters of an ansatz whose expressions were named, from those that it had before.

    Args:
        named: the ansatz.

    Raises:
        UserError: names the expression that torch cannot differentiate.
    """

    def __init__(self, named: NamedAngles) -> None:
        self._inputs = [parameter.name for parameter in named.inputs]
        self._weights = [parameter.name for parameter in named.weights]
        self._of_inputs = [torch_expression(each) for each in named.of_inputs]
        self._of_weights = [torch_expression(each) for each in named.of_weights]

    def __call__(self, inputs: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
        """(G, B, inputs of the ansatz) and (G, its weights) to those with the values of the expressions."""
        shared = dict(zip(self._weights, weights.unbind(-1), strict=False))  # the ansatz's own come first
        rows = {name: values.unsqueeze(1) for name, values in shared.items()}
        rows |= zip(self._inputs, inputs.unbind(-1), strict=False)
        return _joined(inputs, self._of_inputs, rows), _joined(weights, self._of_weights, shared)


class ThroughExpressions:
    """An executor of an ansatz with expressions of any differentiable form.

    Args:
        execute: takes the parameters of `named`.
        named: the ansatz, its expressions named.

    Raises:
        UserError: names the expression that torch cannot differentiate.
    """

    def __init__(self, execute: Executor, named: NamedAngles) -> None:
        self._execute, self._values = execute, NamedValues(named)

    def __call__(self, inputs: Tensor, weights: Tensor) -> Tensor:
        """(G, B, inputs of the ansatz) and (G, its weights) to (G, B, num_observables)."""
        return self._execute(*self._values(inputs, weights))


def torch_expression(expression: ParameterExpression) -> Value:
    """A parameter expression as a function of its parameters' values, by name.

    Raises:
        UserError: if it is complex, or holds a function that torch does not differentiate; names it.
    """
    node = expression.sympify()
    if node is NotImplemented:  # Qiskit cannot read its own 2 ** x
        raise UserError(
            f"parameter expression {expression}: cannot be read; write c ** x as (x * log(c)).exp()"
        )
    return _function(node, str(expression))


def _function(node: Any, whole: str) -> Value:
    if node.is_Symbol:
        return lambda values: values[node.name]
    if node.is_number:
        return _constant(node, whole)
    name = type(node).__name__
    if name not in _FUNCTIONS:
        raise UserError(f"parameter expression {whole}: {name} is none of {', '.join(_FUNCTIONS)}")
    function, arguments = _FUNCTIONS[name], [_function(argument, whole) for argument in node.args]
    return lambda values: function(*(argument(values) for argument in arguments))


def _constant(node: Any, whole: str) -> Value:
    try:
        number = float(node)
    except TypeError:
        raise UserError(f"parameter expression {whole}: {node} is complex, and angles are real") from None
    return lambda values: number


def _joined(own: Tensor, functions: Sequence[Value], values: Values) -> Tensor:
    """Parameters (..., own), with the values of expressions of them (..., own + expressions)."""
    if not functions:
        return own
    columns = [torch.as_tensor(f(values)).to(own).expand(own.shape[:-1]) for f in functions]
    return torch.cat([own, torch.stack(columns, dim=-1)], dim=-1)
