"""Averages over one and over two correlated Gaussian fields, to 1e-10 for variances up to 100.

Both are written so that the derivative with respect to a variance or a correlation is finite and right where the standard
deviation is zero: the square root there has an infinite slope, and autodiff through it would give NaN or a silent 0.

Where f jumps its derivative has a delta function, which derivatives of averages count: <f'> gains jump x density.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.custom_derivatives import SymbolicZero
from jaxtyping import Array, Float

from quenched import checks
from quenched.numerics.jumps import jump_sizes
from quenched.numerics.quadrature import Scalar, check_nodes, clip_breakpoints, sinh_legendre
from quenched.precision import double_precision, traced

Function = Callable[[Array], Array]

# Beyond nine standard deviations lies 2e-19 of a Gaussian.
REACH = 9.0
# And beyond seven 3e-12, on which the trapezoidal rule need not spend nodes.
_SMOOTH_REACH = 7.0
# Beyond six a step that has been smoothed is one to 1e-9.
_STEP_REACH = 6.0
# A density that no network will ever see.
_NEVER = 1e-30
# A variance that is none, and what a pair shares up to which the density of both is smooth enough.
_NO_VARIANCE, _ALIKE = 1e-200, 1e-8


def gaussian_nodes(
    mean: Scalar, deviation: Scalar, breakpoints: Sequence[Scalar], count: int
) -> tuple[Float[Array, " node"], Float[Array, " node"]]:
    """Standard normal nodes z and weights, placed so that functions of mean + deviation z with features of size one
    around zero, and kinks at the breakpoints, are resolved for any deviation, zero included."""
    guarded = jnp.maximum(deviation, 1e-100)
    feature = jnp.clip(-mean / guarded, -REACH, REACH)
    inside = [(point - mean) / guarded for point in breakpoints]
    # A kink at 0 is where the feature is.
    if not any(isinstance(point, float) and point == 0.0 for point in breakpoints):
        inside.append(feature)
    edges: list[Scalar] = [-REACH, *clip_breakpoints(inside, -REACH, REACH), REACH]
    # A feature of size one in x has size 1/deviation in z. One far from the mean must not draw the nodes away from it.
    width = jnp.maximum(1.0 / jnp.maximum(deviation, 0.2), 0.3 * jnp.abs(feature))
    z, weights = sinh_legendre(edges, count, feature, width)
    return z, weights * jnp.exp(-0.5 * z**2) / jnp.sqrt(2.0 * jnp.pi)


def normal_density(places: Any, mean: Any, variance: Any) -> Array:
    """Of N(mean, variance); without variance 0 everywhere but at the mean."""
    there = jnp.asarray(variance) > 0.0
    guarded = jnp.where(there, variance, 1.0)
    density = jnp.exp(-0.5 * (places - mean) ** 2 / guarded) / jnp.sqrt(2.0 * jnp.pi * guarded)
    return jnp.where(there, density, jnp.where(places == mean, jnp.inf, 0.0))


def average_of_jumps(jumps: Sequence[tuple[float, float]], mean: Any, variance: Any) -> Array:
    """What jumps (place, size) of phi add to <phi'(x)> over x ~ N(mean, variance)."""
    total = jnp.zeros(())
    for place, size in jumps:
        total += size * normal_density(jnp.asarray(place), mean, variance)
    return total


def meets_jumps(jumps: Sequence[tuple[float, float]], mean: Any, variance: Any) -> Array:
    """Whether x ~ N(mean, variance) is ever at a jump: then <phi'^2> is infinite."""
    return average_of_jumps([(place, abs(size)) for place, size in jumps], mean, variance) > _NEVER


def _weighted_jumps(function: Function, places: Sequence[float], mean: Array, variance: Array) -> Array:
    """The delta functions of f' at these places, averaged over N(mean, variance)."""
    sizes = jump_sizes(function, places)
    density = normal_density(jnp.asarray(places), mean, variance)
    return jnp.where(sizes == 0.0, 0.0, sizes * jnp.where(sizes == 0.0, 0.0, density))


