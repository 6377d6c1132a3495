"""Tables in text files: separated by commas, tabs or blanks, with names and without."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING

from quenched.models.labels import edge_columns

if TYPE_CHECKING:
    import pandas as pd


def read_table(path: Path) -> pd.DataFrame:
    """The table, its rows and columns named where the file names them, else counted; of a list of edges with columns
    `source` and `target` or whatever the file calls them."""
    import pandas as pd

    # utf-8-sig: spreadsheets begin their files with a byte order mark.
    lines = [line for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    lines = [line for line in lines if not line.lstrip().startswith("#")]
    separator = _separator(path.suffix.lower(), lines[0]) if lines else None
    first = _split(lines[0], separator) if lines else []
    heads = [_split(line, separator)[:2] for line in lines]
    header, index = _named(first, heads, len(_split(lines[1], separator)) if len(lines) > 1 else 0)
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
    if not header and table.shape[1] > 2 and all(map(_are_words, heads)):
        return table.rename(columns={0: "source", 1: "target", 2: "weight"})
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
        raise ValueError("it holds no numbers")
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
    with an empty corner or repeats the names in the first column.
    """
    if not first or (_are_words(first) and edge_columns(first) is not None):
        return bool(first), False
    names = [head[0] for head in heads]
    if length == len(first) + 1:  # as R writes it
        return True, True
    repeated = not _is_number(first[0]) and sorted(first[1:]) == sorted(names[1:])
    if first[0] == "" or repeated:
        return True, True
    header = _are_words(first)
    return header, len(names) > header and _are_words(names[header:])


def _are_words(cells: list[str]) -> bool:
    return not any(map(_is_number, cells))


def _is_number(entry: str) -> bool:
    try:
        float(entry)
    except ValueError:
        return False
    return True
