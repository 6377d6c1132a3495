"""<f(x) f(x')> of a stationary Gaussian process at two times: one integral inside another.

With x = mean + sqrt(c) z + sqrt(v - c) w and x' of the same z and another w, it is the average over z of the square of f
smoothed over w. Smooth f: the trapezoidal rule after a sinh map, which converges exponentially over a whole line (32 nodes
give 1e-12 where two Gauss-Legendre pieces of 32 give 1e-7). Kinks: Gauss-Legendre on pieces.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from quenched.activations import AbstractActivation
from quenched.gaussian.averages import Function, average_of_jumps, gaussian_nodes, normal_density
from quenched.numerics.quadrature import Scalar, clip_breakpoints, sinh_legendre

Rule = tuple[Float[Array, " node"], Float[Array, " node"]]

# 2e-17 of a Gaussian lies beyond.
_REACH = 8.5


def single_average(
    function: Function, mean: Scalar, variance: Scalar, kinks: tuple[float, ...], nodes: int
) -> Float[Array, "*function"]:
    """<f(x)>, x ~ N(mean, variance > 0), by the same rules; f may return several values along a first axis."""
    return _smoothed(function, jnp.asarray(mean, float)[None], jnp.asarray(variance, float), kinks, nodes)[..., 0]


def pair_of_same(
    function: Function,
    mean: Scalar,
    shared: Scalar,
    private: Scalar,
    kinks: tuple[float, ...],
    nodes: int,
    *,
    even: bool = False,
) -> Float[Array, ""]:
    """<f(x) f(x')> for the covariance `shared` = c and `private` = v - c.

    Differentiable in mean, shared > 0 and private > 0: along the paths where f is smooth; through the densities where it has
    kinks, whose paths have no derivative. `even`: mean 0 and f even or odd, so that half of the z will do.
    """
    mean, private = jnp.asarray(mean, float), jnp.asarray(private, float)
    shared = jnp.maximum(jnp.asarray(shared, float), 1e-40)
    fixed = jax.lax.stop_gradient((mean, shared, private))
    if kinks:
        z, weights = jax.lax.stop_gradient(_outer_pieces(*fixed, kinks, nodes))
        x = fixed[0] + jnp.sqrt(fixed[1]) * z
        weights = weights * _density_ratio(fixed[0] - mean, shared, z, fixed[1])
    else:
        z, weights = jax.lax.stop_gradient(_trapezoid(*_feature(fixed[0], fixed[1], 1.0 + fixed[2]), nodes, half=even))
        x = mean + jnp.sqrt(shared) * z
    return jnp.sum(weights * _smoothed(function, x, private, kinks, nodes) ** 2)


def slope_pair(
    phi: AbstractActivation, mean: Scalar, shared: Scalar, private: Scalar, nodes: int, *, even: bool = False
) -> Float[Array, ""]:
    """<phi'(x) phi'(x')>, likewise, with what jumps of phi add: each meets the slope of the other field, and its jumps.

    It grows as private^(-1/2) where phi jumps, and is infinite at private = 0.
    """
    smooth = pair_of_same(phi.slope, mean, shared, private, phi.breakpoints, nodes, even=even)
    if not phi.jumps:
        return smooth
    variance = shared + private
    left_over = private * (shared + variance) / variance

    def met(place: float, size: float) -> Array:
        given = mean + shared / variance * (place - mean)
        slopes = single_average(phi.slope, given, left_over, phi.breakpoints, nodes)
        others = average_of_jumps(phi.jumps, given, left_over)
        return size * normal_density(jnp.asarray(place), mean, variance) * (2.0 * slopes + others)

    return smooth + sum((met(*jump) for jump in phi.jumps), jnp.zeros(()))


def _smoothed(
    function: Function, centres: Float[Array, " node"], variance: Array, kinks: tuple[float, ...], nodes: int
) -> Float[Array, "*function node"]:
    """f averaged over N(centre, variance)."""
    fixed_centres, fixed = jax.lax.stop_gradient((centres, variance))

    def on_pieces(centre: Array, fixed_centre: Array) -> Array:
        w, weights = jax.lax.stop_gradient(gaussian_nodes(fixed_centre, jnp.sqrt(fixed), kinks, nodes))
        x = fixed_centre + jnp.sqrt(fixed) * w
        return jnp.sum(weights * _density_ratio(fixed_centre - centre, variance, w, fixed) * function(x), axis=-1)

    if kinks:
        return jax.vmap(on_pieces, out_axes=-1)(centres, fixed_centres)

    feature, width = _feature(fixed_centres, fixed, jnp.ones(()))
    low, step = _steps(feature, width, nodes)
    deviation, ratio = jnp.sqrt(variance), jnp.exp(step)
    scale = 0.5 * width * step / np.sqrt(2.0 * np.pi)

    # One node of all averages after another, as `_trapezoid` places them: an array of all nodes does not stay in the cache.
    def add(carry: tuple[Array, Array], _: None) -> tuple[tuple[Array, Array], None]:
        growth, total = carry
        shrink = 1.0 / growth
        w = feature + 0.5 * width * (growth - shrink)
        weight = scale * (growth + shrink) * jnp.exp(-0.5 * w**2)
        weight, w, growth = jax.lax.stop_gradient((weight, w, growth * ratio))
        return (growth, total + weight * function(centres + deviation * w)), None

    first = (jax.lax.stop_gradient(jnp.exp(low + 0.5 * step)), jnp.zeros_like(function(centres)))
    (_, total), _ = jax.lax.scan(add, first, None, length=nodes)
    return total


def _feature(mean: Array, variance: Array, square_size: Array) -> tuple[Array, Array]:
    """Where z meets a feature at x = 0, and how wide that is in z; far from the mean it must not draw the nodes away."""
    variance = jnp.maximum(variance, 1e-60)
    centre = jnp.clip(-mean / jnp.sqrt(variance), -_REACH, _REACH)
    return centre, jnp.maximum(jnp.minimum(jnp.sqrt(square_size / variance), 5.0), 0.3 * jnp.abs(centre))


def _steps(centre: Array, width: Array, nodes: int) -> tuple[Array, Array]:
    """The lowest t and the step of z = centre + width sinh(t). The ends' signs are known, which makes arcsinh short."""
    below, above = (_REACH + centre) / width, (_REACH - centre) / width
    low, high = -jnp.log(below + jnp.sqrt(1.0 + below**2)), jnp.log(above + jnp.sqrt(1.0 + above**2))
    return low, (high - low) / nodes


def _trapezoid(centre: Array, width: Array, nodes: int, *, half: bool = False) -> Rule:
    """Standard normal nodes z = centre + width sinh(t), t in equal steps; of a symmetric rule the upper half, doubled."""
    low, step = _steps(centre, width, nodes)
    counts = np.arange(nodes // 2, nodes) if half else np.arange(nodes)
    # One exponential for sinh and cosh.
    growth = jnp.exp(low + step * (counts + 0.5))
    z = centre + 0.5 * width * (growth - 1.0 / growth)
    weights = (1.0 + half) * step * 0.5 * width * (growth + 1.0 / growth)
    return z, weights * jnp.exp(-0.5 * z**2) / np.sqrt(2.0 * np.pi)


def _outer_pieces(mean: Array, shared: Array, private: Array, kinks: tuple[float, ...], nodes: int) -> Rule:
    """The smoothing has made a kink, or a jump of the slope, as wide as its own width."""
    deviation = jnp.sqrt(jnp.maximum(shared, 1e-60))
    centre = jnp.clip((kinks[0] - mean) / deviation, -_REACH, _REACH)
    edges: list[Scalar] = [
        -_REACH,
        *clip_breakpoints([(kink - mean) / deviation for kink in kinks], -_REACH, _REACH),
        _REACH,
    ]
    width = jnp.clip(jnp.sqrt(jnp.maximum(private, 0.0)) / deviation, 1e-4, 5.0)
    z, weights = sinh_legendre(edges, nodes, centre, width)
    return z, weights * jnp.exp(-0.5 * z**2) / np.sqrt(2.0 * np.pi)


def _density_ratio(moved: Array, variance: Array, z: Array, fixed: Array) -> Array:
    """The density at the nodes sqrt(fixed) z over itself at the fixed mean, which is `moved` from the mean, and the fixed
    variance: 1, but with a derivative. The nodes are not added to the mean: beside a small variance it would round them."""
    shift = jnp.sqrt(fixed) * z + moved
    return jnp.exp(-0.5 * (shift**2 / variance - z**2)) * jnp.sqrt(fixed / variance)