@double_precision
def average(
    function: Function,
    mean: Scalar = 0.0,
    variance: Scalar = 1.0,
    *,
    breakpoints: Sequence[float] = (),
    nodes: int = 64,
) -> Float[Array, ""]:
    """<f(x)> over x ~ N(mean, variance).

    Arguments:
        function: f, element by element, JAX-traceable. Its features should have a size of order one.
        mean, variance: of x; the variance may be zero, and the derivative there is f''(mean)/2 (Price's theorem).
        breakpoints: where f or a derivative of it jumps, `activation.breakpoints` for functions of phi.
        nodes: quadrature nodes on each piece.

    Under jit, grad and vmap a variance below zero counts as zero; otherwise it is refused.

    Returns:
        The average, differentiable in mean and variance. Error below 1e-10 for variances up to 100 and tanh-like f;
        repeat with more nodes to see it.

    Raises:
        TypeError: no function, or no numbers.
        ValueError: a variance below 0, nodes or breakpoints out of range, as far as these are not traced.

    Example:
        >>> import quenched as qd
        >>> print(f"{qd.gaussian.average(lambda x: x**2, 1.0, 4.0):.12f}")
        5.000000000000
    """
    _check_function("function", function)
    mean, variance = checks.number("mean", mean), checks.number("variance", variance, low=0.0)
    kinks, nodes = _read_breakpoints(breakpoints), check_nodes("nodes", nodes, low=1)

    def rule(of: Function, at: Array, var: Array) -> Array:
        deviation = jnp.sqrt(jnp.maximum(var, 0.0))
        z, weights = jax.lax.stop_gradient(gaussian_nodes(at, deviation, kinks, nodes))
        x = at + deviation * z
        if kinks:
            # Derivatives of the density, not of what jumps: x stays where it is.
            spread = var > _NO_VARIANCE
            x = jnp.where(spread, jax.lax.stop_gradient(x), x)
            weights = weights * _changing(_log_density(x - at, jnp.where(spread, var, 1.0)), spread)
        return jnp.sum(weights * of(x))

    @jax.custom_jvp
    def gaussian_average(at: Array, var: Array) -> Array:
        return rule(function, at, var)

    @partial(gaussian_average.defjvp, symbolic_zeros=True)
    def _(primals: tuple[Array, Array], tangents: tuple[Any, Any]) -> tuple[Array, Array]:
        at, var = primals
        slope, total = _derivative(function), jnp.zeros(())
        jumps = _weighted_jumps(function, kinks, at, var) if kinks else jnp.zeros(0)
        if _changes(tangents[0]):
            total += (rule(slope, at, var) + jnp.sum(jumps)) * tangents[0]
        if _changes(tangents[1]):
            curvature = 0.5 * rule(_derivative(slope), at, var)
            if kinks:
                # f'' would need the jumps of f' at the kinks; <(x - m) f'>/(2 v) does not.
                guarded = jnp.maximum(var, _NO_VARIANCE)
                pull = rule(lambda x: (x - at) * slope(x), at, guarded)
                pull += jnp.sum(jumps * (jnp.asarray(kinks) - at))
                curvature = jnp.where(var > _NO_VARIANCE, pull / (2 * guarded), curvature)
            total += curvature * tangents[1]
        return gaussian_average(at, var), total

    return gaussian_average(jnp.asarray(mean, float), jnp.asarray(variance, float))


