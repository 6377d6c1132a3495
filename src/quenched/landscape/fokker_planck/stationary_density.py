"""The stationary density and current of noisy dynamics in one or two variables, beside exp(-E/T)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from jaxtyping import Array

from quenched import checks
from quenched.dynamics.base import AbstractDynamics
from quenched.dynamics.read import read_dynamics
from quenched.landscape.fokker_planck.grid import Grid, velocities, work
from quenched.landscape.fokker_planck.hopping import Hops, generator, hops
from quenched.models import Network
from quenched.numerics.markov_chain import bytes_needed, log_probabilities
from quenched.numerics.memory import available_bytes
from quenched.numerics.threads import one_blas_thread
from quenched.precision import double_precision
from quenched.provenance import stamp
from quenched.solution import labelled

if TYPE_CHECKING:
    import xarray as xr

_VARIABLES = ("x", "y")
_FEWEST_CELLS = 16
# Beyond these the attribute `status` is not "solved".
_MOST_AT_WALL, _LARGEST_ERROR, _LARGEST_RESIDUAL = 1e-4, 0.01, 1e-10
_ADVICE = {
    "solved": "solved",
    "box_too_small": "more than 1e-4 of the density or of exp(-E/T) lies in the cells at the walls; use a larger `box`",
    "cells_too_wide": "with half as many cells a moment or the distance differs by more than 1 %; use more `cells`, a "
    "smaller `box` or a larger `noise`",
}


@double_precision
def stationary_density(
    dynamics: Network | AbstractDynamics,
    noise: float,
    box: Any,
    *,
    cells: int = 201,
    temperature: float | None = None,
    confinement: float = 0.0,
    inputs: Any = None,
) -> xr.Dataset:
    """The stationary density p of dx = F(x) dt + sigma dW in one or two variables, and the current j in it:

        0 = dp/dt = -div j,     j = F p - D grad p,     D = sigma^2/2,     no flux through the walls of a box,

    beside exp(-E/T)/Z, E = |F|^2/2 + confinement |x|^2, the measure of the speed landscape. As the noise vanishes p keeps
    the attractors with the lowest quasi-potential; exp(-E/T) keeps every fixed point, saddles and repellers too, each with
    weight 1/|det F'|.

    Arguments:
        dynamics: a `qd.Network` or `qd.landscape.Flow(velocity, size)` of size 1 or 2.
        noise: sigma, greater than 0, in units of state / sqrt(time).
        box: (low, high), for every variable; or one such row for each.
        cells: along each axis, at least 16.
        temperature: T; sigma^2/2 if left out, the noise that the dynamics has: then both measures agree for F = -x.
        confinement: strength of the term c |x|^2 of E, at least 0. It is no part of the dynamics.
        inputs: constant inputs, (input).

    Returns:
        Dataset over the centres of the cells, (x) or (x, y): `density`; `current` (component, x[, y]); `boltzmann_density`.
        Numbers, each but the first three with `_error`: `wall_probability`, `boltzmann_wall_probability`, in the cells at
        the walls; `residual`, the largest |L p| over the largest rate times the largest p; `divergence_from_boltzmann`, the
        total variation distance (1/2) int |p - exp(-E/T)/Z|, 0 to 1; `mean_state` and `mean_square_state`, averages over p
        and the variables; `entropy_production` int j.j/(D p), zero for gradient flows.
        Attributes `status` and `advice`: "solved", "box_too_small" or "cells_too_wide".

    Errors: the whole difference to a grid with half as many cells. The fluxes are exact for constant velocities, whence the
    density is that of a gradient flow up to O(width^6) in its logarithm; for other flows the error is O(width^2) where
    |F| width < D, of which the difference is three times too large, and O(width) where it is not. What the walls change is
    not in the errors: see `wall_probability`.

    When it fails: three and more variables have too many cells: `qd.simulate.integrate`. Small noise in flows with a current
    needs cells narrower than D/|F|, see `cells_too_wide`; gradient flows do not. Work and memory grow as cells^4 and
    cells^3: 2 s and 0.13 GB for 201 x 201.

    Raises:
        TypeError: no dynamics, no number.
        ValueError: a map, more than two variables, noise or a temperature that is not above 0, a box or inputs of another
            shape, fewer than 16 cells; a velocity that is not finite in the box.
        MemoryError: the matrix of the cells would not fit.
        FloatingPointError: neighbouring cells are too far apart for the noise, or the residual is not small.

    Source: Scharfetter & Gummel 1969 (`scharfetter1969`, fluxes); Grassmann, Taksar & Heyman 1985 (the null vector, see
    `fokker_planck`).

    Example:
        >>> import quenched as qd
        >>> double_well = qd.landscape.Flow(lambda x: x - x**3, size=1)
        >>> found = qd.landscape.stationary_density(double_well, 0.3, (-2.0, 2.0))
        >>> at = found.sel(x=[-1.0, 0.0, 1.0], method="nearest")
        >>> at.density.values.round(2).tolist(), at.boltzmann_density.values.round(2).tolist()
        ([1.27, 0.0, 1.27], [0.81, 0.81, 0.81])
    """
    import xarray as xr

    way, given = _read(dynamics, inputs)
    noise = float(checks.number("noise", noise, above=0.0))
    half = 0.5 * noise**2
    temperature = half if temperature is None else float(checks.number("temperature", temperature, above=0.0))
    confinement = float(checks.number("confinement", confinement, low=0.0))
    low, high = _read_box(box, way.size)
    fine = Grid(low, high, checks.count("cells", cells, low=_FEWEST_CELLS))
    _refuse_what_does_not_fit(fine)
    coarse = Grid(low, high, fine.cells // 2)
    with one_blas_thread():
        found = _solved(way, fine, half, temperature, confinement, given)
        rough = _solved(way, coarse, half, temperature, confinement, given)
    arrays = found._asdict()
    numbers, rough_numbers = arrays.pop("numbers"), rough.numbers
    # Rounding, where the grids agree better than that.
    scales = {"mean_state": np.sqrt(numbers["mean_square_state"]), "mean_square_state": numbers["mean_square_state"]}
    for name in ("divergence_from_boltzmann", "mean_state", "mean_square_state", "entropy_production"):
        rounding = 10 * fine.cells * np.finfo(float).eps * scales.get(name, 1.0)
        arrays[f"{name}_error"] = np.asarray(abs(numbers[name] - rough_numbers[name]) + rounding)
    arrays |= {name: np.asarray(value) for name, value in numbers.items()}
    status = _status(arrays, scales)
    attributes: dict[str, Any] = {
        "noise": noise,
        "temperature": temperature,
        "confinement": confinement,
        "cells": fine.cells,
    }
    attributes |= {"status": status, "advice": _ADVICE[status], "citations": "scharfetter1969"}
    attributes |= stamp()
    coordinates: dict[str, Any] = {name: fine.centres(axis) for axis, name in enumerate(_VARIABLES[: way.size])}
    coordinates["component"] = list(_VARIABLES[: way.size])
    return xr.Dataset({name: labelled(name, values) for name, values in arrays.items()}, coordinates, attributes)


class _Solved(NamedTuple):
    density: np.ndarray
    current: np.ndarray
    boltzmann_density: np.ndarray
    numbers: dict[str, float]


def _solved(
    dynamics: AbstractDynamics, grid: Grid, diffusion: float, temperature: float, confinement: float, inputs: Array | None
) -> _Solved:
    chain = hops(grid, work(dynamics, grid, inputs), diffusion)
    rates = chain.rates()
    density = _normalised(log_probabilities(rates).reshape(grid.shape), grid)
    operator = generator(rates)
    residual = float(np.max(np.abs(operator @ density.ravel())) / (np.max(np.abs(operator.diagonal())) * np.max(density)))
    if not residual < _LARGEST_RESIDUAL:
        raise FloatingPointError(f"The stationary density was not found: the residual is {residual:.1g}.")
    states = grid.states()
    square = np.sum(states**2, axis=-1)
    energy = 0.5 * np.sum(velocities(dynamics, states, inputs) ** 2, axis=-1) + confinement * square
    boltzmann = _normalised(-energy / temperature, grid)
    current, entropy = _flows(chain, density)
    wall = grid.at_wall()
    numbers = {
        "wall_probability": density[wall].sum(),
        "boltzmann_wall_probability": boltzmann[wall].sum(),
        "divergence_from_boltzmann": 0.5 * np.abs(density - boltzmann).sum(),
        "mean_state": (density * states.mean(axis=-1)).sum(),
        "mean_square_state": (density * square).sum() / grid.size,
        "entropy_production": entropy,
    }
    numbers = {name: float(value) * grid.volume for name, value in numbers.items()} | {"residual": residual}
    return _Solved(density, current, boltzmann, numbers)


def _normalised(logarithm: np.ndarray, grid: Grid) -> np.ndarray:
    weight = np.exp(logarithm - logarithm.max())
    density: np.ndarray = weight / (weight.sum() * grid.volume)
    return density


def _flows(chain: Hops, density: np.ndarray) -> tuple[np.ndarray, float]:
    """The current at the centres, the mean of both faces; and the entropy production per volume of a cell.

    The latter is the sum over faces of (forward - backward) ln(forward/backward) of the hops themselves, so that it is zero
    where they balance; ln(forward/backward) is the integral of j/(D p) between the centres.
    """
    current, entropy = [], 0.0
    for axis, (forward, backward) in enumerate(chain.one_way_fluxes(density)):
        net = forward - backward
        walls = [(1, 1) if other == axis else (0, 0) for other in range(density.ndim)]
        faces = np.pad(net, walls)
        current.append(0.5 * (np.delete(faces, -1, axis=axis) + np.delete(faces, 0, axis=axis)))
        crossed = (forward > 0.0) & (backward > 0.0)
        entropy += float(np.sum(net[crossed] * np.log(forward[crossed] / backward[crossed]))) / chain.grid.widths[axis]
    return np.stack(current), entropy


def _status(arrays: dict[str, np.ndarray], scales: dict[str, float]) -> str:
    if max(arrays["wall_probability"], arrays["boltzmann_wall_probability"]) > _MOST_AT_WALL:
        return "box_too_small"
    names = ("mean_state", "mean_square_state", "divergence_from_boltzmann")
    coarse = any(arrays[f"{name}_error"] > _LARGEST_ERROR * scales.get(name, 1.0) for name in names)
    return "cells_too_wide" if coarse else "solved"


def _read(dynamics: Any, inputs: Any) -> tuple[AbstractDynamics, Array | None]:
    way, given = read_dynamics(dynamics, inputs)
    if way.kind != "flow":
        raise ValueError(
            "Argument `dynamics` must be a flow, but is a map: it jumps, so that its density obeys no Fokker-Planck "
            "equation. Iterate it with noise instead."
        )
    if way.size > len(_VARIABLES):
        raise ValueError(
            f"Argument `dynamics` must be of size 1 or 2, but is of size {way.size}: too many cells. Sample it with "
            "qd.simulate.integrate instead."
        )
    if given is not None and given.ndim != 1:
        raise ValueError(f"Argument `inputs` must be one row of inputs, (input), but has shape {given.shape}.")
    return way, given


def _read_box(box: Any, size: int) -> tuple[np.ndarray, np.ndarray]:
    rows = checks.numbers("Argument `box`", box)
    if rows.shape not in ((2,), (size, 2)):
        raise ValueError(f"Argument `box` must be (low, high) or have shape ({size}, 2), but has shape {rows.shape}.")
    low, high = np.broadcast_to(rows, (size, 2)).T
    if not np.isfinite(rows).all() or not np.all(low < high):
        raise ValueError(f"Argument `box` must be finite with each low below its high, but is {rows.tolist()}.")
    return low, high


def _refuse_what_does_not_fit(grid: Grid) -> None:
    # States on three nodes of every face, and the band matrix.
    cells = grid.cells**grid.size
    needed = bytes_needed(cells, cells // grid.cells) + 8 * cells * 20 * grid.size
    if needed > available_bytes():
        raise MemoryError(
            f"{grid.cells} cells along {grid.size} axes need about {needed / 2**30:.1f} GiB, but "
            f"{available_bytes() / 2**30:.1f} GiB are free; lower `cells`."
        )
