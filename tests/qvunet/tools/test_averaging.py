from __future__ import annotations

import pytest
import torch
from diffusers.training_utils import EMAModel
from torch import nn

from qvunet.tools.averaging import WeightAverage


@pytest.mark.parametrize("decay", [0.0, 0.5, 0.999])
@pytest.mark.parametrize("frozen", [False, True])
def test_averages_are_those_of_diffusers(decay, frozen):
    """Bit for bit, so that runs of earlier versions go on as they would have."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    net[0].requires_grad_(not frozen)
    ours = WeightAverage(list(net.parameters()), decay)
    theirs = EMAModel(net.parameters(), decay=decay, foreach=True)
    for _ in range(30):
        with torch.no_grad():
            for parameter in net.parameters():
                parameter.add_(torch.randn_like(parameter))
        ours.update()
        theirs.step(net.parameters())
        assert all(map(torch.equal, ours.average, theirs.shadow_params))
    assert ours.num_updates == theirs.optimization_step


def test_weights_come_back_after_use_even_when_it_fails():
    net = nn.Linear(2, 2)
    average = WeightAverage(list(net.parameters()), 0.9)
    with torch.no_grad():
        net.weight.add_(1.0)
    trained = net.weight.detach().clone()
    with average.in_use():
        assert torch.equal(net.weight, average.average[0])
        assert not torch.equal(net.weight, trained)
    assert torch.equal(net.weight, trained)

    def fail() -> None:
        with average.in_use():
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert torch.equal(net.weight, trained)
