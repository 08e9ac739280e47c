"""Networks of a few hundred parameters: circuits, or what stands in their place, between linear maps."""

from __future__ import annotations

from collections.abc import Callable

import torch
from qiskit.circuit import ParameterVector, QuantumCircuit
from torch import Tensor, nn

from backends import Backend, make_backend
from qvunet.ansatz import Ansatz, make_ansatz
from qvunet.ansatz.base import layered
from qvunet.ansatz.readout import with_readout
from qvunet.ansatz.reduced import with_local_rotations
from qvunet.ansatz.reuploading import reuploaded
from qvunet.cores.controls import Cosine, Nothing, Perceptrons
from qvunet.reports.search.problems import NUM_SITES

COPIES = 2
"""Circuits side by side, each with shifts of its own: a cosine and a sine need two."""

NUM_LEVEL_FEATURES = 2
"""Of the noise level: its logarithm and the square of that."""


def level_features(sigma: Tensor) -> Tensor:
    """(B, 1) -> (B, 2)."""
    return torch.cat([sigma.log(), sigma.log() ** 2], dim=1)


class SmallDenoiser(nn.Module):
    """Noisy numbers, shifted; circuits; their values, weighed by the noise level; a linear map.

    Args:
        core: (B, 2, 12) angles in radians -> values, (B, num_values) when flattened.
        num_values: of both copies together.
        periodic: whether inputs are angles: their scale is then 1 for ever, else it is trained and depends on
            the noise level.
    """

    def __init__(self, core: nn.Module, num_values: int, periodic: bool) -> None:
        super().__init__()
        self.core = core
        quarter_turns = torch.arange(COPIES).unsqueeze(1).expand(COPIES, NUM_SITES)
        self.shift = nn.Parameter(-torch.pi / 2 * quarter_turns)
        self.scale = None if periodic else _zeros(COPIES)
        self.gain = _zeros(num_values)
        self.head = nn.Linear(num_values, NUM_SITES)

    def forward(self, inputs: Tensor, sigma: Tensor) -> Tensor:
        """(B, 12) and (B, 1) levels -> (B, 12)."""
        level = level_features(sigma)
        angles = inputs.unsqueeze(1)
        if self.scale is not None:
            angles = angles * (1 + self.scale(level)).unsqueeze(-1)
        values = self.core(angles + self.shift).flatten(1)
        answers: Tensor = self.head(values * (1 + self.gain(level)))
        return answers


def _zeros(outputs: int) -> nn.Linear:
    """A map of the noise level that begins at nothing: by chance it would begin with a wrong sign."""
    linear = nn.Linear(NUM_LEVEL_FEATURES, outputs)
    nn.init.zeros_(linear.weight)
    nn.init.zeros_(linear.bias)
    return linear


class JointPerceptron(nn.Module):
    """Reads the angles of both copies together: what a classical hidden layer does with as many parameters.

    Args:
        num_hidden: units, SiLU.
        periodic: whether it reads the cosines of its angles, and so has their period.
    """

    def __init__(self, num_hidden: int, periodic: bool) -> None:
        super().__init__()
        self.periodic = periodic
        self.hidden = nn.Linear(COPIES * NUM_SITES, num_hidden)

    def forward(self, angles: Tensor) -> Tensor:
        """(B, q, n) -> (B, num_hidden)."""
        read = angles.cos() if self.periodic else angles
        return nn.functional.silu(self.hidden(read.flatten(1)))


class NeighbourProducts(nn.Module):
    """Cosines, and the products of those of neighbours: what the structure of a chain asks for, without a
    circuit and without a parameter."""

    def forward(self, angles: Tensor) -> Tensor:
        """(B, q, n) -> (B, q, 2 n - 1)."""
        values = angles.cos()
        return torch.cat([values, values[..., 1:] * values[..., :-1]], dim=-1)


class Repeated(nn.Module):
    """A circuit that reads the same angles several times.

    Args:
        layer: (B, q, uploads * n) -> (B, q, v).
        uploads: how often.
    """

    def __init__(self, layer: nn.Module, uploads: int) -> None:
        super().__init__()
        self.layer, self.uploads = layer, uploads

    def forward(self, angles: Tensor) -> Tensor:
        """(B, q, n) -> (B, q, v)."""
        values: Tensor = self.layer(angles.repeat(1, 1, self.uploads))
        return values


