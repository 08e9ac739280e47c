"""Numbers, truth values and text in config files and in ``--set``: every spelling means what it says."""

from __future__ import annotations

import re

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from backends.errors import UserError
from qvunet.config import Config, dump_config, load_config
from qvunet.config.files import parse_yaml, write_yaml

WHOLE = {
    "7": 7,
    "0350": 350,
    "+5": 5,
    "-3": -3,
    "0o17": 15,
    "0x1F": 31,
    "1_000": 1000,
    "12_345_678": 12345678,
    "00": 0,
}
FRACTIONS = {
    "1e3": 1e3,
    "1.0e3": 1e3,
    ".5": 0.5,
    "5.": 5.0,
    "1_000.5": 1000.5,
    "-2E-2": -0.02,
    "1e-12": 1e-12,
}
TEXT = [
    "1:30",
    "2026-01-01",
    "yes",
    "no",
    "on",
    "off",
    "Y",
    "1__0",
    "_1",
    "1_",
    "0b11",
    "1.2.3",
    "e3",
    "0o8",
    "1e",
]


@pytest.mark.parametrize(("text", "value"), [*WHOLE.items(), *FRACTIONS.items()])
def test_spellings_of_numbers(text, value):
    found = parse_yaml(f"key: {text}")["key"]
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize("text", TEXT)
def test_what_is_no_number_stays_text(text):
    assert parse_yaml(f"key: {text}") == {"key": text}


SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()


@given(SCALARS | st.lists(SCALARS, max_size=3))
def test_what_is_written_is_read_back(value):
    assert parse_yaml(write_yaml({"key": value})) == {"key": value}


@given(st.sampled_from([*TEXT, *WHOLE, *FRACTIONS, "true", "null", "~", ""]))
def test_text_is_written_so_that_it_stays_text(text):
    assert parse_yaml(write_yaml({"key": text})) == {"key": text}


def load(tmp_path, text, *overrides):
    path = tmp_path / "c.yaml"
    path.write_text(text)
    return load_config(path, overrides)


@pytest.mark.parametrize("text", ["350", "0350", "350.0", "3.5e2", "3_50", "0x15e", "'350'"])
@pytest.mark.parametrize("spaces", ["train.steps={}", "train.steps = {}", " train.steps ={} "])
def test_a_whole_number_by_any_spelling(tmp_path, text, spaces):
    assert load(tmp_path, f"train: {{steps: {text}}}").train.steps == 350
    assert load(tmp_path, "seed: 1", spaces.format(text)).train.steps == 350


@pytest.mark.parametrize(
    "text", ["350.5", "true", "yes", "[350]", "null", ".inf", "1e400", "-1", "0", "3 50"]
)
def test_what_is_no_number_of_steps_is_refused_by_name(tmp_path, text):
    with pytest.raises(UserError, match=r"train\.steps"):
        load(tmp_path, f"train: {{steps: {text}}}")


BASE = "data: {name: digits}\nbackend: {name: statevector}\n"
NUMBER = re.compile(r"\b(int|float)\b")


def numeric_keys():
    """Every key whose value is one number, as its dotted name."""
    sections = {name: field.default for name, field in Config.model_fields.items()}
    fields = [
        (f"{name}.{key}", str(field.annotation))
        for name, section in sections.items()
        for key, field in getattr(type(section), "model_fields", {}).items()
    ]
    numeric = [key for key, kind in fields if NUMBER.search(kind) and not re.search("bool|tuple|str", kind)]
    return [*numeric, "seed", "threads"]


@pytest.mark.parametrize("key", numeric_keys())
@pytest.mark.parametrize("value", ["true", "false", ".nan", "some"])
def test_every_number_refuses_what_is_none(tmp_path, key, value):
    with pytest.raises(UserError, match=key.rpartition(".")[2]):
        load(tmp_path, BASE, f"{key}={value}")


SEEDS = ["seed", "sample.seed", "evaluate.seed", "evaluate.metric_seed", "data.split_seed", "backend.seed"]


@pytest.mark.parametrize("key", SEEDS)
def test_seeds_have_64_bits(tmp_path, key):
    largest = 2**64 - 1
    config = load(tmp_path, BASE, f"{key}={largest}")
    for part in key.split("."):
        config = getattr(config, part)
    assert config == largest
    for wrong in (largest + 1, 10**20, -1):
        with pytest.raises(UserError, match=key.rpartition(".")[2]):
            load(tmp_path, BASE, f"{key}={wrong}")


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("train.steps", "KEY=VALUE"),
        ("=5", "KEY=VALUE"),
        ("train.=5", "KEY=VALUE"),
        (".steps=5", "KEY=VALUE"),
        ("train.steps=", r"train\.steps"),
        ("train=5", "train"),
        ("seed.x=5", "seed is a value"),
        ("train.steps={", "not YAML"),
        ("train.steps==5", r"train\.steps"),
    ],
)
def test_overrides_that_say_nothing(tmp_path, override, message):
    with pytest.raises(UserError, match=message):
        load(tmp_path, "seed: 1", override)


def test_an_override_may_fill_a_section_that_is_null(tmp_path):
    assert load(tmp_path, "seed: 1\ntrain:\n", "train.steps=5").train.steps == 5


def test_every_config_is_read_back(tmp_path):
    config = load(tmp_path, "seed: 1", "data.name=idx", "data.images='1e3'", "data.labels='0350'")
    assert load(tmp_path, dump_config(config)) == config
    assert yaml.safe_load(dump_config(config))["seed"] == 1  # others can read it too
