"""The whole config of an experiment: read, checked, changed and written.

Importing this module loads neither torch nor Qiskit.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import PositiveInt, model_validator
from pydantic import ValidationError as PydanticError

from backends.errors import UserError
from backends.options import AnyBackendOptions, Seed, StatevectorOptions
from qvunet.config.errors import describe_errors
from qvunet.config.files import parse_yaml, read_config_file, write_yaml
from qvunet.config.options import (
    KEPT_ANSATZ,
    DataOptions,
    DiffusionSection,
    DigitsOptions,
    EvaluateSection,
    ModelOptions,
    SampleSection,
    Section,
    TrainSection,
    UNetSection,
)
from qvunet.config.packaged import find_config
from qvunet.tools.kept_circuits import kept_name


class Config(Section):
    """A whole experiment."""

    seed: Seed = 0
    """Initial weights, data order, noise and timesteps of training."""
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    threads: PositiveInt | None = None
    """CPU threads of torch; null leaves its default."""
    init_from: Path | None = None
    """Run directory whose last averaged weights this run starts from; null starts afresh."""
    transfer: Literal["vertex", "circuits"] | None = None
    """What `init_from` does not give: `vertex` takes all weights but the vertex's and trains them all,
    `circuits` takes all but the circuits' and trains the circuits only."""
    data: DataOptions = DigitsOptions()
    model: ModelOptions = UNetSection()
    backend: AnyBackendOptions = StatevectorOptions()
    diffusion: DiffusionSection = DiffusionSection()
    train: TrainSection = TrainSection()
    sample: SampleSection = SampleSection()
    evaluate: EvaluateSection = EvaluateSection()

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(C, H, W) of the images."""
        return self.data.channels, self.data.image_size, self.data.image_size

    @model_validator(mode="before")
    @classmethod
    def _a_unet_where_nothing_else_is_said(cls, values: Any) -> Any:
        model = values.get("model") if isinstance(values, dict) else None
        if isinstance(model, dict) and "kind" not in model:
            return {**values, "model": {"kind": "unet", **model}}
        return values

    @model_validator(mode="after")
    def _samplers_exist(self) -> Config:
        for name, sampler in (("sample", self.sample.sampler), ("evaluate", self.evaluate.sampler)):
            if sampler == "heun" and self.model.kind == "unet":
                raise ValueError(
                    f"{name}.sampler: heun draws codes, with model.kind: latent; here ddpm, ddim or dpmpp"
                )
        if self.model.kind == "latent" and self.init_from is not None:
            raise ValueError("init_from: with model.kind: unet only; an autoencoder is reused by itself")
        return self

    @model_validator(mode="after")
    def _steps_exist(self) -> Config:
        if self.model.kind == "latent":
            return self
        limit = self.diffusion.num_train_timesteps
        for name, steps in (("sample", self.sample.steps), ("evaluate", self.evaluate.steps)):
            if steps is not None and steps > limit:
                raise ValueError(
                    f"{name}.steps: at most diffusion.num_train_timesteps ({limit}), not {steps}"
                )
        return self

    @model_validator(mode="after")
    def _transfer_has_a_source(self) -> Config:
        if (self.init_from is None) != (self.transfer is None):
            raise ValueError(
                "init_from and transfer: one needs the other; init_from is a run directory, transfer is "
                "vertex or circuits"
            )
        return self

    @model_validator(mode="after")
    def _classes_exist(self) -> Config:
        num_classes, sample = self.model.num_classes, self.sample
        if num_classes is None:
            if sample.guidance_scale != 1 or sample.classes is not None:
                key = "guidance_scale" if sample.guidance_scale != 1 else "classes"
                raise ValueError(f"sample.{key}: needs a network with classes; set model.num_classes")
        elif sample.guidance_scale != 1 and self.train.label_dropout == 0:
            raise ValueError(
                "sample.guidance_scale: needs train.label_dropout above 0, or the null class is never trained"
            )
        elif sample.classes is not None and max(sample.classes) >= num_classes:
            raise ValueError(
                f"sample.classes: with model.num_classes = {num_classes} classes are 0 to {num_classes - 1}, "
                f"not {max(sample.classes)}"
            )
        return self


RESUME_KEYS = (
    "train.steps",
    "train.learning_rate",
    "train.max_grad_norm",
    "train.adam_eps",
    "train.mixed_precision",
    "train.log_every",
    "train.checkpoint_every",
    "train.keep_checkpoints",
    "train.sample_every",
    "train.tensorboard",
    "backend",
    "device",
    "threads",
    "sample",
    "evaluate",
)
"""What may change when a run is resumed: where it runs, how long, how fast it learns, what it reports."""

SAMPLE_KEYS = ("backend", "device", "threads", "sample")
"""What may change when a trained network is sampled."""

JOBS_KEYS = ("backend",)
"""What may change when a run's jobs on hardware are looked after: which account."""

