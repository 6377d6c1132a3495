"""Stationary DMFT of linear networks, any symmetry: closed forms, and one contour integral for the lag."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

from quenched.activations import Linear
from quenched.dmft.lags import FREQUENCIES, LAGS, read_axis, refuse_values
from quenched.models import RandomNetwork
from quenched.numerics.self_consistency import Newton
from quenched.status import Status
from quenched.theory import AbstractTheory, Computed, Start

_COARSE = 1e-6
# Of Newton(nodes=...), for the points on the contour.
_POINTS_PER_NODE = 16


class StationaryLinear(AbstractTheory):
    """Stationary linear networks, phi(x) = x. With s the Laplace variable and S the Fourier transform of what decays of C,

        R(s) = [(1 + s) - sqrt((1 + s)^2 - 4 eta g^2)]/(2 eta g^2),   S(omega) = noise^2 |R|^2/(1 - g^2 |R|^2),
        T_eff(omega) = (noise^2/2) (1 - eta g^2 |R|^2)/(1 - g^2 |R|^2),    R, |R| at s = i omega.

    At eta = 1, T_eff = noise^2/2 at every frequency: fluctuation and response are thermal. A field b adds the constant
    R0^2 b^2/(1 - g^2 R0^2), R0 = R(0), to C. Functions of the lag are integrals over the circle |R| = R0, which separates
    what decays from its mirror image; a pole of S on its inside is taken out first:

        C(tau) = (1/(2 pi i)) ∮ exp(s tau) S(s) ds,    s = 1/R + eta g^2 R - 1.

    Arguments:
        lags: increasing, from 0 on, in units of the leak time; 0, 0.25, ..., 20 if left out.
        frequencies: angular frequencies, likewise; 0, 0.1, ..., 10 if left out.

    Branches, `start=`: "stable", the only one; it needs g (1 + eta) < 1.

    Returns, with `_error`, the difference to half as many points on the circle, where there is one:
        `state_correlation`, `correlation` (the same), `state_response`, `response` (lag); `power_spectrum`, `rate_spectrum`,
        `effective_temperature` (frequency); `mean_state`, `mean_rate`, `mean_square_state`, `mean_square_rate`,
        `kinetic_energy` = (noise^2 - C''(0+))/2, `lyapunov_exponent` = g (1 + eta) - 1, `local_instability` = g^2.

    Raises:
        ValueError: another activation, or a field that changes in time.

    When it fails: `diverged`, all NaN: g (1 + eta) >= 1, where a linear network grows without bound. `coarse_quadrature`: so
    near that limit that the circle is too close to the poles, with symmetry near 1; raise `qd.Newton(nodes=...)`.

    Source: Zou & Huang 2024 (`zou2024`); R and C are those of the elliptic ensemble, Sommers et al. 1988
    (`sommers1988`).

    Example:
        >>> import quenched as qd
        >>> model = qd.RandomNetwork(0.4, symmetry=1.0, noise=1.0, activation=qd.Linear())
        >>> solution = qd.solve(model, qd.dmft.StationaryLinear(frequencies=(0.0, 1.0)))
        >>> print(solution["effective_temperature"].values.round(12))
        [0.5 0.5]
    """

    lags: tuple[float, ...] = eqx.field(static=True)
    frequencies: tuple[float, ...] = eqx.field(static=True)

    branches: ClassVar[tuple[str, ...]] = ("stable",)
    unknowns: ClassVar[tuple[str, ...]] = ()
    citations: ClassVar[tuple[str, ...]] = ("zou2024", "sommers1988")

    def __init__(self, lags: Iterable[Any] | None = None, frequencies: Iterable[Any] | None = None):
        self.lags = read_axis("lags", lags, LAGS)
        self.frequencies = read_axis("frequencies", frequencies, FREQUENCIES)

    def default_solver(self) -> Newton:
        return Newton(nodes=32)

    def check(self, model: RandomNetwork, solver: Newton, start: Start) -> None:
        model.constant_field("dmft.Stationary")
        if not isinstance(model.activation, Linear):
            raise ValueError(
                f"Argument `activation` must be qd.Linear() for dmft.StationaryLinear, but is {model.activation.name}; "
                "use qd.dmft.Stationary."
            )

    def coordinates(self) -> Mapping[str, Any]:
        return {"lag": np.asarray(self.lags), "frequency": np.asarray(self.frequencies)}

    def compute(self, model: RandomNetwork, solver: Newton, start: Start) -> Computed:
        refuse_values(start)
        bounded = model.gain * (1.0 + model.symmetry) < 1.0
        used = model.replace(gain=jnp.where(bounded, model.gain, 0.1))
        points = _POINTS_PER_NODE * solver.nodes
        fine = self._observables(used, 2 * points)
        coarse = self._observables(jax.lax.stop_gradient(used), points)
        errors = {name: jnp.abs(jax.lax.stop_gradient(fine[name]) - coarse[name]) for name in fine}
        worst = jnp.max(jnp.stack([jnp.max(error) for error in errors.values()]))
        scale = jnp.maximum(1.0, jax.lax.stop_gradient(fine["mean_square_state"]))
        status = jnp.where(worst <= _COARSE * scale, Status.solved, Status.coarse_quadrature)
        status = jnp.where(bounded, status, Status.diverged)
        arrays = fine | {f"{name}_error": error for name, error in errors.items()}
        arrays = {name: jnp.where(bounded, array, jnp.nan) for name, array in arrays.items()}
        return Computed(arrays, status, jnp.zeros(()), jnp.zeros((), jnp.int32))

    def _observables(self, model: RandomNetwork, points: int) -> dict[str, Array]:
        lags, frequencies = jnp.asarray(self.lags), jnp.asarray(self.frequencies)
        falling, curvature, response = _functions_of_the_lag(model, lags, points)
        squared = jnp.abs(response_at(model, 1j * frequencies)) ** 2
        left = 1.0 - model.gain**2 * squared
        spectrum = model.noise**2 * squared / left
        at_rest = jnp.real(response_at(model, jnp.zeros(1, complex)))[0]
        lasting = (at_rest * model.field) ** 2 / (1.0 - (model.gain * at_rest) ** 2)
        growth = model.gain * (1.0 + model.symmetry) - 1.0
        correlation, whole = lasting + falling[1:], lasting + falling[0]
        mean = at_rest * model.field
        return {
            "state_correlation": correlation,
            "correlation": correlation,
            "state_response": response,
            "response": response,
            "power_spectrum": spectrum,
            "rate_spectrum": spectrum,
            "effective_temperature": 0.5 * model.noise**2 * (1.0 - model.symmetry * model.gain**2 * squared) / left,
            "mean_state": mean,
            "mean_rate": mean,
            "mean_square_state": whole,
            "mean_square_rate": whole,
            "kinetic_energy": 0.5 * (model.noise**2 - curvature),
            "lyapunov_exponent": growth,
            "local_instability": jnp.asarray(model.gain**2, float),
        }


def response_at(model: RandomNetwork, s: Complex[Array, "*point"]) -> Complex[Array, "*point"]:
    """R(s) for Re s >= 0, where the root is the principal one, and without cancellation."""
    root = jnp.sqrt((1.0 + s) ** 2 - 4.0 * model.symmetry * model.gain**2)
    return 2.0 / (1.0 + s + root)


def _functions_of_the_lag(
    model: RandomNetwork, lags: Float[Array, " lag"], points: int
) -> tuple[Float[Array, " lag_and_zero"], Float[Array, ""], Float[Array, " lag"]]:
    """What decays of C, at lag 0 and the lags; its curvature at 0+; and R."""
    memory = model.symmetry * model.gain**2
    radius = jax.lax.stop_gradient(jnp.real(response_at(model, jnp.zeros(1, complex)))[0])
    # Half a circle: the other half is its complex conjugate.
    around = radius * jnp.exp(1j * np.pi * (np.arange(points) + 0.5) / points)
    s = 1.0 / around + memory * around - 1.0
    # ds/(2 pi i) a step, anticlockwise in s, that is clockwise in R.
    step = (1.0 / around - memory * around) / (2.0 * points)
    square = around * response_at(model, -s)
    rate, weight = _pole(model)
    whole = model.noise**2 * (square / (1.0 - model.gain**2 * square) - 2.0 * rate * weight / (rate**2 - s**2))
    waves = jnp.exp(jnp.concatenate([jnp.zeros(1), lags])[:, None] * s)
    at_lags = jnp.concatenate([jnp.zeros(1), lags])
    taken = model.noise**2 * weight
    falling = 2.0 * jnp.real(waves @ (step * whole)) + taken * jnp.exp(-rate * at_lags)
    curvature = 2.0 * jnp.real(jnp.sum(step * s**2 * whole)) + taken * rate**2
    return falling, curvature, 2.0 * jnp.real(waves[1:] @ (step * around))


def _pole(model: RandomNetwork) -> tuple[Array, Array]:
    """kappa and B of the part B exp(-kappa lag) of C/noise^2 that a pole of S gives; B = 0 where there is none.

    g^2 R(s) R(-s) = 1 at s = -kappa, kappa = sqrt(1 - g^2 (1 + eta)^2) (1 - eta)/(1 + eta), which is on the sheet of R
    if sqrt(|eta|) g |R(-kappa)| < 1.
    """
    eta, gain = model.symmetry, model.gain
    total = 1.0 + eta
    opening = 1.0 - (gain * total) ** 2
    root = jnp.sqrt(jnp.where(opening > 0.0, opening, 1.0))
    # 1/R(-kappa), without cancellation, and 1/R(kappa), both times 1 + eta.
    small, large = (gain * total) ** 2 / (1.0 + root), 1.0 + root
    there = (jnp.sqrt(jnp.abs(eta)) * gain * total < small) & (total > 1e-6)
    small, safe = jnp.where(there, small, 1.0), jnp.where(there, total, 1.0)
    rate = jnp.where(there, (1.0 - eta) / safe * root, 1.0)
    memory = eta * gain**2
    first, second = safe / small, safe / large
    slope = first / (1.0 - memory * first**2) - second / (1.0 - memory * second**2)
    ok = there & (slope > 0.0) & (gain > 0.0)
    return rate, jnp.where(ok, 1.0 / jnp.where(ok, gain**2 * slope, 1.0), 0.0)
