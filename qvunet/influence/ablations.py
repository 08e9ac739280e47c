"""Replacing what parts of a network return, for as long as a context lasts.

A *place* is a core: what stands between angles and expectations in one half of a unit, or in one block of a
latent denoiser. `CIRCUITS` are all of them together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from math import pi
from typing import Any

import torch
from torch import Tensor, nn

from backends import CircuitLayer
from backends.errors import UserError
from qvunet.ansatz.reduced import without_entanglers, without_weighted_gates
from qvunet.models.network import HybridNetwork

CIRCUITS = "circuits"
BESIDE = "beside the circuits"
VERTEX = "vertex"

OUTPUT_KINDS = ("zero", "mean", "shuffled", "cosine")
"""What can be put in the place of any core's output."""
CIRCUIT_KINDS = ("random", "encoding", "no_entanglers")
"""What can be done to circuits alone: other weights, or gates left out."""
KINDS = ("zero", "mean", "shuffled", "random", "encoding", "no_entanglers", "cosine")

Hook = Callable[[nn.Module, tuple[Tensor, ...], Tensor], Tensor]


@dataclass(frozen=True)
class Ablation:
    """What is replaced by what.

    Attributes:
        kind: one of `KINDS`.
        where: `CIRCUITS`, one place, `BESIDE` or `VERTEX`.
    """

    kind: str
    where: str = CIRCUITS

    @property
    def name(self) -> str:
        """For file names."""
        return f"{self.kind}_{self.where}".replace(",", "").replace(" ", "_")


def all_ablations(model: HybridNetwork, kinds: Sequence[str]) -> list[Ablation]:
    """Each kind for all circuits and for each place, then what circuits are compared with.

    Args:
        model: with cores.
        kinds: some of `KINDS`; those of circuits are left out where controls stand in their place.

    Raises:
        UserError: if a kind is unknown, or none of them applies.
    """
    for kind in kinds:
        if kind not in KINDS:
            raise UserError(f"--kinds {kind}: allowed are {', '.join(KINDS)}")
    allowed = _allowed_kinds(model)
    chosen = [kind for kind in KINDS if kind in kinds and kind in allowed]
    if not chosen:
        raise UserError(
            f"--kinds {','.join(kinds)}: this network holds no circuits; {', '.join(allowed)} apply"
        )
    places = list(model.cores())
    where = [CIRCUITS, *(places if len(places) > 1 else [])]
    found = [Ablation(kind, each) for kind in chosen for each in where]
    if model.beside_cores():
        found.append(Ablation("zero", BESIDE))
    return [*found, Ablation("zero", VERTEX)]


def _allowed_kinds(model: HybridNetwork) -> list[str]:
    layers = model.circuit_layers().values()
    if not layers:
        return list(OUTPUT_KINDS)
    products = any(len(layer.ansatz.inputs) % len(layer.ansatz.observables) for layer in layers)
    return [kind for kind in KINDS if not (products and kind == "cosine")]  # which knows of no products


@contextmanager
def ablated(
    model: HybridNetwork, ablation: Ablation, means: dict[str, Tensor], seed: int = 0
) -> Iterator[None]:
    """A network with part of it replaced.

    Args:
        model: whose circuits may run on any backend.
        ablation: what is replaced.
        means: the mean output (q, n) of every core, by place; from `mean_outputs`.
        seed: of shuffled rows and of random weights.
    """
    with ExitStack() as stack:
        if ablation.where == VERTEX:
            modules: list[tuple[nn.Module, Hook]] = [(module, _zero) for module in model.vertex()]
        elif ablation.where == BESIDE:
            modules = [(module, _zero) for module in model.beside_cores().values()]
        else:
            cores = model.cores()
            places = list(cores) if ablation.where == CIRCUITS else [ablation.where]
            generator = torch.Generator().manual_seed(seed)
            modules = []
            for place in places:
                modules += _replacements(ablation.kind, cores[place], means.get(place), generator)
            if ablation.kind == "random":
                stack.enter_context(_random_weights([cores[place] for place in places], generator))
        for module, hook in modules:
            stack.callback(module.register_forward_hook(hook).remove)
        yield


@contextmanager
def mean_outputs(model: HybridNetwork) -> Iterator[dict[str, Tensor]]:
    """The mean output (q, n) of every core over all rows that are evaluated in the context, once it is
    over."""
    sums: dict[str, Tensor] = {}
    counts: dict[str, int] = {}
    means: dict[str, Tensor] = {}

    def watch(place: str) -> Hook:
        def hook(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
            sums[place] = sums.get(place, 0) + output.detach().double().sum(dim=0)
            counts[place] = counts.get(place, 0) + len(output)
            return output

        return hook

    with ExitStack() as stack:
        for place, core in model.cores().items():
            stack.callback(core.register_forward_hook(watch(place)).remove)
        yield means
    means.update({place: total / counts[place] for place, total in sums.items()})


def _replacements(
    kind: str, core: nn.Module, mean: Tensor | None, generator: torch.Generator
) -> list[tuple[nn.Module, Hook]]:
    """Modules of a core, and what is to be done with their output."""
    if kind == "zero":
        return [(core, _zero)]
    if kind == "mean":
        assert mean is not None
        return [(core, lambda module, inputs, output: mean.to(output).expand_as(output))]
    if kind == "shuffled":
        return [(core, lambda module, inputs, output: output[_order(output, generator)])]
    if kind == "cosine":
        return [(core, lambda module, inputs, output: inputs[0].cos())]
    if kind == "random":
        return []
    reduce = without_weighted_gates if kind == "encoding" else without_entanglers
    return [(layer, _circuit(layer, reduce)) for layer in _circuits(core)]


def _zero(module: nn.Module, inputs: Any, output: Tensor) -> Tensor:
    return torch.zeros_like(output)


def _order(rows: Tensor, generator: torch.Generator) -> Tensor:
    return torch.randperm(len(rows), generator=generator).to(rows.device)


def _circuits(core: nn.Module) -> list[CircuitLayer]:
    return [module for module in core.modules() if isinstance(module, CircuitLayer)]


def _circuit(layer: CircuitLayer, reduce: Callable[[Any], Any]) -> Hook:
    """A circuit with gates left out, on the same backend with the same weights."""
    reduced = layer.backend.layer(reduce(layer.ansatz), layer.num_circuits).to(layer.weight)
    reduced.load_state_dict(layer.state_dict())
    return lambda module, inputs, output: reduced(inputs[0])


@contextmanager
def _random_weights(cores: Sequence[nn.Module], generator: torch.Generator) -> Iterator[None]:
    layers = [layer for core in cores for layer in _circuits(core)]
    kept = [layer.weight.detach().clone() for layer in layers]
    with torch.no_grad():
        for layer in layers:
            drawn = torch.rand(layer.weight.shape, generator=generator)
            layer.weight.copy_(2 * pi * drawn)
    try:
        yield
    finally:
        with torch.no_grad():
            for layer, weight in zip(layers, kept, strict=True):
                layer.weight.copy_(weight)
