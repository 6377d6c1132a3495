"""tr Sigma^2 of what has no memory, from sums over two frequencies of a ring of time.

docs/derivations/dimension.md derives it for populations b of fractions f_b, with V_bc = d covariance_b/dC_c of their input,
T_b the answer of a neuron's linear part, X_b and C_b the spectra of its state and rate, k_b its mean slope, and <> an
average over what is static in a neuron, by which neurons of one population differ:

    tr Sigma_phi^2/N = int int sum_c |y_c|^2 <C_c C_c'>/f_c,       y_c = f_c + sum_b y_b <k_b^2> T_b* T_b' V_bc,
    tr Sigma_x^2/N = int int sum_c [X_c X_c' (f_c + 2 Re r_c <k_c^2>) + |r_c|^2 <C_c C_c'>/f_c],
                                                                  r_c = sum_b (f_b + r_b <k_b^2>) T_b* T_b' V_bc.

Of discrete times all of it holds as it stands, with the answers in time steps: the only errors are those of step and window.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float, Int

from quenched.compiled import compiled
from quenched.dmft.bulk import handed_on
from quenched.dmft.squares_of_flow import Squares
from quenched.dmft.stationary_filters import SolvedRing, StationaryFilters
from quenched.dmft.stationary_waves import GaussianRing, Neurons, State, Waves, at_one_time, slope_of
from quenched.gaussian.hermite import pair_averages
from quenched.models import RandomNetwork
from quenched.numerics.anderson import Anderson
from quenched.numerics.linear import solve_columns
from quenched.simulate.integrate import count_steps
from quenched.theory import Start
from quenched.units.filters import driving

# Frequencies lie so many times closer than those that fit into the ring: the kernel falls with the lag more slowly than the
# correlations, as its own square near a transition.
_CLOSER = 4
# Nodes of an average over what is static in a neuron, and the relative variance below which nothing is.
_NODES, _STATIC = 24, 1e-10
# Mean rates, relative to the rates, that are more than rounding.
_BROKEN = 1e-9


class RingSquares(NamedTuple):
    """On one ring."""

    squares: Squares
    falls: Float[Array, ""]
    """The part of the variance of the states that falls with the lag."""
    status: Int[Array, ""]


@compiled(hurried=True)
def squares_of_filters(
    model: RandomNetwork, theory: StationaryFilters, solver: Anderson, start: Start
) -> tuple[RingSquares, RingSquares, RingSquares | None]:
    """On the ring that the theory asks for, on one of half its length, and, of flows, on one with half its step."""
    is_map = model.kind == "map"
    times = int(theory.window) // 4 * 4 if is_map else count_steps(theory.window, theory.step)
    step = None if is_map else theory.step

    def on(times: int, step: float | None, solved: SolvedRing) -> RingSquares:
        return _squares(GaussianRing.of(model, Waves(times, step)), solved)

    whole = theory.on_a_ring(model, solver, start, times, step)
    half = theory.on_a_ring(model, solver, start, times // 4 * 2, step)
    found = on(times, step, whole), on(times // 4 * 2, step, half)
    if step is None:
        return *found, None
    fine = theory.on_a_ring(model, solver, start, 2 * times, step / 2, whole.state)
    return *found, on(2 * times, step / 2, fine)


class _Population(NamedTuple):
    """What the neurons of one population contribute, at the frequencies of a finer ring."""

    answer: Complex[Array, " frequency"]
    """T, of what the rate is read from."""
    readout: Float[Array, ""]
    """By what the state differs from that: 1, but where the nonlinear function is of the input."""
    own: Float[Array, " frequency"]
    """Of the spectrum of the rate's argument, or of the rate: that of the noise."""
    rates: Float[Array, "node frequency"]
    """Spectra of the rate, or of the function of the input."""
    shares: Float[Array, " node"]
    slope_square: Float[Array, ""]
    """<k^2>."""


