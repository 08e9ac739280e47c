"""Network sizes as data: what each U-Net is made of, stage by stage.

A `Preset` lists stages; `qvunet.models.builder` reads the list and makes the modules. Adding a preset means
adding an entry to `PRESETS`.

`compact`: De Falco et al., "Quantum hybrid diffusion models for image synthesis", KI 38 (2024) 311-326,
doi:10.1007/s13218-024-00858-5. `wide`: L. Capece's PyTorch report on that paper (2025).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from backends.errors import UserError

StageKind = Literal["unit", "down", "up", "conv"]
AttentionKind = Literal["linear", "cosine", "multihead"]
Placement = Literal["parallel", "before_conv"]


@dataclass(frozen=True)
class StageSpec:
    """One step of the down path, the vertex or the up path.

    Attributes:
        name: key of the stage in its path, and so part of its weights' names.
        kind: ``unit`` (residual unit), ``down`` (halve the side), ``up`` (back to the side before the
            matching ``down``) or ``conv`` (3x3 convolution, side unchanged).
        width: channels of the output.
        level: resolution level, 1 for the full image; ``quanv_levels`` refers to it.
        attention: attention that follows a unit, if any.
        skip: in the down path, keep the output; in the up path, concatenate the newest kept output to
            the input first.
    """

    name: str
    kind: StageKind
    width: int
    level: int
    attention: AttentionKind | None = None
    skip: bool = False


@dataclass(frozen=True)
class Kernel:
    """Kernel side and zero padding of a stride-2 convolution."""

    size: int
    padding: int


@dataclass(frozen=True)
class TimeSpec:
    """Sinusoidal features of the timestep, then Dense(dim), activation, Dense(dim).

    Attributes:
        features: sinusoidal features, sines first.
        dim: width of the embedding.
        activation: between the two dense layers.
        freq_shift: frequencies are ``10000 ** (-i / (features / 2 - freq_shift))``.
    """

    features: int
    dim: int
    activation: Literal["gelu", "silu"]
    freq_shift: int


@dataclass(frozen=True)
class Preset:
    """Sizes and style of one U-Net.

    A side n becomes n / 2 by `down_even` if n is even and (n - 3) / 2 by `down_odd` if it is odd, in
    every preset; the kernels below are chosen so.

    Attributes:
        stem_width: channels of the first convolution, whose output is the first one kept for the up path.
        stem_kernel: kernel side of the first convolution.
        style: residual unit and output layer, a key of `qvunet.models.blocks.STYLES`.
        groups: groups of every GroupNorm.
        time: timestep embedding.
        down_even: downsampling of an even side.
        down_odd: downsampling of an odd side.
        upsampling: ``nearest`` and a 3x3 convolution, or a ``transposed`` convolution.
        placement: where circuits go unless the configuration says otherwise.
        down: stages from the image to the vertex.
        vertex: stages at the lowest resolution.
        up: stages from the vertex to the image.
    """

    stem_width: int
    stem_kernel: int
    style: Literal["film", "prenorm"]
    groups: int
    time: TimeSpec
    down_even: Kernel
    down_odd: Kernel
    upsampling: Literal["nearest", "transposed"]
    placement: Placement
    down: tuple[StageSpec, ...]
    vertex: tuple[StageSpec, ...]
    up: tuple[StageSpec, ...]


_Level = tuple[int, int, StageKind, int]
"""Of `compact`: level, width of its units, how it ends, width after that."""


def _compact() -> Preset:
    encoder: list[tuple[int, int, StageKind, int]] = [
        (1, 10, "down", 10),
        (2, 10, "down", 20),
        (3, 20, "down", 30),
        (4, 30, "conv", 40),
    ]
    decoder: list[tuple[int, int, StageKind, int]] = [
        (4, 40, "up", 30),
        (3, 30, "up", 20),
        (2, 20, "up", 10),
        (1, 10, "conv", 10),
    ]

    def path(levels: list[_Level]) -> list[StageSpec]:
        return [
            stage
            for level, width, end, end_width in levels
            for stage in (
                StageSpec(f"level{level}_a", "unit", width, level, skip=True),
                StageSpec(f"level{level}_b", "unit", width, level, attention="linear", skip=True),
                StageSpec(f"level{level}_end", end, end_width, level),
            )
        ]

    return Preset(
        stem_width=10,
        stem_kernel=7,
        style="film",
        groups=10,
        time=TimeSpec(features=10, dim=40, activation="gelu", freq_shift=1),
        down_even=Kernel(4, padding=1),
        down_odd=Kernel(7, padding=1),
        upsampling="nearest",
        placement="parallel",
        down=tuple(path(encoder)),
        vertex=(
            StageSpec("a", "unit", 40, level=4, attention="cosine"),
            StageSpec("b", "unit", 40, level=4),
        ),
        up=(*path(decoder), StageSpec("last", "unit", 10, level=1, skip=True)),
    )


def _wide() -> Preset:
    def units(level: int, width: int, *, skip: bool) -> list[StageSpec]:
        return [
            StageSpec(f"level{level}_a", "unit", width, level, attention="multihead", skip=skip),
            StageSpec(f"level{level}_b", "unit", width, level, attention="multihead"),
        ]

    down: list[StageSpec] = []
    for level, width in [(1, 64), (2, 128), (3, 256)]:
        # The next level's input is kept for the up path; the vertex's is not.
        down += [
            *units(level, width, skip=False),
            StageSpec(f"level{level}_end", "down", width, level, skip=level < 3),
        ]
    up: list[StageSpec] = []
    for level, start_width, width in [(3, 128, 64), (2, 64, 32), (1, 32, 16)]:
        up += [StageSpec(f"level{level}_start", "up", start_width, level), *units(level, width, skip=True)]

    return Preset(
        stem_width=32,
        stem_kernel=3,
        style="prenorm",
        groups=8,
        time=TimeSpec(features=128, dim=128, activation="silu", freq_shift=0),
        down_even=Kernel(4, padding=1),
        down_odd=Kernel(4, padding=0),
        upsampling="transposed",
        placement="before_conv",
        down=tuple(down),
        vertex=(
            StageSpec("a", "unit", 128, level=4, attention="multihead"),
            StageSpec("b", "unit", 128, level=4),
        ),
        up=tuple(up),
    )


PRESETS: dict[str, Preset] = {"compact": _compact(), "wide": _wide()}
"""Every preset that configs can name."""


def get_preset(name: str) -> Preset:
    """Look a preset up by name.

    Raises:
        UserError: if there is none of that name.
    """
    if name not in PRESETS:
        raise UserError(f"preset = {name!r}: allowed are {', '.join(PRESETS)}")
    return PRESETS[name]
