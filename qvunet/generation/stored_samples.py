"""Images drawn batch by batch into files, so that drawing thousands can be interrupted and go on."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import torch
from diffusers.utils import SAFETENSORS_WEIGHTS_NAME
from torch import Tensor

from backends.errors import UserError
from qvunet.config import Config
from qvunet.models.network import HybridNetwork
from qvunet.tasks.base import OnProgress, Task
from qvunet.tools.files import replacing
from qvunet.tools.pixels import to_uint8


def samples_directory(task: Task, checkpoint: Path, parent: Path) -> Path:
    """The directory for the images of `config.sample`, named after all that they depend on.

    The digest that ends the name covers what the rest leaves out, such as shots, and the weights themselves.
    """
    sample, backend = task.config.sample, task.config.backend
    digest = hashlib.sha256((checkpoint / "ema" / SAFETENSORS_WEIGHTS_NAME).read_bytes())
    digest.update(json.dumps([sample.model_dump(), backend.model_dump()]).encode())
    where = getattr(backend, "backend_name", backend.name)
    steps = task.steps(sample)
    return parent / (
        f"{checkpoint.name}_{where}_{sample.sampler}{steps}_seed{sample.seed}_num{sample.num}"
        f"_{digest.hexdigest()[:8]}"
    )


def draw_stored_samples(
    model: HybridNetwork, task: Task, directory: Path, on_progress: OnProgress = lambda done: None
) -> Tensor:
    """Draw the images of `config.sample`, but for those that an earlier call has stored.

    Args:
        model: the network.
        task: of the config.
        directory: of `samples_directory`; a file for each batch.
        on_progress: called with the number of images drawn so far, stored ones included.

    Returns:
        (N, C, H, W) uint8: [-1, 1] rounded to 0 to 255.

    Raises:
        UserError: if a stored file is damaged.
    """
    sample = task.config.sample
    batches = []
    for start in range(0, sample.num, sample.batch_size):
        numbers = range(start, min(start + sample.batch_size, sample.num))
        file = directory / f"images_{start:06d}.npy"
        if not file.exists():
            _draw(model, task, numbers, file, on_progress)
        batches.append(_read(file, (len(numbers), *task.config.image_shape)))
        on_progress(numbers.stop)
    return torch.cat(batches)


def count_stored_samples(config: Config, directory: Path) -> int:
    """How many images of `config.sample` are stored."""
    sample = config.sample
    starts = range(0, sample.num, sample.batch_size)
    return sum(
        min(sample.batch_size, sample.num - start)
        for start in starts
        if (directory / f"images_{start:06d}.npy").exists()
    )


def _draw(model: HybridNetwork, task: Task, numbers: range, file: Path, on_progress: OnProgress) -> None:
    images = task.draw(model, indices=numbers, on_progress=lambda done: on_progress(numbers.start + done))
    with replacing(file) as temporary:
        np.save(temporary, to_uint8(images).numpy(), allow_pickle=False)


def _read(file: Path, shape: tuple[int, ...]) -> Tensor:
    try:
        images = np.load(file, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise UserError(f"{file}: damaged ({error}); delete it, and its images are drawn again") from None
    if images.shape != shape or images.dtype != np.uint8:
        raise UserError(f"{file}: not {shape} uint8; delete it, and its images are drawn again")
    return torch.from_numpy(images)
