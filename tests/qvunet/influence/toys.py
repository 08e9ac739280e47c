"""Networks whose circuits' influence is known, and probes for them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from backends import make_backend
from qvunet.ansatz import basic_entangler
from qvunet.config.options import DiffusionSection
from qvunet.diffusion.objective import TimestepObjective
from qvunet.influence.probe import Probe
from qvunet.models.network import HybridNetwork

SHAPE = (1, 2, 2)


class Output:
    def __init__(self, sample: Tensor) -> None:
        self.sample = sample


class Toy(HybridNetwork):
    """Predicts ``linear(x) + gain * circuits(x)``; neither diffusers nor a config is asked for anything."""

    def __init__(self, gain: float, linear: float = 1.0) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.gain = gain
        self.linear = nn.Linear(4, 4)
        with torch.no_grad():
            self.linear.weight.mul_(linear)
            self.linear.bias.mul_(linear)
        self.core = make_backend("statevector").layer(basic_entangler(4, 2), num_circuits=1)

    def forward(self, sample: Tensor, timestep: Tensor, class_labels: Tensor | None = None) -> Output:
        flat = sample.flatten(1)
        circuits = self.core(flat.unsqueeze(1)).squeeze(1)
        return Output((self.linear(flat) + self.gain * circuits).view_as(sample))

    def example(self) -> tuple[Tensor, Tensor]:
        return torch.zeros(1, *SHAPE), torch.zeros(1)

    def cores(self) -> dict[str, nn.Module]:
        return {"middle": self.core}

    def beside_cores(self) -> dict[str, nn.Module]:
        return {"middle": self.linear}

    def vertex(self) -> list[nn.Module]:
        return [self.core, self.linear]


def probe(num: int = 40, num_bands: int = 4) -> Probe:
    generator = torch.Generator().manual_seed(5)
    objective = TimestepObjective(DiffusionSection(num_train_timesteps=100))
    quantiles = (
        torch.arange(num_bands).unsqueeze(1) + torch.rand(num_bands, num, generator=generator)
    ) / num_bands
    return Probe(
        objective=objective,
        clean=torch.rand(num, *SHAPE, generator=generator) * 2 - 1,
        noise=torch.randn(num_bands, num, *SHAPE, generator=generator),
        levels=objective.levels_at(quantiles),
        edges=objective.levels_at(torch.linspace(0, 1, num_bands + 1)),
        labels=None,
    )
