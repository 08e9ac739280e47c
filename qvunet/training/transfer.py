"""Transfer learning: a run that starts from another run's weights (De Falco et al., KI 38 (2024) 311-326).

`vertex` takes every weight but the vertex's, which starts afresh, and trains them all. `circuits` takes
every weight but the circuits' and trains the circuits alone, so every other weight must come from the
source. A convolution that shares its place with circuits then takes, of the source's convolution, the part
that belongs to the channels left to it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from backends.errors import UserError
from qvunet.config import Config
from qvunet.models.mixers import PatchCircuits, Split
from qvunet.models.unet import QVUNet
from qvunet.runs.checkpoint import latest_checkpoint, load_tensors
from qvunet.runs.directory import RunDirectory

VERTEX = "unet.vertex."
"""How the names of the vertex's weights begin."""

NAMES_IN_ERRORS = 8
"""Weights that an error names before it counts the others."""


@dataclass(frozen=True)
class Transfer:
    """Where each weight of a network came from and what becomes of it, by name.

    Attributes:
        mode: ``vertex`` or ``circuits``.
        source: directory of the averaged weights.
        loaded: taken from the source.
        cut: those of `loaded` that are a part of the source's weight.
        fresh: left as the seed made them.
        trained: what the optimizer changes.
        frozen: what it does not.
        unused: weights of the source that the network has no place for.
    """

    mode: str
    source: str
    loaded: list[str]
    cut: list[str]
    fresh: list[str]
    trained: list[str]
    frozen: list[str]
    unused: list[str]

    def lines(self, net: QVUNet) -> list[str]:
        """The transfer for a person: numbers of values by part of the network, and what is unexpected."""
        sizes = {name: tensor.numel() for name, tensor in net.state_dict().items()}
        circuits = _circuit_weights(net)
        counts: dict[str, dict[str, int]] = {}
        for kind in ("loaded", "fresh", "trained", "frozen"):
            for name in getattr(self, kind):
                kinds = counts.setdefault("circuits" if name in circuits else _part_of(name), {})
                kinds[kind] = kinds.get(kind, 0) + sizes[name]
        lines = [f"transfer     {self.mode}, from {self.source}"]
        for part, kinds in sorted(counts.items()):
            numbers = ", ".join(f"{n:,} {kind}" for kind, n in kinds.items())
            lines.append(f"             {part:<15} {numbers}")
        fresh = [name for name in self.fresh if not name.startswith(VERTEX) and name not in circuits]
        for label, names in (("fresh, though outside the vertex:", fresh), ("loaded in part:", self.cut)):
            if names:
                lines.append(f"             {label} {', '.join(names)}")
        return lines


def apply_transfer(net: QVUNet, config: Config, load: bool) -> Transfer | None:
    """Freeze what a config's transfer freezes, and load what it loads.

    Args:
        net: the network with its initial weights.
        config: resolved config.
        load: whether to load the source's weights; a resumed run has weights of its own.

    Returns:
        What was loaded; None if nothing was to be.

    Raises:
        UserError: if the source is no run or does not fit, naming the weights; or if there are no circuits to
            train.
    """
    if config.init_from is None or config.transfer is None:
        return None
    if config.transfer == "circuits":
        _freeze_all_but_circuits(net)
    return _load(net, config.init_from, config.transfer) if load else None


def _freeze_all_but_circuits(net: QVUNet) -> None:
    circuits = _circuit_weights(net)
    if not circuits:
        raise UserError("transfer: circuits trains circuits, and this network has none with weights")
    for name, parameter in net.named_parameters():
        parameter.requires_grad_(name in circuits)


