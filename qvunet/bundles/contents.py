"""What the members of a bundle are, written and read; nothing here is unpickled or run.

- `network/`: config, averaged weights, autoencoder and a circuit of one's own, a folder like those of
  `qvunet.weights`; the config is that of the drawing, without account and instance.
- `circuits/DIGEST.qpy`, `.qasm`, `.json`: what jobs were sent with (`backends.records.sent.Sent`).
- `jobs/NAME.json`: a `backends.records.journal.Record`; `jobs/NAME.safetensors`: its ``parameters``,
  ``submitted`` (parameter values of the circuit that was submitted), and as the device answered ``values``
  and ``stds``.
- `picture/`: `grid.png` and every image.
- `environment.json`: versions where the bundle was made.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from pydantic import TypeAdapter
from qiskit import qasm3
from safetensors.numpy import load, save

from backends.circuits.stored import from_qpy
from backends.errors import ExecutionError, UserError
from backends.records.journal import Journal, Record
from backends.records.sent import Sent
from qvunet.ansatz.keeping import is_kept
from qvunet.config import Config, dump_config
from qvunet.config.files import parse_yaml
from qvunet.config.options import KEPT_ANSATZ
from qvunet.runs.directory import RunDirectory
from qvunet.runs.environment import describe_environment
from qvunet.runs.named import lay_out
from qvunet.tools.kept_circuits import ANSATZ_FILE, CIRCUIT_FOLDER, QPY_FILE
from qvunet.weights.finding import NETWORK

ENVIRONMENT = "environment.json"

MAX_REASON = 200
"""Characters of what a library says of a damaged member."""

_CONFIG = "network/config.yaml"
_NETWORK = (_CONFIG, *(f"network/{file}" for file in NETWORK))
_AUTOENCODER = tuple(f"network/autoencoder/{file}" for file in NETWORK)
_CIRCUIT = tuple(f"network/{CIRCUIT_FOLDER}/{file}" for file in (QPY_FILE, ANSATZ_FILE))
_ARRAYS = {"parameters", "submitted", "values", "stds"}
_OTHERS = re.compile(
    r"circuits/[0-9a-f]{16}\.(qpy|qasm|json)|jobs/[a-z0-9_]+\.(json|safetensors)|picture/(grid|\d{4,})\.png"
)


@dataclass(frozen=True)
class Bundle:
    """What can be read from the members of a bundle.

    Attributes:
        config: of the drawing.
        environment: versions where it was made.
        journal: its jobs, in memory.
        pictures: PNG files by name, `grid.png` among them.
        qasm: OpenQASM 3 by the digest of what was sent.
        network: members of `network/`.
    """

    config: Config
    environment: dict[str, Any]
    journal: Journal
    pictures: dict[str, bytes]
    qasm: dict[str, str]
    network: dict[str, bytes]

    def lay_out(self, directory: Path) -> tuple[RunDirectory, Path]:
        """Make a run of the network in an empty directory; gives it and its checkpoint."""
        for name, content in self.network.items():  # names that `read_bundle` knows, and no others
            file = directory / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        run = RunDirectory(directory / "run")
        return run, lay_out(directory / "network", run)


def picture_names(config: Config) -> list[str]:
    """The files of a drawing's pictures."""
    return ["grid.png", *(f"{number:04d}.png" for number in range(config.sample.num))]


def members_of(
    config: Config, run: RunDirectory, checkpoint: Path, journal: Journal, pictures: Path
) -> dict[str, bytes]:
    """The members for a drawing.

    Args:
        config: of the drawing.
        run: its run.
        checkpoint: whose averaged weights drew.
        journal: that has answered all the drawing asked.
        pictures: directory of its pictures.

    Raises:
        UserError: if a job is older than what the journal must know of it.
    """
    anonymous = config.backend.model_copy(update={"account": None, "instance": None})
    members = {
        ENVIRONMENT: (json.dumps(describe_environment(), indent=2) + "\n").encode(),
        _CONFIG: dump_config(config.model_copy(update={"backend": anonymous})).encode(),
    }
    members |= {f"network/{file}": (checkpoint / "ema" / file).read_bytes() for file in NETWORK}
    for name in _parts(config):
        members[name] = (run.path / name.removeprefix("network/")).read_bytes()
    for record in journal.answered:
        sent = journal.sent(record)
        stem = f"circuits/{sent.digest}"
        if f"{stem}.qpy" not in members:
            text = qasm3.dumps(from_qpy(sent.qpy))
            members |= {f"{stem}.qpy": sent.qpy, f"{stem}.json": sent.facts, f"{stem}.qasm": text.encode()}
        arrays = {key: np.ascontiguousarray(array) for key, array in journal.arrays(record).items()}
        members[f"jobs/{record.name}.json"] = (
            json.dumps(dataclasses.asdict(record), indent=2) + "\n"
        ).encode()
        members[f"jobs/{record.name}.safetensors"] = save(arrays)
    return members | {f"picture/{name}": (pictures / name).read_bytes() for name in picture_names(config)}


