"""Two-time DMFT without symmetry: x is Gaussian given its initial state, and C obeys a closed equation."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from quenched.activations import check_continuous
from quenched.dmft.schemes import Scheme, scheme, stretches
from quenched.dmft.two_time_solvers import Quadrature
from quenched.gaussian.averages import average, average_of_jumps, pair_average, smooth_pair_average
from quenched.models import AbstractInitial, Normal, RandomNetwork, Uniform
from quenched.numerics.memory import check_limit
from quenched.numerics.quadrature import gauss_legendre
from quenched.numerics.richardson import ORDERS, extrapolated, with_remainders
from quenched.status import RUNAWAY, Status
from quenched.theory import AbstractTheory, Computed, Start

_COARSE = 1e-6
_NODES_OF_ONE = 64


class TwoTimeGaussian(AbstractTheory):
    """`TwoTime` at symmetry 0, with no sampling: the equations are described there, the numerics in `Quadrature`.

    `richardson` is here because the shape of the answer depends on it; of the solver it is not looked at.
    """

    steps: int = eqx.field(static=True)
    step: float = eqx.field(static=True)
    initial: AbstractInitial
    scheme: str = eqx.field(static=True)
    response: bool = eqx.field(static=True)
    richardson: bool = eqx.field(static=True)

    branches: ClassVar[tuple[str, ...]] = ("causal",)
    unknowns: ClassVar[tuple[str, ...]] = ()
    citations: ClassVar[tuple[str, ...]] = ("zou2024", "sompolinsky1988")

    @property
    def duration(self) -> float:
        return self.steps * self.step

    def default_solver(self) -> Quadrature:
        return Quadrature()

    def check(self, model: RandomNetwork, solver: Quadrature, start: Start) -> None:
        check_limit(solver.memory_limit, self.bytes_per_point(solver, start), f"{self.steps} steps and {solver.nodes} nodes")
        known = not any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves(self.initial))
        if not isinstance(self.initial, Normal) or (
            known and self.initial.std == 0.0 and self._begins_on_a_jump(self.initial, model)
        ):
            check_continuous(
                model.activation,
                "dmft.TwoTime without sampling",
                "initial states that are not Gaussian, or all on the jump, make averages as sharp as the jump",
                "initial=qd.Normal(mean, std), solver=qd.dmft.Population(), or ",
            )

    @staticmethod
    def _begins_on_a_jump(initial: Normal, model: RandomNetwork) -> bool:
        return any(place == initial.mean for place, _ in model.activation.jumps)

    def bytes_per_point(self, solver: Quadrature, start: Start) -> int:
        # Square arrays, and a pair average with every earlier time at once.
        times, nodes = (1 + self.richardson) * self.steps + 1, solver.nodes * 3 // 2
        return 4 * times * (28 * times + 3 * nodes**2)

    def coordinates(self) -> Mapping[str, Any]:
        times = self.step * np.arange(self.steps + 1)
        return {"time": times, "earlier_time": times}

    def outside_errors(self, model: RandomNetwork) -> str:
        return "" if self.richardson else f"the step, O(step^{ORDERS[self.scheme]})"

    def compute(self, model: RandomNetwork, solver: Quadrature, start: Start) -> Computed:
        coarse = self._solve(model, solver.nodes, solver.initial_nodes)
        fine = self._solve(model, solver.nodes * 3 // 2, solver.initial_nodes * 3 // 2)
        errors = {name: jnp.abs(jax.lax.stop_gradient(fine[name] - coarse[name])) for name in fine}
        worst = jnp.max(jnp.stack([jnp.max(error) for error in errors.values()]))
        finite = jnp.all(jnp.stack([jnp.all(jnp.isfinite(values)) for values in fine.values()]))
        scale = jnp.maximum(1.0, jnp.max(fine["mean_square_state"]))
        status = jnp.select(
            [~finite, scale > RUNAWAY, worst > _COARSE * scale],
            [Status.not_finite, Status.diverged, Status.coarse_quadrature],
            Status.solved,
        )
        arrays = with_remainders(fine | {f"{name}_error": error for name, error in errors.items()}, self.step)
        if solver.precision is not None:
            missed = jnp.max(arrays["correlation_error"]) > solver.precision
            status = jnp.where((status == Status.solved) & missed, Status.imprecise, status)
        return Computed(arrays, status, jnp.where(finite, worst, jnp.inf), jnp.asarray(self.steps))

    def _solve(self, model: RandomNetwork, nodes: int, initial_nodes: int) -> dict[str, Array]:
        arrays = self._by_step(model, 1, nodes, initial_nodes)
        if not self.richardson:
            return arrays
        finer = self._by_step(model, 2, nodes, initial_nodes)
        finer = {name: values[(slice(None, None, 2),) * values.ndim] for name, values in finer.items()}
        return extrapolated(ORDERS[self.scheme], arrays, finer)

    def _by_step(self, model: RandomNetwork, finer: int, nodes: int, initial_nodes: int) -> dict[str, Array]:
        rule = scheme(self.scheme, self.step / finer)
        times = jnp.arange(finer * self.steps + 1)
        carried, driven, kicked = _propagators(rule, times.size)
        field = jax.vmap(lambda time: jnp.asarray(model.field_at(time), float))(self.step / finer * times)
        starts, weights, spread = _initial_states(self.initial, initial_nodes)
        # x_n = means[start, n] + y_n, y Gaussian with covariance driven g^2 C driven^T + fixed.
        means = starts[:, None] * carried + driven @ field
        fixed = spread * jnp.outer(carried, carried) + (model.noise * rule.kick) ** 2 * kicked @ kicked.T

        def averaged(function: Any, means: Array, variance: Array) -> Array:
            at = partial(average, function, breakpoints=model.activation.breakpoints, nodes=_NODES_OF_ONE)
            return weights @ jax.vmap(jax.vmap(at), (0, None))(means, variance)

        def square(state: Array) -> Array:
            return model.activation(state) ** 2

        def covariances(correlation: Array, now: Array) -> Array:
            return model.gain**2 * driven @ (correlation @ driven[now]) + fixed[now]

        def one_step(carry: tuple[Array, Array], now: Array, end: int) -> tuple[tuple[Array, Array], None]:
            correlation, variance = carry
            # Of later times nothing is known yet; what does not fit together would give NaN, to reverse mode even if unused.
            covariance = jnp.where(times <= now, covariances(correlation, now), 0.0)
            variance = variance.at[now].set(covariance[now])
            # A field and itself: where phi jumps a pair of them has no derivative.
            alone = (times == now) & bool(model.activation.jumps)
            together = jnp.where(alone, 0.0, covariance)
            pairs = _pair_averages(
                model, means[:, now], means[:, :end], weights, variance[now], variance[:end], together[:end], nodes
            )
            if model.activation.jumps:
                pairs = jnp.where(alone[:end], averaged(square, means[:, now, None], variance[now, None])[0], pairs)
            row = jnp.where(times <= now, jnp.pad(pairs, (0, times.size - end)), 0.0)
            return (correlation.at[now].set(row).at[:, now].set(row), variance), None

        carry = (jnp.zeros((times.size, times.size)), jnp.zeros(times.size))
        for begin, end in stretches(times.size):
            carry, _ = jax.lax.scan(partial(one_step, end=end), carry, times[begin:end])
        correlation, variance = carry

        mean_state, mean_square = weights @ means, weights @ means**2 + variance
        felt = model.gain**2 * jnp.sum(correlation * driven, axis=1)
        arrays = {
            "mean_state": mean_state,
            "mean_rate": averaged(model.activation, means, variance),
            "mean_square_state": mean_square,
            "mean_square_rate": jnp.diag(correlation),
            # <(gamma + b - x)^2>, with <gamma x> from the field's own part of x.
            "kinetic_energy": 0.5
            * (model.gain**2 * jnp.diag(correlation) + field**2 + mean_square - 2.0 * (field * mean_state + felt)),
            "correlation": correlation,
            "state_correlation": model.gain**2 * driven @ correlation @ driven.T + fixed + (means.T * weights) @ means,
        }
        if self.response:
            lags = times[:, None] - times - (1 if rule.delayed else 0)
            arrays["state_response"] = _powers(rule.leak, lags)
            jumps = average_of_jumps(model.activation.jumps, means, variance)
            slope = averaged(model.activation.slope, means, variance) + weights @ jnp.broadcast_to(jumps, means.shape)
            arrays["response"] = slope[:, None] * arrays["state_response"]
        return arrays


def _powers(leak: float, exponents: Array) -> Array:
    """leak^n, zero where n is negative."""
    return jnp.where(exponents >= 0, jnp.asarray(leak) ** jnp.maximum(exponents, 0), 0.0)


def _propagators(scheme: Scheme, times: int) -> tuple[Array, Array, Array]:
    """x_n = carried_n x_0 + sum_j driven_nj f_j + sum_j kicked_nj kick_j, by the scheme."""
    index = jnp.arange(times)
    since = index[:, None] - index - 1
    driven = scheme.now * _powers(scheme.leak, since) + scheme.before * _powers(scheme.leak, since - 1)
    # There is no forcing before the first: it stands in for it.
    driven = driven.at[:, 0].add(scheme.before * _powers(scheme.leak, index - 1))
    return _powers(scheme.leak, index), driven, _powers(scheme.leak, since)


def _initial_states(initial: AbstractInitial, nodes: int) -> tuple[Array, Array, Array]:
    """States and weights of the part of x_0 that is not Gaussian, and the variance of the part that is."""
    if isinstance(initial, Normal):
        return jnp.atleast_1d(jnp.asarray(initial.mean, float)), jnp.ones(1), jnp.asarray(initial.std, float) ** 2
    if not isinstance(initial, Uniform):
        # Quantile functions are singular at 0 and 1; there the trapezoidal rule in the normal score is at its best. A tail
        # too heavy for it shows in the difference of two rules because they reach differently far.
        reach = 8.0 - 8.0 / nodes
        scores = np.linspace(-reach, reach, 3 * nodes)
        density = np.exp(-0.5 * scores**2)
        states = initial.quantile(jax.scipy.special.ndtr(jnp.asarray(scores)))
        return states, jnp.asarray(density / density.sum()), jnp.zeros(())
    abscissae, weights = gauss_legendre(nodes)
    return initial.quantile(jnp.asarray(0.5 + 0.5 * abscissae)), jnp.asarray(0.5 * weights), jnp.zeros(())


def _pair_averages(
    model: RandomNetwork,
    mean_now: Float[Array, " start"],
    means: Float[Array, "start time"],
    weights: Float[Array, " start"],
    variance_now: Float[Array, ""],
    variances: Float[Array, " time"],
    covariances: Float[Array, " time"],
    nodes: int,
) -> Float[Array, " time"]:
    """<phi(x_now) phi(x_m)> for all m."""
    phi = model.activation

    def pair(mean_now: Array, mean: Array, variance: Array, covariance: Array) -> Array:
        at, widths = (mean_now, mean), (variance_now, variance)
        if phi.breakpoints:
            return pair_average(phi, phi, at, widths, covariance, breakpoints=phi.breakpoints, nodes=nodes // 2)
        return smooth_pair_average(phi, phi, at, widths, covariance, nodes)

    def over_times(start: tuple[Array, Array]) -> Array:
        return jax.vmap(pair, (None, 0, 0, 0))(*start, variances, covariances)

    # One initial state after another: the nodes of all times together are memory enough.
    return weights @ jax.lax.map(over_times, (mean_now, means))
