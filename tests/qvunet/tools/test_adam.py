from __future__ import annotations

import pytest
import torch
from torch import nn

from qvunet.tools.adam import Adam


@pytest.mark.parametrize("fused", [False, True])
def test_it_is_torchs_adam(fused):
    """Step by step, and its state goes into torch's and comes back."""

    def network() -> nn.Module:
        torch.manual_seed(1)
        return nn.Linear(3, 2)

    first, second = network(), network()
    ours = Adam(first.parameters(), lr=0.1, betas=(0.8, 0.9), eps=1e-6, fused=fused)
    theirs = torch.optim.Adam(second.parameters(), lr=0.1, betas=(0.8, 0.9), eps=1e-6, fused=fused)
    for number in range(6):
        for net, optimizer in ((first, ours), (second, theirs)):
            optimizer.zero_grad()
            net(torch.full((5, 3), 0.3 * number)).square().sum().backward()
            optimizer.step()
        assert torch.equal(first.weight, second.weight)
        if number == 3:
            stored = theirs.state_dict()
            theirs.load_state_dict(ours.state_dict())
            ours.load_state_dict(stored)
