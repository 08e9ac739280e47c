"""Messages for config errors: the dotted key, what is wrong, what is allowed, the likely intention."""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails


def describe_errors(error: ValidationError, root: type[BaseModel], source: str) -> str:
    """Describe every error of a validation, one a line.

    Args:
        error: what pydantic raised.
        root: the model that was validated.
        source: the file, named first.
    """
    lines = [_describe(detail, root) for detail in error.errors()]
    return f"{source}: {lines[0]}" if len(lines) == 1 else "\n  ".join([f"{source}:", *lines])


def not_one_of(value: object, allowed: list[str]) -> str:
    """Say that a value is not allowed, what was probably meant, and what is allowed."""
    return f"{value!r} is not allowed{suggest(str(value), allowed)}; one of {', '.join(allowed)}"


def suggest(name: str, allowed: list[str]) -> str:
    """Say which allowed name was probably meant, in brackets; nothing if none is near."""
    close = get_close_matches(name, allowed, n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""


def _describe(detail: ErrorDetails, root: type[BaseModel]) -> str:
    key, section = _locate(detail["loc"], root)
    value, context = detail["input"], detail.get("ctx", {})
    match detail["type"]:
        case "extra_forbidden":
            allowed = list(section.model_fields) if section else []
            name = key.rpartition(".")[2]
            return f"{key}: unknown key{suggest(name, allowed)}; allowed: {', '.join(allowed)}"
        case "literal_error":
            return f"{key}: {not_one_of(value, _quoted(context['expected']))}"
        case "union_tag_invalid":
            name = context["discriminator"].strip("'")
            return f"{key}.{name}: {not_one_of(context['tag'], _quoted(context['expected_tags']))}"
        case "union_tag_not_found":
            return f"{key}.name: missing; one of {', '.join(_variants(section, key))}"
        case "missing":
            return f"{key}: missing"
        case "model_type" | "model_attributes_type" | "dict_type":
            return f"{key}: a section of `key: value` pairs, not {value!r}"
        case "value_error":
            message = str(context["error"])
            return f"{key}: {message}" if key else message
    return f"{key}: {detail['msg']}, not {value!r}"


def _locate(loc: tuple[int | str, ...], root: type[BaseModel]) -> tuple[str, type[BaseModel] | None]:
    """Dotted key of an error, without pydantic's union tags, and the section that holds the key."""
    keys: list[str] = []
    holder: type[BaseModel] | None = None
    section: type[BaseModel] | None = root
    variants: dict[Any, type[BaseModel]] = {}
    for part in loc:
        if part in variants:
            section, variants = variants[part], {}
            continue
        keys.append(str(part))
        holder = section
        variants = _variants(holder, str(part))
        classes = _section_classes(holder, str(part))
        section = classes[0] if len(classes) == 1 else None
    return ".".join(keys), holder


def _section_classes(holder: type[BaseModel] | None, key: str) -> list[type[BaseModel]]:
    if holder is None or key not in holder.model_fields:
        return []
    annotation = holder.model_fields[key].annotation
    members = get_args(annotation) or (annotation,)
    return [m for m in members if isinstance(m, type) and issubclass(m, BaseModel)]


def _variants(holder: type[BaseModel] | None, key: str) -> dict[Any, type[BaseModel]]:
    """The kinds of section that `key` may hold, by the value that tells them apart; empty if there is one."""
    classes = _section_classes(holder, key)
    if holder is None or len(classes) < 2:
        return {}
    discriminator = str(holder.model_fields[key].discriminator)
    return {c.model_fields[discriminator].default: c for c in classes}


def _quoted(expected: str) -> list[str]:
    """The names in pydantic's list of what it expected."""
    return re.findall(r"'([^']*)'", expected) or [expected]
