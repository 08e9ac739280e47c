from __future__ import annotations

import pytest
import torch

from qvunet.reports.search.networks import CIRCUITS, NETWORKS, make_network
from qvunet.reports.search.problems import NUM_SITES


def count(name: str, periodic: bool) -> int:
    network = make_network(name, periodic, 0)
    return sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)


@pytest.mark.parametrize("name", [name for name in NETWORKS if name != "tanh"])
def test_networks_have_the_period_of_angles(name):
    """All but tanh, which has none to begin with."""
    network = make_network(name, True, 0)
    inputs, sigma = torch.rand(3, NUM_SITES), torch.full((3, 1), 0.5)
    turned = inputs + 2 * torch.pi * torch.arange(NUM_SITES).remainder(3)
    torch.testing.assert_close(network(turned, sigma), network(inputs, sigma), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("periodic", [False, True])
@pytest.mark.parametrize("name", NETWORKS)
def test_gradients_reach_every_parameter(name, periodic):
    network = make_network(name, periodic, 1)
    answers = network(torch.rand(4, NUM_SITES), torch.tensor([[0.4], [0.9], [1.0], [1.4]]))
    answers.square().sum().backward()
    reached = {
        key: bool(parameter.grad is not None and parameter.grad.abs().sum() > 0)
        for key, parameter in network.named_parameters()
        if parameter.requires_grad
    }
    silent = {"shift", "scale.weight", "scale.bias", "gain.weight", "gain.bias", "head.weight"}
    assert {key for key, there in reached.items() if not there} <= (silent if name == "none" else set())


@pytest.mark.parametrize("periodic", [False, True])
def test_the_joint_perceptron_has_as_many_parameters_as_hqconv(periodic):
    assert count("joint", periodic) == pytest.approx(count("hqconv", periodic), rel=0.05)


def test_networks_of_a_seed_start_alike_and_leave_the_global_generator_alone():
    torch.manual_seed(3)
    expected = torch.rand(3)
    torch.manual_seed(3)
    first, second = (make_network("chain", False, 7).state_dict() for _ in range(2))
    assert torch.equal(torch.rand(3), expected)
    assert all(torch.equal(first[key], second[key]) for key in first)


def test_every_circuit_is_changed_by_its_weights():
    inputs, sigma = torch.rand(2, NUM_SITES), torch.ones(2, 1)
    for name in CIRCUITS:
        network = make_network(name, False, 0)
        before = network(inputs, sigma)
        (weight,) = (p for key, p in network.named_parameters() if key.startswith("core") and "weight" in key)
        with torch.no_grad():
            weight.add_(0.5)
        assert not torch.allclose(network(inputs, sigma), before, atol=1e-3), name
