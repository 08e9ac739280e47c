"""Config files as YAML: safe reading, and a file that extends another.

Importing this module loads neither torch nor Qiskit.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from backends.errors import UserError

NAMED_SECTIONS = ("data", "backend")
"""Sections whose keys depend on their `name`: another name means another section, not a change to it."""


def read_config_file(path: Path) -> dict[str, Any]:
    """Read a config file, and the files it extends.

    ``extends: FILE`` names one other file, relative to this one. Its values hold where this file gives
    none, mapping by mapping; but a section of `NAMED_SECTIONS` with another `name` replaces the other
    file's as a whole.

    Args:
        path: YAML file.

    Returns:
        The values, without `extends`.

    Raises:
        UserError: naming the file that cannot be read, is no config, or extends itself.
    """
    return _read_chain(path, ())


def _read_chain(path: Path, extended_by: tuple[Path, ...]) -> dict[str, Any]:
    chain = (*extended_by, path)
    if path.resolve() in (earlier.resolve() for earlier in extended_by):
        raise UserError(f"{path}: extends itself ({' -> '.join(map(str, chain))})")
    values = _read_yaml(path, extended_by[-1] if extended_by else None)
    if "extends" not in values:
        return values
    parent = values.pop("extends")
    if not isinstance(parent, str):
        raise UserError(f"{path}: extends: the name of one config file, not {parent!r}")
    return merge(_read_chain(path.parent / parent, chain), values)


def merge(parent: dict[str, Any], child: dict[str, Any]) -> dict[str, Any]:
    """The parent's values, changed by the child's."""
    merged = dict(parent)
    for key, value in child.items():
        below = parent.get(key)
        if isinstance(value, dict) and isinstance(below, dict) and not _renamed(key, below, value):
            value = merge(below, value)
        merged[key] = value
    return merged


def _renamed(key: str, parent: dict[str, Any], child: dict[str, Any]) -> bool:
    return key in NAMED_SECTIONS and "name" in child and child["name"] != parent.get("name")


class _Loader(yaml.SafeLoader):
    """Safe YAML that refuses a repeated key, where PyYAML would drop the first value."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.MarkedYAMLError(problem=f"repeated key {key.value!r}", problem_mark=key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def _read_yaml(path: Path, extended_by: Path | None) -> dict[str, Any]:
    try:
        values = yaml.load(path.read_text(encoding="utf-8"), _Loader)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a text file"
        by = f", which {extended_by} extends" if extended_by else ""
        raise UserError(f"{path}: cannot read the config file{by} ({reason})") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        raise UserError(f"{path}{where}: bad YAML ({getattr(error, 'problem', error)})") from None
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise UserError(f"{path}: a config file holds `key: value` pairs, not a {type(values).__name__}")
    return values
