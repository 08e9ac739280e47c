from __future__ import annotations

import pytest
import torch
from safetensors.torch import load_file

from backends.errors import UserError
from qvunet.config.options import DigitsOptions
from qvunet.data import Dataset, ImageSet, load_data
from qvunet.recognition import classifier
from qvunet.recognition.classifier import Classifier, classifier_features

CPU = torch.device("cpu")
STEPS = 40


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return load_data(DigitsOptions(image_size=8))


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        path = tmp_path_factory.mktemp("cache")
        patch.setenv("QVUNET_CACHE", str(path))
        yield path


@pytest.fixture(scope="module")
def network(digits, cache):
    return classifier_features(digits.train, digits.holdout, seed=0, steps=STEPS)


def test_it_learns_and_says_how_well(network, digits):
    features = network.see(digits.holdout.images, CPU)
    right = (features.logits.argmax(1) == digits.holdout.labels).double().mean().item()
    assert right > 0.8
    assert network.facts["accuracy"] == right
    assert network.facts["classes"] == 10
    assert features.values.shape == (len(digits.holdout), 64)


def test_features_are_standardised(network, digits):
    values = network.see(digits.train.images, CPU).values
    assert values.mean(0).abs().max() < 1e-4
    assert values.std(0) == pytest.approx(torch.ones(64), abs=1e-3)


def test_the_cache_is_used_and_holds_the_same_network(network, digits, cache, monkeypatch):
    (file,) = cache.glob("classifiers/*.safetensors")
    assert file.stem == network.facts["digest"]
    with monkeypatch.context() as patch:
        patch.delattr(classifier, "_train")
        again = classifier_features(digits.train, digits.holdout, seed=0, steps=STEPS)
    assert again.facts == network.facts
    images = digits.holdout.images
    assert torch.equal(again.see(images, CPU).values, network.see(images, CPU).values)


def test_training_again_gives_the_same_weights(network, digits, cache, monkeypatch, tmp_path):
    monkeypatch.setenv("QVUNET_CACHE", str(tmp_path))
    torch.manual_seed(123)
    again = classifier_features(digits.train, digits.holdout, seed=0, steps=STEPS)
    assert again.facts == network.facts
    name = f"classifiers/{network.facts['digest']}.safetensors"
    first, second = load_file(cache / name), load_file(tmp_path / name)
    assert all(torch.equal(first[key], second[key]) for key in first)


def test_another_seed_step_count_or_image_is_another_classifier(network, digits):
    changed = ImageSet(digits.train.images.flip(0), digits.train.labels)
    digests = {
        classifier._digest(train, digits.holdout, seed, steps)
        for train, seed, steps in [
            (digits.train, 0, STEPS),
            (digits.train, 1, STEPS),
            (digits.train, 0, 41),
            (changed, 0, STEPS),
        ]
    }
    assert len(digests) == 4
    assert network.facts["digest"] in digests


def test_a_damaged_cache_is_named(digits, monkeypatch, tmp_path):
    monkeypatch.setenv("QVUNET_CACHE", str(tmp_path))
    digest = classifier._digest(digits.train, digits.holdout, 0, STEPS)
    (tmp_path / "classifiers").mkdir()
    (tmp_path / "classifiers" / f"{digest}.safetensors").write_bytes(b"half a file")
    with pytest.raises(UserError, match=rf"{digest}.safetensors: damaged .* delete it"):
        classifier_features(digits.train, digits.holdout, 0, STEPS)


def test_one_class_is_refused(digits):
    one = ImageSet(digits.train.images, torch.zeros_like(digits.train.labels))
    with pytest.raises(UserError, match=r"two classes or more.*evaluate.features=inception"):
        classifier_features(one, one, 0, STEPS)


def test_images_without_classes_are_refused(digits):
    none = ImageSet(digits.train.images, None)
    with pytest.raises(UserError, match=r"two classes or more, and these have none.*features=inception"):
        classifier_features(none, none, 0, STEPS)


@pytest.mark.parametrize(("channels", "size", "classes"), [(1, 4, 2), (3, 17, 5), (3, 40, 100)])
def test_any_images_and_classes(channels, size, classes):
    images = torch.zeros(3, channels, size, size, dtype=torch.uint8)
    values, logits = Classifier(channels, classes)(images)
    assert values.shape == (3, 64)
    assert logits.shape == (3, classes)
