"""Signals and gradients through layers of infinite width."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from quenched import checks
from quenched.gaussian.kernels import left_out
from quenched.layers.inputs import read_overlap
from quenched.layers.limits import limits
from quenched.layers.maps import Maps
from quenched.models import FeedforwardNetwork
from quenched.models.base import AbstractModel
from quenched.numerics.self_consistency import Newton
from quenched.status import RUNAWAY, Status
from quenched.theory import AbstractTheory, Computed, Start

# Two quadratures that differ by more than this, in units of 1 + the value, are not believed.
_COARSE = 1e-6
# A slope as near to 1 as this is neither order nor chaos.
_EDGE = 1e-9
_ROUNDING = 4.0 * np.finfo(float).eps


class Propagation(AbstractTheory):
    """Signals and gradients through a deep network with random weights, of infinite width, from one layer to the next (x'):

        q' = sigma_w^2 <phi^2> + sigma_b^2,   q_ab' = sigma_w^2 <phi(x_a) phi(x_b)> + sigma_b^2,
        |dL/dx|^2 = chi(q) |dL/dx'|^2,   chi(q) = sigma_w^2 <phi'^2>.

    q is the mean square of the states, q_ab the mean product of the states of two inputs, and x is Gaussian of mean square
    q. At the fixed length q*, chi_1 = chi(q*) is also what the square of a small difference is multiplied with: below 1 all
    inputs become alike (order), above 1 they become different (chaos). With dropout <phi^2> and <phi'^2> are divided by
    `keep`; with residual connections see `qd.FeedforwardNetwork`.

    Arguments:
        depth: how many layers the states of layer 0 go through, at least 1.
        length: q of layer 0, above 0.
        overlap: c = q_ab/q of layer 0, between -1 and 1: one number, or one for each pair of several inputs of equal length;
            None without a second input.

    Returns, over `layer` 0 ... depth:
        `mean_square_state`; with an `overlap` also `overlap_coefficient` q_ab/q, (pair, layer) of several; `gradient_norm`,
        relative to the last layer. And of infinitely many layers `fixed_length`, `fixed_overlap`, `slope` chi_1, `chaotic`,
        `length_depth_scale` 1/xi_q = -ln(dq'/dq), `overlap_depth_scale` 1/xi_c = -ln(sigma_w^2 <phi'(x_a) phi'(x_b)>) at the
        fixed overlap, `gradient_depth_scale` = -1/ln(chi). A depth scale is negative where what it is of grows, and infinite
        at the edge of chaos. Each with `_error`, the difference of two quadratures and what both leave out.

    The fixed length is the first on the way from `length` along a monotonic map. It is infinite where there is none, as with
    residual connections; 0 where signals vanish, and then there is no fixed overlap (NaN), as where every overlap stays.
    Derivatives by the network's parameters and the overlaps are right to any order.

    Raises:
        ValueError: a depth below 1, a length that is not above 0, an overlap outside [-1, 1]; a `start`.
        TypeError: no number, or no whole number; a model that is no `qd.FeedforwardNetwork`.

    When it fails: `diverged`: the mean square runs away within the layers asked for (unbounded phi, large weight_std); the
    message names the layer. `coarse_quadrature`: two quadratures differ; name the kinks of phi in `breakpoints`, or raise
    `qd.Newton(nodes=...)`.

    Source: Poole et al. 2016 (`poole2016`); Schoenholz et al. 2017 (`schoenholz2017`).

    Example:
        >>> import quenched as qd
        >>> found = qd.solve(qd.FeedforwardNetwork(2.5, 0.3), qd.layers.Propagation(20, overlap=0.9))
        >>> print(f"{float(found.slope):.4f} {float(found.fixed_overlap):.4f}")
        1.5852 0.1221
    """

    depth: int = eqx.field(static=True)
    length: Any
    overlap: Any

    equation: ClassVar[str] = (
        r"q^{l+1} = \sigma_w^2\langle\phi^2\rangle + \sigma_b^2,\quad "
        r"q_{ab}^{l+1} = \sigma_w^2\langle\phi(x_a)\phi(x_b)\rangle + \sigma_b^2,\quad "
        r"\chi_1 = \sigma_w^2\langle\phi'^2\rangle"
    )
    models: ClassVar[tuple[type[AbstractModel], ...]] = (FeedforwardNetwork,)
    branches: ClassVar[tuple[str, ...]] = ("stable",)
    unknowns: ClassVar[tuple[str, ...]] = ()
    brief: ClassVar[bool] = True
    memory_arguments: ClassVar[str] = "`depth`"
    citations: ClassVar[tuple[str, ...]] = ("poole2016", "schoenholz2017")

    def __init__(self, depth: int, length: Any = 1.0, overlap: Any = None):
        self.depth = checks.count("depth", depth)
        self.length = checks.number("length", length, above=0.0)
        self.overlap = read_overlap(overlap)

    def default_solver(self) -> Newton:
        return Newton(nodes=32)

    def covers(self, model: FeedforwardNetwork) -> None:
        """All of them."""

    def check(self, model: FeedforwardNetwork, solver: Newton, start: Start) -> None:
        if start.values is not None:
            raise ValueError("Argument `start` must be left out: the state of layer 0 is `length` and `overlap`.")

    def in_range(self, model: FeedforwardNetwork) -> Array:
        overlaps = jnp.asarray(0.0 if self.overlap is None else self.overlap)
        return model.in_range() & (self.length > 0.0) & jnp.isfinite(self.length) & jnp.all(jnp.abs(overlaps) <= 1.0)

    def coordinates(self) -> Mapping[str, Any]:
        return {"layer": np.arange(self.depth + 1)}

    def compute(self, model: FeedforwardNetwork, solver: Newton, start: Start) -> Computed:
        fine = self._observables(Maps(model, 2 * solver.nodes))
        coarse = self._observables(Maps(jax.lax.stop_gradient(model), solver.nodes))
        errors = {name: _difference(jax.lax.stop_gradient(fine[name]), coarse[name]) for name in fine}
        cut = _cut(model, jax.lax.stop_gradient(fine["mean_square_state"]))
        errors["mean_square_state"] += cut * jax.lax.stop_gradient(fine["mean_square_state"])
        if self.overlap is not None:
            errors["overlap_coefficient"] += cut
        runs_away = ~jnp.all(fine["mean_square_state"] < RUNAWAY)
        relative = [errors[name] / (1.0 + jnp.abs(jax.lax.stop_gradient(fine[name]))) for name in self._believed()]
        # What has vanished has no overlap, NaN by name.
        vanished = fine["mean_square_state"] == 0.0
        worst = jnp.max(jnp.stack([jnp.max(jnp.where(vanished, 0.0, each)) for each in relative]))
        status = jnp.where(worst <= _COARSE, Status.solved, Status.coarse_quadrature)
        status = jnp.where(runs_away, Status.diverged, status)
        edge = jnp.abs(fine["slope"] - 1.0) < _EDGE
        verdict = jnp.where(edge | jnp.isnan(fine["slope"]), jnp.nan, jnp.where(fine["slope"] > 1.0, 1.0, 0.0))
        arrays = fine | {f"{name}_error": error for name, error in errors.items()} | {"chaotic": verdict}
        return Computed(arrays, status, jnp.zeros(()), jnp.asarray(self.depth))

    def bytes_per_point(self, solver: Newton, start: Start) -> int:
        return 8 * 12 * self.depth * (2 + np.size(0.0 if self.overlap is None else self.overlap))

    def why(self, arrays: Mapping[str, Any], status: Status) -> str:
        if status is not Status.diverged:
            return ""
        layer = int(np.argmax(~(np.asarray(arrays["mean_square_state"]) < RUNAWAY)))
        return f"The mean square of the states runs away in layer {layer}. Lower `weight_std`, or take a bounded phi. "

    def _believed(self) -> tuple[str, ...]:
        return ("mean_square_state", "gradient_norm") + (() if self.overlap is None else ("overlap_coefficient",))

    def _observables(self, maps: Maps) -> dict[str, Array]:
        first = jnp.asarray(self.length, float)
        overlaps = jnp.atleast_1d(jnp.asarray(0.0 if self.overlap is None else self.overlap, float))

        def step(carry: tuple[Array, Array], _: None) -> tuple[tuple[Array, Array], tuple[Array, ...]]:
            length, products = carry
            # What has run away stays where it is.
            within = length < RUNAWAY
            at = jnp.where(within, length, 1.0)
            new, grown = maps.length(at), maps.gradient(at)
            new_products = products
            if self.overlap is not None:
                # Rounding may carry what two inputs share beyond what they have; that has no derivative.
                beyond = jax.lax.stop_gradient(products - jnp.clip(products, -at, at))
                new_products = jax.vmap(lambda each: maps.product(at, each))(products - beyond)
            new = jnp.where(within, new, jnp.inf)
            return (new, new_products), (new, new_products, grown)

        _, (lengths, products, grown) = jax.lax.scan(step, (first, first * overlaps), None, length=self.depth)
        lengths = jnp.concatenate([first[None], lengths])
        # From the last layer backwards.
        logs = jnp.cumsum(jnp.log(jnp.maximum(grown, 1e-300))[::-1])[::-1]
        norms = jnp.exp(0.5 * jnp.concatenate([logs, jnp.zeros(1)]))
        found = {"mean_square_state": lengths, "gradient_norm": norms}
        if self.overlap is not None:
            every = jnp.concatenate([first * overlaps[None], products]) / lengths[:, None]
            found["overlap_coefficient"] = every.T if jnp.ndim(self.overlap) else every[:, 0]
        many = limits(maps, first)
        return found | {
            "fixed_length": many.length,
            "fixed_overlap": many.overlap,
            "slope": many.slope,
            "length_depth_scale": many.length_depth_scale,
            "overlap_depth_scale": many.overlap_depth_scale,
            "gradient_depth_scale": many.gradient_depth_scale,
        }


def _cut(model: FeedforwardNetwork, lengths: Array) -> Array:
    """The share of each length that quadrature may have left out, in this layer and before."""
    within = jnp.where(lengths < RUNAWAY, lengths, 0.0)
    received = jax.vmap(lambda length: left_out(model.activation, length))(within[:-1])
    branch = 1.0 if model.residual is None else jnp.asarray(model.residual, float) ** 2
    share = branch * jnp.asarray(model.weight_std, float) ** 2 * received / model.keep
    return jnp.append(
        0.0, jnp.cumsum(jnp.where(within[1:] > 0.0, share / jnp.where(within[1:] > 0.0, within[1:], 1.0), 0.0))
    )


def _difference(fine: Array, coarse: Array) -> Array:
    """By how much two quadratures differ; 0 where both are infinite, NaN where nothing is known."""
    same = fine == coarse
    return jnp.where(same, jnp.where(jnp.isfinite(fine), _ROUNDING * jnp.abs(fine), 0.0), jnp.abs(fine - coarse))
