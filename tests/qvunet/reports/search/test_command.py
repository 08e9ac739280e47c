from __future__ import annotations

import json

import pytest

from backends.errors import UserError
from qvunet.reports.search.command import PROBLEM_NAMES, main
from qvunet.reports.search.problems import PROBLEMS
from qvunet.reports.search.report import difference


def run(out, *words: str) -> int:
    return main(["--problems", "ising", "--steps", "2", "--out", str(out), *words])


def test_an_interrupted_search_goes_on(tmp_path):
    run(tmp_path, "--networks", "cosine", "--seeds", "1")
    before = json.loads((tmp_path / "results.json").read_text())
    run(tmp_path, "--networks", "cosine", "hqconv", "--seeds", "2")
    after = json.loads((tmp_path / "results.json").read_text())
    assert before["trials"][0] in after["trials"]  # with its seconds: it was not done again
    assert len(after["trials"]) == 4
    page = (tmp_path / "report.md").read_text()
    assert "| **HQConv** | 458 | 2 |" in page
    assert "less cosine" in page
    assert (tmp_path / "losses.png").stat().st_size > 5000


def test_what_is_wrong_is_named(tmp_path):
    with pytest.raises(UserError, match="--networks sine: allowed are hqconv, "):
        run(tmp_path, "--networks", "sine")
    (tmp_path / "results.json").write_text("[]")
    with pytest.raises(UserError, match=r"results\.json: not results of this report"):
        run(tmp_path)


def test_the_command_knows_all_problems():
    assert set(PROBLEM_NAMES) == PROBLEMS.keys()


def test_differences_say_what_the_seeds_allow():
    assert difference({0: 1.0}, {1: 0.5}) == ""
    assert difference({0: 1.0}, {0: 0.5}) == "+0.5000 (one seed)"
    assert difference({0: 1.0, 1: 1.2}, {0: 0.5, 1: 0.7}) == "+0.5000 [+0.5000, +0.5000]"