@double_precision
def pair_average(
    first: Function,
    second: Function,
    means: tuple[Scalar, Scalar] = (0.0, 0.0),
    variances: tuple[Scalar, Scalar] = (1.0, 1.0),
    covariance: Scalar = 0.0,
    *,
    breakpoints: Sequence[float] = (),
    nodes: int = 64,
) -> Float[Array, ""]:
    """<f(x) g(y)> over jointly Gaussian x and y.

    Arguments:
        first, second: f and g, element by element, JAX-traceable.
        means, variances: of x and y, two numbers each; variances at least 0.
        covariance: <xy> - <x><y>, at most sqrt(var x var y) in size; a larger one that is traced gives NaN.
        breakpoints: where f, g or their derivatives jump, `activation.breakpoints` for functions of phi.
        nodes: quadrature nodes on each piece of each axis.

    Returns:
        The average; differentiable in the means and in the covariance, where d/d covariance = <f'(x) g'(y)> (Price's
        theorem) also at full correlation; there of f and g that both jump at one place it is infinite.

    Raises:
        TypeError: no functions, or no numbers.
        ValueError: a variance below 0, a covariance that is too large, nodes or breakpoints out of range, as far as these
            are not traced.

    Example:
        >>> import quenched as qd
        >>> print(f"{qd.gaussian.pair_average(lambda x: x, lambda y: y, covariance=0.3):.12f}")
        0.300000000000
    """
    _check_function("first", first)
    _check_function("second", second)
    means, variances = _read_pair("means", means), _read_pair("variances", variances, low=0.0)
    covariance = checks.number("covariance", covariance)
    _check_covariance(variances, covariance)
    kinks, nodes = _read_breakpoints(breakpoints), check_nodes("nodes", nodes, low=1)

    def rule(of_x: Function, of_y: Function, at: Array, var: Array, cov: Array) -> Array:
        # The wider field is the outer one: then the inner average varies no faster than f does.
        swap = var[1] > var[0]
        at, var = jnp.where(swap, at[::-1], at), jnp.where(swap, var[::-1], var)
        deviation = jnp.sqrt(jnp.maximum(var[0], 0.0))
        slope = cov / jnp.maximum(var[0], _NO_VARIANCE)
        left_over = var[1] - slope * cov
        # Rounding may push a full correlation slightly beyond the bound; anything more is a wrong argument.
        left_over = jnp.where(left_over < -1e-12 * var[1], jnp.nan, jnp.maximum(left_over, 0.0))
        inner_deviation = jnp.sqrt(left_over)
        # The inner average has its features where the conditional mean of y meets those of g; a jump is a step as wide as
        # y is spread there.
        steep = jnp.where(slope == 0.0, 1.0, slope)
        wide = _STEP_REACH * inner_deviation / jnp.abs(steep)
        meets: list[Scalar] = []
        for point in kinks if 0.0 in kinks else (0.0, *kinks):
            meet = jnp.where(slope == 0.0, 0.0, at[0] + (point - at[1]) / steep)
            meets += [meet - wide, meet, meet + wide] if kinks else [meet]
        z, weights = gaussian_nodes(at[0], deviation, [*kinks, *meets], nodes)
        x = at[0] + deviation * z
        # As in `average`; of fields that are nearly one the density of both is no function.
        apart = (left_over > _ALIKE * var[1]) & (var[1] > _NO_VARIANCE)

        def given(x_node: Array) -> Array:
            mean_y = at[1] + slope * (x_node - at[0])
            z_inner, inner_weights = gaussian_nodes(mean_y, inner_deviation, kinks, nodes)
            y = mean_y + inner_deviation * z_inner
            if kinks:
                x_node, y = (jnp.where(apart, jax.lax.stop_gradient(each), each) for each in (x_node, y))
                mean_y = at[1] + slope * (x_node - at[0])
                of_both = _log_density(x_node - at[0], jnp.where(apart, var[0], 1.0))
                of_both += _log_density(y - mean_y, jnp.where(apart, left_over, 1.0))
                inner_weights = jax.lax.stop_gradient(inner_weights) * _changing(of_both, apart)
            return jnp.where(
                swap,
                jnp.sum(inner_weights * of_x(y)) * of_y(x_node),
                jnp.sum(inner_weights * of_y(y)) * of_x(x_node),
            )

        return jnp.sum((jax.lax.stop_gradient(weights) if kinks else weights) * jax.vmap(given)(x))

    average = _kinked_by_price(rule, first, second, kinks, nodes) if kinks else _by_price(rule, first, second)
    return average(
        jnp.stack([jnp.asarray(mean, float) for mean in means]),
        jnp.stack([jnp.asarray(variance, float) for variance in variances]),
        jnp.asarray(covariance, float),
    )


