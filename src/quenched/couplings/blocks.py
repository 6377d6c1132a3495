"""Several populations, such as excitatory and inhibitory neurons."""

from __future__ import annotations

from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool

from quenched import checks
from quenched.couplings.base import Field, Rates, at_two_times, over_populations, population_of_neurons
from quenched.couplings.elliptic import mixed_normals
from quenched.couplings.tiles import AbstractTiled


class Blocks(AbstractTiled):
    """Couplings whose law depends on the populations a of neuron i and b of neuron j; population a is a fraction f_a of all.

        E J_ij = M_ab/N,   Var J_ij = g_ab^2/N,   Cov(J_ij, J_ji) = eta_ab g_ab g_ba/N.

    Population a receives a field of mean sum_b M_ab f_b <phi_b>, covariance sum_b g_ab^2 f_b C_b and memory
    sum_b eta_ab g_ab g_ba f_b R_b.

    Arguments:
        fractions: f_a, (population), each at least 0, of sum 1.
        gain: g_ab, one number or (population, population), at least 0, from population b (column) to a (row).
        symmetry: eta_ab, one number or a symmetric matrix (population, population), between -1 and 1; 0 if left out.
        mean: M_ab, one number or (population, population), 0 if left out. Below 0 in the columns of inhibitory neurons.
        balanced_rows: subtract from the random part of each row its average, so that no outlier comes of it. The covariance
            is then that of phi - <phi>, with the average over all neurons.

    Raises:
        ValueError, TypeError: fractions that do not add up to 1, a matrix of the wrong shape, a number out of range.

    Example:
        >>> import jax.numpy as jnp, quenched as qd
        >>> couplings = qd.couplings.Blocks((0.8, 0.2), gain=1.2, mean=[[2.0, -8.0], [2.0, -8.0]])
        >>> none = jnp.zeros((0,)), jnp.zeros((2, 0))  # no low-rank part
        >>> alike = qd.couplings.Rates(couplings.fractions, jnp.full(2, 0.5), jnp.full(2, 0.4), jnp.ones(2), *none)
        >>> couplings.field(alike).mean.round(12).tolist()  # where all fire alike excitation and inhibition cancel
        [0.0, 0.0]

    Source: Kadmon & Sompolinsky 2015 (`kadmon2015`); Aljadeff, Stern & Sharpee 2015; balanced rows: Rajan & Abbott 2006.
    """

    citations: ClassVar[tuple[str, ...]] = ("kadmon2015",)

    fractions: Any
    gain: Any
    symmetry: Any
    mean: Any
    balanced_rows: bool = eqx.field(static=True)

    def __init__(self, fractions: Any, gain: Any, symmetry: Any = 0.0, mean: Any = 0.0, balanced_rows: bool = False):
        self.fractions = checks.fractions("fractions", fractions)
        shape = (len(self.fractions),) * 2
        self.gain = checks.entries("gain", gain, shape, low=0.0)
        self.symmetry = checks.entries("symmetry", symmetry, shape, low=-1.0, high=1.0)
        self.mean = checks.entries("mean", mean, shape)
        self.balanced_rows = checks.flag("balanced_rows", balanced_rows)
        checks.symmetric("symmetry", self.symmetry, "Cov(J_ij, J_ji) is one number")

    @property
    def population_fractions(self) -> Any:
        return self.fractions

    def field(self, rates: Rates) -> Field:
        gain, symmetry, mean = self._matrices()

        def received(matrix: Array, values: Array) -> Array:
            return jnp.einsum("ab,b,b...->a...", matrix, rates.fractions, values)

        correlation, level = rates.correlation, received(mean, rates.mean)
        memory = received(symmetry * gain * gain.T, rates.response)
        if self.balanced_rows:
            overall = over_populations(rates.fractions, rates.mean)
            cross = at_two_times(rates.mean, overall, rates) + at_two_times(overall, rates.mean, rates)
            correlation = correlation - cross + at_two_times(overall, overall, rates)
            if correlation.ndim == 1:
                # At rest; what comes back is of the difference from that average, too. Theories in time refuse it.
                level = level - memory * overall
        return Field(level, received(gain**2, correlation), memory)

    def random_part(self, size: int, rows: Array, columns: Array, normals: Array, mirrored: Array) -> Array:
        gain, symmetry = (self._at(matrix, size, rows, columns) for matrix in self._matrices()[:2])
        return gain / jnp.sqrt(size) * mixed_normals(symmetry, normals, mirrored)[0]

    def mean_part(self, size: int, rows: Array, columns: Array) -> Array:
        return self._at(self._matrices()[2], size, rows, columns) / size

    def correlated(self) -> Bool[Array, ""]:
        return jnp.any(jnp.asarray(self.symmetry) != 0.0)

    @property
    def balanced(self) -> bool:
        return self.balanced_rows

    def _at(self, matrix: Array, size: int, rows: Array, columns: Array) -> Array:
        """The entry of the populations of each pair of neurons."""
        population = population_of_neurons(self.fractions, size)
        return matrix[population[rows][:, None], population[columns]]

    def _matrices(self) -> tuple[Array, Array, Array]:
        shape = (len(self.fractions),) * 2
        gain, symmetry, mean = (jnp.broadcast_to(each, shape) for each in (self.gain, self.symmetry, self.mean))
        return gain, symmetry, mean

    def in_range(self) -> Bool[Array, ""]:
        gain, symmetry, mean = self._matrices()
        whole = (jnp.abs(jnp.sum(self.fractions) - 1.0) < 1e-9) & jnp.all(jnp.asarray(self.fractions) >= 0.0)
        correlated = jnp.all((jnp.abs(symmetry) <= 1.0) & (symmetry == symmetry.T))
        return whole & correlated & jnp.all(jnp.isfinite(gain) & (gain >= 0.0) & jnp.isfinite(mean))
