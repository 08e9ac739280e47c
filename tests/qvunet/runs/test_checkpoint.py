from __future__ import annotations

from pathlib import Path

import pytest
import torch

from backends.errors import UserError
from qvunet import QVUNet
from qvunet.config import Config
from qvunet.runs.checkpoint import (
    Progress,
    TrainingState,
    latest_checkpoint,
    list_checkpoints,
    load_weights,
    restore_checkpoint,
    save_checkpoint,
)
from qvunet.tasks import make_task
from qvunet.tools.adam import Adam
from qvunet.tools.averaging import WeightAverage


def make_state(config: Config, updates: int = 0) -> TrainingState:
    model = make_task(config).network()
    circuits = {name: layer.weight.detach().clone() for name, layer in model.circuit_layers().items()}
    state = TrainingState(
        model,
        WeightAverage(list(model.parameters()), decay=0.9),
        Adam(model.parameters()),
        circuits,
        Progress(),
    )
    for step in range(updates):
        for number, parameter in enumerate(model.parameters()):
            parameter.grad = torch.full_like(parameter, 0.1 * (number + step + 1))
        state.optimizer.step()
        state.ema.update()
        state.progress = Progress(step + 1, 1.5 * (step + 1))
    return state


@pytest.fixture
def saved(tiny, tmp_path) -> tuple[TrainingState, Path]:
    state = make_state(tiny, updates=3)
    return state, save_checkpoint(tmp_path / "checkpoints", state, tiny, keep=2)


def weights(state: TrainingState) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in state.model.state_dict().items()}


def assert_equal(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> None:
    assert first.keys() == second.keys()
    assert [name for name in first if not torch.equal(first[name], second[name])] == []


def test_restoring_continues_exactly(tiny, saved):
    state, path = saved
    restored = make_state(tiny.model_copy(update={"seed": 9}))
    restore_checkpoint(path, restored)
    assert restored.progress == Progress(3, 4.5)
    assert_equal(restored.initial_circuits, state.initial_circuits)
    for s in (state, restored):
        for parameter in s.model.parameters():
            parameter.grad = torch.full_like(parameter, 0.7)
        s.optimizer.step()
        s.ema.update()
    assert_equal(weights(state), weights(restored))
    for mine, theirs in zip(state.ema.average, restored.ema.average, strict=True):
        assert torch.equal(mine, theirs)


def test_the_initial_circuits_are_those_before_training(saved):
    state, _ = saved
    for name, layer in state.model.circuit_layers().items():
        assert not torch.equal(layer.weight, state.initial_circuits[name])


def test_both_weight_sets_are_models_that_from_pretrained_loads(saved):
    state, path = saved
    model = QVUNet.from_pretrained(path / "model")
    assert_equal(dict(model.state_dict()), weights(state))
    average = QVUNet.from_pretrained(path / "ema")
    for parameter, shadow in zip(average.parameters(), state.ema.average, strict=True):
        assert torch.equal(parameter, shadow)
    assert not torch.equal(next(average.parameters()), next(model.parameters()))


def test_the_average_is_borrowed_and_given_back(saved):
    state, _ = saved
    before = weights(state)
    with state.ema.in_use():
        assert torch.equal(next(state.model.parameters()), state.ema.average[0])
    assert_equal(before, weights(state))


def test_a_classical_network_has_checkpoints_too(tiny, tmp_path):
    config = tiny.model_copy(update={"model": tiny.model.model_copy(update={"ansatz": None})})
    state = make_state(config, updates=1)
    path = save_checkpoint(tmp_path, state, config, keep=1)
    restored = make_state(config)
    restore_checkpoint(path, restored)
    assert_equal(weights(state), weights(restored))
    assert restored.initial_circuits == {}


def test_only_the_newest_are_kept_and_leftovers_go(tiny, saved):
    state, path = saved
    directory = path.parent
    (directory / ".step_000004.123.tmp").mkdir()
    for step in (4, 1_000_000, 5):
        state.progress = Progress(step, 1.0)
        save_checkpoint(directory, state, tiny, keep=2)
    assert [p.name for p in list_checkpoints(directory)] == ["step_000005", "step_1000000"]
    assert latest_checkpoint(directory).name == "step_1000000"
    assert len(list(directory.iterdir())) == 2


def test_a_failed_save_leaves_no_checkpoint(tiny, tmp_path, monkeypatch):
    state = make_state(tiny, updates=1)
    monkeypatch.setattr("qvunet.runs.checkpoint.dump_config", lambda config: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        save_checkpoint(tmp_path / "checkpoints", state, tiny, keep=1)
    assert list((tmp_path / "checkpoints").iterdir()) == []


def test_no_checkpoint_is_said(tmp_path):
    assert list_checkpoints(tmp_path / "none") == []
    with pytest.raises(UserError, match="no checkpoint yet"):
        latest_checkpoint(tmp_path)


@pytest.mark.parametrize(
    "name",
    [
        "model/diffusion_pytorch_model.safetensors",
        "ema/diffusion_pytorch_model.safetensors",
        "optimizer.safetensors",
        "initial_circuits.safetensors",
        "state.json",
    ],
)
@pytest.mark.parametrize("damage", ["cut", "missing"])
def test_damage_is_refused_by_file_name(tiny, saved, name, damage):
    file = saved[1] / name
    if damage == "cut":
        file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    else:
        file.unlink()
    with pytest.raises(UserError, match=rf"{file}: missing or damaged"):
        restore_checkpoint(saved[1], make_state(tiny))


def test_weights_of_another_network_are_refused(tiny, saved):
    other = tiny.model_copy(update={"model": tiny.model.model_copy(update={"num_layers": 2})})
    with pytest.raises(UserError, match="does not fit this network"):
        load_weights(saved[1] / "ema", make_task(other).network())
