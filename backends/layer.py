"""What executes circuits, and the torch module that it gives: angles in, expectations out."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn

from backends.circuits.expressions import name_angles
from backends.circuits.program import Ansatz
from backends.errors import UserError
from backends.gradients.autograd import full_precision
from backends.gradients.expressions import ThroughExpressions
from backends.gradients.methods import Executor
from backends.measuring.noise_stream import NoiseStream
from backends.measuring.tally import Tally
from backends.options import BackendOptions


class Backend(ABC):
    """Executes circuits for `CircuitLayer`; made by `backends.make_backend`.

    Args:
        options: the validated options.

    Attributes:
        noise: where its random numbers come from.
        tally: what it has measured since its step began.
    """

    name: ClassVar[str]

    def __init__(self, options: BackendOptions) -> None:
        self.options = options
        self.noise = NoiseStream(options.seed or 0)
        self.tally = Tally()

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Copies of a network share what executes them."""
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        """A pickle holds the options; what belongs to a process, such as connections, is made anew."""
        return type(self), (self.options,), {"noise": self.noise, "tally": self.tally}

    def start_step(self, step: int) -> None:
        """Begin a step of training or sampling: from here on, noise is a function of seed, step and call."""
        self.noise.start_step(step)
        self.tally.clear()

    def layer(self, ansatz: Ansatz, num_circuits: int | None = None) -> CircuitLayer:
        """A torch module that evaluates `num_circuits` copies of the ansatz, each with its own weights.

        Args:
            ansatz: e.g. ``qvunet.ansatz.hqconv(num_layers=3)``.
            num_circuits: None for (B, n) -> (B, m), with n inputs and m observables; else
                (B, num_circuits, n) -> (B, num_circuits, m).

        Raises:
            UserError: if the circuit cannot be run here; names the instruction.
        """
        return CircuitLayer(ansatz, self, num_circuits)

    def executor(self, ansatz: Ansatz) -> Executor:
        """Prepare a circuit whose parameter expressions may be of any differentiable form.

        Raises:
            UserError: if the circuit cannot be run here; names the instruction, expression or observable.
        """
        named = name_angles(ansatz)
        if not (named.of_inputs or named.of_weights):
            return self.compile(ansatz)
        return ThroughExpressions(self.compile(named), named)

    @abstractmethod
    def compile(self, ansatz: Ansatz) -> Executor:
        """Prepare a circuit of affine angles once, for any number of calls.

        Raises:
            UserError: if the circuit cannot be run here; names the instruction.
        """


class CircuitLayer(nn.Module):
    """Variational circuits as a layer; its only state is `weight`, whatever the backend.

    Args:
        ansatz: circuit, inputs, weights and observables; angles may be differentiable expressions of any
            form, observables sums of Pauli strings with real coefficients.
        backend: what executes the circuit and its gradients.
        num_circuits: None for one circuit; otherwise that many, each with its own weights and inputs.

    Raises:
        UserError: if `num_circuits` is below 1, or the circuit cannot be run; names the instruction.

    Attributes:
        weight: (num_weights,) or (num_circuits, num_weights), radians, drawn uniformly from [0, 2 pi).
    """

    def __init__(self, ansatz: Ansatz, backend: Backend, num_circuits: int | None = None) -> None:
        super().__init__()
        if num_circuits is not None and num_circuits < 1:
            raise UserError(f"num_circuits = {num_circuits}: must be at least 1, or None for one circuit")
        self.ansatz = ansatz
        self.num_circuits = num_circuits
        shape = (len(ansatz.weights),) if num_circuits is None else (num_circuits, len(ansatz.weights))
        self.weight = nn.Parameter(torch.empty(shape))
        nn.init.uniform_(self.weight, 0.0, 2 * math.pi)
        self.set_backend(backend)

    def set_backend(self, backend: Backend) -> None:
        """Execute on another backend from now on, with the same weights."""
        self._executor = backend.executor(self.ansatz)  # may fail, and then nothing has changed
        self.backend = backend

    def __getstate__(self) -> dict[str, Any]:
        """What a pickle or a copy holds: what was compiled is not in it, and is compiled again."""
        return {key: value for key, value in super().__getstate__().items() if key != "_executor"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._executor = self.backend.executor(self.ansatz)

    def forward(self, inputs: Tensor) -> Tensor:
        """Expectations of the observables.

        Args:
            inputs: angles in radians, (B, n), or (B, num_circuits, n).

        Returns:
            (B, m) or (B, num_circuits, m) for m observables, in the dtype of `weight`: <Z_i> in [-1, 1] where
            those are read; computed in single precision or better, under autocast too.

        Raises:
            ValueError: if the shape of `inputs` does not fit, or they are complex.
        """
        groups = () if self.num_circuits is None else (self.num_circuits,)
        expected = (*groups, len(self.ansatz.inputs))
        if inputs.is_complex() or self.weight.is_complex():
            raise ValueError(
                f"inputs are {inputs.dtype}, weights {self.weight.dtype}: angles are real numbers"
            )
        if inputs.shape[1:] != expected:
            raise ValueError(f"inputs have shape {tuple(inputs.shape)}, expected (batch, *{expected})")
        if len(inputs) == 0:
            return self.weight.new_zeros(0, *groups, len(self.ansatz.observables)) + 0 * self.weight.sum()
        precision = torch.promote_types(self.weight.dtype, torch.float32)
        rows, weights = inputs.to(precision), self.weight.to(precision)
        if self.num_circuits is None:
            values = self._execute(rows.unsqueeze(0), weights.unsqueeze(0)).squeeze(0)
        else:
            values = self._execute(rows.transpose(0, 1), weights).transpose(0, 1)
        return values.to(self.weight.dtype)

    def _execute(self, rows: Tensor, weights: Tensor) -> Tensor:
        with full_precision(rows):
            return self._executor(rows, weights)

    def extra_repr(self) -> str:
        """What `print(net)` shows."""
        return f"{self.ansatz.name}, num_circuits={self.num_circuits}, backend={self.backend.name}"


def start_step(module: nn.Module, step: int) -> None:
    """Tell the backends of all circuit layers in a module that a step begins; see `Backend.start_step`."""
    for part in module.modules():
        if isinstance(part, CircuitLayer):
            part.backend.start_step(step)


def step_tally(module: nn.Module) -> Tally:
    """What the circuit layers in a module have had measured since their step began."""
    backends = {part.backend for part in module.modules() if isinstance(part, CircuitLayer)}
    tallies = [backend.tally for backend in backends]
    return Tally(sum(each.circuits for each in tallies), sum(each.executions for each in tallies))
