from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from backends.errors import UserError
from qvunet.config import (
    RESUME_KEYS,
    SAMPLE_KEYS,
    Config,
    changed_keys,
    dump_config,
    load_changed,
    load_config,
)
from qvunet.config.options import UNetSection
from qvunet.cores.circuits import WEIGHT_INITS
from qvunet.cores.registry import CORES
from qvunet.models.presets import PRESETS


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "c.yaml"
    path.write_text(text)
    return path


@pytest.mark.parametrize("text", ["", "# nothing\n", "null\n", "---\n", "~"])
def test_an_empty_file_is_refused(tmp_path, text):
    with pytest.raises(UserError, match=r"empty.*key: value"):
        load_config(write(tmp_path, text))


@pytest.mark.parametrize("text", ["- a\n", "seed", "1: 2", "{a: 1}: 2", "a: 1\n---\nb: 2", "\tseed: 1"])
def test_what_is_no_mapping_of_names_is_refused(tmp_path, text):
    with pytest.raises(UserError, match=r"c\.yaml"):
        load_config(write(tmp_path, text))


def test_a_mark_of_byte_order_and_windows_line_ends_are_no_matter(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_bytes(b"\xef\xbb\xbfseed: 3\r\ntrain:\r\n  steps: 4\r\n")
    config = load_config(path)
    assert (config.seed, config.train.steps) == (3, 4)


def test_dump_round_trips(tmp_path, tiny):
    assert load_config(write(tmp_path, dump_config(tiny))) == tiny
    assert load_config(write(tmp_path, dump_config(Config()))) == Config()


def test_overrides_apply_in_order_and_after_the_backend(tmp_path):
    path = write(tmp_path, "backend: {name: statevector, threads: 7}\ntrain: {steps: 1}")
    config = load_config(path, ["train.steps=2", "train.steps=3", "backend.threads=2"], "aer_statevector")
    assert config.train.steps == 3
    assert (config.backend.name, config.backend.threads) == ("aer_statevector", 2)
    assert load_config(path, backend="statevector").backend.threads is None


def test_override_values_are_yaml(tmp_path):
    config = load_config(
        write(tmp_path, "{}"),
        [
            "train.learning_rate=1e-3",
            "train.betas=[0.5, 0.6]",
            "model.ansatz=null",
            "train.mixed_precision=no",
        ],
    )
    assert config.train.learning_rate == 1e-3
    assert config.train.betas == (0.5, 0.6)
    assert config.model.ansatz is None
    assert config.train.mixed_precision == "no"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("train: {stepz: 3}", ["train.stepz: unknown key", "did you mean 'steps'?", "batch_size"]),
        ("trian: {}", ["trian: unknown key", "did you mean 'train'?"]),
        ("train: {steps: 0}", ["train.steps", "greater than 0", "not 0"]),
        ("train: {betas: [0.9, 2]}", ["train.betas.1", "less than 1"]),
        ("train: 3", ["train: a section"]),
        ("train: {steps: 1, learning_rate: .nan}", ["train.learning_rate"]),
        (
            "data: {name: digit}",
            ["data.name: 'digit' is not allowed", "did you mean 'digits'?", "image_folder"],
        ),
        ("data: {holdout: 0.1}", ["data.name: missing", "digits", "idx"]),
        ("data: {name: idx, labels: x}", ["data.images: missing"]),
        ("data: {name: idx, images: x, labels: y, root: z}", ["data.root: unknown key", "split_seed"]),
        ("data: {name: python}", ["data.factory: missing"]),
        (
            "data: {name: python, factory: a.b}",
            ["data.factory: a function as package.module:function, not 'a.b'"],
        ),
        ("data: {name: python, factory: 'a b:c'}", ["data.factory: a function as package.module:function"]),
        ("data: {name: python, factory: 'a:b', options: 3}", ["data.options"]),
        ("backend: {name: aer}", ["backend.name: 'aer' is not allowed", "aer_statevector"]),
        (
            "backend: {name: statevector, threds: 1}",
            ["backend.threds: unknown key", "did you mean 'threads'?"],
        ),
        (
            "model: {ansatz: hqcon}",
            ["model.ansatz: 'hqcon'", "did you mean 'hqconv'?", "fqconv", "null (classical)"],
        ),
        ("model: {preset: compcat}", ["model.preset: 'compcat'", "did you mean 'compact'?"]),
        ("model: {hybridization: 1.5}", ["model.hybridization", "less than or equal to 1"]),
        ("diffusion: {schedule: cos}", ["diffusion.schedule: 'cos'", "one of cosine, linear"]),
        ("sample: {sampler: euler}", ["sample.sampler: 'euler'", "ddpm, ddim, dpmpp"]),
        ("sample: {steps: 2000}", ["sample.steps: at most diffusion.num_train_timesteps (1000), not 2000"]),
        ("init_from: runs/x", ["init_from and transfer: one needs the other"]),
        ("transfer: vertex", ["init_from and transfer: one needs the other"]),
        ("{init_from: x, transfer: all}", ["transfer: 'all' is not allowed", "one of vertex, circuits"]),
        ("model: {num_classes: 0}", ["model.num_classes", "greater than 0"]),
        ("train: {label_dropout: 1}", ["train.label_dropout", "less than 1"]),
        ("sample: {guidance_scale: 2}", ["sample.guidance_scale: needs", "model.num_classes"]),
        ("sample: {classes: [1]}", ["sample.classes: needs", "model.num_classes"]),
        ("{model: {num_classes: 3}, sample: {classes: [0, 3]}}", ["sample.classes", "0 to 2, not 3"]),
        ("{model: {num_classes: 3}, sample: {classes: []}}", ["sample.classes", "at least 1 item"]),
        (
            "{model: {num_classes: 3}, train: {label_dropout: 0}, sample: {guidance_scale: 2}}",
            ["sample.guidance_scale: needs train.label_dropout above 0"],
        ),
        ("seed: 1\ntrain: {steps: [}", ["c.yaml, line 2: bad YAML"]),
        ("seed: 1\nseed: 2", ["c.yaml, line 2: bad YAML (repeated key 'seed')"]),
        ("- 1", ["a list"]),
    ],
)
def test_errors_name_the_key_and_what_is_allowed(tmp_path, text, words):
    path = write(tmp_path, text)
    with pytest.raises(UserError) as caught:
        load_config(path)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert [word for word in words if word not in message] == []


