"""Reports: Markdown to be read in a repository, and the same as one HTML file with its images inside."""

from __future__ import annotations

import base64
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markdown_it import MarkdownIt

PAGE = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"), undefined=StrictUndefined
).get_template("page.html.j2")


def html_page(markdown: str, directory: Path, title: str) -> str:
    """Render Markdown for a browser; the page needs no other file.

    Args:
        markdown: CommonMark with tables; its images are PNG files.
        directory: what their paths are relative to.
        title: of the page.
    """
    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = parser.parse(markdown)
    for image in (child for token in tokens for child in token.children or () if child.type == "image"):
        encoded = base64.b64encode((directory / str(image.attrs["src"])).read_bytes()).decode()
        image.attrs["src"] = f"data:image/png;base64,{encoded}"
    return PAGE.render(title=title, body=parser.renderer.render(tokens, parser.options, {}))
