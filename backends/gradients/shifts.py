"""The parameter-shift rule, all samples and all shifts in one batch.

For a Pauli rotation ``exp(-i t P / 2)`` the derivative of an expectation is exactly
``(E(t + pi/2) - E(t - pi/2)) / 2`` (Mitarai et al., arXiv:1803.00745; Schuld et al., arXiv:1811.11184).
The rule is wrong for controlled rotations, whose generators have eigenvalues 0 and +-1/2; they are
written as Pauli rotations first (`program.without_controls`), which amounts to the four-term rule.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from qiskit.quantum_info import SparsePauliOp

from backends.circuits.expressions import program_of
from backends.circuits.lightcone import affected_observables, compatible_groups
from backends.circuits.observables import read_observables
from backends.circuits.program import Ansatz, Program, without_controls

Array = npt.NDArray[np.float64]


class ParameterShift:
    """Derivatives of a program of Pauli rotations with respect to its angles.

    Angles that share no observable's light cone are shifted in the same execution.

    Args:
        program: without controlled rotations.
        observables: what is measured.
        wanted: (num_angles,) bool, the angles whose derivative is asked; None for all.
    """

    def __init__(
        self,
        program: Program,
        observables: Sequence[SparsePauliOp],
        wanted: npt.NDArray[np.bool_] | None = None,
    ) -> None:
        self.affected = affected_observables(program, observables)
        if wanted is not None:
            self.affected &= wanted[:, None]
        self.groups = compatible_groups(self.affected)

    @property
    def executions_per_row(self) -> int:
        """Circuit executions that one sample's derivatives take."""
        return 2 * len(self.groups)

    @property
    def shifts(self) -> Array:
        """(2 * groups, num_angles), radians: first every group shifted up, then every group down."""
        up = np.zeros((len(self.groups), self.affected.shape[0]))
        for k, group in enumerate(self.groups):
            up[k, group] = np.pi / 2
        return np.concatenate([up, -up])

    def derivatives(self, values: Array) -> Array:
        """Put the shifted values together.

        Args:
            values: (2 * groups, ..., num_observables), measured at `shifts`.

        Returns:
            (..., num_observables, num_angles).
        """
        up, down = np.split(values, 2)
        result = np.zeros((*values.shape[1:], self.affected.shape[0]))
        for difference, group in zip((up - down) / 2, self.groups, strict=True):
            for angle in group:
                result[..., angle] = np.where(self.affected[angle], difference, 0.0)
        return result

    def jacobian(self, angles: Array, expectations: Callable[[Array], Array]) -> Array:
        """Derivatives of every observable.

        Args:
            angles: (R, num_angles), radians.
            expectations: (rows, num_angles) to (rows, num_observables); called once.

        Returns:
            (R, num_observables, num_angles).
        """
        if not self.groups:  # no angle matters, and some simulators die of a run without rows
            return np.zeros((len(angles), self.affected.shape[1], angles.shape[1]))
        shifted = angles + self.shifts[:, None]  # (2 * groups, R, num_angles)
        values = expectations(shifted.reshape(-1, angles.shape[1]))
        return self.derivatives(values.reshape(*shifted.shape[:2], self.affected.shape[1]))


def grouped_executions(ansatz: Ansatz) -> int:
    """Circuit executions of the gradient of one row, inputs and weights, by `ParameterShift`."""
    program = without_controls(program_of(ansatz))
    terms = read_observables(ansatz.observables, program.num_qubits).operators
    return ParameterShift(program, terms).executions_per_row


def separate_executions(ansatz: Ansatz) -> int:
    """The same where each observable of each shift is measured by itself: the stock `EstimatorQNN`."""
    return 2 * without_controls(program_of(ansatz)).num_angles * len(ansatz.observables)
