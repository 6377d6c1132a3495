"""Replica theory at a temperature."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from quenched import checks
from quenched.models import RandomNetwork
from quenched.numerics.self_consistency import Newton
from quenched.replica.branches import (
    bytes_per_point,
    default_branch,
    known_to_overlap,
    ordered_branch,
    zero_overlap_branch,
)
from quenched.replica.zero_overlap import check_integrals, check_no_noise, check_odd_without_field
from quenched.theory import AbstractTheory, Computed, Start


class FiniteTemperature(AbstractTheory):
    """Boltzmann measure exp(-E/T) of the speed landscape, E = |velocity|^2/2 + confinement |x|^2, replica symmetric.

    One neuron in the fields (M, h) of the others, <.> over its weight, E over the Gaussian pair:

        w(x) = exp( -e^2/(2a) + h phi - g^2 D phi^2/2 - (c/T) x^2 ),  e = x - gamma g^2 S phi - M - b,  a = T + g^2 (q - Q),
        q = E<phi^2>,  Q = E<phi>^2,  S = E[<e phi> - <e><phi>]/a,  tau = E[<e><phi>]/a,
        D = 1/a - E[<e^2> - <e>^2]/a^2,  V = g^2 E<e>^2/a^2;  E M^2 = g^2 Q, E h^2 = V, E M h = gamma g^2 tau.

    Arguments:
        temperature: T of exp(-E/T), in units of velocity squared, greater than 0.
        confinement: c, strength of the term c |x|^2 of E, at least 0.

    Branches, `start=`:
        "zero_overlap": Q = tau = V = 0, for odd phi without field, where it always is a solution (three unknowns, one
            integral) and the default; for symmetry >= 0 the stable one. Followed down in temperature.
        "ordered": replicas overlap, Q > 0; the default with a field, or if phi is not odd. Followed down in temperature.
        With order parameters or an earlier solution Newton starts there instead.

    Returns:
        `self_overlap` q, `overlap` Q, `local_response` S, `self_response_overlap` r = (S + tau) sqrt(T), `response_overlap`
        R = tau sqrt(T), `conjugate_overlap` V/g^2, `conjugate_self_overlap` V/g^2 - D, `energy` E/N, `free_energy` F/N,
        `entropy`, `mean_square_rate` (= q), `mean_square_state`; `replicon_eigenvalue`, negative where replica symmetry
        breaks, and on the branch without overlap `zero_overlap_eigenvalue`, negative where an overlap grows. Each with
        `_error` from a second quadrature.

    Limits: gamma = 0, c = 0: E/N = T/2 exactly, without field x is Gaussian with variance T + g^2 q, and T to 0 gives
    `qd.dmft.Static`. Linear phi below g_c: q = T S^2/(1 - g^2 S^2).

    Raises:
        ValueError: temperature <= 0 (use `ZeroTemperature`), confinement < 0, noise, "zero_overlap" with a field or phi that
            is not odd, and unbounded phi without confinement where an average is known to diverge (linear phi from g_c on).

    When it fails: for symmetry < 0 and low T a branch can end at a fold on the way down (`out_of_steps`); start from a
    solution at a neighbouring gain. `coarse_quadrature`: where a neuron has several states in one field, averages jump with
    the field; raise the solver's `nodes`. `diverged`: unbounded phi, and a width that grows without bound as the gain is
    raised; a smaller gain, or a confinement.

    Source: Qiu & Huang 2025 (`qiu2025`), replica-symmetric theory, in its minimal form (derived in the documentation).

    Example:
        >>> import quenched as qd
        >>> solution = qd.solve(qd.RandomNetwork(gain=1.2), qd.replica.FiniteTemperature(temperature=0.01))
        >>> print(f"{float(solution['energy']):.6f}")
        0.005000
    """

    temperature: Any
    confinement: Any

    branches: ClassVar[tuple[str, ...]] = ("zero_overlap", "ordered")
    unknowns: ClassVar[tuple[str, ...]] = (
        "self_overlap",
        "overlap",
        "self_response_overlap",
        "response_overlap",
        "local_response",
        "conjugate_self_overlap",
        "conjugate_overlap",
    )
    equation: ClassVar[str] = (
        r"P(x)\propto e^{-E(x)/T},\quad E(x) = \tfrac{1}{2}|F(x)|^2 + c\,|x|^2,\quad "
        r"q = \langle\phi^2\rangle,\quad Q = \langle\phi\rangle\langle\phi\rangle"
    )
    citations: ClassVar[tuple[str, ...]] = ("qiu2025",)
    brief: ClassVar[bool] = True

    def __init__(self, temperature: Any, confinement: Any = 0.0):
        self.temperature, self.confinement = check_temperature(temperature, confinement)

    def default_solver(self) -> Newton:
        return Newton()

    def default_branch(self, models: Sequence[RandomNetwork], values: Mapping[str, Any] | None) -> str:
        if values is not None:
            return "ordered" if values["overlap"] > 0 else "zero_overlap"
        return default_branch(models)

    def check(self, model: RandomNetwork, solver: Newton, start: Start) -> None:
        if start.branch == "zero_overlap":
            check_start_overlaps(model, start, "replica.FiniteTemperature")
            check_odd_without_field(model, "replica.FiniteTemperature")
        else:
            model.constant_field("replica.FiniteTemperature")
        check_no_noise(model, "replica.FiniteTemperature")
        check_integrals(model, self.confinement, "replica.FiniteTemperature")

    def in_range(self, model: RandomNetwork) -> Array:
        return super().in_range(model) & (model.noise == 0.0) & (self.temperature > 0.0) & (self.confinement >= 0.0)

    def bytes_per_point(self, solver: Newton, start: Start) -> int:
        return 0 if start.branch == "zero_overlap" else bytes_per_point(solver.nodes)

    def coordinates(self) -> Mapping[str, Any]:
        return {}

    def compute(self, model: RandomNetwork, solver: Newton, start: Start) -> Computed:
        temperature, confinement = jnp.asarray(self.temperature, float), jnp.asarray(self.confinement, float)
        branch = zero_overlap_branch if start.branch == "zero_overlap" else ordered_branch
        return branch(model, temperature, confinement, solver, start.values)


def check_start_overlaps(model: RandomNetwork, start: Start, theory: str) -> None:
    """Order parameters without overlap lead nowhere where replicas overlap."""
    if start.values is not None and known_to_overlap([model]):
        raise ValueError(
            f"Argument `start` must hold an `overlap` above 0 for {theory} with a field, or phi that is not odd, but holds "
            f"{float(start.values['overlap']):g}; leave it out, or begin with a solution in a field."
        )


def check_temperature(temperature: Any, confinement: Any) -> tuple[Any, Any]:
    """Both, or an error."""
    known = not isinstance(temperature, jax.core.Tracer) and np.ndim(temperature) == 0
    if known and np.asarray(temperature).dtype.kind in "if" and temperature <= 0:
        raise ValueError(
            f"Argument `temperature` must be greater than 0, but is {temperature:g}; the limit of 0 itself is "
            "qd.replica.ZeroTemperature()."
        )
    return checks.number("temperature", temperature, above=0.0), checks.number("confinement", confinement, low=0.0)
