"""QVUNet: the denoising network as a diffusers model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Self

import torch
from diffusers.configuration_utils import register_to_config
from diffusers.models.embeddings import TimestepEmbedding, Timesteps
from torch import Tensor, nn

from backends import Backend
from backends.errors import UserError
from qvunet.ansatz.keeping import Record, find_ansatz
from qvunet.models.blocks import MIXER_PLACES
from qvunet.models.builder import build_unet
from qvunet.models.hybrid import make_hybrid
from qvunet.models.mixers import PatchCircuits, Split
from qvunet.models.network import DenoiserOutput, HybridNetwork, as_backend
from qvunet.models.presets import get_preset


class QVUNet(HybridNetwork):
    """Denoising U-Net with variational circuits at its vertex; classical with ``ansatz=None``.

    Predicts the noise in an image. Everything but `backend` is saved in ``config.json``.

    Args:
        preset: sizes, a key of `qvunet.models.presets.PRESETS`.
        sample_size: side of the square images in pixels.
        in_channels: channels of the images.
        num_classes: number of classes, for conditional generation; None for unconditional.
        ansatz: a name in `qvunet.ansatz.ANSATZES`; None for a classical network.
        num_layers: ansatz layers of each circuit.
        hybridization: fraction of the vertex's channels that go through circuits, in [0, 1], as counted by
            `qvunet.models.hybrid.Degree.allot`. At 1 the channels left over take a basic entangler each.
        num_circuits: circuits of each vertex unit, one number or one for each unit; replaces `hybridization`.
        placement: ``parallel`` or ``before_conv`` (see `qvunet.models.hybrid`); None takes the preset's own.
        quanv: whether units of the down path hold circuits, slid over 2x2 patches.
        quanv_levels: the levels of those units; 1 is the full image.
        quanv_circuits: circuits in each half of those units.
        encoding_scale: radians of rotation for one unit of activation: angle = encoding_scale * activation.
        share_circuits: one weight vector for all circuits of a half.
        weight_init: how circuit weights start: ``uniform`` in [0, 2 pi), ``small`` (near zero) or ``zeros``.
        core: ``circuits``, or a control in their place: one of `qvunet.cores.registry.CORES`.
        circuit: the circuit itself, as `qvunet.ansatz.keeping.as_record` writes it; None takes what `ansatz`
            names. Where this package does not know that name, the network's config keeps the circuit.
        backend: a backend or its name; what runs the circuits.

    Raises:
        UserError: if an option is not allowed, or the circuits do not fit the images or the widths.
    """

    @register_to_config
    def __init__(
        self,
        *,
        preset: str = "compact",
        sample_size: int = 28,
        in_channels: int = 1,
        num_classes: int | None = None,
        ansatz: str | None = None,
        num_layers: int = 1,
        hybridization: float = 0.1,
        num_circuits: int | Sequence[int] | None = None,
        placement: str | None = None,
        quanv: bool = False,
        quanv_levels: Sequence[int] = (2,),
        quanv_circuits: int = 1,
        encoding_scale: float = 1.0,
        share_circuits: bool = False,
        weight_init: str = "uniform",
        core: str = "circuits",
        circuit: Record | None = None,
        backend: str | Backend = "statevector",
    ):
        super().__init__()
        spec = get_preset(preset)
        if ansatz is None and quanv:
            raise UserError("quanv: needs an ansatz; for a classical vertex set hybridization to 0")
        if ansatz is None and core != "circuits":
            raise UserError(f"core = {core!r}: needs the ansatz whose place it takes")
        if num_classes is not None and num_classes < 1:
            raise UserError(f"num_classes = {num_classes}: must be at least 1, or null for no classes")
        hybrid = None
        if ansatz is not None:
            made = find_ansatz(ansatz, num_layers, circuit)
            hybrid = make_hybrid(
                spec,
                as_backend(backend),
                circuit=made,
                hybridization=hybridization,
                num_circuits=num_circuits,
                placement=placement,
                quanv=quanv,
                quanv_levels=quanv_levels,
                quanv_circuits=quanv_circuits,
                encoding_scale=encoding_scale,
                share_circuits=share_circuits,
                weight_init=weight_init,
                core=core,
            )
            self._keep(made)
        time = spec.time
        self.time_features = Timesteps(
            time.features, flip_sin_to_cos=False, downscale_freq_shift=time.freq_shift
        )
        self.time_embedding = TimestepEmbedding(time.features, time.dim, act_fn=time.activation)
        self.class_embedding = nn.Embedding(num_classes + 1, time.dim) if num_classes else None
        self.unet = build_unet(spec, sample_size, in_channels, hybrid)

    @classmethod
    def from_preset(cls, preset: str = "compact", **options: Any) -> Self:
        """Build a network by its preset's name; `options` are those of `QVUNet`.

        Raises:
            UserError: as `QVUNet` does.
        """
        return cls(preset=preset, **options)

    def forward(
        self,
        sample: Tensor,
        timestep: Tensor | float | int,
        class_labels: Tensor | None = None,
        return_dict: bool = True,
    ) -> DenoiserOutput | tuple[Tensor]:
        """Predict the noise in `sample`.

        Args:
            sample: noisy images, (B, in_channels, sample_size, sample_size).
            timestep: (B,) or one for all, in 0..T-1.
            class_labels: (B,) integers in 0..num_classes; `null_class`, the default, is no class.
            return_dict: whether to return an object with the field `sample` or a tuple of one.

        Returns:
            Noise of the shape of `sample`.

        Raises:
            ValueError: if the images have another size than the network's, or labels are given to a network
                without classes.
        """
        expected = (self.config.in_channels, self.config.sample_size, self.config.sample_size)
        if tuple(sample.shape[1:]) != expected:
            raise ValueError(
                f"sample: expected (B, {', '.join(map(str, expected))}), got {tuple(sample.shape)}"
            )
        noise = self.unet(sample, self._embed(sample, timestep, class_labels))
        return DenoiserOutput(sample=noise) if return_dict else (noise,)

    def _embed(self, sample: Tensor, timestep: Tensor | float | int, class_labels: Tensor | None) -> Tensor:
        """(B, time_dim) embedding of timestep and class."""
        steps = torch.as_tensor(timestep, device=sample.device).reshape(-1).expand(sample.shape[0])
        emb = self.time_embedding(self.time_features(steps).to(sample.dtype))
        if self.class_embedding is None:
            if class_labels is not None:
                raise ValueError("class_labels: this network was built without num_classes")
            return emb
        if class_labels is None:
            class_labels = torch.full((sample.shape[0],), self.null_class, device=sample.device)
        return emb + self.class_embedding(class_labels)

    def example(self) -> tuple[Tensor, Tensor]:
        """(1, in_channels, sample_size, sample_size) and (1,), zeros."""
        weight, side = next(self.parameters()), self.config.sample_size
        return weight.new_zeros(1, self.config.in_channels, side, side), weight.new_zeros(1)

    def cores(self) -> dict[str, nn.Module]:
        """The core of each half that has one, as in ``vertex a, first half``."""
        found: dict[str, nn.Module] = {}
        for place, split in self._splits():
            first, *others = [part.core for part in split.parts if isinstance(part, PatchCircuits)]
            found[place] = first
            found.update({f"{place}, left-over channel": core for core in others})
        return found

    def beside_cores(self) -> dict[str, nn.Module]:
        """The convolutions beside them."""
        return {
            place: part
            for place, split in self._splits()
            for part in split.parts
            if isinstance(part, nn.Conv2d)
        }

    def vertex(self) -> list[nn.Module]:
        """The last stage at the lowest resolution: without it the network draws by its skips alone."""
        return [list(self.unet.vertex.values())[-1]]

    def _splits(self) -> Iterator[tuple[str, Split]]:
        for name, module in self.unet.named_modules():
            if isinstance(module, Split):
                path, stage, _, mixer = name.split(".")
                yield f"{path} {stage}, {MIXER_PLACES[mixer]}", module
