"""What configs of the tests name as a factory."""

from qiskit.primitives import StatevectorEstimator

NUMBER = 3


def exact(scale: float = 1.0) -> StatevectorEstimator:
    return StatevectorEstimator(default_precision=0.0 * scale)


def nothing():
    return None


def failing():
    raise ConnectionError("no route to the service")
