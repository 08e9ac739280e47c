"""Inception v3 as the literature's FID uses it: torchmetrics' network with torch-fidelity's weights.

The network resizes images to 299x299 itself (bilinear, antialiased). Grey images are repeated to three
channels first.
"""

from __future__ import annotations

import pickle
from pathlib import Path
from urllib.parse import urlparse

import torch
from torch import Tensor, nn

from backends.errors import UserError
from qvunet.recognition.features import FeatureNetwork
from qvunet.tools.cache import cache_directory

NUM_FEATURES = 2048
"""Of the pooling layer."""


class Inception(nn.Module):
    """The network with its features and the logits that the Inception Score takes of them.

    Args:
        weights: file with its weights, which holds tensors only.
    """

    def __init__(self, weights: Path):
        super().__init__()
        from torchmetrics.image.fid import NoTrainInceptionV3

        self.network = NoTrainInceptionV3("inception-v3-compat", [str(NUM_FEATURES)], str(weights))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """(B, 1 or 3, H, W) uint8 -> features (B, 2048), logits without bias (B, 1008)."""
        values = self.network(images.expand(-1, 3, -1, -1))
        return values, values @ self.network.fc.weight.T


def inception_features(weights: Path | None) -> FeatureNetwork:
    """Load Inception v3.

    Args:
        weights: file with torch-fidelity's weights; None downloads them to the cache.

    Raises:
        UserError: if the file is missing or not of this network, or there is no way to download it.
    """
    file = _download() if weights is None else weights
    try:
        torch.load(file, map_location="cpu", weights_only=True)  # torch-fidelity would run a pickle's code
        network = Inception(file)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError, AttributeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not torch-fidelity's Inception v3 weights"
        raise UserError(f"evaluate.inception_weights: {file}: {reason}") from None
    return FeatureNetwork("inception", network.eval(), 32, {"weights": file.name})


def _download() -> Path:
    from torch_fidelity.feature_extractor_inceptionv3 import URL_INCEPTION_V3

    name = Path(urlparse(URL_INCEPTION_V3).path).name
    file = cache_directory() / "inception" / name
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        try:  # downloads under another name, checks the digest that ends the name, then renames
            torch.hub.download_url_to_file(URL_INCEPTION_V3, str(file), hash_prefix=file.stem.split("-")[-1])
        except (OSError, RuntimeError) as error:
            raise UserError(
                f"evaluate.features: inception's weights could not be downloaded ({error}). Fetch "
                f"{URL_INCEPTION_V3} elsewhere and name the file with evaluate.inception_weights, or use "
                "evaluate.features=classifier, which needs no download"
            ) from None
    return file
