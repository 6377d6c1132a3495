"""quenched fixed-points."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

import quenched as qd
from quenched.cli.checks import check_input, check_output, check_seed
from quenched.sweeps.names import build_activation

if TYPE_CHECKING:
    import numpy as np
    import xarray as xr

_SHOWN = 20


def fixed_points(
    weights: Path,
    /,
    *,
    array: str | None = None,
    sign: str | None = None,
    gain: float | None = None,
    transpose: bool = False,
    layout: str | None = None,
    activation: str = "tanh",
    starts: int = 200,
    seed: int = 0,
    time_limit: float | None = None,
    output: Path | None = None,
    force: bool = False,
) -> int:
    """Find the fixed points of one network, dx/dt = -x + J phi(x).

    The table counts the unstable directions of each, and the starts that ended there.

    Example: quenched fixed-points connectome.npz --array count --sign sign --gain 1.5

    Parameters
    ----------
    weights:
        File with J, J[i, j] from j to i: .npy, .npz, .mat, .h5, .csv, .tsv, .txt, .mtx, .graphml, .gexf or .gml.
    array:
        Which array of several, column of a list of edges, or attribute of a graph's edges holds the weights.
    sign:
        A second one to multiply by, where magnitudes and signs are kept apart.
    gain:
        Scale the weights so that N Var(J) = gain^2; as they are in the file if left out.
    transpose:
        The file stores [from, to].
    layout:
        matrix, or edges: a list of edges (from, to, weight).
    activation:
        tanh, erf, relu or linear.
    starts:
        How many states to search from.
    seed:
        Seed of the starts.
    time_limit:
        Seconds after which the search ends with what it has found.
    output:
        File to write everything to, .nc (netCDF) or .zarr.
    force:
        Replace the output if it exists.
    """
    check_input(weights, "file")
    check_output(output, force)
    check_seed(seed)
    from quenched.cli.progress import Reporter
    from quenched.cli.tables import print_table
    from quenched.storage import write

    phi = build_activation(activation)
    network = qd.Network.from_file(
        weights, array=array, sign=sign, gain=gain, transpose=transpose, layout=layout, activation=phi
    )
    with Reporter(f"searching {network.size} neurons") as tell:

        def show(done: int, total: int, *, points: np.ndarray) -> None:
            tell(done, total, _plural(len(points), "fixed point"))

        found = qd.landscape.find_fixed_points(network, starts, key=seed, progress=show, time_limit=time_limit)
    if output is not None:
        write(found, output)
    console = Console()
    number = found.sizes["fixed_point"]
    ended = found["outcome"].values
    searches = [len(ended), found.sizes["path"], found.attrs["searches_between"]]
    console.print(
        f"{network.size} neurons, {phi.name}: {_plural(number, 'fixed point')} from {sum(searches)} searches: "
        f"{searches[0]} starts, {searches[1]} paths and {searches[2]} from between points",
        highlight=False,
    )
    rows = [_row(index, found.isel(fixed_point=index)) for index in range(min(number, _SHOWN))]
    if rows:
        print_table(console, "", ("", "residual", "stable", "unstable", "leading eigenvalue", "starts"), rows)
    if number > _SHOWN:
        console.print(f"and {number - _SHOWN} more, with more unstable directions", highlight=False)
    console.print(f"starts: {found.attrs['outcomes']}; paths: {found.attrs['path_outcomes']}", highlight=False)
    for sentence in _without_certificate(found):
        console.print(sentence, highlight=False)
    if found.attrs["interrupted"]:
        console.print("The search ended early: what it had found by then is listed.", highlight=False)
    others = found.sizes["uncertified_point"]
    console.print(_completeness(float(found["index_sum"]), phi.bounded, others), highlight=False)
    if output is not None:
        console.print(f"Written to {output}.", soft_wrap=True, highlight=False)
    return 0 if number or others else 1


def _row(index: int, point: xr.Dataset) -> tuple[str, ...]:
    return (
        str(index),
        f"{float(point['residual']):.1e}",
        "yes" if bool(point["stable"]) else "no",
        str(int(point["unstable_directions"])),
        _complex(complex(point["eigenvalue_real"].values[0], point["eigenvalue_imag"].values[0])),
        str(int(point["starts_reaching"])),
    )


def _complex(value: complex) -> str:
    return f"{value.real:.4g}" if abs(value.imag) < 1e-12 else f"{value.real:.4g} ± {abs(value.imag):.4g}i"


def _plural(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _without_certificate(found: xr.Dataset) -> list[str]:
    """A sentence for each reason why roots have no certificate."""
    on_kink, flat = found["on_kink"].values, found["flat_directions"].values
    most = int(flat[~on_kink].max(initial=0))
    reasons = (
        (on_kink, "on a kink of the activation, which another field moves them off"),
        (
            ~on_kink & (flat > 0),
            f"where F' has {_plural(most, 'flat direction')}: a line or a ring of fixed points, or points that merge",
        ),
        (~on_kink & (flat == 0), "where F' changes too fast for rounding"),
    )
    return [f"{_plural(int(each.sum()), 'root')} without a certificate {why}" for each, why in reasons if each.any()]


def _completeness(index_sum: float, bounded: bool, others: int) -> str:
    stated = f"index sum {index_sum:g}"
    if others:
        return (
            f"{stated}, of the certified points alone: {_plural(others, 'root')} without a certificate "
            f"{'is' if others == 1 else 'are'} not in it, and more starts do not help."
        )
    if not bounded:
        return f"{stated}; for an activation without bound it tells nothing of whether the list is complete."
    if abs(index_sum - 1.0) < 1e-5:
        return f"{stated}, as it must be for a complete list (a list can miss points in pairs that cancel)."
    return f"{stated}, but 1 for a complete list: fixed points are missing; raise --starts."
