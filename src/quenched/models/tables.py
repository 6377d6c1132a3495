"""Tables in text files: separated by commas, tabs or blanks, with names and without."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING

from quenched.models.labels import edge_columns

if TYPE_CHECKING:
    import pandas as pd


def read_table(path: Path, edges: bool = False) -> pd.DataFrame:
    """The table, its rows and columns named where the file names them, else counted; of a list of `edges` with columns
    `source` and `target` or whatever the file calls them."""
    import pandas as pd

    separator, lines = _lines(path)
    first = _split(lines[0], separator) if lines else []
    heads = [_split(line, separator)[:2] for line in lines]
    length = len(_split(lines[1], separator)) if len(lines) > 1 else 0
    header, index = (_heads_edges(first, heads), False) if edges else _named(first, heads, length)
    if len(lines) == int(header):
        raise ValueError("it holds no numbers")
    table = pd.read_csv(
        io.StringIO("\n".join(lines[int(header) :])),
        sep=r"\s+" if separator is None else separator,
        header=None,
        skipinitialspace=True,
        keep_default_na=False,
        na_values=["nan", "NaN"],
        dtype={0: str} if index else None,
    )
    if edges or (not header and table.shape[1] > 2 and all(map(_are_words, heads))):
        return _with_ends(table, first if header else [])
    if index:
        table = table.set_index(0)
        table.index = pd.Index([name.strip() for name in table.index])
    if header:
        names = first[len(first) - table.shape[1] :] if index else first
        if len(names) != table.shape[1]:
            raise ValueError(f"its header has {len(names)} entries, but its rows have {table.shape[1]}")
        table.columns = pd.Index(names)
    else:
        table.columns = pd.RangeIndex(table.shape[1])
    if edge_columns(table.columns) is None and not any(kind.kind in "iufb" for kind in table.dtypes):
        raise ValueError("it holds no numbers (if it is a list of edges say layout='edges')")
    return table


def _lines(path: Path) -> tuple[str | None, list[str]]:
    """What separates the cells, None for any run of blanks, and the lines without comments."""
    # utf-8-sig: spreadsheets begin their files with a byte order mark.
    try:
        every = [line for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    except UnicodeDecodeError:
        raise ValueError("its text is not UTF-8; save it as UTF-8") from None
    plain = [line for line in every if not line.lstrip().startswith("#")]
    if any("{'" in line for line in plain):
        raise ValueError(
            "it holds attributes in braces, as NetworkX writes them; use networkx.write_weighted_edgelist, or give the graph"
        )
    separator = _separator(path.suffix.lower(), plain[0]) if plain else None
    cells = len(_split(plain[-1], separator)) if plain else 0
    for number, line in enumerate(every, start=1):
        if line.lstrip().startswith("#") and cells > 1:
            found = _split(line, separator)
            if len(found) == cells and not _are_words(found[1:]):
                raise ValueError(
                    f"line {number} begins with #, as comments do, but has the {cells} cells of the table; leave it out, or "
                    "call the neurons otherwise"
                )
    return separator, plain


def _heads_edges(first: list[str], heads: list[list[str]]) -> bool:
    """Whether the first line of a list of edges names its columns."""
    if not first or not _are_words(first) or edge_columns(first) is not None:
        return bool(first) and _are_words(first)
    if len(first) == 2 and not any(_is_number(cell) for head in heads[1:] for cell in head):
        named = {cell for head in heads[1:] for cell in head}
        if not named & set(first):
            raise ValueError(
                f"its first line, {first[0]} and {first[1]}, may name the columns or an edge; call them source and target, "
                "or leave them out"
            )
        return False
    return True


def _with_ends(table: pd.DataFrame, header: list[str]) -> pd.DataFrame:
    """The columns of a list of edges by name; where an edge comes from and goes to are the first two unless it says so."""
    if table.shape[1] < 2:
        raise ValueError(f"a list of edges must have two or three columns, but the shape is {table.shape}")
    names = header or ["source", "target", *(["weight"] if table.shape[1] == 3 else map(str, range(2, table.shape[1])))]
    if len(names) != table.shape[1]:
        raise ValueError(f"its header has {len(names)} entries, but its rows have {table.shape[1]}")
    if edge_columns(names) is None:
        names = ["source", "target", *names[2:]]
    table.columns = names
    return table


def _separator(suffix: str, line: str) -> str | None:
    """None stands for any run of blanks."""
    if suffix == ".tsv" or (suffix == ".txt" and "\t" in line):
        return "\t"
    if suffix == ".csv" or "," in line:
        if "," not in line and (";" in line or "\t" in line):
            raise ValueError("its columns must be separated by commas, not semicolons or tabs (tabs: call it .tsv)")
        return ","
    return None


def _split(line: str, separator: str | None) -> list[str]:
    cells = line.split() if separator is None else next(csv.reader([line], delimiter=separator))
    return [cell.strip().strip('"') for cell in cells]


def _named(first: list[str], heads: list[list[str]], length: int) -> tuple[bool, bool]:
    """Whether the first line names the columns, and the first column the rows; `length` is that of the second line.

    A first line of words is a header; one with a few numbers in it is a mistake to be named, not skipped, unless it begins
    with an empty corner, repeats the names in the first column, or counts the columns.
    """
    if not first:
        return False, False
    names = [head[0] for head in heads]
    if length == len(first) + 1:  # as R writes it
        return True, True
    repeated = not _is_number(first[0]) and sorted(first[1:]) == sorted(names[1:])
    if first[0] == "" or repeated:
        return True, True
    if _are_words(first) and edge_columns(first) is not None:
        return True, False
    if first == [str(place) for place in range(len(heads) - 1)] and length == len(first) > 1:  # as pandas writes it
        return True, False
    header = _are_words(first)
    return header, len(names) > header and _are_words(names[header:])


def _are_words(cells: list[str]) -> bool:
    return not any(map(_is_number, cells))


def _is_number(entry: str) -> bool:
    """A number, or a truth value."""
    if entry in ("True", "False", "TRUE", "FALSE", "true", "false"):
        return True
    try:
        float(entry)
    except ValueError:
        return False
    return True