def _check_function(name: str, function: Any) -> None:
    if isinstance(function, type) or not callable(function):
        raise TypeError(
            f"Argument `{name}` must be a function of a number, such as jnp.tanh or qd.Tanh(), but is "
            f"{checks.shown(function)}."
        )


def _read_breakpoints(breakpoints: Any) -> tuple[float, ...]:
    return tuple(map(float, checks.real_array("Argument `breakpoints`", breakpoints, (None,))))


def _read_pair(name: str, values: Any, low: float = -np.inf) -> tuple[Any, Any]:
    """One number of x and one of y."""
    if not np.iterable(values) or len(several := list(values)) != 2:
        raise ValueError(f"Argument `{name}` must be two numbers, those of x and y, but is {checks.shown(values)}.")
    first, second = (checks.number(f"{name}[{place}]", value, low=low) for place, value in enumerate(several))
    return first, second


def _check_covariance(variances: tuple[Any, Any], covariance: Any) -> None:
    """What rounding may add to a full correlation is allowed."""
    if not traced(variances, covariance) and covariance**2 > (1.0 + 1e-12) * variances[0] * variances[1]:
        most = np.sqrt(variances[0] * variances[1])
        raise ValueError(
            f"Argument `covariance` must be at most sqrt(variances[0] variances[1]) = {most:g} in size, "
            f"but is {covariance:g}."
        )


def smooth_pair_average(
    first: Function,
    second: Function,
    means: tuple[Array, Array],
    variances: tuple[Array, Array],
    covariance: Array,
    nodes: int,
) -> Float[Array, ""]:
    """`pair_average` for functions without kinks and deviations up to about two: the trapezoidal rule in both fields.

    One evaluation of each function at every node and nothing else, so some ten times faster. Its error falls exponentially
    in `nodes`; compare two numbers of them.
    """
    # Of NumPy: traced arrays would be caught in the rule, and derivatives in a loop fail on that.
    z = np.linspace(-_SMOOTH_REACH, _SMOOTH_REACH, nodes)
    weights = np.exp(-0.5 * z**2)
    weights = weights / np.sum(weights)

    def rule(of_x: Function, of_y: Function, at: Array, var: Array, cov: Array) -> Array:
        deviation = jnp.sqrt(jnp.maximum(var[0], 0.0))
        slope = cov / jnp.maximum(deviation, _NO_VARIANCE)
        left_over = var[1] - slope**2
        left_over = jnp.where(left_over < -1e-6 * var[1], jnp.nan, jnp.maximum(left_over, 0.0))
        y = (at[1] + slope * z)[:, None] + jnp.sqrt(left_over) * z
        return weights @ (of_x(at[0] + deviation * z) * (of_y(y) @ weights))

    return _by_price(rule, first, second)(jnp.stack(means), jnp.stack(variances), covariance)


Rule = Callable[[Function, Function, Array, Array, Array], Array]


def _by_price(rule: Rule, first: Function, second: Function) -> Callable[[Array, Array, Array], Array]:
    """<f g> by a quadrature rule, with the derivatives of Price's theorem by the same rule."""

    @jax.custom_jvp
    def gaussian_average(at: Array, var: Array, cov: Array) -> Array:
        return rule(first, second, at, var, cov)

    @partial(gaussian_average.defjvp, symbolic_zeros=True)
    def _(primals: tuple[Array, Array, Array], tangents: tuple[Any, Any, Any]) -> tuple[Array, Array]:
        at, var, cov = primals
        d_at, d_var, d_cov = tangents
        f_slope, g_slope, total = _derivative(first), _derivative(second), jnp.zeros(())
        if _changes(d_at):
            total += rule(f_slope, second, at, var, cov) * d_at[0] + rule(first, g_slope, at, var, cov) * d_at[1]
        if _changes(d_var):
            total += 0.5 * rule(_derivative(f_slope), second, at, var, cov) * d_var[0]
            total += 0.5 * rule(first, _derivative(g_slope), at, var, cov) * d_var[1]
        if _changes(d_cov):
            total += rule(f_slope, g_slope, at, var, cov) * d_cov
        return gaussian_average(at, var, cov), total

    return gaussian_average


