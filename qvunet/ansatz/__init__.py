"""The variational circuits of quantum hybrid diffusion.

De Falco et al., "Quantum hybrid diffusion models for image synthesis", KI 38 (2024) 311-326,
doi:10.1007/s13218-024-00858-5 (HQConv and FQConv: figures 4 and 5; the basic entangler: section 3).

Every ansatz has the same shape: input `i` is loaded by ``Rx(inputs[i])`` on qubit `i`, then
`num_layers` layers of weighted gates follow, then ``<Z_i>`` of every qubit is read. A register of four
qubits carries the four pixels of one channel's 2x2 patch: qubit ``4 * channel + pixel``, pixels row by
row. All angles are in radians. Adding an ansatz means writing one function that returns an `Ansatz`
(`base`) and naming it in `ANSATZES` (`registry`).
"""

from qvunet.ansatz.base import PIXELS, Ansatz, layered
from qvunet.ansatz.basic_entangler import basic_entangler
from qvunet.ansatz.fqconv import fqconv
from qvunet.ansatz.hqconv import hqconv
from qvunet.ansatz.registry import ANSATZES, make_ansatz

__all__ = ["ANSATZES", "PIXELS", "Ansatz", "basic_entangler", "fqconv", "hqconv", "layered", "make_ansatz"]
