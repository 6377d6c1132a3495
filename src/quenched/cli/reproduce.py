"""quenched reproduce."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

import quenched as qd
from quenched.cli import interrupts
from quenched.words import one_of

if TYPE_CHECKING:
    from quenched.papers.reproduction import Reproduction

# Told beforehand, if longer in all.
_LONG = 20


def reproduce(paper: str | None = None, /, *, figure: str | None = None, output: Path = Path()) -> None:
    """Compute the figures of a paper anew: table, picture, and how far they are from the published ones or from networks.

    Example: quenched reproduce qiu2025 --figure 5

    Parameters
    ----------
    paper:
        qiu2025 or zou2024; if left out, papers and figures are listed.
    figure:
        Its number or name; all of the paper if left out.
    output:
        Folder that tables and pictures go into.
    """
    console = Console()
    if paper is None:
        _list(console)
        return
    known = qd.papers.FIGURES[one_of("paper", paper, qd.papers.FIGURES)]
    chosen = list(known) if figure is None else [one_of("figure", figure, known)]
    if output.exists() and not output.is_dir():
        raise ValueError(f"Option `--output` must be a folder, but {output} is a file.")
    seconds = sum(known[each].seconds for each in chosen)
    if seconds > _LONG:
        console.print(f"{len(chosen)} of {len(known)} figures of {paper}, about {seconds} s on two cores.", highlight=False)
    from quenched.cli.progress import Reporter

    for each in chosen:
        interrupts.line = f"Interrupted at figure {each}; files of those before it are written."
        with Reporter(f"figure {each}"):
            found = qd.papers.reproduce(paper, each)
        _tell(found, output, console)


def _tell(found: Reproduction, output: Path, console: Console) -> None:
    from quenched.cli.tables import print_table

    rows = [[str(cell) for cell in row] for row in found.differences.itertuples(index=False)]
    print_table(console, f"{found.figure}: {found.title}", list(map(str, found.differences.columns)), rows)
    table, picture = found.save(output)
    console.print(f"table  {table}", soft_wrap=True, highlight=False)
    console.print(f"figure {picture}", soft_wrap=True, highlight=False)


def _list(console: Console) -> None:
    for paper, figures in qd.papers.FIGURES.items():
        console.print(paper, style="bold", highlight=False)
        for name, entry in figures.items():
            console.print(f"  {name:<24} {entry.title} ({entry.seconds} s)", soft_wrap=True, highlight=False)
