"""How the covariance falls with the lag once it is known where it starts: lags, spectra, the ground state of chaos.

# notation: W = g^2 <phi' phi'>, kappa^2 = 1 - W at infinite lag, R = (dy/dtau)^2/(kappa y)^2, m = kappa |dtau/d ln x|.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Complex, Float

from quenched.dmft.potential import shape
from quenched.models import RandomNetwork
from quenched.numerics.collocation import Collocation, interpolation, power_average

Terms = tuple[Array, Array, Array, Array]


class Orbit(NamedTuple):
    """Functions of the lag by their values at the points x of a rule, each analytic on [0, 1]."""

    rule: Collocation
    bend: Float[Array, ""]
    decaying: Float[Array, ""]
    rate: Float[Array, ""]
    """kappa: everything falls as exp(-kappa lag) in the end."""
    pace: Float[Array, " point"]
    """m."""
    delay: Float[Array, " point"]
    """(kappa tau + ln x)/(1 - x)."""
    rates_over_x: Float[Array, " point"]
    """[C(tau) - C(infinity)]/x."""
    depth: Float[Array, " point"]
    """(W - W(infinity))/kappa^2, the potential well of a small difference."""
    force: Float[Array, ""]
    """-V'(v)/y0 = c''(0+)/y0."""


def integrate_orbit(model: RandomNetwork, decaying: Array, bend: Array, pairs: Array, rule: Collocation) -> Orbit:
    """The orbit from (d tau)^2 = (d y)^2/(2 [V(c_inf) - V(c)]), every factor divided by what makes it vanish."""
    curve, x = shape(bend, rule), jnp.asarray(rule.nodes)
    opening = 1.0 - model.gain**2 * pairs
    # Where phi jumps W has a pole at lag 0, x = 1, which is taken out.
    squared = jnp.asarray(rule.at_zero) @ ((1.0 - x) * opening)
    force = jnp.asarray(rule.average_below) @ (opening * curve.slope)
    # From the end that is nearer, so that it is small there without a difference: both agree where the energy does.
    from_rest = 2.0 * (rule.moment_below @ (force * curve.slope)) / curve.over_x**2
    to_start = 0.25 * model.noise**4 / decaying**2 - 2.0 * (1.0 - x) * (rule.average_above @ (x * force * curve.slope))
    speed = jnp.where(x < 0.5, from_rest, to_start / curve.value**2) / squared
    pace = curve.slope / (curve.over_x * jnp.sqrt(speed))
    delay = jnp.asarray(rule.average_above) @ ((pace - 1.0) / x)
    rates = decaying * (jnp.asarray(rule.average_below) @ (pairs * curve.slope))
    depth = (squared - opening) / squared
    return Orbit(
        rule,
        bend,
        decaying,
        jnp.sqrt(squared),
        pace,
        delay,
        rates,
        depth,
        jnp.asarray(rule.weights) @ (opening * curve.slope),
    )


def at_lags(orbit: Orbit, lags: Float[Array, " lag"]) -> tuple[Float[Array, " lag"], Float[Array, " lag"]]:
    """y and C - C(infinity): x by Newton in ln x, whose last step carries the derivatives."""
    rule, target = orbit.rule, orbit.rate * lags

    def miss(log_x: Array, delay: Array, target: Array | float) -> Array:
        return -log_x - jnp.expm1(log_x) * delay - target

    fixed, fixed_target = jax.lax.stop_gradient((orbit, target))
    # From the next node, from which Newton's steps do not pass x = 1: with noise and jumps of phi the pace is 0 there. Lag 0
    # is x = 1 itself. Beyond the last node the delay is what it is at x = 0.
    known = jnp.log(jnp.asarray(rule.nodes))
    passed = miss(known, fixed.delay, 0.0)
    later = jnp.where(passed >= fixed_target[:, None], passed, jnp.inf)
    log_x = jnp.where(fixed_target > passed[0], rule.at_zero @ fixed.delay - fixed_target, known[jnp.argmin(later, axis=1)])
    at_once = lags == 0.0
    log_x = jnp.where(at_once, 0.0, log_x)

    def step(log_x: Array, delay: Array, target: Array) -> Array:
        weights = interpolation(rule, jnp.exp(log_x))
        ahead = miss(log_x, weights @ delay, target) / jnp.where(at_once, 1.0, weights @ fixed.pace)
        return log_x + jnp.where(at_once, 0.0, ahead)

    def advance(_: Array, log_x: Array) -> Array:
        return jnp.minimum(step(log_x, fixed.delay, fixed_target), 0.0)

    log_x = jax.lax.stop_gradient(jax.lax.fori_loop(0, 8, advance, log_x))
    x = jnp.exp(step(log_x, orbit.delay, target))
    straight = orbit.bend < 1e-4
    safe = jnp.where(straight, 1.0, orbit.bend)
    value = jnp.where(straight, x * (1.0 + orbit.bend**2 * (1 - x**2) / 6), jnp.sin(safe * x) / jnp.sin(safe))
    return orbit.decaying * value, x * (interpolation(rule, x) @ orbit.rates_over_x)