def test_all_errors_are_reported_together(tmp_path):
    with pytest.raises(UserError, match=r"(?s)train\.steps.*sample\.num"):
        load_config(write(tmp_path, "train: {steps: -1}\nsample: {num: 0}"))


def test_a_missing_config_file_is_named(tmp_path):
    with pytest.raises(UserError, match=r"none\.yaml: cannot read the config file"):
        load_config(tmp_path / "none.yaml")


@pytest.mark.parametrize("override", ["train.steps", "=3", "seed.x=3", "train.betas=[1"])
def test_a_bad_override_is_quoted(tmp_path, override):
    with pytest.raises(UserError) as caught:
        load_config(write(tmp_path, "seed: 1"), [override])
    assert f"--set {override}" in str(caught.value)


def test_changed_keys_sees_values_and_sections():
    assert changed_keys(Config(), Config()) == []
    other = Config.model_validate({"data": {"name": "mnist"}, "seed": 1})
    assert changed_keys(Config(), other) == [
        "data.holdout",
        "data.name",
        "data.root",
        "data.split_seed",
        "seed",
    ]


def test_only_allowed_keys_may_change(tmp_path):
    path = write(tmp_path, dump_config(Config()))
    assert load_changed(path, ["train.steps=7"], "aer_statevector", RESUME_KEYS).train.steps == 7
    with pytest.raises(UserError, match=r"^seed, train\.batch_size: fixed by .*train\.steps"):
        load_changed(path, ["train.steps=7", "train.batch_size=1", "seed=3"], None, RESUME_KEYS)
    with pytest.raises(UserError, match=r"^train\.steps: fixed"):
        load_changed(path, ["train.steps=7"], None, SAMPLE_KEYS)


def test_importing_the_config_loads_no_heavy_package():
    code = "import sys, qvunet, qvunet.config; print([m for m in ('torch', 'qiskit') if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_model_options_are_those_of_the_network():
    from inspect import signature

    from qvunet import QVUNet

    parameters = signature(QVUNet.__init__).parameters
    for name, field in UNetSection.model_fields.items():
        if name == "kind":
            continue
        assert parameters[name].default == field.default, name
    for name, allowed in (("weight_init", WEIGHT_INITS), ("preset", PRESETS), ("core", CORES)):
        assert set(UNetSection.model_fields[name].annotation.__args__) == set(allowed)
