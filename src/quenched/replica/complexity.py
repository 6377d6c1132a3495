"""How many fixed points a large network has: all of them on average, and those that dominate exp(-E/T) as T -> 0."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from quenched import checks
from quenched.activations import check_continuous
from quenched.errors import raise_unsolved
from quenched.models import RandomNetwork
from quenched.numerics.continuation import follow
from quenched.numerics.quadrature import Scalar
from quenched.numerics.self_consistency import Newton, polish
from quenched.precision import double_precision
from quenched.replica import kac_rice
from quenched.replica.branches import computed
from quenched.replica.log_determinant import of_equal_slopes
from quenched.replica.zero_overlap import check_no_noise, check_odd_without_field
from quenched.replica.zero_temperature import ZeroTemperature
from quenched.status import Status
from quenched.theory import one_population

if TYPE_CHECKING:
    import xarray as xr

_NAME = "replica.complexity"
_BOTH, _ANNEALED, _DOMINATING = "both", "annealed", "dominating"
# The power k of each kind, and the exponent e of the r = g |phi'(0)| (1 + gamma)^e at which it leaves x = 0.
_KINDS = {_ANNEALED: (1.0, 1.0), _DOMINATING: (0.0, 0.5)}
# Where following begins: r, at symmetry 0; and its longest step, of a path of length 1.
_BEGIN, _LONGEST = 1.5, 0.1
# ln a there is looked for in +-this.
_WIDEST, _GRID = 14.0, 113
# Equations are soft where fixed points leave x = 0: up to r - 1 = this values are interpolated, by these powers of r - 1.
_SOFT = 3e-3
_ORDERS = {"complexity": 2, "log_determinant": 1, "mean_square_rate": 1}
# x = 0 solves the equations too: where t is as near as this to its own, Newton's method is turned back.
_FALLEN = 1e-5

Values = dict[str, Array]


@double_precision
def complexity(
    model: RandomNetwork,
    gains: Any = None,
    *,
    which: str = _BOTH,
    solver: Newton | None = None,
    throw: bool = True,
) -> xr.Dataset:
    """Logarithm of the number of fixed points, per neuron, as N grows; 0 where x = 0 is the only one.

    With F(x) = -x + J phi(x), r = g (1 + gamma) |phi'(0)| and L the (1/N) ln|det F'| of the fixed points in question,

        annealed_complexity:    lim (1/N) ln E[number of all fixed points] (Kac and Rice); above r = 1 it begins as
                                (16/81) (1 + gamma)^2 (r - 1)^3;
        dominating_complexity:  of those that dominate Z = sum of 1/|det F'|, which is exp(-E/T) as T -> 0:
                                lim (1/N) ln Z + L; below g |phi'(0)| sqrt(1 + gamma) = 1 x = 0 dominates alone.

    Arguments:
        model: odd, bounded, monotonic phi, steepest at 0; no field, no noise.
        gains: gains to compute in one go, in place of the model's own, (gain).
        which: "both", "annealed" or "dominating". The latter two need less; a negative symmetry has only "annealed".
        solver: `qd.Newton(nodes=...)`.
        throw: raise SolveError unless every point is solved.

    Returns:
        Dataset, with the dimension `gain` if `gains` are given, of both numbers, of L at both kinds of fixed points
        (`annealed_log_determinant`, `dominating_log_determinant`) and of q = <phi^2> there
        (`annealed_mean_square_rate`, `dominating_mean_square_rate`), each with `_error`, the change when the nodes are
        doubled; and `status`. Within 0.003 of where they leave x = 0 they are interpolated, and `_error` holds that too.

    The annealed number is that of the average network, an upper bound for a typical one. dominating <= annealed always.
    Limits: symmetry 0: lim (1/N) ln Z = 0 and the dominating states are Gaussian, their variance that of `qd.dmft.Static`.

    Raises:
        ValueError: a field, noise, phi not odd, unbounded, not monotonic or steeper elsewhere than at 0; a negative symmetry
            unless `which` is "annealed": without overlaps of replicas the dominating number is negative there.
        TypeError: another model than a `qd.RandomNetwork`, another solver than `qd.Newton`, gains that are no numbers.

    When it fails: `out_of_steps` or `coarse_quadrature`: raise the solver's `max_steps` or `nodes`; with `throw=False` the
    Dataset holds what was reached, and `status` for each gain.

    Source: limit of Qiu & Huang 2025 (`qiu2025`); Wainrib & Touboul 2013 (`wainrib2013`) for the question. Derived in
    quenched's documentation.

    Example:
        >>> import quenched as qd
        >>> found = qd.replica.complexity(qd.RandomNetwork(gain=2.0))
        >>> print(f"{float(found.dominating_complexity):.6f} {float(found.annealed_complexity):.6f}")
        0.010683 0.024825
    """
    import xarray as xr

    from quenched.solution import labelled, parameters

    throw = checks.flag("throw", throw)
    which = checks.one_of("which", which, (_BOTH, _ANNEALED, _DOMINATING))
    if not isinstance(model, RandomNetwork):
        raise TypeError(f"Argument `model` must be a qd.RandomNetwork, but is {checks.shown(model)}.")
    one_population(model, "replica.complexity")
    solver = _check(model, which, Newton() if solver is None else solver)
    values = np.asarray(model.gain) if gains is None else checks.real_array("Argument `gains`", gains, (None,))
    if values.size == 0:
        raise ValueError("Argument `gains` must hold at least one gain, but is empty.")
    if np.any(values < 0.0):
        raise ValueError(f"Argument `gains` must be at least 0, but holds {values.min():g}.")
    flat = jnp.asarray(np.atleast_1d(values))
    begins = _begin(model, solver)
    arrays: Values = {}
    codes = np.zeros(flat.shape, int)
    for kind in _KINDS if which == _BOTH else (which,):
        power, exponent = (jnp.asarray(each) for each in _KINDS[kind])
        found, status = _curve(model, flat, power, exponent, begins, solver)
        arrays |= {f"{kind}_{name}": array for name, array in found.items()}
        codes = np.where(codes == Status.solved, np.asarray(status), codes)
    leading = () if gains is None else ("gain",)
    described: dict[str, Any] = {}
    for name, array in {**arrays, "status": codes}.items():
        described[name] = labelled(name, np.asarray(array).reshape(values.shape), leading)
    theory = ZeroTemperature()
    known = {**parameters(model, theory, theory, None), "theory": _NAME, "citations": "qiu2025 wainrib2013"}
    attributes = {name: value for name, value in known.items() if gains is None or name != "gain"}
    dataset = xr.Dataset(described, coords={} if gains is None else {"gain": values}, attrs=attributes)
    if throw:
        raise_unsolved(_NAME, codes, "gains", dataset)
    return dataset


def _check(model: RandomNetwork, which: str, solver: Newton) -> Newton:
    """Refuse what the derivation does not cover."""
    check_odd_without_field(model, _NAME)
    check_no_noise(model, _NAME)
    phi = model.activation
    if not phi.bounded:
        raise ValueError(
            f"Argument `activation` must be bounded for {_NAME}, but {phi.name} is not: averages over states need not exist."
        )
    check_continuous(phi, _NAME, "det F' counts phi', which is a delta function there")
    x = np.sinh(np.linspace(0.0, 10.0, 2001))
    slopes = np.asarray(phi.slope(jnp.asarray(x)))
    relative = slopes if slopes[0] >= 0.0 else -slopes
    for wrong, word in ((relative.argmin(), "monotonic"), (relative.argmax(), "steepest at 0")):
        if not -1e-9 * relative[0] <= relative[wrong] <= (1.0 + 1e-9) * relative[0]:
            raise ValueError(
                f"Argument `activation` must be {word} for {_NAME}, but the slope of {phi.name} is {slopes[wrong]:.3g} at "
                f"x = {x[wrong]:.3g} and {slopes[0]:.3g} at 0: fixed points may then appear far from 0, on another branch."
            )
    if which != _ANNEALED and model.symmetry < 0.0:
        raise ValueError(
            f"Argument `symmetry` must be at least 0 for the dominating fixed points of {_NAME}, but is "
            f"{float(model.symmetry):g}: below 0 replicas overlap, and this theory has none; use which='annealed'."
        )
    if not isinstance(solver, Newton):
        raise TypeError(f"Argument `solver` must be a Newton solver for {_NAME}, but is {checks.shown(solver)}.")
    return solver


@partial(jax.jit, static_argnames=("solver",))
def _begin(model: RandomNetwork, solver: Newton) -> tuple[Float[Array, "power 5"], Bool[Array, ""]]:
    """The unknowns for k = 0 (nearly) and k = 1 at symmetry 0 and `_BEGIN` critical gains, the latter followed from the
    former, and whether that was possible."""
    here = _at(model, jnp.asarray(_BEGIN), jnp.zeros(()), 1.0)
    zero = jnp.zeros(())

    def gaussian(log_width: Array) -> kac_rice.Neuron:
        return kac_rice.neuron(here, 0.0, kac_rice.Unknowns(log_width, zero, zero, zero, zero), solver.nodes)

    # For k = 0 states are Gaussian, of the variance a where g^2 <phi^2>/a, which falls, is 1.
    grid = jnp.linspace(-_WIDEST, _WIDEST, _GRID)
    supported = here.gain**2 * jax.vmap(gaussian)(grid).rate_square > 1.0
    log_width = grid[jnp.max(jnp.where(supported, jnp.arange(_GRID), 0))]
    overlaps = jnp.stack([log_width, here.gain * gaussian(log_width).response, zero])
    first = kac_rice.with_determinant(here, overlaps, solver.nodes)
    last = follow(lambda k, u: kac_rice.equations(here, k, u, solver.nodes), first, zero, jnp.ones(()), solver, _LONGEST)
    return jnp.stack([first, last.unknowns]), last.converged


@partial(jax.jit, static_argnames=("solver",))
def _curve(
    model: RandomNetwork,
    gains: Float[Array, " gain"],
    power: Array,
    exponent: Array,
    begins: tuple[Float[Array, "power 5"], Bool[Array, ""]],
    solver: Newton,
) -> tuple[Values, Int[Array, " gain"]]:
    """Complexity, L and q of the fixed points counted with `power` k, which are followed in symmetry and gain at once.

    They leave x = 0 where r = g |phi'(0)| (1 + gamma)^exponent is 1.
    """
    steep, symmetry = _steepness(model), jnp.asarray(model.symmetry, float)
    begin = jnp.where(power == 0.0, begins[0][0], begins[0][1])

    def at(gain: Array) -> tuple[Values, Array]:
        beyond = gain * steep * (1.0 + symmetry) ** exponent - 1.0
        share = jnp.clip(beyond / _SOFT, 0.0, 1.0)
        target = jnp.where(share > 0.0, symmetry, 0.0)
        ratio = jnp.where(share > 0.0, 1.0 + jnp.maximum(beyond, _SOFT), _BEGIN)

        def passing(part: Array) -> RandomNetwork:
            return _at(model, _BEGIN * (ratio / _BEGIN) ** part, part * target, exponent)

        def residual(part: Array, unknowns: Array) -> Array:
            here = passing(part)
            fallen = unknowns[3] > (1.0 - _FALLEN) * _depth_at_rest(here)
            return jnp.where(fallen, jnp.nan, kac_rice.equations(here, power, unknowns, solver.nodes))

        found = follow(residual, begin, jnp.zeros(()), jnp.ones(()), solver, _LONGEST)
        here = passing(jnp.ones(()))
        refined = polish(lambda u: kac_rice.equations(here, power, u, 2 * solver.nodes), found.unknowns)
        fine = _described(here, power, refined, 2 * solver.nodes)
        coarse = _described(here, power, found.unknowns, solver.nodes)
        status = jnp.where(begins[1], computed(fine, coarse, found).status, Status.out_of_steps)
        values: Values = {}
        rest, edge = (of_equal_slopes(steep, g, symmetry) for g in (gain, here.gain))
        for name, order in _ORDERS.items():
            # From x = 0 to the first point that is computed.
            change = share**order * (fine[name] - (edge if name == "log_determinant" else 0.0))
            values[name] = (rest if name == "log_determinant" else 0.0) + jnp.where(share > 0.0, change, 0.0)
            error = share**order * jnp.abs(fine[name] - coarse[name]) + (1.0 - share**3) * jnp.abs(change)
            values[f"{name}_error"] = jnp.where(share > 0.0, error, 0.0)
        return values, jnp.where(share > 0.0, status, Status.solved)

    return jax.vmap(at)(gains)


def _at(model: RandomNetwork, ratio: Array, symmetry: Array, exponent: Scalar) -> RandomNetwork:
    """The model where g |phi'(0)| (1 + gamma)^exponent is `ratio`."""
    gain = ratio / ((1.0 + symmetry) ** exponent * _steepness(model))
    return model.replace(gain=gain, symmetry=symmetry)


def _steepness(model: RandomNetwork) -> Array:
    return jnp.abs(model.activation.slope(jnp.zeros(())))


def _depth_at_rest(model: RandomNetwork) -> Array:
    """t of x = 0 itself, within the spectrum."""
    return 1.0 - 1.0 / (model.gain * _steepness(model) * (1.0 + model.symmetry)) ** 2


def _described(model: RandomNetwork, power: Scalar, unknowns: Float[Array, " 5"], nodes: int) -> Values:
    """What the five unknowns mean."""
    found = kac_rice.count(model, power, unknowns, nodes)
    return {
        "complexity": found.log_count + (1.0 - power) * found.log_determinant,
        "log_determinant": found.log_determinant,
        "mean_square_rate": jnp.exp(unknowns[0]) / model.gain**2,
    }
