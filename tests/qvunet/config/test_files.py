from __future__ import annotations

import pytest
import yaml

from backends.errors import UserError
from qvunet.config import dump_config, load_config
from qvunet.config.files import read_config_file


@pytest.fixture
def write(tmp_path):
    def write(name: str, **values):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(yaml.safe_dump(values))
        return path

    return write


def test_the_nearest_value_wins_mapping_by_mapping(write):
    write("base/grand.yaml", seed=1, train={"steps": 1, "batch_size": 2}, model={"preset": "wide"})
    write("base/parent.yaml", extends="grand.yaml", train={"steps": 3, "betas": [0.1, 0.2]})
    child = write("child.yaml", extends="base/parent.yaml", train={"betas": [0.3]}, threads=1)
    assert read_config_file(child) == {
        "seed": 1,
        "threads": 1,
        "train": {"steps": 3, "batch_size": 2, "betas": [0.3]},
        "model": {"preset": "wide"},
    }


def test_data_and_backend_of_another_name_start_afresh(write):
    write("parent.yaml", data={"name": "mnist", "root": "x"}, backend={"name": "statevector", "shots": 8})
    same = write("same.yaml", extends="parent.yaml", data={"image_size": 32}, backend={"name": "statevector"})
    assert read_config_file(same) == {
        "data": {"name": "mnist", "root": "x", "image_size": 32},
        "backend": {"name": "statevector", "shots": 8},
    }
    other = write("other.yaml", extends="parent.yaml", data={"name": "digits"}, backend={"name": "aer_shots"})
    assert read_config_file(other) == {"data": {"name": "digits"}, "backend": {"name": "aer_shots"}}


def test_a_resolved_config_extends_nothing(write):
    write("parent.yaml", seed=7)
    text = dump_config(load_config(write("child.yaml", extends="parent.yaml")))
    assert "extends" not in text
    assert "seed: 7" in text


def test_a_circle_is_refused(write):
    write("a.yaml", extends="b.yaml")
    path = write("b.yaml", extends="a.yaml")
    with pytest.raises(UserError, match=r"b\.yaml: extends itself \(.*b\.yaml -> .*a\.yaml -> .*b\.yaml\)"):
        read_config_file(path)


@pytest.mark.parametrize("parent", [3, ["a.yaml"], None])
def test_one_file_is_extended(write, parent):
    with pytest.raises(UserError, match=r"c\.yaml: extends: the name of one config file"):
        read_config_file(write("c.yaml", extends=parent))


def test_a_missing_parent_is_named_with_its_child(write):
    with pytest.raises(UserError, match=r"none\.yaml: cannot read .*, which .*c\.yaml extends \(No such"):
        read_config_file(write("c.yaml", extends="none.yaml"))
