from __future__ import annotations

from qvunet.ansatz import ANSATZES
from qvunet.config.options import ANSATZ_NAMES


def test_configs_know_the_registry_without_importing_it():
    assert list(ANSATZ_NAMES) == list(ANSATZES)
