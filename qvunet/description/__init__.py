"""`qvunet describe`: what a network is made of, before any training.

Start at `describe`, which gathers the facts. `tables` prints them, with what a step costs; `drawing` draws
them, after `layout` has placed the blocks and `circuit_drawing` drawn the circuits.
"""

from qvunet.description.describe import build_network, describe, describe_model
from qvunet.description.drawing import save_network
from qvunet.description.tables import print_description

__all__ = ["build_network", "describe", "describe_model", "print_description", "save_network"]