def read_bundle(members: Mapping[str, bytes]) -> Bundle:
    """Read members, whose digests have been checked.

    Raises:
        ExecutionError: if one is not what a bundle holds.
        UserError: if the Qiskit that is installed does not read a circuit.
    """
    config = _read(_CONFIG, lambda: _config(members[_CONFIG].decode()))
    if config.sample.num > len(members):  # however many it claims
        raise ExecutionError("picture/: fewer images than the config says")
    expected = {*_NETWORK, *_parts(config), ENVIRONMENT}
    expected |= {f"picture/{name}" for name in picture_names(config)}
    if missing := sorted(expected - members.keys()):
        raise ExecutionError(f"{missing[0]}: missing")
    others = [name for name in members if name not in expected]
    for name in others:
        if not _OTHERS.fullmatch(name) or name.startswith("picture/"):
            raise ExecutionError(f"{name}: not what a bundle holds")
    sent = {digest: _sent(members, digest) for digest in _stems(others, "circuits")}
    journal = Journal()
    for name in _stems(others, "jobs"):
        _read(f"jobs/{name}", lambda name=name: _restore(journal, members, name, sent))
    if unused := sorted(sent.keys() - {record.sent for record in journal.records}):
        raise ExecutionError(f"circuits/{unused[0]}.qpy: no job was sent with it")
    return Bundle(
        config,
        _read(ENVIRONMENT, lambda: dict(json.loads(members[ENVIRONMENT]))),
        journal,
        {name.removeprefix("picture/"): members[name] for name in expected if name.startswith("picture/")},
        {digest: members[f"circuits/{digest}.qasm"].decode() for digest in sent},
        {name: members[name] for name in expected if name.startswith("network/")},
    )


def _parts(config: Config) -> list[str]:
    """Members of `network/` that not every network has."""
    autoencoder = _AUTOENCODER if config.model.kind == "latent" else ()
    return [*autoencoder, *(_CIRCUIT if is_kept(config.model.ansatz) else ())]


def _config(text: str) -> Config:
    if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text)):  # a few can make gigabytes
        raise ValueError("it holds an alias")
    values = parse_yaml(text)
    # The name of a circuit that lies beside the config is not looked up, which would import a function.
    config = Config.model_validate(values, context={KEPT_ANSATZ: values["model"]["ansatz"]})
    if config.backend.name != "ibm_runtime":
        raise ValueError(f"the backend is {config.backend.name}")
    return config


def _stems(names: list[str], folder: str) -> list[str]:
    return sorted({Path(name).stem for name in names if name.startswith(f"{folder}/")})


def _sent(members: Mapping[str, bytes], digest: str) -> Sent:
    stem = f"circuits/{digest}"
    for suffix in ("qpy", "json", "qasm"):
        if f"{stem}.{suffix}" not in members:
            raise ExecutionError(f"{stem}.{suffix}: missing")
    sent = Sent(members[f"{stem}.qpy"], members[f"{stem}.json"])
    if sent.digest != digest:
        raise ExecutionError(f"{stem}.qpy: its name is not its digest")
    _read(f"{stem}.qpy", lambda: from_qpy(sent.qpy))
    return sent


def _restore(journal: Journal, members: Mapping[str, bytes], name: str, sent: Mapping[str, Sent]) -> None:
    record = TypeAdapter(Record).validate_json(members[f"jobs/{name}.json"])
    arrays = load(members[f"jobs/{name}.safetensors"])
    rows, observables = len(arrays["parameters"]), len(arrays["values"])
    shapes = {key: arrays[key].shape for key in _ARRAYS}
    if (
        arrays.keys() != _ARRAYS
        or any(array.dtype != np.float64 or array.ndim != 2 for array in arrays.values())
        or not all(np.isfinite(arrays[key]).all() for key in ("parameters", "submitted", "values"))
        or len(arrays["submitted"]) != rows
        or not shapes["values"] == shapes["stds"] == (observables, rows)
        or (record.name, record.status) != (name, "done")
    ):
        raise ValueError("its arrays do not fit each other")
    journal.restore(record, arrays, sent[record.sent])


def _read(name: str, action: Any) -> Any:
    """The value of a function that reads a member, whatever it may hold."""
    try:
        return action()
    except UserError as error:
        raise UserError(f"{name}: {error}") from None
    except Exception as error:
        raise ExecutionError(f"{name}: cannot be read ({one_line(error)})") from None


def one_line(error: Exception) -> str:
    """An error and what it says, which may be long."""
    text = printable(" ".join(f"{type(error).__name__}: {error}".split()))
    return text if len(text) <= MAX_REASON else f"{text[:MAX_REASON]} ..."


def printable(text: str) -> str:
    """A stranger's text without line ends and whatever else a terminal would obey."""
    return "".join(each if each.isprintable() else "?" for each in text)
