"""Networks whose noise prediction is measured: trained ones, and fresh ones of any hybridisation."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import torch
from diffusers.utils import SAFETENSORS_WEIGHTS_NAME
from pydantic import Field, NonNegativeInt, PositiveInt
from torch import Tensor

from backends.errors import UserError
from backends.options import StatevectorOptions
from qvunet.config import Config, load_config
from qvunet.config.options import Section
from qvunet.data import load_data
from qvunet.models.network import HybridNetwork
from qvunet.reports.shots.measurement import counted
from qvunet.runs.checkpoint import latest_checkpoint, load_weights
from qvunet.runs.directory import RunDirectory
from qvunet.tasks import make_task
from qvunet.tools.pixels import to_model_range


class Loaded(NamedTuple):
    """A network and what it is for.

    Attributes:
        model: in evaluation mode, on the exact engine.
        config: the experiment's.
    """

    model: HybridNetwork
    config: Config

    def images(self, number: int) -> Tensor:
        """The first held-out images, (number, C, H, W) in [-1, 1]."""
        return to_model_range(load_data(self.config.data).holdout.images[:number])


class FreshNetwork(Section):
    """A network with its initial weights, on digits."""

    source: Literal["fresh"] = "fresh"
    ansatz: str
    num_layers: PositiveInt = 1
    hybridization: Annotated[float, Field(gt=0, le=1)] = 0.1
    image_size: PositiveInt = 28
    seed: NonNegativeInt = 0

    @property
    def label(self) -> str:
        """How tables and plots call it."""
        return f"fresh {self.ansatz}, {counted(self.num_layers, 'layer')}, {self.hybridization:.0%}"

    def config(self) -> Config:
        """The experiment that begins with these weights."""
        model = {
            "ansatz": self.ansatz,
            "num_layers": self.num_layers,
            "hybridization": self.hybridization,
        }
        data = {"name": "digits", "image_size": self.image_size}
        return Config.model_validate({"seed": self.seed, "data": data, "model": model})

    def load(self, device: torch.device) -> Loaded:
        """Build it."""
        config = self.config()
        return Loaded(make_task(config).network().to(device).eval(), config)


class TrainedNetwork(Section):
    """The averaged weights of a run's newest checkpoint."""

    source: Literal["trained"] = "trained"
    name: str
    """The last parts of the run's path."""
    checkpoint: str
    weights: str
    """Hash of the file, so that a run that has gone on is measured again."""
    path: Path = Field(exclude=True)
    """The run; not part of the specification, for runs may be moved."""

    @classmethod
    def of(cls, path: Path) -> TrainedNetwork:
        """Describe a run.

        Raises:
            UserError: if it is none, has no checkpoint, or its network holds no circuit.
        """
        run = RunDirectory(path)
        run.require_run()
        if load_config(run.config_file).model.ansatz is None:
            raise UserError(f"{path}: the network is classical; shots make no difference to it")
        checkpoint = latest_checkpoint(run.checkpoints)
        file = checkpoint / "ema" / SAFETENSORS_WEIGHTS_NAME
        if not file.is_file():
            raise UserError(f"{file}: missing")
        digest = hashlib.sha256(file.read_bytes()).hexdigest()[:16]
        name = "/".join(path.resolve().parts[-3:])
        return cls(name=name, checkpoint=checkpoint.name, weights=digest, path=path)

    @property
    def label(self) -> str:
        """How tables and plots call it."""
        return self.name

    def load(self, device: torch.device) -> Loaded:
        """Load the weights that the specification names."""
        run = RunDirectory(self.path)
        config = load_config(run.config_file)
        model = make_task(config.model_copy(update={"backend": StatevectorOptions()}), run).network()
        load_weights(run.checkpoints / self.checkpoint / "ema", model)
        return Loaded(model.to(device).eval(), config)


Network = Annotated[FreshNetwork | TrainedNetwork, Field(discriminator="source")]
