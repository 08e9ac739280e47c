"""Images as codes of a few numbers, and back."""

from __future__ import annotations

from itertools import pairwise

from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn
from torch.nn import functional as F

SMALLEST_SIDE = 4
"""Maps are halved until they are no larger."""
GROUPS = 8


class LatentAutoencoder(ModelMixin, ConfigMixin):
    """Strided convolutions to a code, and nearest upsampling with convolutions back.

    Every number of the code has mean 0 and variance 1 over the images it was trained on (BatchNorm without
    affine), so that a denoiser's noise levels mean the same for every data set.

    Args:
        sample_size: side of the square images in pixels.
        in_channels: of the images.
        code_size: numbers of a code.
        width: channels of the largest maps, a multiple of 8; each halving of the side doubles it.
        depth: residual units that the decoder has at each side.
    """

    @register_to_config
    def __init__(
        self,
        sample_size: int = 28,
        in_channels: int = 1,
        code_size: int = 12,
        width: int = 32,
        depth: int = 1,
    ) -> None:
        super().__init__()
        sides = [sample_size]
        while sides[-1] > SMALLEST_SIDE:
            sides.append((sides[-1] + 1) // 2)
        widths = [width * 2**k for k in range(len(sides) - 1)] or [width]
        smallest = (widths[-1], sides[-1], sides[-1])
        size = widths[-1] * sides[-1] ** 2
        self.encoder = nn.Sequential(
            nn.Conv2d(in_channels, widths[0], 3, stride=2 if len(sides) > 1 else 1, padding=1),
            *(
                layer
                for narrow, wide in pairwise(widths)
                for layer in (
                    nn.SiLU(),
                    nn.Conv2d(narrow, wide, 3, stride=2, padding=1),
                    nn.GroupNorm(GROUPS, wide),
                )
            ),
            nn.SiLU(),
            nn.Flatten(),
            nn.Linear(size, code_size),
        )
        self.normalize = nn.BatchNorm1d(code_size, affine=False)
        self.decoder = nn.Sequential(
            nn.Linear(code_size, size),
            nn.Unflatten(1, smallest),
            *_ups(widths[::-1], sides[-2::-1], depth),
            nn.GroupNorm(GROUPS, widths[0]),
            nn.SiLU(),
            nn.Conv2d(widths[0], in_channels, 3, padding=1),
            nn.Tanh(),
        )

    def encode(self, images: Tensor) -> Tensor:
        """(B, C, H, W) in [-1, 1] -> codes (B, code_size)."""
        codes: Tensor = self.normalize(self.encoder(images))
        return codes

    def decode(self, codes: Tensor) -> Tensor:
        """(B, code_size) -> images (B, C, H, W) in [-1, 1]."""
        images: Tensor = self.decoder(codes)
        return images

    def forward(self, images: Tensor) -> Tensor:
        """Images as they come back."""
        return self.decode(self.encode(images))


class _Residual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *(
                layer
                for _ in range(2)
                for layer in (nn.GroupNorm(GROUPS, width), nn.SiLU(), nn.Conv2d(width, width, 3, padding=1))
            )
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H, W)."""
        y: Tensor = x + self.layers(x)
        return y


class _Up(nn.Module):
    def __init__(self, narrow: int, side: int) -> None:
        super().__init__()
        self.side = side
        self.conv = nn.Conv2d(narrow, narrow, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, side, side)."""
        y: Tensor = self.conv(F.interpolate(x, size=(self.side, self.side), mode="nearest"))
        return y


def _ups(widths: list[int], sides: list[int], depth: int) -> list[nn.Module]:
    """Residual units, then the next larger side, as often as there are sides."""
    layers: list[nn.Module] = []
    for k, side in enumerate(sides):
        width, narrow = widths[k], widths[min(k + 1, len(widths) - 1)]
        layers += [_Residual(width) for _ in range(depth)]
        layers += [nn.GroupNorm(GROUPS, width), nn.SiLU(), nn.Conv2d(width, narrow, 1), _Up(narrow, side)]
    return layers
