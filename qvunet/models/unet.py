"""QVUNet: the denoising network as a diffusers model."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, Self

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.embeddings import TimestepEmbedding, Timesteps
from diffusers.models.modeling_utils import ModelMixin
from diffusers.models.unets.unet_2d import UNet2DOutput
from torch import Tensor, nn

from backends import Backend, CircuitLayer, make_backend
from backends.errors import UserError
from qvunet.models.builder import build_unet
from qvunet.models.hybrid import make_hybrid
from qvunet.models.presets import get_preset


class QVUNet(ModelMixin, ConfigMixin):
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
        core: ``circuits``, or a control in their place (`qvunet.cores.controls`): ``mlp``, perceptrons of
            about as many parameters, or ``encoding``, circuits without their weighted layers.
        backend: a backend or its name; what runs the circuits.

    Raises:
        UserError: if an option is not allowed, or the circuits do not fit the images or the widths.
    """

    ignore_for_config = ("backend",)

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
            hybrid = make_hybrid(
                spec,
                _as_backend(backend),
                ansatz=ansatz,
                num_layers=num_layers,
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

    @classmethod
    def from_pretrained(
        cls,
        pretrained_model_name_or_path: str | os.PathLike[str],
        *,
        backend: str | Backend | None = None,
        **kwargs: Any,
    ) -> Self:
        """Load what `save_pretrained` wrote.

        Args:
            pretrained_model_name_or_path: directory.
            backend: what runs the circuits; a checkpoint fits every backend.
            **kwargs: passed to diffusers, e.g. `subfolder`.
        """
        net = super().from_pretrained(pretrained_model_name_or_path, **kwargs)
        if backend is not None:
            net.set_backend(backend)
        return net

    def forward(
        self,
        sample: Tensor,
        timestep: Tensor | float | int,
        class_labels: Tensor | None = None,
        return_dict: bool = True,
    ) -> UNet2DOutput | tuple[Tensor]:
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
        return UNet2DOutput(sample=noise) if return_dict else (noise,)

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

    @property
    def null_class(self) -> int:
        """The label that means "no class": classifier-free guidance trains it and subtracts it."""
        if self.class_embedding is None:
            raise ValueError("null_class: this network was built without num_classes")
        return self.class_embedding.num_embeddings - 1

    def set_backend(self, backend: str | Backend) -> None:
        """Run every circuit on another backend, given itself or by name; the weights stay."""
        made = _as_backend(backend)
        for layer in self.circuit_layers().values():
            layer.set_backend(made)

    def circuit_layers(self) -> dict[str, CircuitLayer]:
        """Every circuit layer by its name in the network; empty for a classical one and for controls."""
        return {name: module for name, module in self.named_modules() if isinstance(module, CircuitLayer)}

    def num_parameters_by_kind(self) -> dict[str, int]:
        """Numbers of trainable values: ``classical`` and ``quantum``."""
        quantum = sum(layer.weight.numel() for layer in self.circuit_layers().values())
        return {"classical": sum(p.numel() for p in self.parameters()) - quantum, "quantum": quantum}


def _as_backend(backend: str | Backend) -> Backend:
    return make_backend(backend) if isinstance(backend, str) else backend
