"""Each script is a command of `qvunet report`."""

from __future__ import annotations

import runpy
import sys

import pytest

from qvunet.cli import REPORTS
from tests.scripts.commands import SCRIPTS

COMMANDS = {
    "benchmark": "benchmark",
    "circuit_search": "search",
    "depth_report": "depth",
    "mitigation_report": "mitigation",
    "price_list": "prices",
    "reproduce_tables": "tables",
    "shot_noise_ablation": "shots",
}


@pytest.mark.parametrize("script", COMMANDS)
def test_it_is_the_command(script, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", [f"{script}.py", "--help"])
    with pytest.raises(SystemExit) as stopped:
        runpy.run_path(str(SCRIPTS / f"{script}.py"), run_name="__main__")
    assert stopped.value.code == 0
    assert f"usage: qvunet report {COMMANDS[script]} " in capsys.readouterr().out


def test_every_report_has_one():
    assert sorted(COMMANDS.values()) == sorted(REPORTS)
