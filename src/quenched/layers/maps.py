"""From one layer of infinite width to the next: maps of a mean square, of a product, and of a gradient."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from quenched.gaussian.kernels import mean_square, product, slope_square
from quenched.models import FeedforwardNetwork

Number = Float[Array, ""]


class Maps(NamedTuple):
    """Of one ensemble, with so many nodes of quadrature."""

    network: FeedforwardNetwork
    nodes: int

    @property
    def _identity(self) -> float:
        """What the residual connections carry on."""
        return 0.0 if self.network.residual is None else 1.0

    @property
    def _branch(self) -> Number:
        """The square of what weights and biases are multiplied with."""
        return jnp.ones(()) if self.network.residual is None else jnp.asarray(self.network.residual, float) ** 2

    def length(self, length: Number) -> Number:
        """q' = sigma_w^2 <phi^2>/keep + sigma_b^2, beside what residual connections carry."""
        return self._next(length, mean_square(self.network.activation, length, self.nodes) / self.network.keep)

    def product(self, length: Number, covariance: Number) -> Number:
        """q_ab' = sigma_w^2 <phi phi> + sigma_b^2 of two inputs of equal length, whose neurons are dropped independently."""
        return self._next(covariance, product(self.network.activation, length, covariance, self.nodes))

    def alike(self, length: Number) -> Number:
        """`product` of two inputs that are the same."""
        return self._next(length, mean_square(self.network.activation, length, self.nodes))

    def _next(self, carried: Number, average: Number) -> Number:
        network = self.network
        return self._identity * carried + self._branch * (network.weight_std**2 * average + network.bias_std**2)

    def growth(self, length: Number) -> Number:
        """(q' - q)/q, to rounding also where residual connections carry on nearly all."""
        if self.network.residual is None:
            return self.length(length) / length - 1.0
        received = mean_square(self.network.activation, length, self.nodes) / self.network.keep
        return self._branch * (self.network.weight_std**2 * received + self.network.bias_std**2) / length

    def length_slope(self, length: Number) -> Number:
        """dq'/dq, by Stein's lemma where phi has kinks."""
        return jax.jvp(self.length, (length,), (jnp.ones_like(length),))[1]

    def product_slope(self, length: Number, covariance: Number) -> Number:
        """dq_ab'/dq_ab, by Price's theorem: sigma_w^2 <phi' phi'>."""
        of_covariance = lambda covariance: self.product(length, covariance)  # noqa: E731
        return jax.jvp(of_covariance, (covariance,), (jnp.ones_like(covariance),))[1]

    def slope(self, length: Number) -> Number:
        """chi_1 = sigma_w^2 <phi'^2>: by how much the square of a small difference grows."""
        network = self.network
        received = network.weight_std**2 * slope_square(network.activation, length, self.nodes)
        return self._identity + self._branch * received

    def gradient(self, length: Number) -> Number:
        """By how much the mean square of a gradient grows from a layer to the one before: chi_1, of what is kept."""
        return self._identity + (self.slope(length) - self._identity) / self.network.keep
