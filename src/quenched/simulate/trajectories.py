"""Finite networks in real time, averaged."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Key

from quenched import checks
from quenched.models import AbstractInitial, Network, RandomNetwork, read_initial
from quenched.numerics.memory import KEY_BYTES, refuse_what_does_not_fit
from quenched.numerics.richardson import ORDERS, extrapolated, with_remainders
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
        richardson: run with half the step too, the same networks with the same noise, and extrapolate the averages to step
            0; what that changed is in `<name>_discretisation`. Takes three times as long.

    Returns:
        `mean_state`, `mean_rate`, `mean_square_state`, `mean_square_rate`, `kinetic_energy` (half the mean square of the
        drift; 0 when the network has come to rest), each with `_error`.

    The error does not contain what a finite N and a finite step change, which is O(1/N), O(step^2) (O(step) for Euler) and
    more near a transition: compare along a series of sizes, and use `richardson`, whose errors contain what it leaves over
    of the step (the share `step` of `_discretisation`). Nor does it contain a burn-in that is too short. The attribute
    `outside_errors` of the result says so.

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
    richardson: bool = eqx.field(static=True)

    equation: ClassVar[str] = r"\mathrm{d}x = (-x + J\phi(x) + b)\,\mathrm{d}t + \sigma\,\mathrm{d}W"
    citations: ClassVar[tuple[str, ...]] = ("sompolinsky1988",)
    together: ClassVar[Literal["batch", "threads", "never"]] = "batch"
    memory_arguments: ClassVar[str] = "`size`, `trials` or `duration`, or raise `step`"
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
        richardson: bool = False,
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
        self.record, self.richardson = checks.flag("record", record), checks.flag("richardson", richardson)
        if self.record and self.richardson:
            raise ValueError("Argument `record` must be False with `richardson`, which extrapolates averages, not states.")

    def default_solver(self) -> None:
        return None

    def check(self, model: RandomNetwork, solver: None) -> None:
        """Every model can be simulated; what is recorded of all networks must fit."""
        if self.record:
            kept = count_steps(self.duration, self.step) - count_steps(self.burn_in, self.step)
            # As measured, and together.
            needed = 2.2 * 8 * self.networks * self.trials * self.size * kept
            refuse_what_does_not_fit(needed, "Recording", "`networks`, `trials` or `duration`, or leave out `record`")

    @property
    def samples(self) -> int:
        return self.networks

    def bytes_per_sample(self, solver: None) -> int:
        steps = count_steps(self.duration, self.step)
        kept = self.trials * self.size * (steps if self.record else 8)
        return 8 * (3 * self.size**2 + kept) + KEY_BYTES * (1 + self.richardson) * steps

    def coordinates(self) -> Mapping[str, Any]:
        if not self.record:
            return {}
        first, last = count_steps(self.burn_in, self.step), count_steps(self.duration, self.step)
        return {"time": self.step * np.arange(first, last)}

    def outside_errors(self) -> str:
        step = "" if self.richardson else f"the step, O(step^{ORDERS[self.scheme]}); "
        return step + "finite size, O(1/size); what is left of the initial states after the burn-in"

    def with_all_errors(self, arrays: dict[str, Any]) -> dict[str, Any]:
        return with_remainders(arrays, self.step)

    def verdict(self, averaged: Computed) -> Array:
        return jnp.asarray(Status.solved)

    def refine(self, averaged: Computed, cost: Cost) -> None:
        return None

    def measure(self, model: RandomNetwork, solver: None, key: Key[Array, ""]) -> Computed:
        coupling_key, start_key, before_key, after_key = jax.random.split(key, 4)
        network = Network(model.couplings.draw(self.size, coupling_key), model.activation)
        state = self.initial.draw((self.trials, self.size), start_key)
        arrays, kept = self._averages(model, network, state, (before_key, after_key), 1)
        if self.richardson:
            finer, _ = self._averages(model, network, state, (before_key, after_key), 2)
            arrays = extrapolated(ORDERS[self.scheme], arrays, finer)
        bounded = jnp.isfinite(arrays["mean_square_state"]) & (arrays["mean_square_state"] < RUNAWAY)
        if self.record:
            arrays["trajectory"] = kept
        status = jnp.where(bounded, Status.solved, Status.diverged)
        return Computed(arrays, status, jnp.zeros(()), jnp.asarray(count_steps(self.duration, self.step)))

    def _averages(
        self, model: RandomNetwork, network: Network, state: Array, keys: tuple[Key[Array, ""], Key[Array, ""]], finer: int
    ) -> tuple[dict[str, Any], Array | None]:
        """By steps that are `finer` times shorter; of the same noise whether they are 1 or, with `richardson`, 2 times."""
        before, total = (finer * count_steps(time, self.step) for time in (self.burn_in, self.duration))
        options = (self.step / finer, model.noise, self.scheme)
        parts = (1 + self.richardson) // finer
        begin = self.step / finer * before

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

        state, _, _ = run(network, state, before, *options, keys[0], skip, None, model.field_at, parts)
        _, sums, kept = run(
            network,
            state,
            total - before,
            *options,
            keys[1],
            accumulate,
            dict.fromkeys(_AVERAGED, jnp.zeros(())),
            lambda time: model.field_at(begin + time),
            parts,
        )
        return {name: value / (total - before) for name, value in sums.items()}, kept


_AVERAGED = ("mean_state", "mean_rate", "mean_square_state", "mean_square_rate", "kinetic_energy")
