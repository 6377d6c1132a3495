"""Small changes of all states of a network, followed beside the states: whether they grow.

Two states of one network that are close differ by delta_i, which obeys the tangent equation

    d delta_i/dt = -delta_i + sum_j J_ij phi'(x_j) delta_j.

Of many neurons, and with delta_i of random sign, the sum is a Gaussian field that does not depend on that of x, and what the
memory returns of the neuron's own delta:

    d delta/dt = -delta + zeta + g^2 eta int R(t, s) phi'(x(s)) delta(s) ds,    <zeta zeta'> = g^2 <phi' delta phi'' delta'>.

These are the couplings' own covariance and memory, so that any couplings and units do. docs/derivations/chaos.md derives it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from quenched.dmft.growing import fewer_normals, next_row, zero_padded
from quenched.numerics.exact_moments import with_exact_moments

# Perturbations that were larger than now by more than the exponential of this are as good as forgotten.
_MOST = 300.0


class PerturbationDraws(NamedTuple):
    """What is random in the perturbations of a population; one column a trajectory."""

    initial: Float[Array, "*variable trajectory"]
    normals: Float[Array, "step trajectory"]


def draw(key: Key[Array, ""], variables: int, steps: int, trajectories: int) -> PerturbationDraws:
    """Perturbations of size 1 of all variables of a state, and what their field is made of."""
    normals = with_exact_moments(jax.random.normal(key, (variables + steps, trajectories)))
    return PerturbationDraws(normals[0] if variables == 1 else normals[:variables], normals[variables:])


def with_twice_the_step(draws: PerturbationDraws, factor: Float[Array, "step step"]) -> PerturbationDraws:
    """For half as many steps, with the same fields at every second time. How rows of L are scaled changes nothing."""
    return draws._replace(normals=fewer_normals(factor[::2], draws.normals))


class Perturbation(NamedTuple):
    """One for each trajectory of a population, at each time in units of the size that they all have then."""

    state: Float[Array, "*variable trajectory"]
    """delta, now."""
    before: Float[Array, "*variable trajectory"]
    """Its force, or its speed, a step before."""
    rates: Float[Array, "time trajectory"]
    """phi' delta; zero at times to come."""
    factor: Float[Array, "time earlier_time"]
    """L^T, of the field; of times to come that of the unit matrix."""
    log_size: Float[Array, " time"]


def beginning(initial: Float[Array, "*variable trajectory"]) -> Perturbation:
    """With no past."""
    return Perturbation(initial, jnp.zeros_like(initial), jnp.zeros((0, initial.shape[-1])), jnp.zeros((0, 0)), jnp.zeros(1))


def with_room(perturbation: Perturbation, times: int) -> Perturbation:
    """With room for so many times."""
    before, more = len(perturbation.rates), times - len(perturbation.rates)
    new = jnp.arange(before, times)
    return perturbation._replace(
        rates=zero_padded(perturbation.rates, times),
        factor=jnp.pad(perturbation.factor, (0, more)).at[new, new].set(1.0),
        # The size at the time that comes next is known.
        log_size=zero_padded(perturbation.log_size, times + 1),
    )


def measured(
    perturbation: Perturbation, rate: Float[Array, " trajectory"], index: Int[Array, ""]
) -> tuple[Perturbation, Float[Array, " earlier_time"]]:
    """With phi' delta of now; and its covariance with all earlier times and itself."""
    rates = perturbation.rates.at[index].set(rate)
    return perturbation._replace(rates=rates), rates @ rate / rate.size


def received(
    perturbation: Perturbation,
    covariance: Float[Array, " earlier_time"],
    memory: Float[Array, " earlier_time"] | None,
    normals: Float[Array, "time trajectory"],
    index: Int[Array, ""],
) -> tuple[Perturbation, Float[Array, " trajectory"]]:
    """The change of the field: zeta, of this covariance, and what the memory returns."""
    (known,), deviation, _ = next_row(perturbation.factor, covariance[None], index)
    force = known.at[index].set(deviation) @ normals
    if memory is not None:
        sizes = perturbation.log_size[: len(memory)]
        weights = memory * jnp.exp(jnp.minimum(sizes - sizes[index], _MOST))
        force = force + weights @ perturbation.rates
    column = known.at[index].set(jnp.where(deviation > 0.0, deviation, 1.0))
    return perturbation._replace(factor=perturbation.factor.at[:, index].set(column)), force


def in_units_of_all(
    perturbations: tuple[Perturbation, ...], fractions: Any, index: Int[Array, ""]
) -> tuple[Perturbation, ...]:
    """After the step at `index`: by how much all of them together, of all variables, have grown in it."""
    squares = [jnp.sum(each.state**2) / each.state.shape[-1] for each in perturbations]
    size = jnp.sqrt(jnp.sum(jnp.asarray(fractions) * jnp.stack(squares)))
    unit = jnp.where(size > 0.0, size, 1.0)

    def scaled(each: Perturbation) -> Perturbation:
        log_size = each.log_size.at[index + 1].set(each.log_size[index] + jnp.log(size))
        return each._replace(state=each.state / unit, before=each.before / unit, log_size=log_size)

    return tuple(map(scaled, perturbations))


def lower_factor(perturbation: Perturbation, times: int) -> Float[Array, "time earlier_time"]:
    """L; each row is in units of the size then, which matters nowhere."""
    return perturbation.factor[:times, :times].T
