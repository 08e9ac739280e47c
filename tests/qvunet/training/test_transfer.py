from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from backends.errors import UserError
from qvunet import QVUNet
from qvunet.config import Config
from qvunet.runs.checkpoint import list_checkpoints
from qvunet.runs.directory import RunDirectory
from qvunet.tasks import make_task
from qvunet.training.trainer import train
from qvunet.training.transfer import Transfer, apply_transfer
from tests.qvunet.conftest import TINY

WEIGHTS = "diffusion_pytorch_model.safetensors"


def tiny_config(init_from: Path | None = None, transfer: str | None = None, **sections: dict) -> Config:
    values = {**TINY, "init_from": init_from, "transfer": transfer}
    return Config.model_validate(values | {key: {**TINY[key], **update} for key, update in sections.items()})


def saved(run: RunDirectory, part: str, step: int = -1) -> dict[str, Tensor]:
    return load_file(list_checkpoints(run.checkpoints)[step] / part / WEIGHTS)


@pytest.fixture(scope="module")
def classical(tmp_path_factory) -> RunDirectory:
    run = RunDirectory(tmp_path_factory.mktemp("classical") / "run")
    train(tiny_config(model={"ansatz": None}, train={"steps": 3}), run)
    return run


def transferred(run: RunDirectory, mode: str, **model) -> tuple[QVUNet, QVUNet, Transfer]:
    """The network after a transfer, the same without it, and the record."""
    config = tiny_config(run.path, mode, model=model)
    net = make_task(config).network()
    record = apply_transfer(net, config, load=True)
    assert record is not None
    return net, make_task(config).network(), record


def test_vertex_takes_the_averaged_weights_of_all_but_the_vertex(classical):
    net, untouched, record = transferred(classical, "vertex", ansatz="hqconv", hybridization=1.0)
    average, last = saved(classical, "ema"), saved(classical, "model")
    assert not torch.equal(average["unet.stem.weight"], last["unet.stem.weight"])
    fresh = untouched.state_dict()
    for name, tensor in net.state_dict().items():
        in_vertex = name.startswith("unet.vertex.")
        assert torch.equal(tensor, fresh[name] if in_vertex else average[name]), name
        assert (name in record.fresh) == in_vertex
        assert (name in record.loaded) != in_vertex
    assert record.frozen == record.cut == []
    assert set(record.trained) == set(fresh)
    assert all(name.startswith("unet.vertex.") for name in record.unused)


def test_circuits_takes_the_vertex_too_and_freezes_what_it_takes(classical):
    net, untouched, record = transferred(classical, "circuits", ansatz="hqconv")
    average, fresh = saved(classical, "ema"), untouched.state_dict()
    circuits = {f"{name}.weight" for name in net.circuit_layers()}
    assert set(record.trained) == set(record.fresh) == circuits
    assert set(record.frozen) == set(record.loaded) == fresh.keys() - circuits
    assert {name for name, parameter in net.named_parameters() if parameter.requires_grad} == circuits
    for name, tensor in net.state_dict().items():
        if name in circuits:
            assert torch.equal(tensor, fresh[name])
        elif name not in record.cut:
            assert torch.equal(tensor, average[name])
    place = "unet.vertex.b.unit.mixer2"
    assert f"{place}.parts.1.weight" in record.cut
    weight, bias = (net.state_dict()[f"{place}.parts.1.{leaf}"] for leaf in ("weight", "bias"))
    assert torch.equal(weight, average[f"{place}.weight"][3:, 3:])
    assert torch.equal(bias, average[f"{place}.bias"][3:])


@pytest.mark.parametrize("mode", ["vertex", "circuits"])
def test_encoder_circuits_from_a_classical_run(classical, mode):
    net, _, record = transferred(classical, mode, ansatz="fqconv", quanv=True, hybridization=0.0)
    places = [f"unet.down.level2_{unit}.unit.mixer{half}" for unit in "ab" for half in (1, 2)]
    beside = {f"{place}.parts.1.{leaf}" for place in places for leaf in ("weight", "bias")}
    circuits = {f"{name}.weight" for name in net.circuit_layers()}
    assert circuits == {f"{place}.parts.0.core.weight" for place in places}
    outside = {name for name in record.fresh if not name.startswith("unet.vertex.")}
    if mode == "vertex":
        assert outside == circuits | beside
        named = next(line for line in record.lines(net) if "outside the vertex" in line)
        assert all(name in named for name in beside)
    else:
        assert outside == set(record.trained) == circuits
        assert set(record.cut) == beside


def test_a_hybrid_run_gives_its_own_convolutions(tmp_path):
    run = RunDirectory(tmp_path / "run")
    train(tiny_config(model={"ansatz": "hqconv"}, train={"steps": 1}), run)
    net, _, record = transferred(run, "circuits", ansatz="fqconv")
    assert record.cut == []
    assert set(record.fresh) == {f"{name}.weight" for name in net.circuit_layers()}


