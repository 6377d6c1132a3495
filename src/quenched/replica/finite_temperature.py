"""Replica theory at a temperature."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from quenched import checks
from quenched.models import RandomNetwork
from quenched.numerics.self_consistency import Newton, Root, newton, polish
from quenched.replica.zero_overlap import check_odd_without_field, equations, free_energy, neuron_averages
from quenched.status import Status
from quenched.theory import AbstractTheory, Computed, Start

# Steps in ln T on the way down: a branch that needs shorter ones than the first number has ended.
_SHORTEST, _LONGEST = 1e-4, 3.0
_COARSE = 1e-6


class FiniteTemperature(AbstractTheory):
    """Boltzmann measure exp(-E/T) of the speed landscape, E = |velocity|^2/2, replica theory, zero-overlap branch.

        q = <phi^2>,  S = <e phi>/a,  D = (1 - <e^2>/a)/a,   e = x - gamma g^2 S phi(x),  a = T + g^2 q,

    the averages over exp(-e^2/(2a) - g^2 D phi^2/2). For odd phi without field this branch (overlap Q = 0, response
    overlap R = 0) always solves the replica equations; for symmetry >= 0 it is the stable one.

    Arguments:
        temperature: T of exp(-E/T), greater than 0.

    Branches, `start=`: "zero_overlap" only, followed down in temperature. With order parameters or an earlier solution
    Newton starts there instead, which matters for symmetry < 0, where several zero-overlap solutions exist at low T.

    Returns:
        `self_overlap` q, `local_response` S, `self_response_overlap` r = S sqrt(T), `overlap` 0, `response_overlap` 0,
        `energy` E/N = T (1 - T D)/2, `free_energy` F/N, `entropy`, `mean_square_rate` (= q), `mean_square_state`, each with
        `_error` from a second quadrature.

    Limits: gamma = 0: x is Gaussian with variance T + g^2 q, E/N = T/2 exactly, and T to 0 gives `qd.dmft.Static`.
    Linear phi below g_c: q = T S^2/(1 - g^2 S^2).

    Raises: ValueError for temperature <= 0 (use `ZeroTemperature`), an activation that is not odd, a field, or noise.

    When it fails: for symmetry < 0 and low T the branch can end at a fold on the way down (`out_of_steps`); start from a
    solution at a neighbouring gain. Linear phi at or above g_c has no solution: the measure spreads without bound.

    Source: Qiu & Huang 2025, replica-symmetric theory, in its minimal form.

    Example:
        >>> import quenched as qd
        >>> solution = qd.solve(qd.RandomNetwork(gain=1.2), qd.replica.FiniteTemperature(temperature=0.01))
        >>> print(f"{float(solution['energy']):.6f}")
        0.005000
    """

    temperature: Any

    branches: ClassVar[tuple[str, ...]] = ("zero_overlap",)
    unknowns: ClassVar[tuple[str, ...]] = ("self_overlap", "local_response", "energy")
    citations: ClassVar[tuple[str, ...]] = ("qiu2025",)

    def __init__(self, temperature: Any):
        if not isinstance(temperature, jax.core.Tracer) and np.ndim(temperature) == 0 and temperature == 0:
            raise ValueError(
                "Argument `temperature` must be greater than 0, but is 0; the limit itself is qd.replica.ZeroTemperature()."
            )
        self.temperature = checks.number("temperature", temperature, above=0.0)

    def default_solver(self) -> Newton:
        return Newton()

    def check(self, model: RandomNetwork, solver: Newton) -> None:
        check_odd_without_field(model, "replica.FiniteTemperature")

    def coordinates(self) -> Mapping[str, Any]:
        return {}

    def compute(self, model: RandomNetwork, solver: Newton, start: Start) -> Computed:
        frozen, cold = jax.lax.stop_gradient((model, jnp.asarray(self.temperature, float)))
        if start.values is None:
            found = cool(frozen, cold, solver)
        else:
            found = newton(lambda u: equations(frozen, cold, u, solver.nodes), _unknowns(frozen, cold, start.values), solver)
        refined = polish(lambda u: equations(model, self.temperature, u, 2 * solver.nodes), found.unknowns)
        fine = observables(model, self.temperature, refined, 2 * solver.nodes)
        coarse = observables(frozen, cold, found.unknowns, solver.nodes)
        return computed(fine, coarse, found)


def cool(model: RandomNetwork, temperature: Array, solver: Newton) -> Root:
    """Follow the branch down from high temperature, in steps of ln T that shrink when Newton fails and grow when not."""
    hot = jnp.log(jnp.maximum(10.0 * (1.0 + model.gain**2), temperature))
    target = jnp.log(temperature)

    def solve_at(log_temperature: Array, guess: Array) -> Root:
        return newton(lambda u: equations(model, jnp.exp(log_temperature), u, solver.nodes), guess, solver)

    # At high temperature <phi^2> is near its largest value and everything else near zero.
    hottest = solve_at(hot, jnp.stack([jnp.log(jnp.exp(hot) + 0.5 * model.gain**2), jnp.zeros(()), jnp.zeros(())]))

    def unfinished(carry: tuple[Root, Array, Array, Array]) -> Array:
        here, log_temperature, _, step = carry
        return here.converged & (log_temperature > target) & (step > _SHORTEST) & (here.steps < 40 * solver.max_steps)

    def next_step(carry: tuple[Root, Array, Array, Array]) -> tuple[Root, Array, Array, Array]:
        here, log_temperature, tangent, step = carry
        below = jnp.maximum(target, log_temperature - step)
        there = solve_at(below, here.unknowns + tangent * (below - log_temperature))
        tangent = jnp.where(there.converged, (there.unknowns - here.unknowns) / (below - log_temperature), tangent)
        steps = here.steps + there.steps
        arrived = jax.tree.map(lambda new, old: jnp.where(there.converged, new, old), there, here)
        return (
            arrived._replace(steps=steps),
            jnp.where(there.converged, below, log_temperature),
            tangent,
            jnp.where(there.converged, jnp.minimum(1.5 * step, _LONGEST), 0.25 * step),
        )

    flat = jnp.zeros_like(hottest.unknowns)
    last, reached, _, _ = jax.lax.while_loop(unfinished, next_step, (hottest, hot, flat, jnp.asarray(1.0)))
    return last._replace(converged=last.converged & (reached <= target))


def _unknowns(model: RandomNetwork, temperature: Array, given: dict[str, Array]) -> Float[Array, " 3"]:
    width = temperature + model.gain**2 * given["self_overlap"]
    # E/N = T (1 - T D)/2
    delta = (1.0 - 2.0 * given["energy"] / temperature) * width / temperature
    return jnp.stack([jnp.log(width), given["local_response"], delta])


def observables(model: RandomNetwork, temperature: Array, unknowns: Float[Array, " 3"], nodes: int) -> dict[str, Array]:
    """What the three unknowns mean."""
    width, response, delta = jnp.exp(unknowns[0]), unknowns[1], unknowns[2]
    found = neuron_averages(model, width, response, delta, nodes)
    self_overlap = width * found.rate_square
    energy = 0.5 * temperature * (1.0 - temperature * delta / width)
    free = free_energy(model, temperature, unknowns, nodes)
    zero = jnp.zeros_like(response)
    return {
        "self_overlap": self_overlap,
        "overlap": zero,
        "self_response_overlap": response * jnp.sqrt(temperature),
        "response_overlap": zero,
        "local_response": response,
        "energy": energy,
        "free_energy": free,
        "entropy": (energy - free) / temperature,
        "mean_square_rate": self_overlap,
        "mean_square_state": found.state_square,
    }


def computed(fine: dict[str, Array], coarse: dict[str, Array], found: Root) -> Computed:
    """Values from the finer quadrature, errors from their difference, and how it went."""
    errors = {name: jnp.abs(jax.lax.stop_gradient(fine[name]) - coarse[name]) for name in fine}
    finite = jnp.all(jnp.isfinite(jnp.stack(list(fine.values()))))
    agree = jnp.all(jnp.stack(list(errors.values())) <= _COARSE * (1.0 + jnp.abs(jnp.stack(list(fine.values())))))
    status = jnp.select(
        [~found.converged, ~finite, ~agree],
        [Status.out_of_steps, Status.not_finite, Status.coarse_quadrature],
        Status.solved,
    )
    arrays = fine | {f"{name}_error": error for name, error in errors.items()}
    return Computed(arrays, status, found.residual, found.steps)
