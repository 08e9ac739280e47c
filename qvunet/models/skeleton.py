"""The U-Net skeleton: the down path, the vertex and the up path, written once.

Everything in it arrives ready-made. A variant of the network is a different list of stages.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn


class Stage(nn.Module):
    """A conditioned unit, or none, and the layers after it.

    Args:
        unit: called with the map and the embedding; None for a stage without one.
        layers: called with the map alone, in order.
        skip: whether the stage takes part in the skip connections, see `UNet`.
    """

    def __init__(self, unit: nn.Module | None, layers: nn.Module, skip: bool):
        super().__init__()
        self.unit = unit
        self.layers = layers
        self.skip = skip

    def forward(self, x: Tensor, emb: Tensor) -> Tensor:
        """(B, C, H, W) map, (B, E) embedding -> (B, C', H', W')."""
        if self.unit is not None:
            x = self.unit(x, emb)
        return self.layers(x)


class UNet(nn.Module):
    """Stem, down path, vertex, up path, head.

    The outputs of the stem and of the down path's `skip` stages are kept; each `skip` stage of the up
    path takes the newest of them beside its input.

    Args:
        stem: image to feature map.
        down: stages from the image to the vertex, by name.
        vertex: stages at the lowest resolution.
        up: stages back to the image.
        head: feature map to image.
    """

    def __init__(
        self,
        stem: nn.Module,
        down: Mapping[str, Stage],
        vertex: Mapping[str, Stage],
        up: Mapping[str, Stage],
        head: nn.Module,
    ):
        super().__init__()
        self.stem = stem
        self.down = nn.ModuleDict(down)
        self.vertex = nn.ModuleDict(vertex)
        self.up = nn.ModuleDict(up)
        self.head = head

    def forward(self, sample: Tensor, emb: Tensor) -> Tensor:
        """(B, C, H, W) image, (B, E) embedding -> (B, C, H, W)."""
        h = self.stem(sample)
        kept = [h]
        for stage in self.down.values():
            h = stage(h, emb)
            if stage.skip:
                kept.append(h)
        for stage in self.vertex.values():
            h = stage(h, emb)
        for stage in self.up.values():
            if stage.skip:
                h = torch.cat((h, kept.pop()), dim=1)
            h = stage(h, emb)
        return self.head(h)