def test_the_lines_count_values_by_part(classical):
    net, _, record = transferred(classical, "circuits", ansatz="hqconv")
    text = "\n".join(record.lines(net))
    stem = net.unet.stem.weight.numel() + net.unet.stem.bias.numel()
    assert f"circuits, from {classical.path}" in text
    assert f"unet.stem       {stem} loaded, {stem} frozen" in text
    assert "circuits        112 fresh, 112 trained" in text


@pytest.fixture(scope="module")
def frozen_run(classical, tmp_path_factory) -> tuple[RunDirectory, Config]:
    run = RunDirectory(tmp_path_factory.mktemp("frozen") / "run")
    config = tiny_config(classical.path, "circuits", train={"adam_eps": 1e-20, "keep_checkpoints": 9})
    train(config, run)
    return run, config


@pytest.mark.parametrize("part", ["model", "ema"])
def test_training_moves_the_circuits_and_nothing_else(classical, frozen_run, part):
    run, _ = frozen_run
    record = json.loads(run.transfer_file.read_text())
    first, last = saved(run, part, 0), saved(run, part)
    assert {name for name in first if torch.equal(first[name], last[name])} == set(record["frozen"])
    average, whole = saved(classical, "ema"), set(record["loaded"]) - set(record["cut"])
    assert [name for name in whole if not torch.equal(last[name], average[name])] == []


def test_the_optimizer_knows_the_circuits_alone(frozen_run):
    run, _ = frozen_run
    record = json.loads(run.transfer_file.read_text())
    file = list_checkpoints(run.checkpoints)[-1] / "optimizer.safetensors"
    assert {name.rpartition("/")[0] for name in load_file(file)} == set(record["trained"])


def test_the_record_and_the_screen_tell_the_same(classical, tmp_path, capsys):
    run = RunDirectory(tmp_path / "run")
    config = tiny_config(classical.path, "vertex", train={"steps": 1})
    train(config, run)
    record = json.loads(run.transfer_file.read_text())
    assert record["source"].startswith(str(classical.path))
    assert (record["mode"], record["frozen"]) == ("vertex", [])
    assert f"transfer     vertex, from {record['source']}" in capsys.readouterr().out


@pytest.mark.parametrize("mode", ["vertex", "circuits"])
def test_resuming_needs_no_source_and_continues_exactly(classical, frozen_run, tmp_path, mode):
    source = RunDirectory(tmp_path / "source")
    shutil.copytree(classical.path, source.path)
    resumed, whole = RunDirectory(tmp_path / "resumed"), RunDirectory(tmp_path / "whole")
    config = tiny_config(source.path, mode, train={"adam_eps": 1e-20, "steps": 2})
    longer = config.model_copy(update={"train": config.train.model_copy(update={"steps": 4})})
    if mode == "vertex":
        train(longer, whole)
    else:
        whole = frozen_run[0]
    train(config, resumed)
    record = resumed.transfer_file.read_text()
    shutil.rmtree(source.path)
    train(longer, resumed, resume=True)
    assert resumed.transfer_file.read_text() == record
    for part in ("model", "ema"):
        mine, theirs = saved(resumed, part), saved(whole, part)
        assert [name for name in mine if not torch.equal(mine[name], theirs[name])] == []


def test_what_does_not_fit_is_named(classical):
    config = tiny_config(classical.path, "vertex", data={"channels": 3})
    with pytest.raises(UserError) as caught:
        apply_transfer(make_task(config).network(), config, load=True)
    assert "unet.stem.weight is (10, 3, 7, 7) here, (10, 1, 7, 7) there" in str(caught.value)
    config = tiny_config(classical.path, "vertex", model={"num_classes": 10})
    with pytest.raises(UserError, match=r"class_embedding\.weight is \(11, 40\) here, missing there"):
        apply_transfer(make_task(config).network(), config, load=True)
    with pytest.raises(UserError, match=r"init_from: .*unet\.stem\.weight .* and \d+ more"):
        transferred(classical, "vertex", preset="wide", ansatz="hqconv")


def test_a_source_that_is_no_run_is_named_before_anything_is_written(tmp_path):
    run = RunDirectory(tmp_path / "run")
    with pytest.raises(UserError, match=r"init_from: .*none is not a run directory"):
        train(tiny_config(tmp_path / "none", "vertex"), run)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"init_from: .*empty.*no checkpoint yet"):
        train(tiny_config(tmp_path / "empty", "vertex"), run)
    assert not run.path.exists()


def test_circuits_needs_circuits(classical):
    with pytest.raises(UserError, match="transfer: circuits trains circuits, and this network has none"):
        transferred(classical, "circuits", ansatz=None)
