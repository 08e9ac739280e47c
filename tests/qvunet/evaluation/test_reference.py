from __future__ import annotations

import pytest
import torch

from backends.errors import UserError
from qvunet.data import Dataset, ImageSet
from qvunet.evaluation.reference import MAX_IMAGES, choose_reference


def numbered(first: int, last: int) -> ImageSet:
    return ImageSet(torch.arange(first, last)[:, None, None, None], torch.arange(first, last) % 10)


DATASET = Dataset(numbered(0, 1000), numbered(1000, 1300))


def test_sets_are_disjoint_and_from_where_they_should_be():
    reference = choose_reference(DATASET, 200, seed=0)
    heldout, floor, seen = (
        each.images.flatten().tolist() for each in (reference.heldout, reference.floor, reference.seen)
    )
    assert (len(heldout), len(floor), len(seen)) == (200, 200, 700)
    assert min(heldout) >= 1000
    assert max(floor + seen) < 1000
    assert len({*heldout, *floor, *seen}) == 1100
    assert torch.equal(reference.floor.labels, reference.floor.images.flatten() % 10)
    assert heldout != sorted(heldout)


def test_the_seed_alone_decides_and_the_number_changes_neither_choice_nor_classifier():
    small, large = (choose_reference(DATASET, num, seed=3) for num in (100, 300))
    assert torch.equal(small.heldout.images, large.heldout.images[:100])
    assert torch.equal(small.floor.images, large.floor.images[:100])
    assert torch.equal(small.seen.images, large.seen.images)
    other = choose_reference(DATASET, 100, seed=4)
    assert not torch.equal(other.heldout.images, small.heldout.images)


def test_the_default_takes_all_up_to_a_limit():
    assert len(choose_reference(DATASET, None, 0).heldout) == 300
    many = Dataset(numbered(0, 9000), numbered(9000, 13000))
    assert len(choose_reference(many, None, 0).heldout) == MAX_IMAGES


@pytest.mark.parametrize(
    ("dataset", "num", "limit"),
    [(DATASET, 301, 300), (Dataset(numbered(0, 100), numbered(100, 400)), 51, 50)],
)
def test_more_than_there_are_is_refused(dataset, num, limit):
    choose_reference(dataset, limit, 0)
    with pytest.raises(UserError, match=rf"evaluate.num: at most {limit} .* not {num}"):
        choose_reference(dataset, num, 0)
