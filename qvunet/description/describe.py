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
from qvunet.tasks import make_task


def describe(config: Config) -> Description:
    """Build the network of a config on the exact engine and look at it.

    Raises:
        UserError: if the model's options do not fit each other or the images.
    """
    return describe_model(make_task(config.model_copy(update={"backend": StatevectorOptions()})).network())


def describe_model(model: HybridNetwork) -> Description:
    """Look at a network; one example is sent through it."""
    if isinstance(model, LatentDenoiser):
        return describe_denoiser(model)
    assert isinstance(model, QVUNet)
    return describe_unet(model)
