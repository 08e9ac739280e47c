from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

# One thread a process: `make test` runs two processes, the tensors are tiny, and idle threads that spin slow
# down a busy machine. torch and the commands that tests start read this.
os.environ["OMP_NUM_THREADS"] = "1"


@pytest.fixture(scope="session", autouse=True)
def _influence_of_few_images() -> Iterator[None]:
    """Every training ends with the circuits' influence, which would take most of a tiny training."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("qvunet.influence.quick.QUICK_IMAGES", 4)
        yield
