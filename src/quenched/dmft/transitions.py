"""Where a network without symmetry begins to amplify, and where chaos begins."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from quenched import checks
from quenched.activations import check_continuous
from quenched.dmft.stationary_gaussian import StationaryGaussian
from quenched.models import RandomNetwork
from quenched.numerics.self_consistency import Newton
from quenched.precision import double_precision
from quenched.theory import Start, one_population

if TYPE_CHECKING:
    import xarray as xr

_POINTS, _ROUNDS = 25, 5


@double_precision
def transitions(model: RandomNetwork, low: float = 0.1, high: float = 10.0, solver: Newton | None = None) -> xr.Dataset:
    """The two gains at which a stationary network without symmetry changes, at its noise, field and activation.

        instability_gain:  g^2 <phi'^2> = 1, a small difference begins to grow locally;
        chaos_gain:        v = g^2 <phi^2>, the largest Lyapunov exponent crosses zero: c'(tau) is then the ground state.

    Without noise both are where rest loses stability, the same gain. With noise chaos comes later: between the two small
    differences grow for a while, and are then forgotten.

    Arguments:
        model: a `qd.RandomNetwork` of symmetry 0; its own gain is not used.
        low, high: the first crossing from below between these gains is looked for; above 0.
        solver: `qd.Newton(nodes=...)`, as for `qd.dmft.StationaryGaussian`.

    Returns:
        Dataset of `instability_gain` and `chaos_gain`, each with `_error`, the change by the last refinement;
        NaN where there is none between `low` and `high`.

    Raises:
        ValueError: a symmetry other than 0, a field that changes in time, phi that jumps, low >= high.

    When it fails: NaN: no crossing from below was found between `low` and `high`; widen the range.

    Source: Schuecker, Goedeke & Helias 2018 (`schuecker2018`).

    Example:
        >>> import quenched as qd
        >>> found = qd.dmft.transitions(qd.RandomNetwork(1.0))
        >>> print(f"{float(found.instability_gain):.9f} {float(found.chaos_gain):.9f}")
        1.000000000 1.000000000
    """
    import xarray as xr

    from quenched.solution import labelled, parameters

    low, high = checks.number("low", low, above=0.0), checks.number("high", high, above=0.0)
    if not low < high:
        raise ValueError(f"Argument `low` must be below `high` = {high:g}, but is {low:g}.")
    one_population(model, "dmft.transitions")
    check_continuous(
        model.activation,
        "dmft.transitions",
        "its slope at rest is infinite or 0, so that chaos sets in at gain 0 or where a jump is first reached",
        "qd.dmft.Stationary, or ",
    )
    theory = StationaryGaussian((0.0,), (0.0,), centred=model.activation.odd and bool(model.field == 0))
    branch = "quiescent" if model.noise == 0 else "stable"
    used = theory.default_solver() if solver is None else solver
    theory.check(model, used, Start(branch))
    ranges = np.log([[low, high], [low, high]])
    before = found = np.full(2, np.nan)
    for _ in range(_ROUNDS):
        grids = np.linspace(ranges[:, 0], ranges[:, 1], _POINTS, axis=1)
        above = np.asarray(_criteria(model, jnp.asarray(np.exp(grids)), theory, used, branch))
        before, found = found, np.full(2, np.nan)
        for which in range(2):
            grid, value = grids[which], above[which, :, which]
            crossing = np.flatnonzero((value[:-1] < 0.0) & (value[1:] >= 0.0))
            if crossing.size:
                left = crossing[0]
                share = value[left] / (value[left] - value[left + 1])
                found[which] = grid[left] + share * (grid[left + 1] - grid[left])
                ranges[which] = grid[left], grid[left + 1]
    gains, errors = np.exp(found), np.exp(found) * np.abs(found - before)
    described: dict[str, Any] = {}
    for name, gain, error in zip(("instability_gain", "chaos_gain"), gains, errors, strict=True):
        described |= {name: labelled(name, gain), f"{name}_error": labelled(f"{name}_error", error)}
    known = parameters(model, theory, theory, None)
    attributes = {name: value for name, value in known.items() if name not in ("gain", "centred")}
    return xr.Dataset(described, attrs=attributes)


@partial(jax.jit, static_argnames=("solver", "branch"))
def _criteria(
    model: RandomNetwork, gains: Float[Array, "which gain"], theory: StationaryGaussian, solver: Any, branch: str
) -> Float[Array, "which gain criterion"]:
    """What is negative before each transition and positive behind it."""

    def at(gain: Array) -> Array:
        here = model.replace(gain=gain, symmetry=0.0)
        arrays = theory.compute(here, solver, Start(branch)).arrays
        unstable = arrays["local_instability"] - 1.0
        # Twice the kinetic energy is noise^2 + g^2 <phi^2> - v.
        chaotic = 2.0 * arrays["kinetic_energy"] - model.noise**2
        return jnp.stack([unstable, unstable if branch == "quiescent" else chaotic])

    return jax.vmap(jax.vmap(at))(gains)
