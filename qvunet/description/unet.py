"""Facts about a U-Net."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from torch import nn

from backends import CircuitLayer
from qvunet.costs.tracing import Trace, trace
from qvunet.description.facts import Block, CircuitGroup, Description, circuit_group, count_parameters
from qvunet.models.blocks import MIXER_PLACES
from qvunet.models.mixers import PatchCircuits
from qvunet.models.presets import StageSpec, get_preset
from qvunet.models.unet import QVUNet

KINDS = {"unit": "residual unit", "down": "downsampling", "up": "upsampling", "conv": "convolution"}
"""What the kinds of `StageSpec` are called."""

NOTE = "dashed: kept and concatenated with the block's input; every residual unit also reads the embedding"


def describe_unet(model: QVUNet) -> Description:
    """Look at a network; one image is sent through it."""
    config = model.config
    ansatz = config.ansatz if model.circuit_layers() else None
    name = f"{config.preset} preset"
    return Description(name, NOTE, ansatz, config.num_layers, tuple(_blocks(model)))


def _blocks(model: QVUNet) -> Iterator[Block]:
    preset, seen = get_preset(model.config.preset), trace(model)
    label = "timestep embedding" + (" and classes" if model.class_embedding else "")
    others = sum(p.numel() for p in model.parameters()) - count_parameters(model.unet)
    yield Block("embedding", "embedding", label, (preset.time.dim,), others, level=0)
    stem, head = seen.shapes["unet.stem"], seen.shapes["unet.head"]
    size = preset.stem_kernel
    yield Block(
        "stem", "stem", f"{size}x{size} convolution", stem, count_parameters(model.unet.stem), 1, skip=True
    )
    for path in ("down", "vertex", "up"):
        stages: Mapping[str, nn.Module] = dict(getattr(model.unet, path).named_children())
        for spec in getattr(preset, path):
            yield _stage(model, f"{path}.{spec.name}", spec, stages[spec.name], seen)
    yield Block("head", "head", "output layer", head, count_parameters(model.unet.head), 1)


def _stage(model: QVUNet, name: str, spec: StageSpec, stage: nn.Module, seen: Trace) -> Block:
    label = KINDS[spec.kind] + (f", {spec.attention} attention" if spec.attention else "")
    circuits = tuple(_circuit_groups(name, stage, seen))
    has_place = any(isinstance(module, PatchCircuits) for module in stage.modules())
    control = model.config.core if has_place and not circuits else None
    shape = seen.shapes[f"unet.{name}"]
    return Block(
        name, spec.kind, label, shape, count_parameters(stage), spec.level, spec.skip, circuits, control
    )


def _circuit_groups(block: str, stage: nn.Module, seen: Trace) -> Iterator[CircuitGroup]:
    for name, patches in stage.named_modules():
        if not isinstance(patches, PatchCircuits):
            continue
        for inner, layer in patches.named_modules(prefix=f"unet.{block}.{name}"):
            if isinstance(layer, CircuitLayer):
                place = MIXER_PLACES[name.split(".")[1]]
                yield circuit_group(block, place, layer, seen.rows[inner], patches.num_circuits)
