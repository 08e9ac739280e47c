from __future__ import annotations

import pytest
import torch

from backends import UserError
from qvunet.influence.ablations import (
    BESIDE,
    CIRCUITS,
    KINDS,
    VERTEX,
    Ablation,
    ablated,
    all_ablations,
    mean_outputs,
)
from tests.qvunet.influence.toys import Toy
from tests.qvunet.networks import batch, build


def outputs(model, ablation, means, rows):
    """What the toy's circuits return."""
    found = []
    with ablated(model, ablation, means):
        hook = model.core.register_forward_hook(lambda m, i, output: found.append(output.detach()))
        model(rows, torch.zeros(len(rows)))
        hook.remove()
    return found[0][:, 0]


@pytest.fixture
def toy():
    return Toy(gain=1.0)


@pytest.fixture
def rows():
    return torch.rand(6, 1, 2, 2) * 4 - 2


def test_what_replaces_an_output(toy, rows):
    flat = rows.flatten(1)
    whole = toy.core(flat.unsqueeze(1))[:, 0].detach()
    with mean_outputs(toy) as means:
        toy(rows, torch.zeros(6))
    replaced = {kind: outputs(toy, Ablation(kind), means, rows) for kind in KINDS}
    assert torch.equal(replaced["zero"], torch.zeros(6, 4))
    torch.testing.assert_close(replaced["mean"], whole.mean(0).expand(6, 4))
    torch.testing.assert_close(replaced["shuffled"].sort(0).values, whole.sort(0).values)
    assert not torch.equal(replaced["shuffled"], whole)
    torch.testing.assert_close(replaced["cosine"], flat.cos())
    torch.testing.assert_close(replaced["no_entanglers"], (flat + toy.core.weight[0].view(2, 4).sum(0)).cos())
    assert not torch.allclose(replaced["random"], whole, atol=1e-2)
    assert len({tuple(each.flatten().tolist()) for each in replaced.values()}) == len(KINDS)
    torch.testing.assert_close(outputs(toy, Ablation("random"), means, rows), replaced["random"])


@pytest.mark.parametrize("kind", KINDS)
def test_everything_is_as_before_when_the_context_is_over(toy, rows, kind):
    before = toy(rows, torch.zeros(6)).sample
    weight = toy.core.weight.detach().clone()
    with mean_outputs(toy) as means:
        toy(rows, torch.zeros(6))
    with pytest.raises(ZeroDivisionError), ablated(toy, Ablation(kind), means):
        raise ZeroDivisionError
    assert torch.equal(toy(rows, torch.zeros(6)).sample, before)
    assert torch.equal(toy.core.weight, weight)


def test_means_are_over_all_rows_of_all_calls(toy, rows):
    with mean_outputs(toy) as means:
        toy(rows[:2], torch.zeros(2))
        toy(rows[2:], torch.zeros(4))
    whole = toy.core(rows.flatten(1).unsqueeze(1)).mean(0)
    torch.testing.assert_close(means["middle"].float(), whole)


def test_places_of_a_network():
    net = build(ansatz="hqconv", double=False)
    halves = [f"vertex {unit}, {half} half" for unit in "ab" for half in ("first", "second")]
    assert list(net.cores()) == halves
    assert list(net.beside_cores()) == halves
    assert len(all_ablations(net, KINDS)) == 7 * 5 + 2
    whole = build(ansatz="hqconv", hybridization=1.0, double=False)
    assert list(whole.cores())[:2] == ["vertex a, first half", "vertex a, first half, left-over channel"]
    assert whole.beside_cores() == {}
    wide = build(preset="wide", ansatz="fqconv", double=False)
    assert list(wide.cores()) == ["vertex a, input", "vertex b, input"]
    quanv = build(ansatz="hqconv", quanv=True, hybridization=0.0, double=False)
    assert next(iter(quanv.cores())) == "down level2_a, first half"


@pytest.mark.parametrize(
    "options", [{"hybridization": 1.0}, {"quanv": True}, {"preset": "wide"}, {"core": "mlp"}]
)
def test_each_ablation_changes_what_it_says_and_nothing_else(options):
    """A place's ablation alone changes the output; two at once are what the whole is made of."""
    net = build(ansatz="hqconv", double=False, **options)
    sample, timesteps = batch(net)
    with mean_outputs(net) as means, torch.no_grad():
        before = net(sample, timesteps).sample
    for ablation in all_ablations(net, ["zero", "mean"]):
        with ablated(net, ablation, means), torch.no_grad():
            assert not torch.equal(net(sample, timesteps).sample, before), ablation
    with torch.no_grad():
        assert torch.equal(net(sample, timesteps).sample, before)


def test_controls_take_the_kinds_that_apply_to_them():
    net = build(ansatz="hqconv", core="fourier", double=False)
    kinds = {ablation.kind for ablation in all_ablations(net, KINDS)}
    assert kinds == {"zero", "mean", "shuffled", "cosine"}
    with pytest.raises(UserError, match="random: this network holds no circuits; zero, mean"):
        all_ablations(net, ["random"])


def test_an_unknown_kind_is_named():
    with pytest.raises(UserError, match=r"--kinds half: allowed are zero, mean, shuffled"):
        all_ablations(Toy(1.0), ["zero", "half"])


def test_what_circuits_are_compared_with():
    where = [ablation.where for ablation in all_ablations(Toy(1.0), ["zero"])]
    assert where == [CIRCUITS, BESIDE, VERTEX]
