"""Stationary DMFT without symmetry: the state is Gaussian, and its covariance a particle in a potential."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array

from quenched import checks
from quenched.dmft.equal_pairs import single_average
from quenched.dmft.lag_functions import at_lags, growth_rate, integrate_orbit, rate_spectrum
from quenched.dmft.lags import FREQUENCIES, LAGS, read_axis, refuse_values
from quenched.dmft.potential import Resolution, energy, is_pinned, slope_pairs
from quenched.dmft.rest_without_symmetry import resting_state, resting_variance
from quenched.dmft.variance import find_start, rate_pair, resolutions
from quenched.gaussian.averages import average_of_jumps, meets_jumps
from quenched.models import RandomNetwork
from quenched.numerics.collocation import refuse_large_rule
from quenched.numerics.self_consistency import Newton
from quenched.status import Status
from quenched.theory import AbstractTheory, Computed, Start

# Variances on two rules that differ by more than this, relatively, are not believed.
_COARSE = 1e-6
# Nor an energy this wrong, relative to what the size of its terms is.
_MISSED = 1e-8
# What is infinite where phi jumps.
_INFINITE = ("lyapunov_exponent", "local_instability")


class StationaryGaussian(AbstractTheory):
    """Stationary states at symmetry 0, exactly. x is Gaussian of mean b; with c its covariance at a lag, C = <phi phi'>:

        c'' = c - g^2 C(c; v),   c(0) = v,   c'(0+) = -noise^2/2,   c -> c_inf = g^2 C(c_inf; v),

    a particle that starts at v with the speed that the noise gives it and comes to rest on top of a potential: one equation
    for v, and another for c_inf where a field or phi(0) != 0 leaves a covariance that never decays. The largest Lyapunov
    exponent is sqrt(1 - E) - 1 with E the ground state of -d^2/dtau^2 + 1 - g^2 <phi' phi'>(tau).

    Arguments:
        lags: increasing, from 0 on, in units of the leak time; 0, 0.25, ..., 20 if left out.
        frequencies: angular frequencies, likewise; 0, 0.1, ..., 10 if left out.
        centred: promise that phi is odd and there is no field, which halves the work. `qd.dmft.Stationary` sets it.

    Branches, `start=`:
        "stable": at rest where that is stable, fluctuating otherwise; the default.
        "quiescent": at rest (x = b where phi(b) = 0, otherwise neurons at different places). Needs noise 0.
        "chaotic": fluctuating with a positive exponent. Without noise it exists where rest is unstable.

    Returns, each with `_error`, the difference to a coarser rule:
        `state_correlation`, `correlation`, `state_response` = exp(-lag), `response` = <phi'> exp(-lag) (lag);
        `power_spectrum`, `rate_spectrum` (frequency), without the delta function at 0 of what never decays; `mean_state`,
        `mean_rate`, `mean_square_state`, `mean_square_rate`, `kinetic_energy` = (g^2 <phi^2> - v + noise^2)/2,
        `lyapunov_exponent`, `local_instability` g^2 <phi'^2>.

    Where phi jumps (`Activation.jumps`) its slope counts with its delta functions: `response` is finite, and so is all else
    but `local_instability`, which is infinite, and without noise `lyapunov_exponent`: such networks are stable at rest only
    where no neuron is near a jump.

    Raises:
        ValueError: a symmetry other than 0, a field that changes in time, `centred` where it is not.

    When it fails: `no_such_branch`, all NaN: the branch does not exist here. `diverged`: no bounded state (ReLU or linear
    above the transition). `coarse_quadrature`: gain or noise far above 10, or a kink of phi that is not among its
    `breakpoints`; raise `qd.Newton(nodes=...)`. `out_of_steps`: the bracket did not close, as where phi is such that several
    fluctuating states coexist; which of them is returned is then not promised. `not_finite`: nearer to the transition
    than 1e-6 in the gain, where rounding is all there is.

    Source: Sompolinsky, Crisanti & Sommers 1988 (`sompolinsky1988`); noise: Schuecker, Goedeke & Helias 2018
    (`schuecker2018`).

    Example:
        >>> import quenched as qd
        >>> theory = qd.dmft.StationaryGaussian(lags=(0.0, 1.0), centred=True)
        >>> solution = qd.solve(qd.RandomNetwork(gain=1.5), theory)
        >>> print(f"{float(solution['mean_square_state']):.6f} {float(solution['lyapunov_exponent']):.6f}")
        0.747686 0.046746
    """

    lags: tuple[float, ...] = eqx.field(static=True)
    frequencies: tuple[float, ...] = eqx.field(static=True)
    centred: bool = eqx.field(static=True)

    branches: ClassVar[tuple[str, ...]] = ("stable", "quiescent", "chaotic")
    unknowns: ClassVar[tuple[str, ...]] = ()
    citations: ClassVar[tuple[str, ...]] = ("sompolinsky1988", "schuecker2018")
    brief: ClassVar[bool] = True

    def __init__(self, lags: Iterable[Any] | None = None, frequencies: Iterable[Any] | None = None, centred: bool = False):
        self.lags = read_axis("lags", lags, LAGS)
        self.frequencies = read_axis("frequencies", frequencies, FREQUENCIES)
        self.centred = checks.flag("centred", centred)

    def default_solver(self) -> Newton:
        return Newton(nodes=32)

    def check(self, model: RandomNetwork, solver: Newton, start: Start) -> None:
        refuse_large_rule(resolutions(solver)[1].points)
        field = model.constant_field("dmft.Stationary")
        if not isinstance(model.symmetry, jax.core.Tracer) and model.symmetry != 0:
            raise ValueError(
                f"Argument `symmetry` must be 0 for dmft.StationaryGaussian, but is {float(model.symmetry):g}; "
                "use qd.dmft.Stationary, which samples then."
            )
        if self.centred and not (model.activation.odd and (isinstance(field, jax.core.Tracer) or field == 0)):
            raise ValueError(
                f"Argument `centred` must be False for the activation {model.activation.name} with field {field}: "
                "it promises an odd function and no field."
            )

    def coordinates(self) -> Mapping[str, Any]:
        return {"lag": np.asarray(self.lags), "frequency": np.asarray(self.frequencies)}

    def compute(self, model: RandomNetwork, solver: Newton, start: Start) -> Computed:
        refuse_values(start)
        variance, rest_residual, rest_steps, rest_found = resting_variance(model, solver, self.centred)
        rest = resting_state(model, variance, self.lags, self.frequencies)
        quiet, settles = model.noise == 0.0, rest["local_instability"] <= 1.0
        rest_status = jnp.where(rest_found, Status.solved, Status.diverged)
        if start.branch == "quiescent":
            return _blank(rest, jnp.where(quiet, rest_status, Status.no_such_branch), rest_residual, rest_steps)
        # Where nothing fluctuates a model that does is solved in its place, so that no derivative meets a NaN.
        fluctuates = ~quiet | ~settles
        moving, status, residual, steps = self._fluctuating(_either(fluctuates, model), solver)
        if start.branch == "chaotic":
            chaotic = fluctuates & ((status != Status.solved) | (moving["lyapunov_exponent"] > 0.0))
            return _blank(moving, jnp.where(chaotic, status, Status.no_such_branch), residual, steps)
        return _blank(
            _in_one(lambda moving, rest: jnp.where(fluctuates, moving, rest), moving, rest),
            jnp.where(fluctuates, status, rest_status),
            jnp.where(fluctuates, residual, rest_residual),
            jnp.where(fluctuates, steps, rest_steps),
        )

    def _fluctuating(self, model: RandomNetwork, solver: Newton) -> tuple[dict[str, Array], Array, Array, Array]:
        found = find_start(model, solver, self.centred)
        coarse, fine = resolutions(solver)
        values, missed = self._observables(model, found.variance, found.decaying, found.bend, fine)
        fixed = jax.lax.stop_gradient(model)
        rough, _ = self._observables(fixed, *found.coarse, found.bend, coarse)
        errors = _in_one(_difference, jax.lax.stop_gradient(values), rough)
        residual = jnp.abs(jax.lax.stop_gradient(missed)) / found.size
        apart = jnp.abs(jax.lax.stop_gradient(found.variance) / found.coarse[0] - 1.0)
        status = jnp.select(
            [~found.bounded, ~(apart <= _COARSE), ~(residual <= _MISSED)],
            [Status.diverged, Status.coarse_quadrature, Status.out_of_steps],
            Status.solved,
        )
        return values | {f"{name}_error": error for name, error in errors.items()}, status, residual, found.steps

    def _observables(
        self, model: RandomNetwork, variance: Array, decaying: Array, bend: Array, how: Resolution
    ) -> tuple[dict[str, Array], Array]:
        phi, lags, frequencies = model.activation, jnp.asarray(self.lags), jnp.asarray(self.frequencies)
        pairs = slope_pairs(model, variance, decaying, bend, how, self.centred)
        orbit = integrate_orbit(model, decaying, bend, pairs, how.rule)
        falling, rates = at_lags(orbit, lags)
        exponent = growth_rate(orbit)
        lasting, lasting_rate = self._lasting(model, variance, decaying, how)

        # Neurons near a jump of phi turn the smallest difference into one of the jump's size; noise carries them past.
        jumping = (model.gain > 0.0) & meets_jumps(phi.jumps, model.field, variance)

        def moments(x: Array) -> Array:
            rate, slope = phi(x), phi.slope(x)
            return jnp.stack([rate, rate**2, slope, slope**2])

        averages = single_average(moments, model.field, variance, phi.breakpoints, 2 * how.nodes)
        rate, square_rate, slope, square_slope = averages
        spectrum = rate_spectrum(orbit, frequencies)
        decay = jnp.exp(-lags)
        missed = energy(model, pairs, bend, how.rule) - 0.25 * model.noise**4 / decaying**2
        return {
            "state_correlation": model.field**2 + lasting + falling,
            "correlation": lasting_rate + rates,
            "state_response": decay,
            "response": (slope + average_of_jumps(phi.jumps, model.field, variance)) * decay,
            "power_spectrum": (model.noise**2 + model.gain**2 * spectrum) / (1.0 + frequencies**2),
            "rate_spectrum": spectrum,
            "mean_state": jnp.asarray(model.field, float),
            "mean_rate": rate,
            "mean_square_state": model.field**2 + variance,
            "mean_square_rate": square_rate,
            # V'(v) = v - g^2 <phi^2> without a difference.
            "kinetic_energy": 0.5 * (model.noise**2 - decaying * orbit.force),
            "lyapunov_exponent": jnp.where(jumping & (model.noise == 0.0), jnp.inf, exponent),
            "local_instability": jnp.where(jumping, jnp.inf, model.gain**2 * square_slope),
        }, missed

    def _lasting(self, model: RandomNetwork, variance: Array, decaying: Array, how: Resolution) -> tuple[Array, Array]:
        """c_inf and C at infinite lag."""
        if self.centred:
            return jnp.zeros(()), jnp.zeros(())
        pinned, lasting = is_pinned(model), variance - decaying
        safe = jnp.where(pinned, 0.5 * variance, lasting)
        rate = rate_pair(model, safe, variance, how.nodes)
        return jnp.where(pinned, 0.0, lasting), jnp.where(pinned, 0.0, rate)


def _difference(fine: Array, rough: Array) -> Array:
    """Of two rules; none where both say infinity."""
    both = jnp.isposinf(fine) & jnp.isposinf(rough)
    return jnp.where(both, 0.0, jnp.abs(jnp.where(both, 0.0, fine) - jnp.where(both, 0.0, rough)))


def _in_one(function: Callable[..., Array], *dictionaries: dict[str, Array]) -> dict[str, Array]:
    """An elementwise function of all entries together: one by one each would be a program of its own to compile."""
    rows = [ravel_pytree(arrays)[0] for arrays in dictionaries]
    return ravel_pytree(dictionaries[0])[1](function(*rows))


def _either(real: Array, model: RandomNetwork) -> RandomNetwork:
    """The model, or where it is not to be solved one that is easy."""
    return model.replace(
        gain=jnp.where(real, model.gain, 0.0),
        noise=jnp.where(real, model.noise, 1.0),
        field=jnp.where(real, model.field, 0.0),
    )


def _blank(arrays: dict[str, Array], status: Array, residual: Array, steps: Array) -> Computed:
    """NaN where there is no answer."""
    known = {name: jnp.where(jnp.isposinf(arrays[name]), 0.0, arrays[name]) for name in _INFINITE}
    finite = jnp.all(jnp.isfinite(ravel_pytree(arrays | known)[0]))
    status = jnp.where((status == Status.solved) & ~finite, Status.not_finite, status)
    nothing = (status == Status.no_such_branch) | (status == Status.diverged) | (status == Status.not_finite)
    return Computed(_in_one(lambda array: jnp.where(nothing, jnp.nan, array), arrays), status, residual, steps)
