"""A trained run in the form in which networks come with the package: a small folder (`qvunet.weights`)."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from qvunet.cards.card import write_card
from qvunet.cards.measured import measured
from qvunet.config import dump_config, load_config
from qvunet.runs.checkpoint import latest_checkpoint, load_weights
from qvunet.runs.directory import RunDirectory
from qvunet.tasks import make_task
from qvunet.tools.files import replacing
from qvunet.weights.finding import CARD, NETWORK


def pack(run: RunDirectory, parent: Path) -> Path:
    """Write the folder of a run's newest averaged weights, in float16, with its card.

    Args:
        run: trained, evaluated, and, if it has circuits, ablated.
        parent: where the folder goes, under the name of the run's own; one that is there is replaced.

    Returns:
        The folder.

    Raises:
        UserError: if the run has no checkpoint or has not been measured.
    """
    config = load_config(run.config_file)
    config = config.model_copy(update={"device": "auto", "threads": None})  # the machine's, not the network's
    checkpoint = latest_checkpoint(run.checkpoints)
    model = make_task(config, run).network()
    load_weights(checkpoint / "ema", model)
    figures = measured(run, has_circuits=bool(model.circuit_layers()))
    folder = parent / run.path.resolve().name
    with replacing(folder) as temporary:
        _copy_halved(checkpoint / "ema", temporary)
        if run.autoencoder.is_dir():
            _copy_halved(run.autoencoder, temporary / run.autoencoder.name)
        if run.circuit.is_dir():
            shutil.copytree(run.circuit, temporary / run.circuit.name)
        (temporary / run.config_file.name).write_text(dump_config(config), encoding="utf-8")
        (temporary / "figures.json").write_text(_small_json(figures) + "\n", encoding="utf-8")
        step = int(checkpoint.name.removeprefix("step_"))
        with Image.open(run.sample_grid(step)) as grid:
            drawn = grid.convert("L") if config.data.channels == 1 else grid
            drawn.save(temporary / "samples.png", optimize=True)
        card = write_card(folder.name, config, model, figures)
        (temporary / CARD).write_text(card, encoding="utf-8")
    return folder


def _small_json(figures: dict[str, Any]) -> str:
    """Without spaces, and with numbers of six digits, of which intervals leave two or three certain."""
    rounded = json.loads(json.dumps(figures), parse_float=lambda text: float(f"{float(text):.6g}"))
    return json.dumps(rounded, separators=(",", ":"))


def _copy_halved(source: Path, target: Path) -> None:
    """Copy what `save_pretrained` wrote, with its numbers in float16; counters stay whole numbers."""
    target.mkdir(parents=True)
    shutil.copyfile(source / NETWORK[0], target / NETWORK[0])
    tensors = {
        name: tensor.to(torch.float16) if tensor.is_floating_point() else tensor
        for name, tensor in load_file(source / NETWORK[1]).items()
    }
    save_file(tensors, target / NETWORK[1], metadata={"format": "pt"})
