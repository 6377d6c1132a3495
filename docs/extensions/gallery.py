"""The gallery: scripts in percent format as pages, and a grid of them with the first figure of each.

A script is read by jupytext, and executed and kept by myst-nb like every page, under the key of `page_keys.py`. The grid
takes its pictures from the pages as executed; where pages are not executed it shows an empty frame.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import jupytext
import page_keys
from docutils import nodes
from sphinx.util import docname_join
from sphinx.util.docutils import SphinxDirective

MARKER = "# %%"
_DOWNLOAD = "\n\n# %% [markdown]\n# {{download}}`Download this script <{}.py>`\n"
_CARD = """
:::{{grid-item-card}} {title}
:link: {page}
:link-type: doc

```{{gallery-picture}} {page}
```
{line}
:::
"""


class picture(nodes.General, nodes.Element):
    """Stands for the first figure of a page until that is known."""


def read(script: str) -> Any:
    """The cells of a script, with the lines where they begin, so that warnings name them, and its key."""
    notebook = jupytext.reads(script, fmt="py:percent")
    notebook.metadata["kernelspec"] = {"name": "python3", "language": "ipython3", "display_name": page_keys.key(script)}
    lines = enumerate(script.splitlines(), start=1)
    notebook.metadata["source_map"] = [number for number, line in lines if line.startswith(MARKER)]
    return notebook


def title_and_line(script: str) -> tuple[str, str]:
    """The heading of the first cell, and the paragraph below it."""
    words = read(script).cells[0].source.split("\n\n")
    if len(words) < 2 or not words[0].startswith("# "):
        raise ValueError("A script must begin with a cell of text: `# Title`, an empty line, one line about it.")
    return words[0].removeprefix("# "), " ".join(words[1].split())


def offer_download(app: Any, docname: str, source: list[str]) -> None:
    """Below the last cell of a script, the script."""
    if source[0].startswith(MARKER):
        source[0] = source[0].rstrip() + _DOWNLOAD.format(docname.rpartition("/")[2])


class Gallery(SphinxDirective):
    """A grid of the scripts named in its content, one a line, in the folder of the page."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        folder, cards = Path(self.env.doc2path(self.env.docname)).parent, []
        for name in self.content:
            path = folder / f"{name}.py"
            self.env.note_dependency(str(path))
            title, line = title_and_line(path.read_text())
            cards.append(_CARD.format(page=name, title=title, line=line))
        return self.parse_text_to_nodes("::::{grid} 1 2 2 2\n:gutter: 3\n" + "".join(cards) + "::::\n")


class Picture(SphinxDirective):
    """The place of a page's first figure."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        return [picture(page=docname_join(self.env.docname, self.arguments[0]))]


def draw_pictures(app: Any, doctree: nodes.document, docname: str) -> None:
    for place in list(doctree.findall(picture)):
        title = app.env.titles[place["page"]].astext()
        first = next(iter(app.env.get_doctree(place["page"]).findall(nodes.image)), None)
        if first is None:
            place.replace_self(nodes.container("", classes=["gallery-picture"]))
            continue
        shown = nodes.image(uri=first["uri"], candidates=copy.copy(first["candidates"]), alt=title)
        place.replace_self(nodes.container("", shown, classes=["gallery-picture"]))


def setup(app: Any) -> dict[str, bool]:
    app.add_node(picture)
    app.add_directive("gallery", Gallery)
    app.add_directive("gallery-picture", Picture)
    app.connect("source-read", offer_download)
    app.connect("doctree-resolved", draw_pictures)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
