"""The files about the project agree with each other and with the code."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text())
CODEMETA = json.loads((ROOT / "codemeta.json").read_text())
WORKFLOW = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())
PAGES = ["docs/checklists.md", "CONTRIBUTING.md", "SECURITY.md", "CODE_OF_CONDUCT.md"]


def test_one_version_one_licence_one_name():
    assert PROJECT["version"] == CITATION["version"] == CODEMETA["version"]
    assert PROJECT["license"] == CITATION["license"] == CODEMETA["license"].rpartition("/")[2]
    assert PROJECT["name"] == CODEMETA["name"] == CITATION["title"].partition(":")[0]
    assert PROJECT["description"] == CODEMETA["description"]


def test_citation_has_what_its_format_requires():
    assert {"cff-version", "message", "title", "authors"} <= CITATION.keys()
    for reference in CITATION["references"]:
        assert {"type", "title", "authors"} <= reference.keys()


@pytest.mark.parametrize(
    "path", sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("[!c]*.yml")), ids=lambda p: p.stem
)
def test_issue_templates_are_forms(path):
    form = yaml.safe_load(path.read_text())
    assert {"name", "description", "body"} <= form.keys()
    names = [field["id"] for field in form["body"]]
    assert len(names) == len(set(names))
    assert all(field["attributes"]["label"] for field in form["body"])


def test_public_ci_runs_what_exists_on_every_python_promised():
    matrix = WORKFLOW["jobs"]["tests"]["strategy"]["matrix"]
    lowest = PROJECT["requires-python"].removeprefix(">=")
    assert matrix["python"][0] == lowest
    assert matrix["python"] == ["3.11", "3.12", "3.13"]
    targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    commands = [step["run"] for job in WORKFLOW["jobs"].values() for step in job["steps"] if "run" in step]
    made = [word for command in commands if command.startswith("make ") for word in command.split()[1:]]
    assert made
    assert set(made) <= set(targets)


@pytest.mark.parametrize("page", PAGES)
def test_pages_name_files_and_targets_that_exist(page):
    text, folder = (ROOT / page).read_text(), (ROOT / page).parent
    for link in re.findall(r"\]\((?!http)([^)#]+)", text):
        assert (folder / link).exists(), link
    for name in re.findall(r"`((?:\.github|\.ci|tests|backends)/[\w./-]*|[A-Z_]+\.(?:md|cff))`", text):
        assert (ROOT / name).exists(), name
