"""The denoiser of codes: residual blocks with circuits inside, and no other way through them."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from diffusers.configuration_utils import register_to_config
from diffusers.models.embeddings import get_timestep_embedding
from torch import Tensor, nn
from torch.nn import functional as F

from backends import Backend
from backends.errors import UserError
from qvunet.ansatz.keeping import Record, find_ansatz
from qvunet.ansatz.readout import with_readout
from qvunet.cores.controls import CONTROLS
from qvunet.cores.registry import make_cores
from qvunet.models.network import DenoiserOutput, HybridNetwork, as_backend

EMBEDDING = 16
"""Width of the embedding of noise level and class."""
SIGMA_DATA = 1.0
"""Standard deviation of the codes."""


class LatentDenoiser(HybridNetwork):
    """Predicts clean codes from noisy ones, with the preconditioning of Karras et al. 2022 (table 1).

    Each block adds to the code what its circuits make of it: a linear map to angles, scaled and shifted by
    the noise level, circuits, a linear map back. A linear head ends the network. The only ways around a
    block's circuits are its residual connection and the skip of the preconditioning, both linear in the code.

    Args:
        ansatz: a name in `qvunet.ansatz.ANSATZES`.
        num_layers: ansatz layers of each circuit, after each upload.
        uploads: how often a circuit reads its angles, scaled by trained numbers where it is more than once.
        readout: what is read of each circuit, one of `qvunet.ansatz.readout.READOUTS`.
        num_circuits: circuits side by side in each block, with as many numbers in a code as they have qubits
            together.
        num_blocks: residual blocks.
        num_classes: for conditional generation; None for unconditional.
        core: ``circuits``, or a control in their place, one of `qvunet.cores.registry.CORES`.
        weight_init: how circuit weights start, as in `qvunet.QVUNet`.
        circuit: the circuit itself, as there.
        backend: a backend or its name; what runs the circuits.

    Raises:
        UserError: if an option is not allowed.
    """

    @register_to_config
    def __init__(
        self,
        *,
        ansatz: str = "hqconv",
        num_layers: int = 1,
        uploads: int = 1,
        readout: str = "z",
        num_circuits: int = 1,
        num_blocks: int = 2,
        num_classes: int | None = None,
        core: str = "circuits",
        weight_init: str = "uniform",
        circuit: Record | None = None,
        backend: str | Backend = "statevector",
    ) -> None:
        super().__init__()
        for key, value in (("num_circuits", num_circuits), ("num_blocks", num_blocks), ("uploads", uploads)):
            if value < 1:
                raise UserError(f"{key} = {value}: must be at least 1")
        if core in CONTROLS and (uploads, readout) != (1, "z"):
            raise UserError(
                f"uploads = {uploads}, readout = {readout!r}: only circuits read angles again or are read by "
                f"products; with core = {core!r} leave them at 1 and z"
            )
        made = find_ansatz(ansatz, num_layers, circuit)
        cores = make_cores(
            core,
            with_readout(made, readout),
            as_backend(backend),
            share=False,
            weight_init=weight_init,
            uploads=uploads,
        )
        self._keep(made)
        self.code_size = num_circuits * cores.num_features
        self.embedding = nn.Linear(EMBEDDING, EMBEDDING)
        self.class_embedding = nn.Embedding(num_classes + 1, EMBEDDING) if num_classes else None
        self.blocks = nn.ModuleList(
            Block(self.code_size, num_circuits, cores(num_circuits), num_circuits * cores.num_values)
            for _ in range(num_blocks)
        )
        self.head = nn.Linear(self.code_size, self.code_size)
        self.level = nn.Linear(EMBEDDING, self.code_size)

    def forward(
        self,
        sample: Tensor,
        timestep: Tensor | float,
        class_labels: Tensor | None = None,
        return_dict: bool = True,
    ) -> DenoiserOutput | tuple[Tensor]:
        """Predict clean codes.

        Args:
            sample: noisy codes, (B, code_size).
            timestep: standard deviation sigma of their noise, above 0, (B,) or one for all.
            class_labels: (B,) integers in 0..num_classes; `null_class`, the default, is no class.
            return_dict: whether to return an object with the field `sample` or a tuple of one.

        Returns:
            Codes of the shape of `sample`.

        Raises:
            ValueError: if the codes have another size than the network's, or labels are given to a network
                without classes.
        """
        if tuple(sample.shape[1:]) != (self.code_size,):
            raise ValueError(f"sample: expected (B, {self.code_size}), got {tuple(sample.shape)}")
        sigma = torch.as_tensor(timestep, device=sample.device, dtype=sample.dtype).reshape(-1)
        sigma = sigma.expand(len(sample))
        variance = (sigma.square() + SIGMA_DATA**2).unsqueeze(1)
        skip, out = SIGMA_DATA**2 / variance, sigma.unsqueeze(1) * SIGMA_DATA / variance.sqrt()
        denoised = skip * sample + out * self._network(sample / variance.sqrt(), sigma, class_labels)
        return DenoiserOutput(sample=denoised) if return_dict else (denoised,)

    def _network(self, h: Tensor, sigma: Tensor, class_labels: Tensor | None) -> Tensor:
        emb = self._embed(sigma, class_labels)
        for block in self.blocks:
            h = h + block(h, emb)
        total: Tensor = self.head(h) + self.level(emb)
        return total

    def _embed(self, sigma: Tensor, class_labels: Tensor | None) -> Tensor:
        """(B, EMBEDDING) of noise level and class."""
        # ln(sigma) / 4 is what the paper gives a network; sines want a range of several periods.
        features = get_timestep_embedding(sigma.log() * 25, EMBEDDING, max_period=100)
        emb: Tensor = self.embedding(features.to(sigma.dtype))
        if self.class_embedding is None:
            if class_labels is not None:
                raise ValueError("class_labels: this network was built without num_classes")
        else:
            if class_labels is None:
                class_labels = torch.full((len(sigma),), self.null_class, device=sigma.device)
            emb = emb + self.class_embedding(class_labels)
        return F.silu(emb)

    def example(self) -> tuple[Tensor, Tensor]:
        """(1, code_size) zeros and (1,) one."""
        weight = self.head.weight
        return weight.new_zeros(1, self.code_size), weight.new_ones(1)

    def cores(self) -> dict[str, nn.Module]:
        """The circuits of each block."""
        blocks = enumerate(self._blocks(), start=1)
        return {f"block {k}": block.core for k, block in blocks}

    def beside_cores(self) -> dict[str, nn.Module]:
        """Nothing is beside them."""
        return {}

    def vertex(self) -> list[nn.Module]:
        """All blocks: without them what is left is linear in the code."""
        return list(self._blocks())

    def _blocks(self) -> Iterator[Block]:
        for block in self.blocks:
            assert isinstance(block, Block)
            yield block


class Block(nn.Module):
    """Angles, circuits, and back.

    Args:
        code_size: d.
        num_circuits: q, a divisor of d.
        core: (B, q, d / q) angles in radians -> (B, q, values / q).
        num_values: that all circuits return together.
    """

    def __init__(self, code_size: int, num_circuits: int, core: nn.Module, num_values: int) -> None:
        super().__init__()
        self.num_circuits = num_circuits
        self.angles = nn.Linear(code_size, code_size)
        self.film = nn.Linear(EMBEDDING, 2 * code_size)
        self.core = core
        self.back = nn.Linear(num_values, code_size)

    def forward(self, h: Tensor, emb: Tensor) -> Tensor:
        """(B, d) and (B, EMBEDDING) -> what is added to h, (B, d)."""
        scale, shift = self.film(emb).chunk(2, dim=1)
        angles = torch.addcmul(shift, self.angles(h), 1 + scale)
        values: Tensor = self.core(angles.unflatten(1, (self.num_circuits, -1))).flatten(1)
        total: Tensor = self.back(values)
        return total
