"""Which units of a network hold circuits, how many, and where in the unit.

`parallel` (De Falco et al.): in each half of a unit the first channels go through circuits and the others
through the convolution, side by side. `before_conv` (Capece): circuits replace the first channels of
the unit's input, the convolutions stay.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import cast, get_args

from torch import nn

from backends import Backend
from backends.errors import UserError
from qvunet.ansatz import PIXELS, Ansatz, basic_entangler
from qvunet.cores.base import Cores
from qvunet.cores.circuits import WEIGHT_INITS
from qvunet.cores.registry import CORES, make_cores
from qvunet.models.blocks import Mixers
from qvunet.models.mixers import PatchCircuits, Split
from qvunet.models.presets import Placement, Preset

REMAINDER_LAYERS = 4
"""Layers of the 4-qubit basic entangler that takes a single left-over channel (De Falco et al.)."""


@dataclass(frozen=True)
class Site:
    """A residual unit that may hold circuits.

    Attributes:
        name: how errors call it.
        channels: channels of its input.
        width: channels of its output.
        side: height and width of its map.
        conv: makes the convolution of a half from its channels in and out.
    """

    name: str
    channels: int
    width: int
    side: int
    conv: Callable[[int, int], nn.Module]

    def plain_mixers(self) -> Mixers:
        """Mixers without circuits."""
        return Mixers(nn.Identity(), self.conv(self.channels, self.width), self.conv(self.width, self.width))


@dataclass(frozen=True)
class Degree:
    """How much of a unit goes through circuits: a fraction of its channels, or a number of circuits.

    Attributes:
        key: the option it comes from.
        value: fraction in [0, 1] if `key` is ``hybridization``, else the number.
    """

    key: str
    value: float

    def allot(self, channels: int, channels_per_circuit: int, where: str) -> tuple[int, int]:
        """Circuits for the first of `channels` channels, and channels left over for one circuit each.

        The fraction of the channels, rounded down, is divided among circuits, and the number of circuits is
        rounded to the nearest that fits. Circuits of three channels: 10 % of 40 channels gives 1, 50 %
        gives 7, 100 % gives 13 and leaves 1 over; 10 % of 256 gives 8 and of 128 gives 4. Only 100 % leaves
        channels over.

        Raises:
            UserError: if not even one circuit comes out, or more than fit.
        """
        each, most = channels_per_circuit, channels // channels_per_circuit
        if self.key != "hybridization":
            if self.value > most:
                raise UserError(
                    f"{self.key} = {self.value}: {where} has {channels} channels and a circuit reads {each}, "
                    f"so at most {most} fit"
                )
            return int(self.value), 0
        # The decimal the user wrote, not its binary neighbour: 0.29 of 100 channels is 29.
        quantum_channels = int(Fraction(str(self.value)) * channels)
        count = min(round(quantum_channels / each), most)
        left_over = channels - count * each if self.value == 1 else 0
        if count + left_over == 0:
            raise UserError(
                f"hybridization = {self.value}: of the {channels} channels of {where} that is less than one "
                f"circuit of {each} channels; take a larger fraction, or set num_circuits"
            )
        return count, left_over


@dataclass(frozen=True)
class Hybrid:
    """The hybrid part of a network's configuration.

    Attributes:
        cores: circuits that read several channels each.
        remainder_cores: circuits of one channel, for channels that `cores` leave over at 100 %.
        placement: ``parallel`` or ``before_conv``, at the vertex.
        vertex: degree of each vertex unit.
        quanv_levels: levels of the down path whose units hold circuits in both halves, always beside the
            convolution.
        quanv: degree of those units.
        encoding_scale: radians of rotation for one unit of activation.
    """

    cores: Cores
    remainder_cores: Cores
    placement: Placement
    vertex: Sequence[Degree]
    quanv_levels: Sequence[int]
    quanv: Degree
    encoding_scale: float

    def vertex_mixers(self, index: int, site: Site) -> Mixers:
        """Mixers of the vertex unit at position `index`.

        Raises:
            UserError: if the circuits cannot be placed there.
        """
        if not self.vertex[index].value:
            return site.plain_mixers()
        if self.placement == "parallel":
            return self._parallel(self.vertex[index], site)
        circuits = self._circuits(self.vertex[index], site.channels, site)
        return site.plain_mixers()._replace(entry=_beside_identity(circuits, site.channels))

    def quanv_mixers(self, level: int, site: Site) -> Mixers:
        """Mixers of a unit of the down path; circuits if its level is one of `quanv_levels`.

        Raises:
            UserError: if the circuits cannot be placed there.
        """
        return self._parallel(self.quanv, site) if level in self.quanv_levels else site.plain_mixers()

    def _parallel(self, degree: Degree, site: Site) -> Mixers:
        first = self._circuits(degree, min(site.channels, site.width), site)
        second = self._circuits(degree, site.width, site)
        return Mixers(
            nn.Identity(), _beside_conv(first, site), _beside_conv(second, replace(site, channels=site.width))
        )

    def _circuits(self, degree: Degree, channels: int, site: Site) -> list[PatchCircuits]:
        """Circuits for the first of `channels` channels; at 100 % for all of them."""
        count, left_over = degree.allot(channels, self.cores.num_features // PIXELS, site.name)
        if site.side % 2:
            raise UserError(
                f"sample_size: {site.name} is {site.side}x{site.side} pixels, and circuits read 2x2 patches, "
                "so the side must be even; that of every level of a 32x32 image is"
            )
        return [
            PatchCircuits(cores(number), number, number * cores.num_features // PIXELS, self.encoding_scale)
            for cores, number in ((self.cores, count), (self.remainder_cores, left_over))
            if number
        ]


def _beside_conv(circuits: list[PatchCircuits], site: Site) -> nn.Module:
    """Circuits on the first channels, a convolution on the others, if any of the output is left for it."""
    sizes = [part.num_channels for part in circuits]
    rest_in, rest_out = site.channels - sum(sizes), site.width - sum(sizes)
    if rest_out == 0:
        return Split(circuits, sizes)
    if rest_in == 0:
        raise UserError(
            f"{site.name}: circuits take all {site.channels} channels of a half that must return "
            f"{site.width}; none are left for its convolution, so use fewer circuits"
        )
    return Split([*circuits, site.conv(rest_in, rest_out)], [*sizes, rest_in])


def _beside_identity(circuits: list[PatchCircuits], channels: int) -> nn.Module:
    """Circuits on the first channels, the others unchanged."""
    sizes = [part.num_channels for part in circuits]
    return Split([*circuits, nn.Identity()], [*sizes, channels - sum(sizes)])


def make_hybrid(
    preset: Preset,
    backend: Backend,
    *,
    circuit: Ansatz,
    hybridization: float,
    num_circuits: int | Sequence[int] | None,
    placement: str | None,
    quanv: bool,
    quanv_levels: Sequence[int],
    quanv_circuits: int,
    encoding_scale: float,
    share_circuits: bool,
    weight_init: str,
    core: str,
) -> Hybrid:
    """Check the options of `qvunet.models.unet.QVUNet` that concern circuits, and bring them together.

    Raises:
        UserError: if one of them is not allowed.
    """
    placement = placement or preset.placement
    _require_one_of("placement", placement, get_args(Placement))
    _require_one_of("weight_init", weight_init, WEIGHT_INITS)
    _require_one_of("core", core, CORES)
    vertex = _vertex_degrees(hybridization, num_circuits, len(preset.vertex))
    if not quanv and not any(degree.value for degree in vertex):
        key = "hybridization" if num_circuits is None else "num_circuits"
        raise UserError(f"{key} = 0: no circuit is left; for a classical network leave out ansatz")
    if quanv:
        _check_quanv(preset, quanv_levels, quanv_circuits)
    if len(circuit.inputs) % PIXELS:
        raise UserError(
            f"ansatz = {circuit.name!r}: its {len(circuit.inputs)} inputs are not {PIXELS} for a channel"
        )
    if len(circuit.observables) != len(circuit.inputs):
        raise UserError(
            f"ansatz = {circuit.name!r}: {len(circuit.inputs)} inputs and {len(circuit.observables)} "
            "observables; in a U-Net channels are replaced, so that these must be as many"
        )
    entangler = basic_entangler(num_qubits=PIXELS, num_layers=REMAINDER_LAYERS)
    return Hybrid(
        cores=make_cores(core, circuit, backend, share=share_circuits, weight_init=weight_init),
        remainder_cores=make_cores(core, entangler, backend, share=share_circuits, weight_init=weight_init),
        placement=cast(Placement, placement),
        vertex=vertex,
        quanv_levels=quanv_levels if quanv else (),
        quanv=Degree("quanv_circuits", quanv_circuits),
        encoding_scale=encoding_scale,
    )


def _vertex_degrees(
    hybridization: float, num_circuits: int | Sequence[int] | None, num_units: int
) -> list[Degree]:
    if num_circuits is None:
        if not 0 <= hybridization <= 1:
            raise UserError(f"hybridization = {hybridization}: must be between 0 and 1")
        return [Degree("hybridization", hybridization)] * num_units
    counts = [num_circuits] * num_units if isinstance(num_circuits, int) else list(num_circuits)
    if len(counts) != num_units or min(counts) < 0:
        raise UserError(
            f"num_circuits = {num_circuits}: give one number, or one for each of the vertex's {num_units} "
            "units, none below 0"
        )
    return [Degree("num_circuits", count) for count in counts]


def _check_quanv(preset: Preset, levels: Sequence[int], num_circuits: int) -> None:
    allowed = sorted({stage.level for stage in preset.down})
    if not levels or not set(levels) <= set(allowed):
        raise UserError(f"quanv_levels = {list(levels)}: allowed are {allowed}, at least one of them")
    if num_circuits < 1:
        raise UserError(f"quanv_circuits = {num_circuits}: must be at least 1")


def _require_one_of(key: str, value: str, allowed: Iterable[str]) -> None:
    if value not in allowed:
        raise UserError(f"{key} = {value!r}: allowed are {', '.join(allowed)}")
