"""quenched fixed-points."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

import quenched as qd
from quenched.cli.checks import check_input, check_output, check_seed
from quenched.sweeps.registry import build_activation

if TYPE_CHECKING:
    import numpy as np


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
    from quenched.cli.fixed_point_table import plural, print_fixed_points
    from quenched.cli.progress import Reporter
    from quenched.storage import write

    phi = build_activation(activation)
    network = qd.Network.from_file(
        weights, array=array, sign=sign, gain=gain, transpose=transpose, layout=layout, activation=phi
    )
    with Reporter(f"searching {network.size} neurons") as tell:

        def show(done: int, total: int, *, points: np.ndarray) -> None:
            tell(done, total, plural(len(points), "fixed point"))

        found = qd.landscape.find_fixed_points(network, starts, key=seed, progress=show, time_limit=time_limit)
    if output is not None:
        write(found, output)
    console = Console()
    print_fixed_points(found, console)
    if output is not None:
        console.print(f"Written to {output}.", soft_wrap=True, highlight=False)
    return 0 if found.sizes["fixed_point"] or found.sizes["uncertified_point"] else 1
