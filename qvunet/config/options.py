"""The sections of an experiment's config, as data.

Importing this module loads neither torch nor Qiskit, so the command line can check a config before it
pays for them.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    ValidationInfo,
    field_validator,
    model_validator,
)

from backends.errors import UserError
from backends.options import Seed, truth_values_as_text
from qvunet.config.errors import not_one_of
from qvunet.tools.entry_points import installed_ansatze

Fraction = Annotated[float, Field(ge=0, lt=1)]


class Section(BaseModel):
    """Base of every section: unknown keys are errors, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _numbers_are_numbers(cls, values: Any) -> Any:
        return truth_values_as_text(cls, values)


class DataSection(Section):
    """What every data source takes."""

    name: str
    image_size: PositiveInt = 28
    """Height and width in pixels; other sizes are resized and centre-cropped."""
    channels: Literal[1, 3] = 1


class SplitSection(DataSection):
    """A source without a test set of its own: part of it is held out for evaluation."""

    holdout: Fraction = 0.1
    """Share of the images that training never sees."""
    split_seed: Seed = 0
    """Seed of the split, apart from the run's seed so that runs share their held-out images."""


class DigitsOptions(SplitSection):
    """`digits`: 1,797 handwritten 8x8 digits that come with scikit-learn; no download."""

    name: Literal["digits"] = "digits"


class MnistOptions(DataSection):
    """`mnist`: 60,000 training images, downloaded; its test set is held out."""

    name: Literal["mnist"] = "mnist"
    root: Path = Path("data")
    """Directory for downloads."""


class FashionMnistOptions(DataSection):
    """`fashion_mnist`: clothes in MNIST's format, downloaded; its test set is held out."""

    name: Literal["fashion_mnist"] = "fashion_mnist"
    root: Path = Path("data")
    """Directory for downloads."""


class IdxOptions(SplitSection):
    """`idx`: files in MNIST's format, gzipped or not."""

    name: Literal["idx"] = "idx"
    images: Path
    labels: Path | None = None
    """Null for images without classes."""


class ImageFolderOptions(SplitSection):
    """`image_folder`: image files, flat and without classes, or below one subfolder a class."""

    name: Literal["image_folder"] = "image_folder"
    root: Path


