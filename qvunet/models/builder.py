"""From a preset's list of stages to modules: keeps track of channels, side and skip connections."""

from __future__ import annotations

from torch import nn

from backends.errors import UserError
from qvunet.models.attention import CosineAttention, LinearAttention, MultiheadAttention
from qvunet.models.blocks import STYLES, UPSAMPLERS, Mixers, conv3x3, downsample
from qvunet.models.hybrid import Hybrid, Site
from qvunet.models.presets import AttentionKind, Preset, StageSpec
from qvunet.models.skeleton import Stage, UNet


def build_unet(preset: Preset, sample_size: int, in_channels: int, hybrid: Hybrid | None) -> UNet:
    """Build the network of a preset.

    Args:
        preset: sizes and style.
        sample_size: side of the square images in pixels.
        in_channels: channels of the images, and of the output.
        hybrid: where circuits go; None for a classical network.

    Raises:
        UserError: if the images are too small for the preset or the circuits do not fit.
    """
    return _Builder(preset, sample_size, in_channels, hybrid).build()


class _Builder:
    """Walks over the stages; `channels` and `side` describe the map between two stages."""

    def __init__(self, preset: Preset, sample_size: int, in_channels: int, hybrid: Hybrid | None):
        self.preset = preset
        self.style = STYLES[preset.style]
        self.hybrid = hybrid
        self.sample_size = sample_size
        self.in_channels = in_channels
        self.channels = preset.stem_width
        self.side = sample_size
        self.kept_channels = [preset.stem_width]
        self.larger_sides: list[int] = []

    def build(self) -> UNet:
        preset, size = self.preset, self.preset.stem_kernel
        return UNet(
            stem=nn.Conv2d(self.in_channels, preset.stem_width, size, padding=size // 2),
            down={spec.name: self._down_stage(spec) for spec in preset.down},
            vertex={spec.name: self._vertex_stage(i, spec) for i, spec in enumerate(preset.vertex)},
            up={spec.name: self._up_stage(spec) for spec in preset.up},
            head=self.style.head(self.channels, self.in_channels, preset.groups),
        )

    def _down_stage(self, spec: StageSpec) -> Stage:
        if spec.kind == "unit" and self.hybrid is not None:
            site = self._site(spec, f"level {spec.level} of the down path")
            stage = self._unit_stage(spec, self.hybrid.quanv_mixers(spec.level, site))
        else:
            stage = self._stage(spec)
        if spec.skip:
            self.kept_channels.append(self.channels)
        return stage

    def _vertex_stage(self, index: int, spec: StageSpec) -> Stage:
        if self.hybrid is None:
            return self._stage(spec)
        site = self._site(spec, f"unit {index + 1} of the vertex")
        return self._unit_stage(spec, self.hybrid.vertex_mixers(index, site))

    def _up_stage(self, spec: StageSpec) -> Stage:
        if spec.skip:
            self.channels += self.kept_channels.pop()
        return self._stage(spec)

    def _stage(self, spec: StageSpec) -> Stage:
        """A stage without circuits."""
        if spec.kind == "unit":
            return self._unit_stage(spec, self._site(spec, spec.name).plain_mixers())
        channels, self.channels = self.channels, spec.width
        if spec.kind == "conv":
            layer = conv3x3(channels, spec.width)
        elif spec.kind == "down":
            layer = self._downsample(channels, spec)
        else:
            self.side = self.larger_sides.pop()
            layer = UPSAMPLERS[self.preset.upsampling](channels, spec.width, self.side)
        return Stage(None, layer, spec.skip)

    def _site(self, spec: StageSpec, name: str) -> Site:
        return Site(name, self.channels, spec.width, self.side, self.style.conv)

    def _unit_stage(self, spec: StageSpec, mixers: Mixers) -> Stage:
        preset = self.preset
        unit = self.style.unit(self.channels, spec.width, preset.time.dim, preset.groups, mixers)
        self.channels = spec.width
        return Stage(unit, self._attention(spec.attention), spec.skip)

    def _attention(self, kind: AttentionKind | None) -> nn.Module:
        if kind is None:
            return nn.Identity()
        if kind == "linear":
            return LinearAttention(self.channels)
        if kind == "cosine":
            return CosineAttention(self.channels)
        return MultiheadAttention(self.channels, self.preset.groups)

    def _downsample(self, channels: int, spec: StageSpec) -> nn.Module:
        even = self.side % 2 == 0
        smaller = self.side // 2 if even else (self.side - 3) // 2
        if smaller < 1:
            raise UserError(
                f"sample_size = {self.sample_size}: level {spec.level} is {self.side}x{self.side} pixels and "
                "cannot be halved once more; take larger images"
            )
        self.larger_sides.append(self.side)
        self.side = smaller
        return downsample(channels, spec.width, self.preset.down_even if even else self.preset.down_odd)
