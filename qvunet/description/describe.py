"""Facts about the network of a config: its blocks in order, their sizes, and the circuits in them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from torch import nn

from backends import CircuitLayer
from backends.circuits.program import Ansatz, Operation, program_from_circuit
from backends.options import StatevectorOptions
from qvunet.config import Config
from qvunet.costs.tracing import Trace, trace
from qvunet.models.blocks import MIXER_PLACES
from qvunet.models.mixers import PatchCircuits
from qvunet.models.presets import StageSpec, get_preset
from qvunet.models.unet import QVUNet
from qvunet.tasks import make_task

KINDS = {"unit": "residual unit", "down": "downsampling", "up": "upsampling", "conv": "convolution"}
"""What the kinds of `StageSpec` are called."""


@dataclass(frozen=True)
class CircuitGroup:
    """Equal circuits side by side in a residual unit.

    Attributes:
        block: name of the block.
        place: where in it, a value of `MIXER_PLACES`.
        ansatz: circuit.
        num_circuits: how many.
        num_weights: of them together; of one if they are shared.
        num_patches: 2x2 patches of one image's map that each of them reads.
        depth: layers of gates of the circuit as it is written down.
        two_qubit_depth: layers of gates on two qubits or more.
    """

    block: str
    place: str
    ansatz: Ansatz
    num_circuits: int
    num_weights: int
    num_patches: int
    depth: int
    two_qubit_depth: int

    @property
    def num_qubits(self) -> int:
        """Qubits of one circuit."""
        return self.ansatz.circuit.num_qubits

    @property
    def rows(self) -> int:
        """Parameter sets that one image asks for: circuits times patches."""
        return self.num_circuits * self.num_patches


@dataclass(frozen=True)
class Block:
    """A part of the network that works at one place of its path.

    Attributes:
        name: in the network, such as ``down.level1_a``.
        kind: ``embedding``, ``stem``, ``head`` or a kind of `StageSpec`.
        label: what it is, for people.
        shape: (C, H, W) of its output; (E,) of the embedding.
        num_parameters: all its weights.
        level: of resolution, 1 for the full image; 0 for the embedding.
        skip: whether its output is kept for the up path, or its input joined with what was kept.
        circuits: in it, in order of evaluation.
        control: what stands in the place of its circuits, if anything; see `qvunet.cores.controls`.
    """

    name: str
    kind: str
    label: str
    shape: tuple[int, ...]
    num_parameters: int
    level: int
    skip: bool = False
    circuits: tuple[CircuitGroup, ...] = ()
    control: str | None = None

    @property
    def num_quantum(self) -> int:
        """Weights of its circuits."""
        return sum(group.num_weights for group in self.circuits)

    @property
    def num_classical(self) -> int:
        """All its other weights."""
        return self.num_parameters - self.num_quantum


@dataclass(frozen=True)
class Description:
    """A network in facts.

    Attributes:
        preset: its name.
        ansatz: registered name of its circuits; None if there are none.
        num_layers: ansatz layers of each.
        blocks: embedding, stem, down path, vertex, up path, head.
    """

    preset: str
    ansatz: str | None
    num_layers: int
    blocks: tuple[Block, ...]

    @property
    def circuits(self) -> list[CircuitGroup]:
        """Those of all blocks."""
        return [group for block in self.blocks for group in block.circuits]

    def path(self, name: str) -> list[Block]:
        """The blocks of ``stem``, ``down``, ``vertex``, ``up`` or ``head``, in order."""
        return [block for block in self.blocks if block.name.split(".")[0] == name]


def describe(config: Config) -> Description:
    """Build the network of a config on the exact engine and look at it.

    Raises:
        UserError: if the model's options do not fit each other or the images.
    """
    return describe_model(make_task(config.model_copy(update={"backend": StatevectorOptions()})).network())


def describe_model(model: QVUNet) -> Description:
    """Look at a network; one image is sent through it."""
    config = model.config
    ansatz = config.ansatz if model.circuit_layers() else None
    return Description(config.preset, ansatz, config.num_layers, tuple(_blocks(model)))


def _blocks(model: QVUNet) -> Iterator[Block]:
    preset, seen = get_preset(model.config.preset), trace(model)
    label = "timestep embedding" + (" and classes" if model.class_embedding else "")
    others = sum(p.numel() for p in model.parameters()) - _count(model.unet)
    yield Block("embedding", "embedding", label, (preset.time.dim,), others, level=0)
    stem, head = seen.shapes["unet.stem"], seen.shapes["unet.head"]
    size = preset.stem_kernel
    yield Block("stem", "stem", f"{size}x{size} convolution", stem, _count(model.unet.stem), 1, skip=True)
    for path in ("down", "vertex", "up"):
        stages: Mapping[str, nn.Module] = dict(getattr(model.unet, path).named_children())
        for spec in getattr(preset, path):
            yield _stage(model, f"{path}.{spec.name}", spec, stages[spec.name], seen)
    yield Block("head", "head", "output layer", head, _count(model.unet.head), 1)


def _stage(model: QVUNet, name: str, spec: StageSpec, stage: nn.Module, seen: Trace) -> Block:
    label = KINDS[spec.kind] + (f", {spec.attention} attention" if spec.attention else "")
    circuits = tuple(_circuit_groups(name, stage, seen))
    has_place = any(isinstance(module, PatchCircuits) for module in stage.modules())
    control = model.config.core if has_place and not circuits else None
    shape = seen.shapes[f"unet.{name}"]
    return Block(name, spec.kind, label, shape, _count(stage), spec.level, spec.skip, circuits, control)


def _circuit_groups(block: str, stage: nn.Module, seen: Trace) -> Iterator[CircuitGroup]:
    for name, patches in stage.named_modules():
        if not isinstance(patches, PatchCircuits):
            continue
        for inner, layer in patches.named_modules(prefix=f"unet.{block}.{name}"):
            if isinstance(layer, CircuitLayer):
                ansatz = layer.ansatz
                operations = program_from_circuit(ansatz.circuit, ansatz.inputs, ansatz.weights).operations
                yield CircuitGroup(
                    block,
                    MIXER_PLACES[name.split(".")[1]],
                    ansatz,
                    patches.num_circuits,
                    layer.weight.numel(),
                    seen.rows[inner] // patches.num_circuits,
                    _depth(operations),
                    _depth([operation for operation in operations if len(operation.qubits) > 1]),
                )


def _depth(operations: tuple[Operation, ...] | list[Operation]) -> int:
    """Layers when each operation is applied as early as its qubits are free."""
    busy: defaultdict[int, int] = defaultdict(int)
    for operation in operations:
        layer = 1 + max(busy[qubit] for qubit in operation.qubits)
        busy.update(dict.fromkeys(operation.qubits, layer))
    return max(busy.values(), default=0)


def _count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
