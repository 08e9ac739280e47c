"""The network of a config in facts."""

from __future__ import annotations

from backends.options import StatevectorOptions
from qvunet.config import Config
from qvunet.description.codes import describe_denoiser
from qvunet.description.facts import Description
from qvunet.description.unet import describe_unet
from qvunet.latent.denoiser import LatentDenoiser
from qvunet.models.network import HybridNetwork
from qvunet.models.unet import QVUNet
from qvunet.runs.checkpoint import latest_checkpoint, load_weights
from qvunet.runs.directory import RunDirectory
from qvunet.tasks import make_task


def describe(config: Config) -> Description:
    """Build the network of a config on the exact engine and look at it.

    Raises:
        UserError: if the model's options do not fit each other or the images.
    """
    return describe_model(build_network(config))


def build_network(config: Config, run: RunDirectory | None = None) -> HybridNetwork:
    """The network of a config on the exact engine.

    Args:
        config: resolved config.
        run: whose newest averaged weights it takes; by default it has those that training starts from.

    Raises:
        UserError: if the model's options do not fit each other or the images, or the run has no checkpoint
            or a damaged one.
    """
    exact = config.model_copy(update={"backend": StatevectorOptions()})
    model = make_task(exact, run).network()
    if run is not None:
        load_weights(latest_checkpoint(run.checkpoints) / "ema", model)
    return model


def describe_model(model: HybridNetwork) -> Description:
    """Look at a network; one example is sent through it."""
    if isinstance(model, LatentDenoiser):
        return describe_denoiser(model)
    assert isinstance(model, QVUNet)
    return describe_unet(model)
