"""What the pictures of the authors' code show, in numbers."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

import numpy as np

from quenched import checks

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

_FIGURES = (5, 6, 7, 8, 10, 11)


def readings(figure: str | int) -> pd.DataFrame:
    """Numbers read off a plot of Qiu and Huang (2025), as the notebooks of their public code store it.

    Arguments:
        figure: 5, 6, 7, 8, 10 or 11, the number of its folder there.

    Returns:
        A row for each point: `quantity` (vocabulary name), `symmetry`, `gain`, `temperature`, `value`, and `error`, what one
        pixel is worth. Of plot 10 `spread_prefactor` is their chi = lim (q - Q)/T and `response_overlap` their R sqrt(T).
        Points hidden behind a legend or another curve are left out.

    Raises:
        ValueError: no numbers were read off this figure.

    Source: Qiu & Huang 2025 (`qiu2025`), public code.

    Example:
        >>> import quenched as qd
        >>> points = qd.papers.readings(8)
        >>> points[points.gain == 1.2].value.tolist()
        [0.1215, 0.07]
    """
    import pandas as pd

    number = int(checks.one_of("figure", str(figure), map(str, _FIGURES)))
    table = pd.read_csv(str(files(__package__) / "readings.csv"))
    return table[table.figure == number].drop(columns="figure").reset_index(drop=True)


def compare(points: pd.DataFrame, recomputed: xr.Dataset) -> pd.DataFrame:
    """Each reading beside the value of the sweep at its parameters."""
    along = [name for name in ("symmetry", "gain", "temperature") if name in recomputed.dims]
    rows = []
    for point in points.itertuples():
        here = recomputed.sel({name: getattr(point, name) for name in along}, method="nearest")
        error = here.get(f"{point.quantity}_error")
        rows.append((float(here[point.quantity]), np.nan if error is None else float(error)))
    table = points.rename(columns={"value": "published", "error": "published_error"})
    table[["recomputed", "recomputed_error"]] = rows
    table["difference"] = table.published - table.recomputed
    table["errors"] = table.difference / np.hypot(table.published_error, table.recomputed_error.fillna(0.0))
    return table


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """For each quantity and symmetry, below the transition g (1 + symmetry) = 1, at it (within 3 %) and above: how many
    readings, and how far from the recomputed value: in errors of the reading (`infinite` where the recomputed value is), and
    as the `ratio` of the published to the recomputed value."""
    import pandas as pd

    distance = table.gain * (1 + table.symmetry)
    where = np.select([distance < 0.97, distance <= 1.03], ["below", "at"], "above")
    rows = []
    for (quantity, symmetry, side), part in table.groupby(["quantity", "symmetry", where], sort=False):
        told = part[part.recomputed.abs() > part.published_error]
        ratios = (told.published / told.recomputed).replace([np.inf, -np.inf], np.nan).dropna()
        rows.append(
            {
                "quantity": quantity,
                "symmetry": symmetry,
                "transition": side,
                "readings": len(part),
                "largest, in errors": _in_words(float(part.errors.abs().max())),
                "ratio": "" if ratios.empty else f"{ratios.min():.3g} to {ratios.max():.3g}",
            }
        )
    return pd.DataFrame(rows)


def _in_words(errors: float) -> str:
    return "infinite" if np.isinf(errors) else f"{errors:.1f}"