def _kinked_by_price(
    rule: Rule, first: Function, second: Function, kinks: tuple[float, ...], nodes: int
) -> Callable[[Array, Array, Array], Array]:
    """Likewise where f, g or their slopes jump: with the delta functions of f' and g', and without f'' and g'', since

    <f'' g> var x = <(x - <x>) f' g> - <f' g'> cov.
    """
    # Of NumPy: see `smooth_pair_average`.
    places = np.asarray(kinks, float)

    @jax.custom_jvp
    def gaussian_average(at: Array, var: Array, cov: Array) -> Array:
        return rule(first, second, at, var, cov)

    @partial(gaussian_average.defjvp, symbolic_zeros=True)
    def _(primals: tuple[Array, Array, Array], tangents: tuple[Any, Any, Any]) -> tuple[Array, Array]:
        at, var, cov = primals
        d_at, d_var, d_cov = tangents
        functions, slopes = (first, second), (_derivative(first), _derivative(second))

        def both(which: int, of: Function, other: Function) -> Array:
            return rule(*((of, other) if which == 0 else (other, of)), at, var, cov)

        def field_given(which: int) -> tuple[Array, Array]:
            """Means and variance of the other field where this one is at a place."""
            tilt = cov / jnp.maximum(var[which], _NO_VARIANCE)
            return at[1 - which] + tilt * (places - at[which]), jnp.maximum(var[1 - which] - tilt * cov, 0.0)

        def given_jump(which: int, other: Function) -> Array:
            means, left_over = field_given(which)
            z, weights = jax.vmap(lambda mean: gaussian_nodes(mean, jnp.sqrt(left_over), kinks, nodes))(means)
            return jnp.sum(weights * other(means[:, None] + jnp.sqrt(left_over) * z), axis=1)

        def where_both_jump() -> Array:
            means, left_over = field_given(0)
            meeting = jax.vmap(lambda mean: jnp.sum(_weighted_jumps(second, kinks, mean, left_over)))(means)
            return jnp.sum(jnp.where(jumps[0] == 0.0, 0.0, jumps[0] * meeting))

        jumps = [_weighted_jumps(functions[which], kinks, at[which], var[which]) for which in (0, 1)]
        by_covariance = rule(*slopes, at, var, cov) + where_both_jump()
        by_covariance += sum(jnp.sum(jumps[which] * given_jump(which, slopes[1 - which])) for which in (0, 1))
        total = by_covariance * d_cov if _changes(d_cov) else jnp.zeros(())
        for which, slope, other in ((0, slopes[0], second), (1, slopes[1], first)):
            met = jumps[which] * given_jump(which, other)
            if _changes(d_at):
                total += (both(which, slope, other) + jnp.sum(met)) * d_at[which]
            if _changes(d_var):
                from_mean = partial(_from, at[which], slope)
                pull = both(which, from_mean, other) + jnp.sum(met * (places - at[which])) - cov * by_covariance
                smooth = both(which, _derivative(slope), other)
                curvature = jnp.where(var[which] > _NO_VARIANCE, pull / jnp.maximum(var[which], _NO_VARIANCE), smooth)
                total += 0.5 * curvature * d_var[which]
        return gaussian_average(at, var, cov), total

    return gaussian_average


def _log_density(away: Array, variance: Array) -> Array:
    """Of a Gaussian, less a constant."""
    return -0.5 * (away**2 / variance + jnp.log(variance))


def _changing(log_density: Array, smooth: Array) -> Array:
    """1, with the derivatives of a density relative to its value; elsewhere without any."""
    return jnp.where(smooth, jnp.exp(log_density - jax.lax.stop_gradient(log_density)), 1.0)


def _changes(tangent: Any) -> bool:
    """Whether anything is differentiated by it: a derivative that nobody asks for is not computed."""
    return not isinstance(tangent, SymbolicZero)


def _from(mean: Array, function: Function, x: Array) -> Array:
    """(x - mean) f(x)."""
    return (x - mean) * function(x)


def _derivative(function: Function) -> Function:
    return lambda x: jax.jvp(function, (x,), (jnp.ones_like(x),))[1]
