"""What configs of the tests name as a factory."""

import os

from qiskit.primitives import StatevectorEstimator
from qiskit_aer.primitives import EstimatorV2

NUMBER = 3


def exact(scale: float = 1.0) -> StatevectorEstimator:
    return StatevectorEstimator(default_precision=0.0 * scale)


def nothing():
    return None


def failing():
    raise ConnectionError("no route to the service")


class Mortal(EstimatorV2):
    """Aer's, exact; fails after as many jobs as the environment says, and counts those of the process."""

    jobs = 0

    def run(self, pubs, *, precision=None):
        if Mortal.jobs == int(os.environ.get("LIVES", "-1")):
            raise ConnectionError("no route to the service")
        Mortal.jobs += 1
        return super().run(pubs, precision=precision)
