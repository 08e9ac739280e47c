from __future__ import annotations

import json

import pytest
import yaml

from tests.qvunet.conftest import TINY
from tests.scripts.commands import report


def test_a_table_on_screen_in_markdown_and_in_json(tmp_path, capsys):
    config = tmp_path / "tiny.yaml"
    config.write_text(yaml.safe_dump(TINY))
    choices = ["--shots", "64,1024", "--tiles", "1,4", "--steps", "2", "--out", tmp_path / "out"]
    assert report("prices", "--config", config, *choices) == 0
    screen = capsys.readouterr().out
    written = (tmp_path / "out" / "price_list.md").read_text()
    prices = json.loads((tmp_path / "out" / "price_list.json").read_text())["prices"]
    assert len(prices) == 2 * 2 * 5
    for price in prices:
        assert price["qpu_seconds"] == pytest.approx(
            2 * price["cost"]["jobs"] + 0.00035 * price["cost"]["executions"]
        )
        assert f"{price['qpu_seconds']:,.1f}" in screen
    assert "| 1,024 | 4 |" in written
    assert written.count("\n| ") == 2 + 4
    assert "batch of 4, images 2 at a time" in written


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(["--run", "nowhere"], "nowhere: not a run directory"), (["--config", "nowhere.yaml"], "nowhere.yaml")],
)
def test_a_missing_run_or_config_exits_2(capsys, arguments, words):
    assert report("prices", *arguments) == 2
    assert words in capsys.readouterr().err


def test_numbers_that_are_none_are_refused(capsys):
    assert report("prices", "--config", "x.yaml", "--tiles", "1,many") == 2
    assert "'many' is not a whole number above 0" in capsys.readouterr().err
