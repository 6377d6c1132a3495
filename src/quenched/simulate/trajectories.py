"""Finite networks in real time, averaged."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Key

from quenched import checks
from quenched.models import AbstractInitial, Network, RandomNetwork, draw_couplings, read_initial
from quenched.simulate.integrate import check_step, count_steps, run
from quenched.simulate.schemes import SCHEMES
from quenched.status import RUNAWAY, Status
from quenched.theory import AbstractExperiment, Computed, Cost, Estimator


class Trajectories(AbstractExperiment):
    """Simulate networks of the ensemble, dx = (-x + J phi(x) + b) dt + sigma dW, and average over neurons, time and trials.

    Arguments:
        size: N, neurons a network.
        networks: how many independent networks, at least 2: the errors are standard errors over them.
        duration, step: length of a run and time step, in units of the leak time; the duration a multiple of the step.
        burn_in: time before averaging begins; half the duration if left out.
        trials: runs a network, from independent initial states. They share the matrix product and cost little.
        initial: `qd.Normal(mean, std)`, `qd.Uniform(low, high)`, or a quantile function (`qd.Quantile`).
        scheme: "second_order" (Heun) or "euler" (Euler-Maruyama).
        record: also return `trajectory` (network, time, trial, neuron) after the burn-in.

    Returns:
        `mean_state`, `mean_rate`, `mean_square_state`, `mean_square_rate`, `kinetic_energy` (half the mean square of the
        drift; 0 when the network has come to rest), each with `_error`.

    The error does not contain what a finite N and a finite step change, which is O(1/N), O(step^2) (O(step) for Euler) and
    more near a transition: compare along a series of sizes and steps. Nor does it contain a burn-in that is too short.

    Status `diverged`: the states grew without bound (ReLU and linear networks above their transition).

    Example:
        >>> import quenched as qd
        >>> experiment = qd.simulate.Trajectories(size=50, networks=2, duration=40, step=0.2)
        >>> solution = qd.solve(qd.RandomNetwork(gain=0.5), experiment)
        >>> bool(solution["kinetic_energy"] < 1e-6)
        True
    """

    size: int = eqx.field(static=True)
    networks: int = eqx.field(static=True)
    duration: float = eqx.field(static=True)
    step: float = eqx.field(static=True)
    burn_in: float = eqx.field(static=True)
    trials: int = eqx.field(static=True)
    initial: AbstractInitial
    scheme: str = eqx.field(static=True)
    record: bool = eqx.field(static=True)

    equation: ClassVar[str] = r"\mathrm{d}x = (-x + J\phi(x) + b)\,\mathrm{d}t + \sigma\,\mathrm{d}W"
    citations: ClassVar[tuple[str, ...]] = ("sompolinsky1988",)
    together: ClassVar[Literal["batch", "threads", "never"]] = "batch"
    memory_arguments: ClassVar[str] = "`size` or `trials`"
    estimators: ClassVar[Mapping[str, Estimator]] = {}

    def __init__(
        self,
        size: int,
        networks: int,
        duration: float,
        step: float = 0.1,
        burn_in: float | None = None,
        trials: int = 1,
        initial: AbstractInitial | Callable[[Any], Any] | None = None,
        scheme: str = "second_order",
        record: bool = False,
    ):
        self.size = checks.count("size", size)
        self.networks = checks.count("networks", networks, low=2)
        self.step = check_step(step)
        steps = count_steps(duration, step)
        self.duration = float(duration)
        self.burn_in = self.step * (steps // 2) if burn_in is None else float(checks.number("burn_in", burn_in, low=0.0))
        if count_steps(self.burn_in, step, "burn_in") >= steps:
            raise ValueError(f"Argument `burn_in` must be shorter than `duration` = {duration:g}, but is {self.burn_in:g}.")
        self.trials = checks.count("trials", trials)
        self.initial = read_initial(initial)
        self.scheme = checks.one_of("scheme", scheme, SCHEMES)
        self.record = checks.flag("record", record)

    def default_solver(self) -> None:
        return None

    def check(self, model: RandomNetwork, solver: None) -> None:
        """Every model can be simulated."""

    @property
    def samples(self) -> int:
        return self.networks

    def bytes_per_sample(self, solver: None) -> int:
        kept = self.trials * self.size * (count_steps(self.duration, self.step) if self.record else 8)
        return 8 * (3 * self.size**2 + kept)

    def coordinates(self) -> Mapping[str, Any]:
        if not self.record:
            return {}
        first, last = count_steps(self.burn_in, self.step), count_steps(self.duration, self.step)
        return {"time": self.step * jnp.arange(first, last)}

    def verdict(self, averaged: Computed) -> Array:
        return jnp.asarray(Status.solved)

    def refine(self, averaged: Computed, cost: Cost) -> None:
        return None

    def measure(self, model: RandomNetwork, solver: None, key: Key[Array, ""]) -> Computed:
        coupling_key, start_key, before_key, after_key = jax.random.split(key, 4)
        network = Network(draw_couplings(model.gain, model.symmetry, self.size, coupling_key), model.activation)
        state = self.initial.draw((self.trials, self.size), start_key)
        before, total = count_steps(self.burn_in, self.step), count_steps(self.duration, self.step)
        options = (self.step, model.noise, self.scheme)
        begin = self.step * before

        def skip(seen: None, x: Array, drift: Array) -> tuple[None, None]:
            return seen, None

        def accumulate(sums: dict[str, Array], x: Array, drift: Array) -> tuple[dict[str, Array], Array | None]:
            rate = model.activation(x)
            now = {
                "mean_state": jnp.mean(x),
                "mean_rate": jnp.mean(rate),
                "mean_square_state": jnp.mean(x**2),
                "mean_square_rate": jnp.mean(rate**2),
                "kinetic_energy": 0.5 * jnp.mean(drift**2),
            }
            return {name: sums[name] + now[name] for name in now}, x if self.record else None

        state, _, _ = run(network, state, before, *options, before_key, skip, None, model.field_at)
        _, sums, kept = run(
            network,
            state,
            total - before,
            *options,
            after_key,
            accumulate,
            dict.fromkeys(_AVERAGED, jnp.zeros(())),
            lambda time: model.field_at(begin + time),
        )
        arrays = {name: value / (total - before) for name, value in sums.items()}
        bounded = jnp.isfinite(arrays["mean_square_state"]) & (arrays["mean_square_state"] < RUNAWAY)
        if self.record:
            arrays["trajectory"] = kept
        status = jnp.where(bounded, Status.solved, Status.diverged)
        return Computed(arrays, status, jnp.zeros(()), jnp.asarray(total))


_AVERAGED = ("mean_state", "mean_rate", "mean_square_state", "mean_square_rate", "kinetic_energy")