EVALUATE_KEYS = ("backend", "device", "threads", "sample.guidance_scale", "evaluate")
"""What may change when a trained network is evaluated."""


ABLATE_KEYS = ("backend", "device", "threads", "evaluate")
"""What may change when the influence of a trained network's circuits is measured."""


def load_config(path: Path | str, overrides: Iterable[str] = (), backend: str | None = None) -> Config:
    """Read a config file.

    Args:
        path: YAML file, which may extend another (see `qvunet.config.files`), or the name of a packaged
            experiment (see `qvunet.config.packaged`). A circuit that lies beside it, as in a run, need
            not be installed.
        overrides: ``"train.steps=10"``; the value is parsed as YAML. Applied last, in order.
        backend: replaces the backend section by this backend with its default options.

    Raises:
        UserError: if the file or an override is unreadable, or a key or value is not allowed.
    """
    file = find_config(Path(path))
    values = read_config_file(file)
    if backend is not None:
        values["backend"] = {"name": backend}
    for override in overrides:
        _set(values, override)
    try:
        return Config.model_validate(values, context={KEPT_ANSATZ: kept_name(file.parent)})
    except PydanticError as error:
        raise UserError(describe_errors(error, Config, str(path))) from None


def load_changed(
    path: Path, overrides: Iterable[str], backend: str | None, allowed: tuple[str, ...]
) -> Config:
    """Read a run's config with changes to it, and refuse those that would make it another run.

    Args:
        path: the run's `config.yaml`.
        overrides: as in `load_config`.
        backend: as in `load_config`.
        allowed: keys and sections that may change, such as `RESUME_KEYS`.

    Raises:
        UserError: as `load_config`, or naming the changed keys that are not allowed.
    """
    config = load_config(path, overrides, backend)
    refused = [
        key
        for key in changed_keys(load_config(path), config)
        if not any(key == prefix or key.startswith(f"{prefix}.") for prefix in allowed)
    ]
    if refused:
        raise UserError(
            f"{', '.join(refused)}: fixed by {path} when the run began; may change now: {', '.join(allowed)}"
        )
    return config


def dump_config(config: Config) -> str:
    """Write every key, defaults too, as YAML that `load_config` reads back."""
    return write_yaml(config.model_dump(mode="json"))


def changed_keys(before: Config, after: Config) -> list[str]:
    """Dotted keys whose values differ or that only one config has, sorted."""
    old, new = (_flatten(config.model_dump(mode="json")) for config in (before, after))
    return sorted(key for key in old.keys() | new.keys() if old.get(key) != new.get(key))


def _flatten(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, dict):
            flat |= _flatten(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value
    return flat


def _set(values: dict[str, Any], override: str) -> None:
    key, equals, text = (part.strip() for part in override.partition("="))
    if not equals or not all(key.split(".")):
        raise UserError(f"--set {override}: write KEY=VALUE, such as train.steps=100")
    try:
        value = parse_yaml(text)
    except yaml.YAMLError:
        raise UserError(f"--set {override}: the value is not YAML") from None
    *sections, last = key.split(".")
    for section in sections:
        if values.get(section) is None:
            values[section] = {}
        values = values[section]
        if not isinstance(values, dict):
            raise UserError(f"--set {override}: {section} is a value, not a section")
    values[last] = value
