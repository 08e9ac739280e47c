from __future__ import annotations

import pytest
from typer.testing import CliRunner

from backends.errors import UserError
from qvunet.cli import app
from qvunet.config import load_config
from qvunet.config.packaged import EXPERIMENTS, experiment_names

DEMO = EXPERIMENTS / "digits_demo.yaml"


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_a_name_means_the_packaged_experiment_wherever_the_command_runs():
    assert load_config("digits_demo") == load_config(DEMO)


@pytest.mark.parametrize("name", experiment_names())
def test_what_is_printed_is_a_config_of_its_own(name, tmp_path):
    printed = CliRunner().invoke(app, ["configs", name])
    assert printed.exit_code == 0
    (tmp_path / "mine.yaml").write_text(printed.output)
    assert load_config("mine.yaml") == load_config(name)


def test_a_file_goes_before_a_packaged_experiment(tmp_path):
    (tmp_path / "digits_demo").write_text("seed: 7")
    assert load_config("digits_demo").seed == 7


def test_a_folder_of_the_name_is_no_config(tmp_path):
    (tmp_path / "digits_demo").mkdir()
    assert load_config("digits_demo") == load_config(DEMO)


def test_what_looks_like_a_file_is_never_taken_for_a_name(tmp_path):
    for path in ("digits_demo.yaml", "configs/digits_demo"):
        with pytest.raises(UserError, match=f"{path}: cannot read the config file"):
            load_config(path)


def test_own_files_extend_packaged_ones_and_files_beside_them_first(tmp_path):
    (tmp_path / "mine.yaml").write_text("extends: digits_demo\nseed: 3")
    assert load_config("mine.yaml") == load_config(DEMO).model_copy(update={"seed": 3})
    (tmp_path / "digits_demo").write_text("seed: 4\nthreads: 2")
    assert (load_config("mine.yaml").seed, load_config("mine.yaml").threads) == (3, 2)


def test_a_wrong_name_says_what_was_meant():
    with pytest.raises(UserError, match=r"digit_demo: .*did you mean 'digits_demo'.*`qvunet configs`"):
        load_config("digit_demo")


def test_the_list_names_each_in_one_line():
    lines = CliRunner().invoke(app, ["configs"]).output.splitlines()
    assert [line.split()[0] for line in lines] == experiment_names()
    assert all(len(line.split()) > 2 for line in lines)


def test_an_unknown_name_exits_2():
    done = CliRunner().invoke(app, ["configs", "nothing"])
    assert done.exit_code == 2
    assert "nothing: no file, and no packaged experiment" in done.output
