"""Pictures of samples and of the loss."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from torch import Tensor

from qvunet.tools.files import replacing
from qvunet.tools.pixels import to_uint8

GRID_SCALE = 3
"""Screen pixels for one image pixel in a grid: the images are small."""

SPACE = 12
"""Screen pixels between pictures side by side."""

SMOOTHING_STEPS = 25
"""Steps over which the loss curve's bold line averages."""


def save_grid(samples: Tensor, path: Path, num_columns: int | None = None) -> None:
    """Save images as one enlarged PNG, row by row.

    Args:
        samples: (N, C, H, W) in [-1, 1].
        path: PNG file.
        num_columns: images in a row; by default about as many as there are rows.
    """
    # Imported here, as below: torchvision brings torch's compiler, for seconds.
    from torchvision.transforms.v2.functional import InterpolationMode, resize, to_pil_image
    from torchvision.utils import make_grid

    num_columns = num_columns or math.ceil(math.sqrt(len(samples)))
    grid = make_grid(to_uint8(samples), nrow=num_columns, padding=1, pad_value=96)
    size = [GRID_SCALE * side for side in grid.shape[-2:]]
    with replacing(path) as temporary:
        to_pil_image(resize(grid, size, interpolation=InterpolationMode.NEAREST)).save(temporary)


def save_images(samples: Tensor, directory: Path) -> None:
    """Save each image as a PNG of its own size, named by its number: `0000.png`.

    Args:
        samples: (N, C, H, W) in [-1, 1].
        directory: created if missing.
    """
    from torchvision.transforms.v2.functional import to_pil_image

    for number, image in enumerate(to_uint8(samples)):
        with replacing(directory / f"{number:04d}.png") as temporary:
            to_pil_image(image).save(temporary)


def save_side_by_side(pictures: Sequence[Path], path: Path) -> None:
    """Save PNG files of one height as one, from left to right."""
    from PIL import Image

    images = [Image.open(picture) for picture in pictures]
    width = sum(image.width for image in images) + SPACE * (len(images) - 1)
    whole = Image.new(images[0].mode, (width, images[0].height), "white")
    left = 0
    for image in images:
        whole.paste(image, (left, 0))
        left += image.width + SPACE
    with replacing(path) as temporary:
        whole.save(temporary)


def save_loss_curve(steps: Sequence[int], losses: Sequence[float], path: Path) -> None:
    """Plot the training loss, each step's and a running mean, on a logarithmic axis.

    Args:
        steps: training steps.
        losses: loss at each of them.
        path: PNG file.
    """
    # Imported here: it is slow to load and only the end of a run needs it. No pyplot, so no display.
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    axes.plot(steps, losses, color="tab:blue", alpha=0.3, linewidth=0.8, label="step")
    axes.plot(
        steps, running_mean(losses, SMOOTHING_STEPS), color="tab:blue", label=f"mean of {SMOOTHING_STEPS}"
    )
    axes.set(xlabel="training step", ylabel="loss", yscale="log")
    axes.grid(alpha=0.3)
    axes.legend()
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=120)


def running_mean(values: Sequence[float], width: int) -> list[float]:
    """Mean of each value and the up to ``width - 1`` before it."""
    windows = (values[max(0, end - width) : end] for end in range(1, len(values) + 1))
    return [sum(window) / len(window) for window in windows]