def _squares(ring: GaussianRing, solved: SolvedRing) -> RingSquares:
    state = solved.state
    finer = Waves(_CLOSER * ring.waves.times, ring.waves.step)
    model, fractions = ring.model, jnp.asarray(ring.model.couplings.population_fractions, float)
    matrix = handed_on(model.couplings, at_one_time(ring.rates(state, jnp.ones(model.populations))))
    populations, falls = _populations(ring, state, finer)
    later = jnp.asarray([neurons.shape == "input" for neurons in ring.neurons])

    # In the order (population, ...).
    answer = jnp.stack([each.answer for each in populations])
    own = jnp.stack([each.own for each in populations])
    rates = jnp.stack([each.rates for each in populations])
    shares = jnp.stack([each.shares for each in populations])
    slopes = jnp.stack([each.slope_square for each in populations])
    inverse = 1.0 / jnp.stack([each.readout for each in populations])
    # A function of the input becomes the rate.
    passed = jnp.where(later[:, None], jnp.abs(answer) ** 2, 1.0)
    rates = rates * passed[:, None] + jnp.where(later[:, None], own, 0.0)[:, None]
    mean = jnp.sum(shares[:, :, None] * rates, axis=1)
    states = jnp.where(later[:, None], inverse[:, None] ** 2 * mean, jnp.abs(answer) ** 2 * (matrix @ mean) + own)

    half = finer.times // 2
    everywhere = np.concatenate([np.arange(half + 1), np.arange(half - 1, 0, -1)])
    signs = np.where(np.arange(finer.times) <= half, 1.0, -1.0)
    around = jnp.real(answer)[:, everywhere] + 1j * signs * jnp.imag(answer)[:, everywhere]
    rates_around, states_around = rates[:, :, everywhere], states[:, everywhere]
    shared = jnp.where(fractions > 0.0, 1.0 / jnp.where(fractions > 0.0, fractions, 1.0), 0.0)

    def of_row(row: Array) -> tuple[Array, Array]:
        """Sums over the second frequency."""
        first = jnp.conj(answer[:, row])[:, None] * around
        rung = slopes[:, None] * first
        top = jnp.where(later[:, None], inverse[:, None] ** 2 * rung, first)
        handed = jnp.swapaxes(rung[:, None] * matrix[:, :, None], 0, 1)
        right = jnp.stack(
            [fractions[:, None] + 0.0 * first, jnp.einsum("bc,bw->cw", matrix, fractions[:, None] * top)], axis=1
        )
        y, r = jnp.moveaxis(_solved(handed, right), 1, 0)
        rate_pairs = jnp.einsum("cn,cn,cnw->cw", shares, rates[:, :, row], rates_around)
        state_pairs = states[:, row, None] * states_around
        of_state = jnp.where(
            later[:, None],
            jnp.abs(fractions[:, None] * inverse[:, None] ** 2 + r) ** 2 * shared[:, None] * rate_pairs,
            state_pairs * (fractions[:, None] + 2.0 * slopes[:, None] * jnp.real(r))
            + jnp.abs(r) ** 2 * shared[:, None] * rate_pairs,
        )
        of_rate = jnp.abs(y) ** 2 * shared[:, None] * rate_pairs
        return jnp.sum(of_state), jnp.sum(of_rate)

    both = np.where(np.isin(np.arange(half + 1), (0, half)), 1.0, 2.0)
    state_square, rate_square = (both @ each / finer.times**2 for each in jax.lax.map(of_row, jnp.arange(half + 1)))
    state_variance, rate_variance = (fractions @ (each @ both) / finer.times for each in (states, mean))
    return RingSquares(Squares(state_variance, state_square, rate_variance, rate_square), falls, solved.status)


def _solved(
    handed: Complex[Array, "population population frequency"], right: Complex[Array, "population two frequency"]
) -> Complex[Array, "population two frequency"]:
    """(1 - handed)^-1 right."""
    count = len(handed)
    if count == 1:
        return right / (1.0 - handed[0])
    return jax.vmap(solve_columns, (-1, -1), -1)(jnp.eye(count)[:, :, None] - handed, right)


def _populations(ring: GaussianRing, state: State, finer: Waves) -> tuple[list[_Population], Float[Array, ""]]:
    """Of all populations; and the part of the variance that falls with the lag, where that is largest."""
    law = ring.model.couplings.field(ring.rates(state, jnp.ones(ring.model.populations)))
    covariances = law.covariance * jnp.ones_like(state.correlation)
    # Where no mean breaks the symmetry between x and -x nothing is static, and what is left half way round has not decayed.
    broken = jnp.max(jnp.abs(state.mean)) > _BROKEN * jnp.sqrt(jnp.max(state.correlation))
    found: list[_Population] = []
    falls: list[Array] = []
    function: Callable[[Array], Array]
    for neurons, respond, covariance in zip(ring.neurons, ring.respond(state), covariances, strict=True):
        if neurons.shape == "rate":
            function, mean, covariance = neurons.rate, respond.mean_state, respond.state_covariance
        else:
            function, mean = driving(neurons.unit), law.mean + ring.model.field
            mean = jnp.broadcast_to(mean, covariances.shape[:1])[len(found)]
        static = jnp.where(broken & (covariance[-1] > _STATIC * covariance[0]), covariance[-1], 0.0)
        each = _population(neurons, function, mean, static, covariance - static, finer)
        part = (covariance[0] - covariance[-1]) / jnp.where(covariance[0] > 0.0, covariance[0], 1.0)
        found.append(each)
        falls.append(part)
    return found, jnp.max(jnp.stack(falls))


def _population(
    neurons: Neurons, function: Any, mean: Array, static: Array, falling: Float[Array, " lag"], finer: Waves
) -> _Population:
    """Of an argument of the function with this mean, this variance between neurons, and this covariance in time."""
    unit, linear = neurons.unit, neurons.steps.linear
    nodes, weights = np.polynomial.hermite_e.hermegauss(_NODES)
    weights = weights / weights.sum()

    def at(node: Array) -> tuple[Array, Array]:
        place = mean + jnp.sqrt(static) * node
        level, products = pair_averages(function, place, falling, unit.breakpoints)
        slope, _ = pair_averages(slope_of(function), place, falling, unit.breakpoints)
        return products - level**2, slope

    rates, slopes = jax.vmap(at)(jnp.asarray(nodes))
    padded = jnp.pad(rates, ((0, 0), (0, finer.times // 2 + 1 - rates.shape[1])))
    now = neurons._replace(waves=finer).answer()
    read = jnp.eye(unit.state_size)[0] if neurons.shape == "rate" else linear.readout
    noise = neurons.noise**2 * jnp.sum(jnp.abs(jnp.einsum("v,wvk->wk", read, now.noise)) ** 2, axis=1)
    return _Population(now.state @ read, read[0], noise, finer.spectrum(padded), jnp.asarray(weights), weights @ slopes**2)
