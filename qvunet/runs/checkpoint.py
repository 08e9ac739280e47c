"""Checkpoints: everything that training needs to go on exactly, as safetensors and JSON.

``checkpoints/step_000500/`` holds `model/` and `ema/`, each a directory for the network's `from_pretrained`,
`optimizer.safetensors`, `initial_circuits.safetensors` (circuit weights before the first step),
`state.json` and `config.yaml`. It is written under another name and renamed, so one that exists is whole.
There is no random state in it: random numbers are functions of the step (`qvunet.tools.seeding`).
"""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from diffusers.utils import SAFETENSORS_WEIGHTS_NAME
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.optim import Optimizer

from backends.errors import UserError
from qvunet.config import Config, dump_config
from qvunet.models.network import HybridNetwork
from qvunet.tools.averaging import WeightAverage
from qvunet.tools.files import replacing

if TYPE_CHECKING:
    pass  # which brings every network of diffusers

STEP_DIRECTORY = re.compile(r"step_(\d{6,})")
"""Names of whole checkpoints."""


@dataclass(frozen=True)
class Progress:
    """How far a run has come.

    Attributes:
        step: finished training steps.
        seconds: wall time spent on them, over all sessions.
    """

    step: int = 0
    seconds: float = 0.0


@dataclass
class TrainingState:
    """What a checkpoint saves and restores.

    Attributes:
        model: the network in training.
        ema: average of its weights.
        optimizer: over the parameters of the model that require gradients, in one group.
        initial_circuits: circuit weights before the first step, by layer name, radians.
        progress: how far training has come.
    """

    model: HybridNetwork
    ema: WeightAverage
    optimizer: Optimizer
    initial_circuits: dict[str, Tensor]
    progress: Progress


def save_checkpoint(directory: Path, state: TrainingState, config: Config, keep: int) -> Path:
    """Save a checkpoint and delete all but the newest ones.

    Args:
        directory: the run's `checkpoints/`.
        state: what to save.
        config: resolved config, saved alongside.
        keep: how many checkpoints to keep, at least 1.

    Returns:
        Path of the new checkpoint.
    """
    path = directory / f"step_{state.progress.step:06d}"
    with replacing(path) as temporary:
        state.model.save_pretrained(temporary / "model")
        with state.ema.in_use():
            state.model.save_pretrained(temporary / "ema")
        save_file(_flatten_optimizer(state), temporary / "optimizer.safetensors")
        save_file(state.initial_circuits, temporary / "initial_circuits.safetensors")
        record = {**asdict(state.progress), "ema_updates": state.ema.num_updates}
        (temporary / "state.json").write_text(json.dumps(record, indent=2) + "\n")
        (temporary / "config.yaml").write_text(dump_config(config))
    abandoned = directory.glob(".step_*.tmp")  # by a killed process: the run's lock lets only one write
    for old in [*list_checkpoints(directory)[:-keep], *abandoned]:
        shutil.rmtree(old)
    return path


def list_checkpoints(directory: Path) -> list[Path]:
    """Whole checkpoints, oldest first; none if the directory does not exist."""
    found = {
        int(match[1]): path
        for path in (directory.iterdir() if directory.is_dir() else ())
        if (match := STEP_DIRECTORY.fullmatch(path.name))
    }
    return [found[step] for step in sorted(found)]


def latest_checkpoint(directory: Path) -> Path:
    """The newest checkpoint.

    Raises:
        UserError: if there is none.
    """
    checkpoints = list_checkpoints(directory)
    if not checkpoints:
        raise UserError(f"{directory}: no checkpoint yet")
    return checkpoints[-1]


def restore_checkpoint(path: Path, state: TrainingState) -> None:
    """Load a checkpoint into a state whose model has the same architecture.

    Raises:
        UserError: naming the file that is missing, damaged or of another network.
    """
    load_weights(path / "model", state.model)
    average = load_tensors(path / "ema")
    record = _load_record(path / "state.json")
    state.ema.restore(
        [average[name] for name, _ in state.model.named_parameters()], record.pop("ema_updates")
    )
    state.optimizer.load_state_dict(
        _unflatten_optimizer(
            _read(path / "optimizer.safetensors"), _trained_names(state.model), state.optimizer
        )
    )
    state.initial_circuits = _read(path / "initial_circuits.safetensors")
    state.progress = Progress(**record)


def load_weights(path: Path, model: nn.Module) -> None:
    """Load the weights of a `model/` or `ema/` directory.

    Raises:
        UserError: if the file is missing, damaged or of another network.
    """
    try:
        model.load_state_dict(load_tensors(path))
    except RuntimeError as error:
        raise UserError(f"{path / SAFETENSORS_WEIGHTS_NAME}: does not fit this network ({error})") from None


def load_tensors(path: Path) -> dict[str, Tensor]:
    """Read the weights of a `model/` or `ema/` directory, by name.

    Raises:
        UserError: if the file is missing or damaged.
    """
    return _read(path / SAFETENSORS_WEIGHTS_NAME)


def _flatten_optimizer(state: TrainingState) -> dict[str, Tensor]:
    """Optimizer tensors by ``<parameter>/<quantity>``, such as ``unet.stem.weight/exp_avg``."""
    names = _trained_names(state.model)
    per_parameter: dict[int, dict[str, Tensor]] = state.optimizer.state_dict()["state"]
    return {
        f"{names[index]}/{quantity}": tensor
        for index, quantities in per_parameter.items()
        for quantity, tensor in quantities.items()
    }


def _trained_names(model: nn.Module) -> list[str]:
    """Names of the optimizer's parameters, in its order."""
    return [name for name, parameter in model.named_parameters() if parameter.requires_grad]


def _unflatten_optimizer(
    tensors: dict[str, Tensor], names: list[str], optimizer: Optimizer
) -> dict[str, Any]:
    index = {name: i for i, name in enumerate(names)}
    per_parameter: dict[int, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        name, _, quantity = key.rpartition("/")
        per_parameter.setdefault(index[name], {})[quantity] = tensor
    # Learning rate and betas are the config's, which a resumed run may not change.
    return {"state": per_parameter, "param_groups": optimizer.state_dict()["param_groups"]}


def _read(file: Path) -> dict[str, Tensor]:
    try:
        return load_file(file)
    except (OSError, SafetensorError) as error:
        raise _damaged(file, error) from None


def _load_record(file: Path) -> dict[str, Any]:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _damaged(file, error) from None


def _damaged(file: Path, error: Exception) -> UserError:
    return UserError(
        f"{file}: missing or damaged ({error}); delete its step_* directory to use the checkpoint before it"
    )
