"""The site: every page has its place, and it builds, tutorials run, without a warning or a broken link."""

from __future__ import annotations

import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

DOCS = Path(__file__).parents[1] / "docs"
NO_PAGES = {"index", *(f"{report}/conclusion" for report in ("results", "shot_noise", "latent", "gpu"))}
"""The first page, and texts that become part of a report."""


def test_every_page_is_in_the_contents():
    toctrees = re.findall(r"\{toctree\}(.*?)::::", (DOCS / "index.md").read_text(), re.DOTALL)
    lines = [line for tree in toctrees for line in tree.splitlines() if line and not line.startswith(":")]
    listed = {line.split("<")[-1].rstrip(">") for line in lines}  # with a title before it, or without
    pages = {str(path.relative_to(DOCS).with_suffix("")) for path in DOCS.rglob("*.md")}
    assert listed == pages - NO_PAGES


class Links(HTMLParser):
    """Collects what a page links to and shows."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found |= {value for name, value in attrs if name in ("href", "src") and value}


@pytest.mark.slow
def test_it_builds_without_a_warning_and_its_links_lead_somewhere(tmp_path):
    command = [sys.executable, "-m", "sphinx", "--fail-on-warning", "--keep-going", "-q", "-b", "html"]
    done = subprocess.run([*command, DOCS, tmp_path], capture_output=True, text=True, timeout=3600)
    assert done.returncode == 0, done.stderr
    for page in [*tmp_path.glob("*.html"), *tmp_path.glob("[!_]*/**/*.html")]:
        links = Links()
        links.feed(page.read_text())
        for link in links.found:
            parts = urlsplit(link)
            if parts.scheme == parts.netloc == "" and parts.path:
                assert (page.parent / unquote(parts.path)).exists(), f"{page}: {link}"
