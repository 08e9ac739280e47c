from __future__ import annotations

import io
import pickle
from pathlib import Path
from urllib.error import URLError

import pytest
import torch
import torchmetrics.image.fid
from torch import Tensor, nn

from backends.errors import UserError
from qvunet.recognition.inception import inception_features


class Touch:
    """Unpickling it would create a file."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


class FakeNetwork(nn.Module):
    """Stands for the network of 24 million weights; sees what it is given."""

    def __init__(self, name: str, features: list[str], weights: str):
        super().__init__()
        assert features == ["2048"]
        self.fc = nn.Linear(3, 5)
        torch.load(weights, weights_only=False)  # as torch-fidelity does

    def forward(self, images: Tensor) -> Tensor:
        assert images.dtype == torch.uint8
        assert images.shape[1:] == (3, 8, 8)
        return images.float().sum(dim=(2, 3))


@pytest.fixture
def fake(monkeypatch):
    monkeypatch.setattr(torchmetrics.image.fid, "NoTrainInceptionV3", FakeNetwork)


def test_grey_images_get_three_channels(fake, tmp_path):
    torch.save({"weight": torch.zeros(1)}, tmp_path / "weights.pth")
    network = inception_features(tmp_path / "weights.pth")
    images = torch.randint(256, (40, 1, 8, 8), dtype=torch.uint8)
    features = network.see(images, torch.device("cpu"))
    assert torch.equal(features.values, images.float().sum(dim=(2, 3)).expand(-1, 3))
    assert features.logits.shape == (40, 5)
    assert network.facts == {"weights": "weights.pth"}


def test_a_file_that_could_run_code_is_refused_unread(fake, tmp_path):
    (tmp_path / "evil.pth").write_bytes(pickle.dumps(Touch(tmp_path / "touched")))
    with pytest.raises(UserError, match=r"evaluate.inception_weights: .*evil.pth: not torch-fid"):
        inception_features(tmp_path / "evil.pth")
    assert not (tmp_path / "touched").exists()


def test_a_file_of_another_network_or_none_is_refused(tmp_path):
    torch.save({"weight": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(UserError, match=r"other.pth: not torch-fidelity's Inception v3 weights"):
        inception_features(tmp_path / "other.pth")
    with pytest.raises(UserError, match=r"none.pth: No such file"):
        inception_features(tmp_path / "none.pth")


def test_without_a_network_the_message_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setenv("QVUNET_CACHE", str(tmp_path))

    def offline(*args: object, **kwargs: object) -> io.BytesIO:
        raise URLError("Name or service not known")

    monkeypatch.setattr(torch.hub, "urlopen", offline)
    with pytest.raises(UserError, match="could not be downloaded") as raised:
        inception_features(None)
    for words in ("https://", "evaluate.inception_weights", "evaluate.features=classifier"):
        assert words in str(raised.value)
    assert not list(tmp_path.rglob("*.p*"))
