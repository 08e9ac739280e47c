"""Facts about a denoiser of codes: a chain of blocks."""

from __future__ import annotations

from collections.abc import Iterator

from backends import CircuitLayer
from qvunet.costs.tracing import trace
from qvunet.description.facts import Block, Description, circuit_group, count_parameters
from qvunet.latent.denoiser import EMBEDDING, LatentDenoiser

NOTE = "every block adds to the code what its circuits make of it, and also reads the noise level"


def describe_denoiser(model: LatentDenoiser) -> Description:
    """Look at a network; one code is sent through it."""
    config = model.config
    ansatz = config.ansatz if model.circuit_layers() else None
    name = f"denoiser of codes of {model.code_size} numbers"
    return Description(name, NOTE, ansatz, config.num_layers, tuple(_blocks(model)))


def _blocks(model: LatentDenoiser) -> Iterator[Block]:
    seen, size = trace(model), (model.code_size,)
    labels = "noise level" + (" and class" if model.class_embedding is not None else "")
    blocks = dict(model.blocks.named_children())
    others = count_parameters(model) - sum(map(count_parameters, (*blocks.values(), model.head)))
    yield Block("embedding", "embedding", f"{labels}, embedded and added", (EMBEDDING,), others, level=0)
    for number, block in blocks.items():
        name = f"blocks.{number}"
        circuits = tuple(
            circuit_group(f"vertex.block{number}", "core", layer, seen.rows[inner], model.config.num_circuits)
            for inner, layer in block.named_modules(prefix=name)
            if isinstance(layer, CircuitLayer)
        )
        control = None if circuits else model.config.core
        label = "linear maps around a core"
        yield Block(
            f"vertex.block{number}", "unit", label, size, count_parameters(block), 1, False, circuits, control
        )
    yield Block("vertex.head", "head", "linear map", size, count_parameters(model.head), 1)