def rate_spectrum(orbit: Orbit, frequencies: Float[Array, " frequency"]) -> Float[Array, " frequency"]:
    """int d tau cos(omega tau) [C(tau) - C(infinity)] over all lags."""
    return 2.0 * jnp.real(laplace_transform(orbit, orbit.rates_over_x, 1j * frequencies))


def laplace_transform(orbit: Orbit, over_x: Float[Array, " point"], s: Complex[Array, " place"]) -> Complex[Array, " place"]:
    """int_0^infinity exp(-s tau) f(tau) dtau, Re s >= 0, of a function by its f/x, without a quadrature in tau.

    It is analytic in e = exp(-kappa tau), and the transform of e P_k(2 e - 1) is a product of k fractions of modulus at
    most 1: however long it lasts and however fast a wave turns, nothing is lost.
    """
    rule = orbit.rule
    shrink = jnp.exp(-(1.0 - rule.nodes) * orbit.delay)
    e, measure = rule.nodes * shrink, rule.weights * shrink * orbit.pace
    values = measure * over_x / shrink
    s = 1.0 + s / orbit.rate

    def add(carry: Terms, degree: Array) -> tuple[Terms, None]:
        before, now, transform, total = carry
        following = ((2.0 * degree + 1.0) * (2.0 * e - 1.0) * now - degree * before) / (degree + 1.0)
        total = total + (2.0 * degree + 1.0) * jnp.sum(values * now) * transform
        return (now, following, transform * (s - degree - 1.0) / (s + degree + 1.0), total), None

    first = (jnp.zeros_like(e), jnp.ones_like(e), 1.0 / s, jnp.zeros_like(s))
    (_, _, _, total), _ = jax.lax.scan(add, first, jnp.arange(float(len(rule.nodes))))
    return total / orbit.rate


def growth_rate(orbit: Orbit) -> Float[Array, ""]:
    """The largest Lyapunov exponent, sqrt(1 - E) - 1 with E the ground state of -d^2/dtau^2 + 1 - W(tau).

    With q = -psi'/(kappa psi): x q'(x)/m + q^2 + w = alpha^2 and q = 0 at lag 0, where w is the depth of the well and
    psi ~ x^alpha at infinite lag. q is analytic in x however wide the state is. Newton's method (Howard's policy iteration:
    it converges from any positive p) with psi^2 made of p = the last q:

        alpha^2 = <w - p^2>,   psi^2 q = int psi^2 (p^2 - w + alpha^2) kappa dtau.

    The average is Rayleigh's quotient, so that only w and m carry derivatives.
    """
    rule, x = orbit.rule, jnp.asarray(orbit.rule.nodes)
    above = jnp.asarray(rule.average_above)

    def improve(policy: Array, pace: Array, depth: Array) -> tuple[Array, Array]:
        start = jnp.maximum(rule.at_zero @ policy, 1e-9)
        # psi^2 without its x^(2 start).
        square = jnp.exp(-2.0 * (1.0 - x) * (above @ ((policy * pace - start) / x)))
        _, gained = power_average(rule, square * pace * (depth - policy**2), 2.0 * start)
        _, norm = power_average(rule, square * pace, 2.0 * start)
        alpha_squared = gained / norm
        flow, _ = power_average(rule, square * pace * (policy**2 - depth + alpha_squared), 2.0 * start)
        return flow / square, alpha_squared

    # Right for a shallow well, and for that of weak chaos.
    well = orbit.depth * orbit.pace / x
    whole = jnp.maximum(rule.weights @ well, 1e-14)
    policy = (1.0 - x) * (above @ well) / whole * 0.5 * (jnp.sqrt(1.0 + 4.0 * whole) - 1.0)
    fixed = jax.lax.stop_gradient((orbit.pace, orbit.depth))
    policy = jax.lax.fori_loop(0, 7, lambda _, policy: improve(policy, *fixed)[0], jax.lax.stop_gradient(policy))
    _, alpha_squared = improve(policy, orbit.pace, orbit.depth)
    raised = orbit.rate**2 * (alpha_squared - 1.0)
    return raised / (1.0 + jnp.sqrt(jnp.maximum(1.0 + raised, 1e-30)))
