from __future__ import annotations

import pytest
import torch

from backends.errors import UserError
from qvunet import QVUNet
from qvunet.models.presets import PRESETS, Kernel, Preset, StageSpec, TimeSpec, get_preset

TINY = Preset(
    stem_width=8,
    stem_kernel=3,
    style="prenorm",
    groups=4,
    time=TimeSpec(features=8, dim=8, activation="silu", freq_shift=0),
    down_even=Kernel(4, padding=1),
    down_odd=Kernel(4, padding=0),
    upsampling="nearest",
    placement="parallel",
    down=(
        StageSpec("level1_a", "unit", 8, level=1, attention="linear", skip=True),
        StageSpec("level1_end", "down", 12, level=1),
    ),
    vertex=(StageSpec("a", "unit", 16, level=2, attention="cosine"),),
    up=(
        StageSpec("level1_start", "up", 8, level=1),
        StageSpec("level1_a", "unit", 8, level=1, skip=True),
        StageSpec("last", "unit", 8, level=1, skip=True),
    ),
)


def test_unknown_preset_names_the_allowed_ones():
    with pytest.raises(UserError, match=r"preset = 'huge': allowed are compact, wide"):
        get_preset("huge")


@pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS)
def test_every_kept_output_is_used_once_and_every_halving_is_undone(preset):
    kept = 1 + sum(stage.skip for stage in preset.down)  # the stem's output is kept too
    assert kept == sum(stage.skip for stage in preset.up)
    downs = [stage.kind for stage in preset.down].count("down")
    assert downs == [stage.kind for stage in preset.up].count("up")


@pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS)
def test_kernels_halve_as_the_preset_promises(preset):
    for side in range(4, 40):
        kernel = preset.down_odd if side % 2 else preset.down_even
        after = (side + 2 * kernel.padding - kernel.size) // 2 + 1
        assert after == ((side - 3) // 2 if side % 2 else side // 2)


def test_a_preset_is_only_data(monkeypatch):
    monkeypatch.setitem(PRESETS, "tiny", TINY)
    net = QVUNet.from_preset("tiny", sample_size=4, ansatz="fqconv", hybridization=0.5)
    assert net(torch.zeros(2, 1, 4, 4), 0).sample.shape == (2, 1, 4, 4)
    assert net.num_parameters_by_kind()["quantum"] == (2 + 3) * 24  # 6 of 12 and 8 of 16 channels
