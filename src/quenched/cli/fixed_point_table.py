"""The fixed points of one network, for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from rich.console import Console

from quenched.cli.tables import print_table
from quenched.fixed_points.describe import COMPLETE

if TYPE_CHECKING:
    import xarray as xr

_SHOWN = 20


def print_fixed_points(found: xr.Dataset, console: Console) -> None:
    """What `qd.landscape.find_fixed_points` returned: how many searches, the points, and what is known to be missing."""
    number, others = found.sizes["fixed_point"], found.sizes["uncertified_point"]
    searches = [found.sizes["start"], found.sizes["path"], found.attrs["searches_between"]]
    phi = f", {found.attrs['activation']}" if "activation" in found.attrs else ""
    console.print(
        f"{found.sizes['neuron']} neurons{phi}: {plural(number, 'fixed point')} from {sum(searches)} searches: "
        f"{searches[0]} starts, {searches[1]} paths and {searches[2]} from between points",
        highlight=False,
    )
    rows = [_row(index, found.isel(fixed_point=index)) for index in range(min(number, _SHOWN))]
    if rows:
        print_table(console, "", ("", "residual", "stable", "unstable", "leading eigenvalue", "starts"), rows)
    if number > _SHOWN:
        console.print(f"and {number - _SHOWN} more, with more unstable directions", highlight=False)
    console.print(f"starts: {found.attrs['outcomes']}; paths: {found.attrs['path_outcomes']}", highlight=False)
    if "certified" in found and not found["certified"].all():
        console.print("Searched without Jacobians: how far roots are off is estimated, not proven.", highlight=False)
    for sentence in _without_certificate(found):
        console.print(sentence, highlight=False)
    if found.attrs["interrupted"]:
        console.print("The search ended early: what it had found by then is listed.", highlight=False)
    console.print(_completeness(found, others), highlight=False)


def _row(index: int, point: xr.Dataset) -> tuple[str, ...]:
    return (
        str(index),
        f"{float(point['residual']):.1e}",
        "yes" if bool(point["stable"]) else "no",
        "?" if np.isnan(point["unstable_directions"]) else str(int(point["unstable_directions"])),
        _complex(complex(point["eigenvalue_real"].values[0], point["eigenvalue_imag"].values[0])),
        str(int(point["starts_reaching"])),
    )


def _complex(value: complex) -> str:
    return f"{value.real:.4g}" if abs(value.imag) < 1e-12 else f"{value.real:.4g} ± {abs(value.imag):.4g}i"


def plural(number: int, what: str) -> str:
    """1 point, 2 points."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def _without_certificate(found: xr.Dataset) -> list[str]:
    """A sentence for each reason why roots have no certificate."""
    on_kink, flat = found["on_kink"].values, found["flat_directions"].values
    most = int(flat[~on_kink].max(initial=0))
    reasons = (
        (on_kink, "on a kink of the activation, which another field moves them off"),
        (
            ~on_kink & (flat > 0),
            f"where F' has {plural(most, 'flat direction')}: a line or a ring of fixed points, or points that merge",
        ),
        (~on_kink & (flat == 0), "where F' changes too fast for rounding"),
    )
    return [f"{plural(int(each.sum()), 'root')} without a certificate {why}" for each, why in reasons if each.any()]


def _completeness(found: xr.Dataset, others: int) -> str:
    sums = np.atleast_1d(found["index_sum"].values)
    stated = f"index sum {', '.join(f'{each:g}' for each in sums)}"
    if others:
        return (
            f"{stated}, of the certified points alone: {plural(others, 'root')} without a certificate "
            f"{'is' if others == 1 else 'are'} not in it, and more starts do not help."
        )
    means = found.attrs["index_sum_means"]
    if means != COMPLETE:
        return f"{stated}; {means}."
    if np.allclose(sums, 1.0, atol=1e-5):
        return f"{stated}, as it must be for a complete list (a list can miss points in pairs that cancel)."
    return f"{stated}, but 1 for a complete list: fixed points are missing; search from more starts."
