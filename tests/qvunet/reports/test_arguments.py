"""What the reports' command lines share."""

from __future__ import annotations

from pathlib import Path

import pytest

from qvunet.reports.arguments import workers_of
from qvunet.reports.search import command as search
from qvunet.reports.tables import command as tables
from qvunet.tools.workers import HERE, Workers
from tests.readme import shell_commands

PAGE = (Path(__file__).parents[3] / "docs" / "machines.md").read_text()
COMMANDS = {words[2]: words[3:] for words in shell_commands(PAGE) if words[1] == "report"}


@pytest.mark.parametrize(("name", "report"), [("tables", tables), ("search", search)])
def test_who_works(name, report):
    assert workers_of(report._parse([])) == HERE
    assert workers_of(report._parse(COMMANDS[name])) == Workers(2)
    assert (
        workers_of(report._parse(["--scheduler", "tcp://10.0.0.1:8786"])).scheduler == "tcp://10.0.0.1:8786"
    )
