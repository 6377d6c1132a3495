"""quenched cite."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import quenched as qd
from quenched.citation import BIBTEX
from quenched.sweeps.registry import THEORIES, nearest_theory, theories
from quenched.words import nearest


def cite(*names: str) -> None:
    """Print the BibTeX entries of the papers behind theories, or behind the results in a store.

    Example: quenched cite dmft.Static edge_of_chaos.zarr

    Parameters
    ----------
    names:
        Theories such as dmft.Static, stores, or BibTeX keys; everything if left out.
    """
    print(qd.cite(*(thing for name in names for thing in _things(name))))


def _things(name: str) -> list[Any]:
    if name in BIBTEX:
        return [name]
    for full in THEORIES:
        if name in (full, full.rpartition(".")[2]):
            return [theories()[full]]
    if Path(name).exists():
        found = qd.load(name)
        return list(found.values()) if type(found) is dict else [found]
    chapter = [full for full in THEORIES if "." in name and full.startswith(name.partition(".")[0] + ".")]
    words = chapter or [*THEORIES, *BIBTEX]
    suggestion = nearest_theory(name) or nearest(name, BIBTEX)
    raise ValueError(f"{name!r} is no theory, no store and no BibTeX key.{suggestion} Known: {', '.join(words)}.")