class PythonOptions(SplitSection):
    """`python`: what a function of your own returns; docs/data.md says what that may be."""

    name: Literal["python"] = "python"
    factory: str
    """The function, `package.module:function`; importing it and calling it runs its code."""
    options: dict[str, JsonValue] = {}
    """Its keyword arguments."""

    @field_validator("factory")
    @classmethod
    def _names_a_function(cls, factory: str) -> str:
        if not re.fullmatch(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*", factory):
            raise ValueError(f"a function as package.module:function, not {factory!r}")
        return factory


DataOptions = Annotated[
    DigitsOptions | MnistOptions | FashionMnistOptions | IdxOptions | ImageFolderOptions | PythonOptions,
    Field(discriminator="name"),
]


ANSATZ_NAMES = ("hqconv", "fqconv", "basic_entangler")
"""The registry's names, so that a wrong config need not wait for Qiskit, which the registry imports."""
YOURS = "package.module:function"
"""How a circuit that this package does not know is named."""


KEPT_ANSATZ = "kept_ansatz"
"""In pydantic's context: the ansatz whose circuit lies beside the config, and which need not be found."""


def _ansatz_or_none(name: str | None, info: ValidationInfo) -> str | None:
    return None if name is None else _known_ansatz(name, info, "null (classical)")


def _known_ansatz(name: str, info: ValidationInfo, *others: str) -> str:
    if info.context and name == info.context.get(KEPT_ANSATZ):
        return name
    if ":" not in name:
        registry = sys.modules.get("qvunet.ansatz.registry")  # whoever adds an ansatz has imported it
        names = registry.ANSATZES if registry else ANSATZ_NAMES
        if name not in names and name not in (installed := installed_ansatze()):
            raise ValueError(not_one_of(name, [*dict.fromkeys([*names, *installed]), *others, YOURS]))
        return name
    from qvunet.ansatz.external import external_function  # which needs Qiskit

    try:
        external_function(name)
    except UserError as error:
        raise ValueError(str(error)) from None
    return name


Core = Literal["circuits", "frozen", "no_entanglers", "encoding", "tanh", "none", "mlp", "fourier", "linear"]
"""Circuits, or a control in their place; see `qvunet.cores.registry`."""
WeightInit = Literal["uniform", "small", "zeros"]


class UNetSection(Section):
    """The U-Net and where its circuits sit: arguments of `qvunet.QVUNet`, which explains them."""

    kind: Literal["unet"] = "unet"
    preset: Literal["compact", "wide"] = "compact"
    num_classes: PositiveInt | None = None
    """Classes to condition on; null for unconditional generation."""
    ansatz: str | None = None
    """Of this package or an installed one, or ``package.module:function``; null for the classical network."""
    num_layers: Annotated[int, Field(ge=1, le=1000)] = 1
    hybridization: Annotated[float, Field(ge=0, le=1)] = 0.1
    num_circuits: NonNegativeInt | tuple[NonNegativeInt, ...] | None = None
    placement: Literal["parallel", "before_conv"] | None = None
    quanv: bool = False
    quanv_levels: tuple[PositiveInt, ...] = (2,)
    quanv_circuits: PositiveInt = 1
    encoding_scale: float = 1.0
    share_circuits: bool = False
    weight_init: WeightInit = "uniform"
    core: Core = "circuits"

    _ansatz = field_validator("ansatz")(_ansatz_or_none)


class AutoencoderSection(Section):
    """What turns images into codes: `qvunet.latent.autoencoder`, and its training."""

    width: Annotated[int, Field(ge=8, multiple_of=8)] = 32
    """Channels of the largest maps."""
    depth: NonNegativeInt = 1
    """Residual units that the decoder has at each size."""
    epochs: PositiveInt = 3
    batch_size: PositiveInt = 128
    learning_rate: PositiveFloat = 2e-3
    """Highest of a one-cycle schedule."""
    code_noise: Annotated[float, Field(ge=0)] = 0.1
    """Standard deviation of the noise on codes in training: what a denoiser gets wrong shall not show."""
    feature_weight: Annotated[float, Field(ge=0)] = 0.1
    """Of the error of a classifier's features beside that of pixels; without classes there are none."""
    seed: Seed = 0
    """Apart from the run's, so that runs share one autoencoder."""


class LatentSection(Section):
    """A denoiser of codes: arguments of `qvunet.latent.denoiser.LatentDenoiser`, which explains them."""

    kind: Literal["latent"] = "latent"
    num_classes: PositiveInt | None = None
    """Classes to condition on; null for unconditional generation."""
    ansatz: str = "hqconv"
    num_layers: Annotated[int, Field(ge=1, le=1000)] = 1
    uploads: Annotated[int, Field(ge=1, le=100)] = 1
    readout: Literal["z", "zz"] = "z"
    num_circuits: PositiveInt = 1
    """Circuits side by side in each block; a code has as many numbers as they have qubits together."""
    num_blocks: PositiveInt = 2
    core: Core = "circuits"
    weight_init: WeightInit = "uniform"
    sigma_mean: float = -0.4
    """Of the normal distribution of log(sigma) in training."""
    sigma_std: PositiveFloat = 1.0
    autoencoder: AutoencoderSection = AutoencoderSection()

    @field_validator("ansatz")
    @classmethod
    def _ansatz(cls, name: str, info: ValidationInfo) -> str:
        return _known_ansatz(name, info)


ModelOptions = Annotated[UNetSection | LatentSection, Field(discriminator="kind")]


class DiffusionSection(Section):
    """Forward process and loss weights (Ho et al. 2020; Choi et al. 2022)."""

    num_train_timesteps: PositiveInt = 1000
    schedule: Literal["cosine", "linear"] = "cosine"
    p2_gamma: Annotated[float, Field(ge=0)] = 1.0
    """Exponent of the P2 weighting; 0 weighs all timesteps alike."""
    p2_k: PositiveFloat = 1.0


class TrainSection(Section):
    """Optimisation, and how often to log, save and draw."""

    steps: PositiveInt = 9375
    batch_size: PositiveInt = 128
    """Images a step, over all processes."""
    learning_rate: PositiveFloat = 1e-3
    lr_schedule: Literal["constant", "one_cycle"] = "constant"
    """`one_cycle` rises to `learning_rate` and falls to nothing (Smith and Topin 2018, arXiv:1708.07120)."""
    betas: tuple[Fraction, Fraction] = (0.9, 0.99)
    """Adam's decay rates."""
    adam_eps: PositiveFloat = 1e-8
    """Added to the root of Adam's second moment; weights whose gradients are smaller hardly move."""
    max_grad_norm: PositiveFloat | None = None
    """Gradients of a larger norm are scaled down to it; null leaves them alone."""
    ema_decay: Fraction = 0.995
    label_dropout: Fraction = 0.1
    """Probability that training hides an image's class, which guidance needs; only with model.num_classes."""
    mixed_precision: Literal["no", "bf16"] = "no"
    log_every: PositiveInt = 1
    checkpoint_every: PositiveInt = 500
    keep_checkpoints: PositiveInt = 2
    """Only the newest ones stay."""
    sample_every: PositiveInt | None = 500
    """Steps between sample grids; null draws one at the end only."""
    tensorboard: bool = False

    @field_validator("mixed_precision", mode="before")
    @classmethod
    def _yaml_no(cls, value: object) -> object:
        return "no" if value is False else value  # YAML reads a bare `no` as false


class SampleSection(Section):
    """Drawing images from the trained network."""

    sampler: Literal["ddpm", "ddim", "dpmpp", "heun"] = "ddim"
    """`heun` draws codes only."""
    steps: PositiveInt | None = None
    """Denoising steps; null takes 50 with ddim, 20 with dpmpp and heun, and with ddpm every timestep, or 100
    for codes."""
    num: PositiveInt = 64
    seed: Seed = 0
    batch_size: PositiveInt = 64
    """Images denoised together; changes speed, not the images."""
    classes: Annotated[tuple[NonNegativeInt, ...], Field(min_length=1)] | None = None
    """Classes to draw, in turn: image i gets the i-th, and then from the first again; null takes all."""
    guidance_scale: Annotated[float, Field(ge=0)] = 1.0
    """Classifier-free guidance, eps_null + scale * (eps_class - eps_null); 1 is none, and half the work."""


MetricName = Literal["kid", "fid", "inception_score", "precision", "recall"]


class EvaluateSection(Section):
    """`qvunet evaluate`: the images drawn, and how they are compared with held-out ones."""

    num: PositiveInt | None = None
    """Images drawn, and held-out images; null takes all that are held out, at most 2,000."""
    metrics: Annotated[tuple[MetricName, ...], Field(min_length=1)] = (
        "kid",
        "fid",
        "inception_score",
        "precision",
        "recall",
    )
    features: Literal["classifier", "inception"] = "classifier"
    """Whose features are compared: a classifier's of this data, or Inception v3's."""
    inception_weights: Path | None = None
    """File with torch-fidelity's Inception v3 weights; null downloads them."""
    classifier_steps: PositiveInt = 500
    """Training steps of the classifier."""
    resamples: Annotated[int, Field(ge=50)] = 200
    """Random halves behind each interval."""
    metric_seed: Seed = 0
    """Choice of real images, classifier, random halves: the same for all runs that are compared."""
    sampler: Literal["ddpm", "ddim", "dpmpp", "heun"] = "dpmpp"
    steps: PositiveInt | None = None
    """Denoising steps, as in `sample`."""
    seed: Seed = 0
    """Of the images drawn."""
    batch_size: PositiveInt = 64
    """Images denoised together, and stored together."""
