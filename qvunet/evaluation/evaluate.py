"""`qvunet evaluate`: draw images from a run and say how far they are from held-out ones.

One pipeline for generated and real images: uint8 from 0 to 255 (generated ones rounded from [-1, 1]), one
feature network, equal numbers. docs/evaluation.md explains the figures.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from backends.errors import UserError
from qvunet.config import Config
from qvunet.config.options import EvaluateSection
from qvunet.costs.hardware import Consent, approve, recording, sampling_plan
from qvunet.data import Dataset, load_data
from qvunet.evaluation.intervals import Estimate
from qvunet.evaluation.metrics import METRICS
from qvunet.evaluation.reference import Reference, choose_reference
from qvunet.generation.stored_samples import count_stored_samples, draw_stored_samples, samples_directory
from qvunet.recognition import classifier, inception
from qvunet.recognition.features import FeatureNetwork, require_pixels
from qvunet.runs.checkpoint import latest_checkpoint
from qvunet.runs.device import prepare_torch
from qvunet.runs.directory import RunDirectory
from qvunet.runs.environment import describe_environment
from qvunet.tasks import make_task
from qvunet.tasks.trained import load_trained
from qvunet.tools.files import write_text
from qvunet.tools.progress import ProgressReporter
from qvunet.tools.workers import HERE, Workers

NUM_FEATURES = {"classifier": classifier.NUM_FEATURES, "inception": inception.NUM_FEATURES}
"""Of each feature network, known before it is loaded."""


@dataclass(frozen=True)
class Figure:
    """One metric.

    Attributes:
        estimate: of the generated images against held-out ones.
        floor: of as many training images against the same held-out ones: what real images get.
        copies: of the same training images as the decoder of a latent run returns them: what the best
            denoiser would get. None where images are drawn as they are.
    """

    estimate: Estimate
    floor: float
    copies: float | None = None


@dataclass(frozen=True)
class Evaluation:
    """Figures of a run, with all that they depend on.

    Attributes:
        figures: by name of the metric.
        num: images on each side.
        features: the feature network, and what is known of it.
        checkpoint_step: training step of the weights.
        sampler: that drew the images.
        steps: its denoising steps.
        seed: of the images drawn.
        backend: that ran the circuits.
        shots: of each circuit; None where expectations are exact or there is no circuit.
        options: the config's sections `data`, `backend`, `sample` and `evaluate`.
        environment: versions, commit, platform.
        samples: where the images are.
        file: where this is, as JSON.
    """

    figures: dict[str, Figure]
    num: int
    features: dict[str, Any]
    checkpoint_step: int
    sampler: str
    steps: int
    seed: int
    backend: str
    shots: int | None
    options: dict[str, Any]
    environment: dict[str, Any]
    samples: Path
    file: Path

    def as_dict(self) -> dict[str, Any]:
        """The evaluation for JSON, each figure as ``{"value", "low", "high", "floor"}`` under its name.

        Latent runs have ``"copies"`` too.
        """
        figures = {name: _figure(each) for name, each in self.figures.items()}
        rest = {key: value for key, value in vars(self).items() if key not in ("figures", "file")}
        return {**figures, **rest, "samples": str(self.samples)}

    def lines(self) -> list[str]:
        """The evaluation for a person."""
        shots = f"{self.shots:,} shots" if self.shots else "exact"
        accuracy = self.features.get("accuracy")
        known = f", {accuracy:.1%} of held-out images classified right" if accuracy is not None else ""
        rows = [
            f"{METRICS[name].label:<12} {each.estimate.value:>9.4f}  "
            f"{each.estimate.low:>9.4f} to {each.estimate.high:<9.4f}  {each.floor:>9.4f}   "
            f"{'' if each.copies is None else f'{each.copies:>9.4f}   '}{METRICS[name].better} is better"
            for name, each in self.figures.items()
        ]
        latent = any(each.copies is not None for each in self.figures.values())
        return [
            f"images       {self.num:,} drawn, {self.num:,} held-out ones",
            f"drawn        at training step {self.checkpoint_step}, {self.sampler}, {self.steps} steps, "
            f"seed {self.seed}, {self.backend}, {shots}",
            f"features     {self.features['name']}{known}",
            f"{'':<12} {'value':>9}  {'95 % interval':^22}  {'real':>9}" + f"   {'copies':>9}" * latent,
            *rows,
            "real         the figures of as many real images, in place of the generated ones",
            *["copies       the same of these images as the autoencoder returns them"] * latent,
            f"evaluation   {self.file}",
        ]


def evaluate(
    config: Config,
    run: RunDirectory,
    out: Path | None = None,
    consent: Consent | None = None,
    workers: Workers = HERE,
) -> Evaluation | None:
    """Evaluate a run's newest averaged weights, and write the figures as JSON.

    Images are stored batch by batch in the run's `evaluation/`; when the same evaluation is started again,
    only what is missing is drawn.

    Args:
        config: the run's config, with what may change for evaluation (`EVALUATE_KEYS`) changed.
        run: a run with a checkpoint.
        out: the JSON file; by default one beside the images.
        consent: to jobs on hardware; by default none has been given.
        workers: draw the images, batch by batch; not on hardware.

    Returns:
        None if the user wanted no more than an estimate, or did not agree to it.

    Raises:
        UserError: if the run has no checkpoint, there are too few images for a metric, features are not to
            be had, or `out` is a directory; or as `approve` does.
        ExecutionError: if hardware fails.
    """
    checkpoint = latest_checkpoint(run.checkpoints)
    if config.backend.name == "ibm_runtime" and not workers.here:
        raise UserError("backend: jobs on hardware are submitted by one process, which records them")
    if out is not None and out.is_dir():
        raise UserError(f"--out {out}: a directory, not a file")
    options = config.evaluate
    dataset = load_data(config.data)
    reference = choose_reference(dataset, options.num, options.metric_seed)
    require_enough_images(options, len(reference.heldout))
    config = _with_drawing(config, len(reference.heldout))
    task = make_task(config, run)
    model = load_trained(task, checkpoint)
    plan = sampling_plan(model, task, run.jobs, checkpoint.name)
    if not approve(plan, consent or Consent()):
        return None
    network = make_feature_network(options, dataset, reference)
    directory = samples_directory(task, checkpoint, run.evaluation)
    stored = count_stored_samples(config, directory)
    with recording(plan), ProgressReporter("sampling", config.sample.num, "images", done=stored) as reporter:
        generated = draw_stored_samples(model, task, directory, reporter.update, workers)
    evaluation = Evaluation(
        figures=compare(
            options, network, generated, reference, prepare_torch(config), task.copies(reference.floor)
        ),
        num=config.sample.num,
        features={"name": network.name, **network.facts},
        checkpoint_step=int(checkpoint.name.removeprefix("step_")),
        sampler=config.sample.sampler,
        steps=task.steps(config.sample),
        seed=config.sample.seed,
        backend=config.backend.name,
        shots=getattr(config.backend, "shots", None) if model.circuit_layers() else None,
        options=config.model_dump(mode="json", include={"data", "backend", "sample", "evaluate"}),
        environment=describe_environment(),
        samples=directory,
        file=out or directory / f"{network.name}.json",
    )
    write_text(evaluation.file, json.dumps(evaluation.as_dict(), indent=2) + "\n")
    return evaluation


def require_enough_images(options: EvaluateSection, num: int) -> None:
    """Check that there are enough images for every metric, before any are drawn.

    Raises:
        UserError: if not; names the metric and the number needed.
    """
    for name in options.metrics:
        try:
            METRICS[name].require_enough(num, NUM_FEATURES[options.features])
        except UserError as error:
            raise UserError(f"{error}: raise evaluate.num or leave it out of evaluate.metrics") from None


def make_feature_network(options: EvaluateSection, dataset: Dataset, reference: Reference) -> FeatureNetwork:
    """Load or train the network whose features are compared.

    Raises:
        UserError: if it is not to be had; says what else can be done.
    """
    if options.features == "inception":
        return inception.inception_features(options.inception_weights)
    return classifier.classifier_features(
        reference.seen, dataset.holdout, options.metric_seed, options.classifier_steps
    )


def compare(
    options: EvaluateSection,
    network: FeatureNetwork,
    generated: Tensor,
    reference: Reference,
    device: torch.device,
    copies: Tensor | None = None,
) -> dict[str, Figure]:
    """Compute all figures of a set of images.

    Args:
        options: which metrics, and the intervals' resamples and seed.
        network: sees the images.
        generated: (N, C, H, W) uint8.
        reference: real images.
        device: where `network` runs.
        copies: of the floor's images, (N, C, H, W) uint8.

    Raises:
        UserError: if `generated` does not use the range 0 to 255, or is too small for a metric.
    """
    require_pixels(generated)
    sets = [reference.heldout.images, reference.floor.images, generated]
    if copies is not None:
        sets.append(copies)
    images = torch.cat(sets)
    with ProgressReporter("features", len(images), "images") as reporter:
        features = network.see(images, device, reporter.update)
    sizes = [len(each) for each in sets]
    figures: dict[str, Figure] = {}
    with ProgressReporter("intervals", len(options.metrics), "metrics") as reporter:
        for done, name in enumerate(options.metrics, start=1):
            metric = METRICS[name]
            real, floor, drawn, *copied = getattr(features, metric.source).split(sizes)
            estimate = metric(real, drawn, resamples=options.resamples, seed=options.metric_seed)
            best = metric.value(real, copied[0]) if copied else None
            figures[name] = Figure(estimate, metric.value(real, floor), best)
            reporter.update(done)
    return figures


def _figure(figure: Figure) -> dict[str, float]:
    copies = {} if figure.copies is None else {"copies": figure.copies}
    return {**asdict(figure.estimate), "floor": figure.floor, **copies}


def _with_drawing(config: Config, num: int) -> Config:
    """The config with `evaluate`'s way of drawing in place of `sample`'s; all classes take their turn."""
    options = config.evaluate
    drawing = {"sampler", "steps", "seed", "batch_size"}
    sample = config.sample.model_copy(
        update={**options.model_dump(include=drawing), "num": num, "classes": None}
    )
    return config.model_copy(update={"sample": sample})