def _load(net: QVUNet, run: Path, mode: str) -> Transfer:
    if not run.is_dir():
        raise UserError(f"init_from: {run} is not a run directory")
    try:
        directory = latest_checkpoint(RunDirectory(run).checkpoints) / "ema"
        source = load_tensors(directory)
    except UserError as error:
        raise UserError(f"init_from: {error}") from None
    own = net.state_dict()
    if mode == "vertex":
        fitting, fresh = _fit_vertex(own, source), _vertex_weights(net)
    else:
        fitting, fresh = _fit_circuits(net, source), _circuit_weights(net)
    if unfit := [name for name in own if name not in fitting and name not in fresh]:
        raise UserError(_mismatch(directory, source, own, unfit))
    with torch.no_grad():
        for name, (_, tensor) in fitting.items():
            own[name].copy_(tensor)
    parameters = dict(net.named_parameters())
    used = {theirs for theirs, _ in fitting.values()}
    return Transfer(
        mode=mode,
        source=str(directory),
        loaded=list(fitting),
        cut=[name for name, (theirs, tensor) in fitting.items() if tensor.shape != source[theirs].shape],
        fresh=[name for name in own if name not in fitting],
        trained=[name for name, parameter in parameters.items() if parameter.requires_grad],
        frozen=[name for name, parameter in parameters.items() if not parameter.requires_grad],
        unused=[name for name in source if name not in used],
    )


_Fitting = dict[str, tuple[str, Tensor]]
"""By name of a weight: the name of its source, and the values it takes."""


def _fit_vertex(own: dict[str, Tensor], source: dict[str, Tensor]) -> _Fitting:
    return {
        name: (name, source[name])
        for name, tensor in own.items()
        if not name.startswith(VERTEX) and name in source and source[name].shape == tensor.shape
    }


def _fit_circuits(net: QVUNet, source: dict[str, Tensor]) -> _Fitting:
    circuits, whole = _circuit_weights(net), dict(_convolutions_beside_circuits(net))
    fitting: _Fitting = {}
    for name, tensor in net.state_dict().items():
        # A classical source knows the convolution by the name of the place that it fills alone.
        for theirs in (name, whole.get(name, name)):
            if name in circuits or theirs not in source:
                continue
            part = _last_channels(source[theirs], tensor.shape) if name in whole else source[theirs]
            if part.shape == tensor.shape:
                fitting[name] = (theirs, part)
                break
    return fitting


def _last_channels(source: Tensor, shape: torch.Size) -> Tensor:
    """The last output and input channels of a convolution's weight or bias: circuits take the first."""
    if source.dim() != len(shape):
        return source
    return source[tuple(slice(max(0, size - n), None) for size, n in zip(source.shape, shape, strict=True))]


def _splits(net: QVUNet) -> Iterator[tuple[str, Split]]:
    """Every place that circuits share, by name."""
    return ((name, module) for name, module in net.named_modules() if isinstance(module, Split))


def _vertex_weights(net: QVUNet) -> set[str]:
    """Names of the vertex's weights, and of those at other places that circuits share."""
    places = (VERTEX, *(f"{place}." for place, _ in _splits(net)))
    return {name for name in net.state_dict() if name.startswith(places)}


def _circuit_weights(net: QVUNet) -> set[str]:
    """Names of the weights of circuits, or of what stands in their place."""
    return {
        f"{place}.{name}"
        for place, module in net.named_modules()
        if isinstance(module, PatchCircuits)
        for name, _ in module.named_parameters()
    }


def _convolutions_beside_circuits(net: QVUNet) -> Iterator[tuple[str, str]]:
    """Names of the weights of convolutions beside circuits, each with its name in a classical network."""
    for place, split in _splits(net):
        for number, part in enumerate(split.parts):
            if not isinstance(part, PatchCircuits):
                for name, _ in part.named_parameters():
                    yield f"{place}.parts.{number}.{name}", f"{place}.{name}"


def _part_of(name: str) -> str:
    """The part of the network that a weight belongs to, such as ``unet.down`` or ``time_embedding``."""
    first, second, *_ = name.split(".")
    return f"{first}.{second}" if first == "unet" else first


def _mismatch(directory: Path, source: dict[str, Tensor], own: dict[str, Tensor], unfit: list[str]) -> str:
    reasons = [
        f"{name} is {tuple(own[name].shape)} here, "
        + (f"{tuple(source[name].shape)} there" if name in source else "missing there")
        for name in unfit[:NAMES_IN_ERRORS]
    ]
    if len(unfit) > NAMES_IN_ERRORS:
        reasons.append(f"and {len(unfit) - NAMES_IN_ERRORS} more")
    return f"init_from: {directory} does not fit this network: {'; '.join(reasons)}"
