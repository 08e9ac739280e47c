"""What every network here is: a diffusers model whose circuits can change their executor."""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import torch
from diffusers.configuration_utils import ConfigMixin
from diffusers.models.modeling_utils import ModelMixin
from diffusers.utils import BaseOutput
from torch import Tensor, nn

from backends import Backend, CircuitLayer, make_backend
from backends.errors import UserError
from qvunet.ansatz import Ansatz
from qvunet.ansatz.keeping import as_record, is_kept
from qvunet.weights.finding import PREFIX, weights_folder


@dataclass
class DenoiserOutput(BaseOutput):
    """What a network returns, as diffusers' pipelines expect it.

    It is diffusers' `UNet2DOutput`, beside which every block of every U-Net and transformer is imported.

    Attributes:
        sample: predicted noise, or denoised codes, shaped like the input.
    """

    sample: Tensor


class HybridNetwork(ModelMixin, ConfigMixin):
    """A denoiser that may hold circuits, or controls in their place."""

    ignore_for_config = ("backend",)

    @classmethod
    def from_pretrained(
        cls,
        pretrained_model_name_or_path: str | os.PathLike[str],
        *,
        backend: str | Backend | None = None,
        **kwargs: Any,
    ) -> Self:
        """Load what `save_pretrained` wrote, or a trained network that comes with the package.

        Args:
            pretrained_model_name_or_path: directory, or a name of `qvunet models` as ``qvunet/NAME``.
            backend: what runs the circuits; a checkpoint fits every backend.
            **kwargs: passed to diffusers, e.g. `subfolder`.

        Raises:
            UserError: if there is no network of that name, or it is of another class than this.
        """
        path = Path(pretrained_model_name_or_path)
        if str(path).startswith(PREFIX) and not path.exists():
            path = weights_folder(str(path))
            if (kind := cls.load_config(path)["_class_name"]) != cls.__name__:
                raise UserError(f"{pretrained_model_name_or_path}: a {kind}, not a {cls.__name__}")
            kwargs = {"torch_dtype": torch.float32, **kwargs}  # stored in half of that
            pretrained_model_name_or_path = path
        net = super().from_pretrained(pretrained_model_name_or_path, **kwargs)
        if backend is not None:
            net.set_backend(backend)
        return net

    def _keep(self, circuit: Ansatz) -> None:
        """Put a circuit that this package cannot make into the config, which goes where the weights go."""
        if is_kept(self.config.ansatz) and self.config.circuit is None:
            self.register_to_config(circuit=as_record(circuit))

    @abstractmethod
    def example(self) -> tuple[Tensor, Tensor]:
        """One noisy example, zeros, and its noise level, as `forward` takes them."""

    @abstractmethod
    def cores(self) -> dict[str, nn.Module]:
        """What stands between angles and expectations, by its place for people; empty if there is none."""

    @abstractmethod
    def beside_cores(self) -> dict[str, nn.Module]:
        """What returns channels of its own beside a core, by its place; empty if there is nothing."""

    @abstractmethod
    def vertex(self) -> list[nn.Module]:
        """What must return zeros for the whole part of the network that holds its circuits to be silent."""

    def set_backend(self, backend: str | Backend) -> None:
        """Run every circuit on another backend, given itself or by name; the weights stay."""
        made = as_backend(backend)
        for layer in self.circuit_layers().values():
            layer.set_backend(made)

    def circuit_layers(self) -> dict[str, CircuitLayer]:
        """Every circuit layer by its name in the network; empty for a classical one and for controls."""
        return {name: module for name, module in self.named_modules() if isinstance(module, CircuitLayer)}

    @property
    def null_class(self) -> int:
        """The label that means "no class": classifier-free guidance trains it and subtracts it."""
        embedding: nn.Embedding | None = self.class_embedding
        if embedding is None:
            raise ValueError("null_class: this network was built without num_classes")
        return embedding.num_embeddings - 1

    def num_parameters_by_kind(self) -> dict[str, int]:
        """Numbers of trainable values: ``classical`` and ``quantum``."""
        quantum = sum(layer.weight.numel() for layer in self.circuit_layers().values())
        return {"classical": sum(p.numel() for p in self.parameters()) - quantum, "quantum": quantum}


@contextmanager
def on_exact_engine(model: HybridNetwork) -> Iterator[None]:
    """Run a network's circuits on the exact engine inside the block, whatever their backend is."""
    backends = {layer: layer.backend for layer in model.circuit_layers().values()}
    model.set_backend("statevector")
    try:
        yield
    finally:
        for layer, backend in backends.items():
            layer.set_backend(backend)


def as_backend(backend: str | Backend) -> Backend:
    """A backend, given itself or by name."""
    return make_backend(backend) if isinstance(backend, str) else backend
