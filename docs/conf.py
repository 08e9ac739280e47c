"""The site: `make docs`. Pages are the Markdown files of this folder, the reference comes from docstrings."""

from __future__ import annotations

import hashlib
import os
import sys
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def _digest_of_code() -> str:
    """Of what a tutorial runs, so that no page shows what another version of the code printed."""
    digest = hashlib.sha256()
    for folder in ("backends", "qvunet", "configs"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in (".py", ".yaml"):
                digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


os.environ["PATH"] = (
    f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # tutorials say `qvunet`
)

project = "qvunet"
author = PROJECT["authors"][0]["name"]
version = release = PROJECT["version"]
language = "en"

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build", "_templates", "*/conclusion.md"]  # parts of reports
source_suffix = {".md": "myst-nb"}

default_role = "code"  # docstrings write `name` for code, as Markdown does
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_default_options = {"members": True, "show-inheritance": True}
napoleon_use_rtype = False

myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence"]

# The tutorials are run by the build, each in a folder of its own, again when they or the code have changed.
nb_execution_mode = "cache"
nb_execution_cache_path = str(ROOT / "build" / "tutorials" / _digest_of_code())
nb_execution_in_temp = True
nb_execution_show_tb = True
nb_execution_timeout = 600
nb_output_stderr = "remove"  # progress bars

templates_path = ["_templates"]
html_theme = "pydata_sphinx_theme"
html_sidebars = {"index": [], "**": ["contents"]}  # all pages by their headings, as on the first page
html_title = "qvunet"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_theme_options = {
    "show_prev_next": True,
    "navbar_center": [],
    "navigation_with_keys": False,
    "footer_start": ["copyright"],
    "footer_end": [],
    "secondary_sidebar_items": ["page-toc"],
}
html_show_sourcelink = False
copyright = author

CONFIGS = "configs/README.md"
"""Outside this folder, and so a page of its own here, `configs`, which includes it."""


def _point_to_the_page(app: Any, docname: str, content: list[str]) -> None:
    up = "../" * docname.count("/")
    for link in (f"](../{up}{CONFIGS}", f"]({CONFIGS}"):
        content[0] = content[0].replace(link, f"]({up}configs.md")


def setup(app: Any) -> None:
    """What Sphinx calls."""
    app.connect("source-read", _point_to_the_page)
    app.connect("include-read", lambda app, path, docname, content: _point_to_the_page(app, docname, content))
