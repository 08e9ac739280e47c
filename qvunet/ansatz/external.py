"""Circuits of one's own, without a line in this package: named as ``package.module:function``, or as an
entry point of an installed package."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from qiskit.circuit import Parameter, ParameterVectorElement, QuantumCircuit
from qiskit.quantum_info import SparsePauliOp

from backends.errors import UserError
from backends.functions import import_function
from qvunet.ansatz.base import Ansatz
from qvunet.tools.entry_points import installed_ansatze

INPUT_NAMES = ("x", "inputs")
"""Parameters, or vectors of them, that carry data in a plain `QuantumCircuit`; all others are weights."""


def is_external(name: str) -> bool:
    """Whether an ansatz is named by its function, or as an entry point."""
    return ":" in name or name in installed_ansatze()


def external_function(name: str) -> Callable[..., Any]:
    """Find a function ``package.module:function``, or that of an entry point.

    Raises:
        UserError: if there is none of that name.
    """
    return import_function(installed_ansatze().get(name, name), f"ansatz = {name!r}")


def external_ansatz(name: str, **options: int) -> Ansatz:
    """Call a function of `external_function`, which gives an `Ansatz` or a `QuantumCircuit`.

    In a circuit, parameters of the vectors (or single ones) named ``x`` or ``inputs`` are inputs, all others
    weights, each in the order of ``circuit.parameters``; <Z> of every qubit is read.

    Args:
        name: of the function, or its entry point; the ansatz takes it as its own.
        **options: passed on where the function takes them; `num_layers` = 1 may go unused.

    Raises:
        UserError: if there is no such function, it fails or does not take an option, or gives something else.
    """
    function = external_function(name)
    allowed = inspect.signature(function).parameters
    open_ended = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in allowed.values())
    unknown = {} if open_ended else {key: value for key, value in options.items() if key not in allowed}
    if refused := [key for key, value in unknown.items() if (key, value) != ("num_layers", 1)]:
        raise UserError(f"ansatz = {name!r}: unknown option {refused[0]!r}; allowed: {', '.join(allowed)}")
    try:
        made = function(**{key: value for key, value in options.items() if key not in unknown})
    except Exception as error:
        raise UserError(f"ansatz = {name!r}: {type(error).__name__}: {error}") from error
    if isinstance(made, QuantumCircuit):
        return _from_circuit(name, made)
    try:
        parts = made.circuit, list(made.inputs), list(made.weights), list(made.observables)
    except AttributeError:
        raise UserError(
            f"ansatz = {name!r}: gives a {type(made).__name__}, where an Ansatz or a QuantumCircuit is due"
        ) from None
    return Ansatz(name, *parts)


def _from_circuit(name: str, circuit: QuantumCircuit) -> Ansatz:
    inputs = [parameter for parameter in circuit.parameters if _vector_name(parameter) in INPUT_NAMES]
    if not inputs:
        raise UserError(
            f"ansatz = {name!r}: no parameter of the circuit is named {' or '.join(INPUT_NAMES)}, as inputs "
            "are; name them so, or give an Ansatz"
        )
    weights = [parameter for parameter in circuit.parameters if parameter not in inputs]
    n = circuit.num_qubits
    observables = [SparsePauliOp.from_sparse_list([("Z", [i], 1.0)], n) for i in range(n)]
    return Ansatz(name, circuit, inputs, weights, observables)


def _vector_name(parameter: Parameter) -> str:
    return parameter.vector.name if isinstance(parameter, ParameterVectorElement) else parameter.name
