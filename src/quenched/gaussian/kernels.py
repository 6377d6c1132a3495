"""<phi^2> and <phi(x) phi(y)> of Gaussian fields of mean 0 and equal variance: in closed form where there is one."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from quenched.activations import AbstractActivation
from quenched.gaussian.averages import REACH, average, pair_average

Number = Float[Array, ""]

# Between the two deviations by which the fall of an integrand is judged.
_STEP = 0.5


def mean_square(phi: AbstractActivation, variance: Number, nodes: int) -> Number:
    """<phi^2>."""
    variance = jnp.asarray(variance, float)
    exact = phi.gaussian_product(variance, variance)
    if exact is not None:
        return exact
    return average(lambda x: phi(x) ** 2, 0.0, variance, breakpoints=phi.breakpoints, nodes=nodes)


def product(phi: AbstractActivation, variance: Number, covariance: Number, nodes: int) -> Number:
    """<phi(x) phi(y)>. Its derivative by the covariance is <phi'(x) phi'(y)>."""
    variance, covariance = jnp.asarray(variance, float), jnp.asarray(covariance, float)
    exact = phi.gaussian_product(variance, covariance)
    if exact is not None:
        return exact
    variances = (variance, variance)
    return pair_average(phi, phi, (0.0, 0.0), variances, covariance, breakpoints=phi.breakpoints, nodes=nodes)


def slope_square(phi: AbstractActivation, variance: Number, nodes: int) -> Number:
    """<phi'^2>; infinite where phi jumps."""
    variance = jnp.asarray(variance, float)
    if phi.gaussian_product(variance, variance) is not None:
        of_covariance = lambda covariance: product(phi, variance, covariance, nodes)  # noqa: E731
        return jax.jvp(of_covariance, (variance,), (jnp.ones_like(variance),))[1]
    if phi.jumps:
        return jnp.where(variance > 0.0, jnp.inf, phi.slope(jnp.zeros(())) ** 2)
    return average(lambda x: phi.slope(x) ** 2, 0.0, variance, breakpoints=phi.breakpoints, nodes=nodes)


def left_out(phi: AbstractActivation, variance: Number) -> Number:
    """About what <phi^2> has beyond the reach of the quadrature, as if its integrand fell on as it falls there; infinite
    where that grows. Of what grows no faster than a power 1e-16 of it."""
    z = jnp.asarray([REACH, REACH - _STEP])
    deviation = jnp.sqrt(jnp.maximum(jnp.asarray(variance, float), 0.0))
    integrand = phi(jnp.stack([deviation * z, -deviation * z])) ** 2 * jnp.exp(-0.5 * z**2) / jnp.sqrt(2.0 * jnp.pi)
    ends, before = integrand[:, 0], integrand[:, 1]
    fall = jnp.log(jnp.where(ends > 0.0, before / jnp.where(ends > 0.0, ends, 1.0), jnp.inf))
    beyond = jnp.where(ends > 0.0, jnp.where(fall > 0.0, ends * _STEP / jnp.where(fall > 0.0, fall, 1.0), jnp.inf), 0.0)
    return jnp.where(jnp.all(jnp.isfinite(integrand)), jnp.sum(beyond), jnp.inf)
