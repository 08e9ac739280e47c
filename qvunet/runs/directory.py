"""The run directory: what a training run leaves behind, and who may write to it.

It holds `config.yaml` (every key), `environment.json`, `metrics.jsonl`, `checkpoints/`, `samples/`,
`loss_curve.png`, the `autoencoder/` of a latent run, the `circuit/` where it is none of this package's,
`transfer.json` if it started from another run, `evaluation/` and, where circuits ran on hardware, `jobs/`.
Nothing in it is a pickle, and no credential is written to it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from backends.errors import UserError
from qvunet.config import Config, dump_config
from qvunet.runs.environment import describe_environment
from qvunet.tools.files import write_text
from qvunet.tools.kept_circuits import CIRCUIT_FOLDER


class RunDirectory:
    """Paths of a run, its lock, its records.

    Args:
        path: the directory; nothing is created or read yet.
    """

    def __init__(self, path: Path):
        self.path = path
        self.config_file = path / "config.yaml"
        self.environment_file = path / "environment.json"
        self.transfer_file = path / "transfer.json"
        self.metrics_file = path / "metrics.jsonl"
        self.checkpoints = path / "checkpoints"
        self.samples = path / "samples"
        self.jobs = path / "jobs"
        self.evaluation = path / "evaluation"
        self.loss_curve = path / "loss_curve.png"
        self.autoencoder = path / "autoencoder"
        self.circuit = path / CIRCUIT_FOLDER

    def sample_grid(self, step: int) -> Path:
        """Where the grid drawn after a training step goes."""
        return self.samples / f"step_{step:06d}.png"

    def require_new(self) -> None:
        """Check that a new run can begin here.

        Raises:
            UserError: if the directory holds a run or anything else.
        """
        if self.config_file.is_file():
            raise UserError(
                f"{self.path}: holds a run; continue it with --resume or choose another --run-dir"
            )
        if self.path.exists() and not self.path.is_dir():
            raise UserError(f"{self.path}: a file, not a directory; choose another --run-dir")
        if self.path.exists() and any(not entry.name.startswith(".lock") for entry in self.path.iterdir()):
            raise UserError(f"{self.path}: neither empty nor a run directory; choose another --run-dir")

    def require_run(self) -> None:
        """Check that a run is here.

        Raises:
            UserError: if the directory does not exist or holds no `config.yaml`.
        """
        if not self.config_file.is_file():
            reason = "no config.yaml in it" if self.path.is_dir() else "no such directory"
            raise UserError(f"{self.path}: not a run directory ({reason}); `qvunet train` makes one")

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from training in this directory, which is created.

        The operating system holds the lock for as long as the process lives, so a killed run leaves none
        behind; the process number beside it only serves the message.

        Raises:
            UserError: if another process trains here.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        pid_file = self.path / ".lock.pid"
        try:
            with FileLock(self.path / ".lock", timeout=0):
                pid_file.write_text(str(os.getpid()))
                try:
                    yield
                finally:
                    pid_file.unlink()
        except Timeout:
            holder = pid_file.read_text() if pid_file.exists() else "unknown"
            raise UserError(f"{self.path}: in use by a training run (process {holder})") from None

    def write_config(self, config: Config) -> None:
        """Write the resolved config."""
        write_text(self.config_file, dump_config(config))

    def record_environment(self, config: Config, step: int) -> None:
        """Write `environment.json`, or add to it when a run is resumed, perhaps on another machine.

        Args:
            config: the config of this session.
            step: training step that this session starts from.
        """
        environment = {"seed": config.seed, "from_step": step, **describe_environment()}
        if self.environment_file.exists():
            first = json.loads(self.environment_file.read_text(encoding="utf-8"))
            environment = {**first, "resumed": [*first.get("resumed", []), environment]}
        write_text(self.environment_file, json.dumps(environment, indent=2) + "\n")

    def record_transfer(self, transfer: dict[str, Any]) -> None:
        """Write `transfer.json`: which weights came from another run, and what becomes of them."""
        write_text(self.transfer_file, json.dumps(transfer, indent=2) + "\n")

    def log_metrics(self, metrics: dict[str, Any]) -> None:
        """Append one line to `metrics.jsonl`."""
        with open(self.metrics_file, "a", encoding="utf-8") as file:
            file.write(json.dumps(metrics) + "\n")

    def read_metrics(self) -> list[dict[str, Any]]:
        """All lines of `metrics.jsonl` but one that a killed run left unfinished.

        Raises:
            UserError: if a line is damaged.
        """
        if not self.metrics_file.exists():
            return []
        *lines, _ = self.metrics_file.read_text(encoding="utf-8").split("\n")
        try:
            return [json.loads(line) for line in lines]
        except json.JSONDecodeError as error:
            raise UserError(f"{self.metrics_file}: damaged, {error.doc!r} is not JSON") from None

    def rewind_metrics(self, step: int) -> None:
        """Forget the metrics of steps after `step`, which a resumed run will compute again."""
        kept = [line for line in self.read_metrics() if line["step"] <= step]
        write_text(self.metrics_file, "".join(json.dumps(line) + "\n" for line in kept))
