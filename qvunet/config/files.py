"""Config files as YAML: safe reading, and a file that extends another.

Importing this module loads neither torch nor Qiskit.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from backends.errors import UserError
from qvunet.config.packaged import find_config, find_extended

DISCRIMINATORS = {"data": ("name", None), "backend": ("name", None), "model": ("kind", "unet")}
"""Sections whose keys depend on one of them, and its default: another value means another section, not a
change."""


def read_config_file(path: Path) -> dict[str, Any]:
    """Read a config file, and the files it extends.

    ``extends: FILE`` names one other file, relative to this one, or a packaged experiment. Its values
    hold where this file gives none, mapping by mapping; but a section of `DISCRIMINATORS` of another name or
    kind replaces the other file's as a whole.

    Args:
        path: YAML file, or the name of a packaged experiment.

    Returns:
        The values, without `extends`.

    Raises:
        UserError: naming the file that cannot be read, is no config, or extends itself.
    """
    return _read_chain(find_config(path), ())


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
    return merge(_read_chain(find_extended(parent, path.parent), chain), values)


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
    name, default = DISCRIMINATORS.get(key, ("", None))
    return name in child and child[name] != parent.get(name, default)


class _Loader(yaml.SafeLoader):
    """Safe YAML in which scalars mean what people take them for.

    PyYAML reads by version 1.1: 0350 is 232, 1:30 is 90, 1e3 is text, `no` is false, 2026-01-01 a date. Here,
    as in version 1.2, whole numbers are decimal (0o and 0x say otherwise), and only `true` and `false` are
    truth values; thousands may be set off by underscores. A repeated key is refused, where PyYAML would drop
    the first value.
    """

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 (PyYAML's own)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.MarkedYAMLError(problem="a key that is no name", problem_mark=key.start_mark)
            if key.value in seen:
                raise yaml.MarkedYAMLError(problem=f"repeated key {key.value!r}", problem_mark=key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


_DIGITS = "[0-9](_?[0-9])*"
_SCALARS = {
    "null": ("~nN", r"~|null|Null|NULL|"),
    "bool": ("tTfF", r"true|True|TRUE|false|False|FALSE"),
    "int": ("-+0123456789", rf"[-+]?({_DIGITS}|0o[0-7]+|0x[0-9a-fA-F]+)"),
    "float": (
        "-+.0123456789",
        rf"[-+]?(\.{_DIGITS}|{_DIGITS}(\.({_DIGITS})?)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
    ),
    "merge": ("<", r"<<"),
}


class _Dumper(yaml.SafeDumper):
    """Quotes whatever text `_Loader` would take for something else."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 (PyYAML's own)


for _name, (_first, _pattern) in _SCALARS.items():
    _starts = [*_first, ""] if _name == "null" else [*_first]  # nothing at all is null
    for _side in (_Loader, _Dumper):
        _side.add_implicit_resolver(f"tag:yaml.org,2002:{_name}", re.compile(f"^(?:{_pattern})$"), _starts)


def _whole_number(loader: _Loader, node: yaml.ScalarNode) -> int:
    text = str(loader.construct_scalar(node)).replace("_", "")
    sign, digits = (-1, text[1:]) if text.startswith("-") else (1, text.lstrip("+"))
    base = {"0o": 8, "0x": 16}.get(digits[:2], 10)
    return sign * int(digits[2:] if base != 10 else digits, base)


def _decimal_fraction(loader: _Loader, node: yaml.ScalarNode) -> float:
    text = str(loader.construct_scalar(node)).replace("_", "").lower()
    return float(text.replace(".inf", "inf").replace(".nan", "nan"))


_Loader.add_constructor("tag:yaml.org,2002:int", _whole_number)
_Loader.add_constructor("tag:yaml.org,2002:float", _decimal_fraction)


def write_yaml(values: dict[str, Any]) -> str:
    """Text that `parse_yaml` reads back as it was."""
    return yaml.dump(values, Dumper=_Dumper, sort_keys=False)


def parse_yaml(text: str) -> Any:
    """Read one YAML value, such as the value of ``--set``.

    Raises:
        yaml.YAMLError: if it is none.
    """
    return yaml.load(text, _Loader)


def _read_yaml(path: Path, extended_by: Path | None) -> dict[str, Any]:
    try:
        values = parse_yaml(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a text file"
        by = f", which {extended_by} extends" if extended_by else ""
        raise UserError(f"{path}: cannot read the config file{by} ({reason})") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        raise UserError(f"{path}{where}: bad YAML ({getattr(error, 'problem', error)})") from None
    if values is None:
        raise UserError(f"{path}: empty; a config file holds `key: value` pairs, such as `seed: 0`")
    if not isinstance(values, dict):
        raise UserError(f"{path}: a config file holds `key: value` pairs, not a {type(values).__name__}")
    if strange := [key for key in values if not isinstance(key, str)]:
        raise UserError(f"{path}: keys are names, and {strange[0]!r} is none")
    return values