def chain(num_layers: int = 1) -> Ansatz:
    """A circuit made for chains: CRZ and CRX from each qubit to the next, first the even pairs, then the odd
    ones.

    Args:
        num_layers: at least 1, with 22 weights each.

    Raises:
        UserError: if there is no layer.
    """
    pairs = [(i, i + 1) for parity in (0, 1) for i in range(parity, NUM_SITES - 1, 2)]

    def layer(circuit: QuantumCircuit, angles: ParameterVector) -> None:
        for k, (control, target) in enumerate(pairs):
            circuit.crz(angles[2 * k], control, target)
            circuit.crx(angles[2 * k + 1], control, target)

    return layered("chain", NUM_SITES, num_layers, 2 * len(pairs), layer)


MakeNetwork = Callable[[Backend, bool], nn.Module]
"""From a backend and whether inputs are angles."""


def _circuits(
    ansatz: Callable[[], Ansatz], readout: str = "z", uploads: int = 1, trained: bool = True
) -> MakeNetwork:
    def make(backend: Backend, periodic: bool) -> nn.Module:
        circuit = with_readout(ansatz(), readout)
        layer = backend.layer(reuploaded(circuit, uploads), num_circuits=COPIES)
        nn.init.uniform_(layer.weight, 0.0, 2 * torch.pi)
        layer.requires_grad_(trained)
        core = layer if uploads == 1 else Repeated(layer, uploads)
        return SmallDenoiser(core, COPIES * len(circuit.observables), periodic)

    return make


def _in_its_place(make_core: Callable[[], nn.Module], num_values: int = NUM_SITES) -> MakeNetwork:
    return lambda backend, periodic: SmallDenoiser(make_core(), COPIES * num_values, periodic)


def _perceptrons(num_weights: int) -> nn.Module:
    return nn.Sequential(Cosine(), Perceptrons(COPIES, NUM_SITES, num_weights))


def _joint(num_hidden: int) -> MakeNetwork:
    return lambda backend, periodic: SmallDenoiser(
        JointPerceptron(num_hidden, periodic), num_hidden, periodic
    )


OF_HQCONV, LARGE = 28, 2000
"""Parameters of a perceptron for each copy: as many as HQConv's circuit has weights, and many more."""
JOINT, JOINT_LARGE = 10, 100
"""Units of a hidden layer for both: with 10 the network has as many parameters as HQConv's."""

CIRCUITS: dict[str, tuple[str, MakeNetwork]] = {
    "hqconv": ("HQConv", _circuits(lambda: make_ansatz("hqconv"))),
    "hqconv_zz": ("HQConv, ZZ read too", _circuits(lambda: make_ansatz("hqconv"), "zz")),
    "fqconv": ("FQConv", _circuits(lambda: make_ansatz("fqconv"))),
    "fqconv_3": ("FQConv, 3 layers", _circuits(lambda: make_ansatz("fqconv", num_layers=3))),
    "fqconv_2_uploads": ("FQConv, 2 uploads", _circuits(lambda: make_ansatz("fqconv"), uploads=2)),
    "chain": ("chain", _circuits(chain)),
    "chain_zz": ("chain, ZZ read too", _circuits(chain, "zz")),
}
"""Title and network of each circuit that was tried."""

CONTROLS: dict[str, tuple[str, MakeNetwork]] = {
    "frozen": ("HQConv, never trained", _circuits(lambda: make_ansatz("hqconv"), trained=False)),
    "no_entanglers": (
        "HQConv without entanglers",
        _circuits(lambda: with_local_rotations(make_ansatz("hqconv"))),
    ),
    "cosine": ("cosine", _in_its_place(Cosine)),
    "products": ("cosines and their products", _in_its_place(NeighbourProducts, 2 * NUM_SITES - 1)),
    "tanh": ("tanh", _in_its_place(nn.Tanh)),
    "mlp": ("perceptron, small", _in_its_place(lambda: _perceptrons(OF_HQCONV))),
    "mlp_large": ("perceptron, large", _in_its_place(lambda: _perceptrons(LARGE))),
    "joint": ("joint perceptron", _joint(JOINT)),
    "joint_large": ("joint perceptron, large", _joint(JOINT_LARGE)),
    "none": ("nothing", _in_its_place(Nothing)),
}
"""And of what could stand in their place."""

NETWORKS = CIRCUITS | CONTROLS
"""By the name on the command line."""


def make_network(name: str, periodic: bool, seed: int) -> nn.Module:
    """A network as it starts, (B, 12) and (B, 1) levels -> (B, 12).

    Args:
        name: a key of `NETWORKS`.
        periodic: whether the problem's inputs are angles.
        seed: of its parameters; torch's global generator is left as it was.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return NETWORKS[name][1](make_backend("statevector"), periodic)
