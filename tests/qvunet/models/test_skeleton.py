from __future__ import annotations

import torch
from torch import nn

from qvunet.models.skeleton import Stage, UNet


class Add(nn.Module):
    def __init__(self, value: float):
        super().__init__()
        self.value = value

    def forward(self, x, emb=0.0):
        return x + self.value + emb


def stage(value: float, skip: bool) -> Stage:
    return Stage(Add(value), nn.Identity(), skip)


def test_a_stage_conditions_its_unit_and_not_its_layers():
    x = torch.zeros(1, 1, 1, 1)
    assert Stage(Add(1), Add(10), skip=False)(x, torch.tensor(100.0)).item() == 111
    assert Stage(None, Add(10), skip=False)(x, torch.tensor(100.0)).item() == 10


def test_up_stages_take_the_newest_kept_output_first():
    net = UNet(
        stem=Add(1),
        down={"a": stage(10, skip=True), "b": stage(100, skip=False), "c": stage(1000, skip=True)},
        vertex={"a": stage(0.5, skip=False)},
        up={
            "a": stage(0, skip=True),
            "b": stage(0, skip=False),
            "c": stage(0, skip=True),
            "d": stage(0, skip=True),
        },
        head=nn.Identity(),
    )
    out = net(torch.zeros(1, 1, 1, 1), torch.tensor(0.0))
    assert out.flatten().tolist() == [1111.5, 1111, 11, 1]  # vertex, then c, a and the stem
