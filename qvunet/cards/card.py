"""The card of a trained network, in the format of the Hugging Face Hub."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from huggingface_hub import EvalResult, ModelCard, ModelCardData

from qvunet.config import Config
from qvunet.evaluation.metrics import METRICS
from qvunet.influence.ablations import CIRCUITS, VERTEX
from qvunet.influence.change import percent
from qvunet.models.network import HybridNetwork

TEMPLATE = Path(__file__).parent / "templates" / "card.md.j2"

TASK = "unconditional-image-generation"


class Source(NamedTuple):
    """Images that a network learned from.

    Attributes:
        title: for people, with where they come from.
        licence: of the images.
        hub: name of the data set on the Hub; None if it is not there.
    """

    title: str
    licence: str
    hub: str | None = None


SOURCES = {
    "digits": Source(
        "the 1,797 digits that come with scikit-learn (Alpaydin and Kaynak 1998, UCI), resized", "CC BY 4.0"
    ),
    "mnist": Source("MNIST (LeCun, Cortes and Burges 1998)", "CC BY-SA 3.0", "ylecun/mnist"),
    "fashion_mnist": Source(
        "Fashion-MNIST (Xiao, Rasul and Vollgraf 2017)", "MIT", "zalando-datasets/fashion_mnist"
    ),
}
"""By `data.name`."""


def write_card(name: str, config: Config, model: HybridNetwork, figures: dict[str, Any]) -> str:
    """Markdown with the Hub's front matter.

    Args:
        name: of the network.
        config: that it was trained with.
        model: the network.
        figures: as `qvunet.cards.measured.measured` returns them.
    """
    evaluation = figures["evaluation"]
    source = SOURCES.get(config.data.name, Source(f"`data.name: {config.data.name}`", "not known here"))
    data = ModelCardData(
        license="mit",
        library_name="qvunet",
        pipeline_tag=TASK,
        tags=["diffusion", "quantum", "variational-circuit", "qiskit"],
        datasets=[source.hub] if source.hub else None,
        model_name=name,
        eval_results=[
            EvalResult(
                task_type=TASK,
                dataset_type=source.hub or config.data.name,
                dataset_name=config.data.name,
                metric_type=metric,
                metric_name=f"{METRICS[metric].label}, classifier features, N = {evaluation['num']:,}",
                metric_value=round(evaluation[metric]["value"], 6),
            )
            for metric in _metrics(evaluation)
        ],
    )
    card = ModelCard.from_template(
        data,
        template_path=str(TEMPLATE),
        name=name,
        network=type(model).__name__,
        config=config,
        source=source,
        parameters=model.num_parameters_by_kind(),
        evaluation=evaluation,
        rows=[(METRICS[metric], evaluation[metric]) for metric in _metrics(evaluation)],
        influence=figures["influence"],
        changes=_changes(figures["influence"]),
        training=figures["training"],
    )
    return str(card).rstrip() + "\n"


def _metrics(evaluation: dict[str, Any]) -> list[str]:
    return [metric for metric in METRICS if metric in evaluation]


def _changes(influence: dict[str, Any] | None) -> list[tuple[str, ...]]:
    """What replaced all circuits, or silenced the vertex, the change of the loss, and its interval's ends."""
    return [
        (f"{each['kind']}, {each['where']}", *(percent(each[key]) for key in ("loss_change", "low", "high")))
        for each in (influence["ablations"] if influence else [])
        if each["where"] in (CIRCUITS, VERTEX)
    ]
