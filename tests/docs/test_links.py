"""Every link of the built site leads to a file that is there, and to a place in it that is there."""

from __future__ import annotations

import subprocess
import sys
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

DOCS = Path(__file__).parents[2] / "docs"


class Page(HTMLParser):
    """Places and links of a page."""

    def __init__(self, text: str):
        super().__init__()
        self.places: set[str] = set()
        self.links: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        for name, value in attributes:
            if name in ("id", "name") and value:
                self.places.add(value)
            if name in ("href", "src") and value:
                self.links.add(value)


@cache
def read(path: Path) -> Page:
    return Page(path.read_text())


def broken(site: Path) -> list[str]:
    """Links that lead nowhere, as page: link."""
    found = []
    for path in sorted(site.rglob("*.html")):
        for link in sorted(read(path).links):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = path if not parts.path else (path.parent / unquote(parts.path)).resolve()
            place = unquote(parts.fragment)
            missing = not target.exists() or (place and target.suffix == ".html" and place not in read(target).places)
            if missing:
                found.append(f"{path.relative_to(site)}: {link}")
    return found


def test_a_broken_link_is_found(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(
        '<a href="b.html#here">1</a> <a href="b.html#gone">2</a> <img src="c.png"> <a href="#no">3</a>'
    )
    (tmp_path / "b.html").write_text('<p id="here"></p>')
    assert broken(tmp_path) == ["a.html: #no", "a.html: b.html#gone", "a.html: c.png"]


@pytest.mark.slow
def test_links_of_the_site_lead_somewhere(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "sphinx", "-q", "-b", "html", "-D", "nb_execution_mode=off"]
    subprocess.run([*command, str(DOCS), str(tmp_path)], check=True, capture_output=True)
    assert len(list(tmp_path.rglob("*.html"))) > 60
    assert broken(tmp_path) == []
