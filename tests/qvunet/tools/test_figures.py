from __future__ import annotations

import numpy as np
import torch
from PIL import Image

from qvunet.tools.figures import GRID_SCALE, save_grid, save_images, save_loss_curve


def test_the_grid_shows_every_image_at_its_place(tmp_path):
    values = torch.linspace(-1, 1, 5)
    save_grid(values.reshape(5, 1, 1, 1).expand(5, 1, 8, 8), tmp_path / "grid.png")
    pixels = np.asarray(Image.open(tmp_path / "grid.png").convert("L"))
    assert pixels.shape == (GRID_SCALE * 19, GRID_SCALE * 28)  # three columns, two rows, lines between
    for k, value in enumerate([0, 64, 128, 191, 255]):
        row, column = divmod(k, 3)
        assert abs(int(pixels[GRID_SCALE * (9 * row + 5), GRID_SCALE * (9 * column + 5)]) - value) <= 1


def test_images_are_saved_one_by_one(tmp_path):
    images = torch.stack([torch.full((3, 4, 4), -1.0), torch.full((3, 4, 4), 1.0)])
    save_images(images, tmp_path / "out")
    assert [path.name for path in sorted((tmp_path / "out").iterdir())] == ["0000.png", "0001.png"]
    assert np.asarray(Image.open(tmp_path / "out" / "0001.png")).tolist() == np.full((4, 4, 3), 255).tolist()


def test_the_loss_curve_is_a_picture(tmp_path):
    save_loss_curve(range(1, 50), [1 / step for step in range(1, 50)], tmp_path / "loss.png")
    pixels = np.asarray(Image.open(tmp_path / "loss.png").convert("RGB")).reshape(-1, 3)
    blue = (pixels[:, 2].astype(int) - pixels[:, 0]) > 80
    assert blue.sum() > 500
