"""The guides: the pages of docs/, shown by the server itself, so that they are there without the internet."""

import posixpath
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

from markdown_it import MarkdownIt
from markdown_it.token import Token

INSTALLED = Path(__file__).parent / "docs"
FOLDER = INSTALLED if INSTALLED.is_dir() else Path(__file__).parents[3] / "docs"
"""In a checkout the pages stand where people write them; an installation has a copy."""
INDEX = "index"
COMMENT = re.compile(r"<!--.*?-->\n?", re.DOTALL)
NOT_IN_ANCHORS = re.compile(r"[^\w\- ]")


@dataclass(frozen=True, slots=True)
class Guide:
    """Hold a page as it is shown."""

    title: str
    html: str


@cache
def pages() -> dict[str, Path]:
    """List every page by its name in an address."""
    found = {path.relative_to(FOLDER).with_suffix("").as_posix(): path for path in sorted(FOLDER.rglob("*.md"))}
    return {_name(name): path for name, path in found.items()}


def _name(name: str) -> str:
    return {"README": INDEX}.get(name, name.removesuffix("/README"))


@cache
def show(name: str) -> Guide:
    """Write a page as HTML."""
    reader = MarkdownIt("commonmark").enable("table")
    tokens = reader.parse(COMMENT.sub("", pages()[name].read_text()))
    title = name
    for number, token in enumerate(tokens):
        if token.type == "heading_open":
            text = tokens[number + 1].content
            token.attrSet("id", _anchor(text))
            title = text if token.tag == "h1" else title
        for child in token.children or ():
            _lead(child, pages()[name].parent.relative_to(FOLDER).as_posix())
    return Guide(title, reader.renderer.render(tokens, reader.options, {}))


def _anchor(heading: str) -> str:
    """Name a heading as links to it do: in small letters, without marks, with hyphens for spaces."""
    return NOT_IN_ANCHORS.sub("", heading.lower()).strip().replace(" ", "-")


def _lead(token: Token, folder: str) -> None:
    """Let a link or a picture of a page lead to where the server has it; what is no page stays words."""
    if token.type == "image":
        token.attrSet("src", f"/docs/{posixpath.normpath(posixpath.join(folder, str(token.attrs['src'])))}")
    if token.type != "link_open":
        return
    link = str(token.attrs["href"])
    parts = urlsplit(link)
    if parts.scheme or not parts.path:
        return
    name = _name(posixpath.normpath(posixpath.join(folder, parts.path)).removesuffix(".md"))
    if name == "errors":
        token.attrSet("href", f"/docs/errors/{parts.fragment}" if _is_code(parts.fragment) else "/docs/errors")
    elif name in pages():
        token.attrSet("href", f"/docs/{name}" + (f"#{parts.fragment}" if parts.fragment else ""))
    else:
        token.tag, token.attrs = "span", {"title": link}


def _is_code(fragment: str) -> bool:
    return bool(fragment) and f"`{fragment}`" in pages()["errors"].read_text()
