"""Budgets and variants as YAML, and the grid of cells they span: dataset x variant x seed."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, NonNegativeInt, ValidationError, model_validator

from backends.errors import UserError
from qvunet.config import Config
from qvunet.config.errors import describe_errors
from qvunet.config.files import merge, read_config_file
from qvunet.config.options import Section
from qvunet.config.packaged import EXPERIMENTS
from qvunet.runs.directory import RunDirectory

BUDGETS = EXPERIMENTS / "tables"
"""Where a budget given by name lies."""

Name = Annotated[str, Field(pattern=r"^[a-z0-9_]+$")]
"""Becomes the name of a directory."""


class Variant(Section):
    """A row of the tables."""

    title: str
    config: dict[str, Any] = Field(default_factory=dict)
    """What differs from the budget's config."""
    donor: Name | None = None
    """Variant whose trained network of the same seed this one starts from."""
    compare_with: tuple[Name, ...] = ()
    """Variants that differ from this one in one thing."""


class Budget(Section):
    """What is trained, how long, and how it is evaluated."""

    name: Name
    seeds: tuple[NonNegativeInt, ...]
    datasets: dict[Name, dict[str, Any]]
    """Data sections by name."""
    files: dict[str, Any]
    """Data section, but for the files, where the command line names files."""
    config: dict[str, Any]
    """Of all cells."""
    variants: dict[Name, Variant]
    run: tuple[Name, ...]
    """Variants of this budget, in the order of training."""

    @model_validator(mode="after")
    def _variants_exist(self) -> Self:
        named = {
            *self.run,
            *(name for v in self.variants.values() for name in (v.donor, *v.compare_with) if name),
        }
        if unknown := sorted(named - self.variants.keys()):
            raise ValueError(f"variants: none is called {', '.join(unknown)}")
        return self


@dataclass(frozen=True)
class Cell:
    """One network to train and to evaluate.

    Attributes:
        dataset: name of the dataset.
        variant: name of the variant.
        seed: of the training.
        config: resolved config.
        run: its run directory, DIR/dataset/variant/seed_k.
        donor: the cell to be trained before it, or None.
    """

    dataset: str
    variant: str
    seed: int
    config: Config
    run: RunDirectory
    donor: Cell | None

    def __str__(self) -> str:
        return f"{self.dataset} {self.variant} seed {self.seed}"


def load_budget(name: str) -> Budget:
    """Read a budget.

    Args:
        name: of a file in `BUDGETS`, without its suffix, or the path of a YAML file like those.

    Raises:
        UserError: if there is none, or it is not valid.
    """
    path = Path(name) if name.endswith(".yaml") else BUDGETS / f"{name}.yaml"
    if not path.is_file():
        known = sorted(file.stem for file in BUDGETS.glob("*.yaml") if file.stem != "variants")
        raise UserError(f"--budget {name}: allowed are {', '.join(known)}, or a YAML file like those")
    try:
        return Budget.model_validate(read_config_file(path))
    except ValidationError as error:
        raise UserError(describe_errors(error, Budget, str(path))) from None


def plan_cells(
    budget: Budget,
    out: Path,
    *,
    datasets: Sequence[str] | None = None,
    variants: Sequence[str] | None = None,
    seeds: Sequence[int] | None = None,
    files: tuple[Path, Path] | None = None,
) -> list[Cell]:
    """The cells of a budget, or those asked for and their donors, each after its donor.

    Args:
        budget: what to train.
        out: directory of all cells.
        datasets: names; by default all.
        variants: names, which the budget need not list; by default those it lists.
        seeds: by default the budget's.
        files: images and labels in MNIST's format, in place of the download of the only dataset.

    Raises:
        UserError: if a name is unknown or a cell's config is not valid.
    """
    chosen = _chosen("--dataset", datasets, budget.datasets, budget.datasets)
    rows = _with_donors(budget, _chosen("--variants", variants, budget.variants, budget.run))
    if files and len(chosen) != 1:
        raise UserError(
            f"--data-images: stands for one dataset; choose it with --dataset: {', '.join(chosen)}"
        )
    data = {name: budget.datasets[name] for name in chosen}
    if files:
        data = {chosen[0]: budget.files | {"images": str(files[0]), "labels": str(files[1])}}
    cells: dict[tuple[str, str, int], Cell] = {}
    for seed in budget.seeds if seeds is None else seeds:
        for dataset, section in data.items():
            for variant in rows:
                donor = budget.variants[variant].donor
                cells[dataset, variant, seed] = _cell(
                    budget,
                    out,
                    dataset,
                    section,
                    variant,
                    seed,
                    cells[dataset, donor, seed] if donor else None,
                )
    return list(cells.values())


def _cell(
    budget: Budget, out: Path, dataset: str, data: dict[str, Any], variant: str, seed: int, donor: Cell | None
) -> Cell:
    values = merge(budget.config, budget.variants[variant].config) | {"seed": seed, "data": data}
    if donor is not None:
        values["init_from"] = str(donor.run.path)
    try:
        config = Config.model_validate(values)
    except ValidationError as error:
        raise UserError(describe_errors(error, Config, f"{budget.name}, variant {variant}")) from None
    return Cell(dataset, variant, seed, config, RunDirectory(out / dataset / variant / f"seed_{seed}"), donor)


def _chosen(
    option: str, wanted: Sequence[str] | None, allowed: Collection[str], default: Collection[str]
) -> list[str]:
    if unknown := [name for name in wanted or () if name not in allowed]:
        raise UserError(f"{option} {','.join(unknown)}: allowed are {', '.join(allowed)}")
    return list(wanted or default)


def _with_donors(budget: Budget, variants: Sequence[str]) -> list[str]:
    def chain(name: str) -> Iterator[str]:
        donor = budget.variants[name].donor
        if donor is not None:
            yield from chain(donor)
        yield name

    return list(dict.fromkeys(each for name in variants for each in chain(name)))
