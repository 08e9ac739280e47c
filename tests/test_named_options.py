"""CHANGELOG, README and docs name no option, and no value of one, that the options refuse."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, get_args

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError

from backends.options import AnyBackendOptions
from qvunet.config import Config
from qvunet.config.files import parse_yaml

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
BACKENDS = {model.model_fields["name"].default: model for model in get_args(get_args(AnyBackendOptions)[0])}

CODE = re.compile(r"`([a-z_.]+)(?:: |=)([^`=]+)`")
SETTING = re.compile(r"--set ([a-z_.]+)=([^\s`]+)")
ROW = re.compile(r"^\| ((?:`[a-z_]+`(?:, )?)+) \| ([^|]*) \|", re.MULTILINE)
PLACEHOLDER = re.compile(r"[A-Z]+|\.\.\.")

ELSEWHERE = {
    "annotated": "of Qiskit's QuantumCircuit.control",
    "create_graph": "torch's",
    "default_precision": "of qiskit-machine-learning's class",
    "error": "the beginning of a message",
    "extends": "of a config file",
    "ladder": "an example's own ansatz",
    "ring": "an example's own ansatz",
}


def _fields(model: Any) -> Iterator[tuple[str, Any]]:
    """Every field of a model and of what is in it, by its last name."""
    for part in (model, *_parts(model)):
        if isinstance(part, type) and issubclass(part, BaseModel):
            for name, field in part.model_fields.items():
                yield name, TypeAdapter(Annotated[field.annotation, field])
                yield from _fields(field.annotation)


def _parts(annotation: Any) -> Iterator[Any]:
    for part in get_args(annotation):
        yield part
        yield from _parts(part)


FIELDS = list(_fields(Config))


def refusal(key: str, text: str) -> str:
    """Why an option is refused; empty if it is taken somewhere."""
    if key in ELSEWHERE or text in ELSEWHERE or PLACEHOLDER.fullmatch(text):
        return ""
    kinds = [kind for name, kind in FIELDS if name == key.split(".")[-1]]
    if not kinds:
        return f"{key} is no option"
    return "" if any(_takes(kind, parse_yaml(text)) for kind in kinds) else f"{key} does not take {text}"


def _takes(kind: TypeAdapter[Any], value: Any) -> bool:
    try:
        kind.validate_python(value)
    except ValidationError:
        return False
    return True


def named(page: str) -> Iterator[tuple[str, str]]:
    """Options and values, as ``key: this | that``, ``key=value`` or ``--set key=value``."""
    for key, values in [*CODE.findall(page), *SETTING.findall(page)]:
        for text in values.split(" | "):
            yield key, text.strip()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_option_that_a_page_names_is_taken(page):
    found = [refusal(key, text) for key, text in named(page.read_text())]
    assert [why for why in found if why] == []


@pytest.mark.parametrize("name", BACKENDS)
def test_the_table_of_a_backend_names_its_options(name):
    rows = ROW.findall((ROOT / "docs" / "backends" / f"{name}.md").read_text())
    assert rows
    for keys, defaults in rows:
        for key in re.findall(r"`(\w+)`", keys):
            assert key in BACKENDS[name].model_fields
            for default in re.findall(r"`([^`]+)`", defaults):
                assert refusal(key, default) == ""


def test_what_is_refused_would_be_found():
    assert refusal("lowering", "stock") == "lowering does not take stock"
    assert refusal("backend.lowring", "merged") == "backend.lowring is no option"
    assert list(named("`lowering: stock | merged`, --set a.b=3")) == [
        ("lowering", "stock"),
        ("lowering", "merged"),
        ("a.b", "3"),
    ]
