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
from qvunet.config.options import SampleSection
from qvunet.models.network import HybridNetwork
from qvunet.runs.device import on_configured_device, on_cpu
from qvunet.tasks.base import OnProgress, Task
from qvunet.tools.files import replacing
from qvunet.tools.pixels import to_uint8
from qvunet.tools.workers import HERE, Workers, no_progress


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
    model: HybridNetwork,
    task: Task,
    directory: Path,
    on_progress: OnProgress = no_progress,
    workers: Workers = HERE,
) -> Tensor:
    """Draw the images of `config.sample`, but for those that an earlier call has stored.

    Args:
        model: the network.
        task: of the config.
        directory: of `samples_directory`; a file for each batch.
        on_progress: called with the number of images drawn so far, stored ones included.
        workers: each draws a batch at a time, the same as would be drawn here.

    Returns:
        (N, C, H, W) uint8: [-1, 1] rounded to 0 to 255.

    Raises:
        UserError: if a stored file is damaged.
    """
    shape = task.config.image_shape
    files = {numbers: _file(directory, numbers) for numbers in _batches(task.config.sample)}
    batches = {n: _read(file, (len(n), *shape)) for n, file in files.items() if file.exists()}
    missing = [numbers for numbers in files if numbers not in batches]
    drawn = sum(map(len, batches))
    begun = {n: drawn + sum(len(m) for m in missing if m.start < n.start) for n in missing}

    def progress_of(numbers: range) -> OnProgress:
        return lambda done: on_progress(begun[numbers] + done)

    shared = (model if workers.here else on_cpu(model), task)
    jobs = [(n, progress_of(n) if workers.here else no_progress) for n in missing]
    for (numbers, _), future in workers.run(_draw, jobs, shared=shared):
        with replacing(files[numbers]) as temporary:
            np.save(temporary, future.result(), allow_pickle=False)
        batches[numbers] = _read(files[numbers], (len(numbers), *shape))
        drawn += len(numbers)
        on_progress(drawn)
    return torch.cat([batches[numbers] for numbers in files])


def count_stored_samples(config: Config, directory: Path) -> int:
    """How many images of `config.sample` are stored."""
    return sum(len(numbers) for numbers in _batches(config.sample) if _file(directory, numbers).exists())


def _batches(sample: SampleSection) -> list[range]:
    """Numbers of the images of each."""
    starts = range(0, sample.num, sample.batch_size)
    return [range(start, min(start + sample.batch_size, sample.num)) for start in starts]


def _file(directory: Path, numbers: range) -> Path:
    return directory / f"images_{numbers.start:06d}.npy"


def _draw(model: HybridNetwork, task: Task, numbers: range, on_progress: OnProgress) -> np.ndarray:
    prepared = on_configured_device(model, task.config)
    return to_uint8(task.draw(prepared, indices=numbers, on_progress=on_progress)).numpy()


def _read(file: Path, shape: tuple[int, ...]) -> Tensor:
    try:
        images = np.load(file, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise UserError(f"{file}: damaged ({error}); delete it, and its images are drawn again") from None
    if images.shape != shape or images.dtype != np.uint8:
        raise UserError(f"{file}: not {shape} uint8; delete it, and its images are drawn again")
    return torch.from_numpy(images)
