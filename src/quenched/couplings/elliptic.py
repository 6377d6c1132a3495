"""Gaussian couplings, correlated with those that come back."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from quenched import checks
from quenched.couplings.base import Field, Rates, over_populations
from quenched.couplings.tiles import AbstractTiled

Real = float | Float[Array, ""]


class Elliptic(AbstractTiled):
    """Gaussian couplings with a correlation of J_ij and J_ji: eigenvalues fill an ellipse, but for one if there is a mean.

        E J_ij = mean/N,   Var J_ij = gain^2/N,   Cov(J_ij, J_ji) = symmetry gain^2/N.

    Infinitely many neurons receive a field of mean `mean` <phi>, covariance gain^2 C and memory symmetry gain^2 R.

    Arguments:
        gain: g, coupling scale, at least 0.
        symmetry: eta, between -1 (antisymmetric) and 1 (symmetric).
        mean: of the couplings, times N; below 0 for inhibition. None if left out, which many theories need.

    Raises:
        ValueError, TypeError: an argument is outside its range, NaN, or not one number.

    Example:
        >>> import jax, numpy as np, quenched as qd
        >>> weights = qd.couplings.Elliptic(gain=1.5).draw(300, jax.random.key(0))
        >>> print(f"{(300 * np.var(np.asarray(weights))) ** 0.5:.1f}")  # the gain
        1.5

    Source: Sommers, Crisanti, Sompolinsky & Stein 1988 (`sommers1988`); Zou & Huang 2024 (`zou2024`), section 2.
    """

    gain: Real
    symmetry: Real
    mean: Real | None

    def __init__(self, gain: Real, symmetry: Real = 0.0, mean: Real | None = None):
        self.gain = checks.number("gain", gain, low=0.0)
        self.symmetry = checks.number("symmetry", symmetry, low=-1.0, high=1.0)
        self.mean = None if mean is None else checks.number("mean", mean)

    def field(self, rates: Rates) -> Field:
        mean, correlation, response = (over_populations(rates.fractions, each) for each in rates[1:4])
        mean = jnp.zeros_like(mean) if self.mean is None else self.mean * mean
        return Field(mean, self.gain**2 * correlation, self.symmetry * self.gain**2 * response)

    def random_part(self, size: int, rows: Array, columns: Array, normals: Array, mirrored: Array) -> Array:
        """Var J_ii is (1 + symmetry) gain^2/N."""
        return self.gain / jnp.sqrt(size) * mixed_normals(self.symmetry, normals, mirrored)[0]

    def mean_part(self, size: int, rows: Array, columns: Array) -> Any:
        return None if self.mean is None else self.mean / size

    def correlated(self) -> Bool[Array, ""]:
        return jnp.asarray(self.symmetry) != 0.0

    def in_range(self) -> Bool[Array, ""]:
        gain, symmetry = jnp.asarray(self.gain), jnp.asarray(self.symmetry)
        mean = jnp.asarray(0.0 if self.mean is None else self.mean)
        return jnp.isfinite(gain) & (gain >= 0.0) & (jnp.abs(symmetry) <= 1.0) & jnp.isfinite(mean)


def mixed_normals(symmetry: Array | float, one: Array, other: Array) -> tuple[Array, Array]:
    """Of two independent standard normal arrays two whose correlation is `symmetry`."""
    # Z = a X + b Y and a Y + b X with a^2 + b^2 = 1 and 2ab = symmetry.
    half_sum, half_difference = 0.5 * jnp.sqrt(1.0 + symmetry), 0.5 * jnp.sqrt(1.0 - symmetry)
    direct, transposed = half_sum + half_difference, half_sum - half_difference
    return direct * one + transposed * other, direct * other + transposed * one
