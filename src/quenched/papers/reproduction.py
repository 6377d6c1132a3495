"""What `reproduce` returns: one figure, as numbers and as a picture."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


@dataclass(frozen=True, repr=False)
class Reproduction:
    """One figure of a paper, computed anew, and how far that is from what it is compared with.

    Arguments:
        paper, figure: such as "qiu2025", "5".
        title: what it shows.
        table: every number that is compared, a row each: quantity and parameters; `recomputed` and `recomputed_error`;
            `published` and `published_error` (what can be told apart in the picture) or `networks` and `networks_error`
            (a standard error); `difference`, the latter minus the former; and `errors`, the difference over its error.
        differences: the table in short, a row for each quantity.
        picture: the figure; notebooks show it for the whole.

    Example:
        >>> import quenched as qd
        >>> found = qd.papers.reproduce("qiu2025", 11)
        >>> sorted(set(found.table.quantity))
        ['correlation', 'integrated_response']
    """

    paper: str
    figure: str
    title: str
    table: pd.DataFrame
    differences: pd.DataFrame
    picture: Figure

    @property
    def name(self) -> str:
        """Stem of its files."""
        return f"{self.paper}_{self.figure}"

    def save(self, folder: str | Path = ".") -> tuple[Path, Path]:
        """Write the table as CSV and the picture as PNG.

        Arguments:
            folder: where to; made if it is not there.

        Returns:
            The two files, <paper>_<figure>.csv and .png.

        Raises:
            OSError: the folder cannot be written to.
        """
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        table, picture = folder / f"{self.name}.csv", folder / f"{self.name}.png"
        self.table.to_csv(table, index=False, float_format="%.8g")
        self.picture.savefig(picture, dpi=150)
        return table, picture

    def _repr_png_(self) -> bytes:
        """The picture, in notebooks."""
        written = BytesIO()
        self.picture.savefig(written, format="png", dpi=100)
        return written.getvalue()

    def __repr__(self) -> str:
        return f"{self.paper}, figure {self.figure}: {self.title}\n{self.differences.to_string(index=False)}"
