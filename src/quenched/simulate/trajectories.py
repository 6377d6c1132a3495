"""Finite networks in real time, averaged."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, ClassVar, Literal, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from quenched import checks
from quenched.models import AbstractInitial, Network, RandomNetwork
from quenched.models.populations import OverNeurons
from quenched.models.starts import check_starts, draw_states, read_starts
from quenched.numerics.memory import KEY_BYTES, refuse_what_does_not_fit
from quenched.numerics.output_times import output_steps, read_times
from quenched.numerics.richardson import ORDERS, extrapolated, with_remainders
from quenched.simulate.draws import random_signs
from quenched.simulate.fitting import needs, refuse_large, ways
from quenched.simulate.holding import (
    TYPES,
    WEIGHTS,
    Holding,
    bytes_held,
    check_devices,
    check_holding,
    count_devices,
    hold,
    read_devices,
)
from quenched.simulate.integrate import check_step, count_steps, run
from quenched.simulate.refusals import check_couplings, check_response, check_run
from quenched.simulate.schemes import SCHEMES
from quenched.simulate.two_times import moments, two_times
from quenched.status import RUNAWAY, Status
from quenched.theory import AbstractExperiment, Computed, Estimator
from quenched.units.base import AbstractUnit


class Trajectories(AbstractExperiment):
    """Simulate networks of the ensemble, dx = (-x + J phi(x) + b) dt + sigma dW, and average over neurons, time and trials.

    Any couplings and units: of maps x' = f(x, h) + sigma xi the step is 1. Fresh couplings, `qd.couplings.Redrawn`, need
    maps; a `qd.Sinusoid` has a phase of its own for each neuron.

    Arguments:
        size: N, neurons a network.
        networks: how many independent networks, at least 2: the errors are standard errors over them.
        duration, step: length of a run and time step, in units of the leak time; the duration a multiple of the step.
            The step of a map is 1.
        burn_in: time before averaging begins; half the duration if left out.
        trials: runs a network, from independent initial states. They share the matrix product and cost little.
        initial: `qd.Normal(mean, std)`, `qd.Uniform(low, high)`, or a quantile function (`qd.Quantile`); if left out
            `qd.Normal(0, 1)`, of abundances `qd.Uniform(0, 1)`. Further variables of a state begin at 0 unless this is a
            tuple, one distribution for each variable.
        scheme: "second_order" (Heun) or "euler" (Euler-Maruyama); a map has one of its own.
        record: also return `trajectory` (network, time, trial, neuron) after the burn-in; of states of several variables
            the first.
        richardson: run with half the step too, the same networks with the same noise, and extrapolate the averages to step
            0; what that changed is in `<name>_discretisation`. Takes three times as long.
        weights: "stored", or "recomputed" from their random key in each product, for networks whose matrix would not fit: a
            product then takes as long as drawing the matrix. Sparse and low-rank couplings have no matrix in either case.
        devices: over how many the rows of the couplings are spread, or "all"; networks are then run one after another. None:
            the default device, small networks side by side. On any number of devices it is the same network.
        dtype: "float64", or "float32" for the matrix, which halves it.
        sums: "float64" or "float32", of the products with a matrix in float32; that of the matrix if left out.
        times: at which results are returned: multiples of the step from 0 to the duration in rising order, or how many, then
            evenly spaced in their logarithm. Nothing is averaged over time then: `burn_in` is left out, `record` and
            `richardson` are False.
        response: with `times`, also the responses; of usual leaky units, dx/dt = -x + h, whose phi does not jump. Each of
            the times costs what one more trial would.

    Returns:
        `mean_state`, `mean_rate`, `mean_square_state`, `mean_square_rate`, of flows `kinetic_energy` (half the mean square
        of the drift, of all variables of a neuron; 0 when the network has come to rest), of abundances `surviving_fraction`,
        each with `_error`. Several populations are the first axis, NaN where one has no neurons. States are the first
        variable. A species is counted as living while its abundance exceeds that of one which only just cannot live,
        1/(r t + 1/K) at time t without immigration: the fraction tends to that of the state at rest as 1/duration.

        Of a low-rank part also `latent`, kappa_r = (1/N) sum_i n_i^r phi(x_i) with the n that were drawn, and
        `mean_square_latent`, at each time after the burn-in, (rank, time); both averaged over trials and networks. Loadings
        m, n and -m, -n make the same network. Without a mean both are drawn as often, and `latent` is 0 within its error:
        `mean_square_latent` is then what tells, kappa^2 + O(1/N). For one sign give n a mean and states an initial one.

    With `times` these averages over (time) and, as `qd.dmft.TwoTime` returns them, `correlation` C(t, s) =
    <phi(x(t)) phi(x(s))> and `state_correlation` over (time, earlier_time); `latent` at these times. With `response` also
    `response` R(t, s) = d<phi(x(t))>/db(s) and `state_response`, of a neuron to its own field, 0 where s is later. Each
    neuron is kicked by +1 or -1 at s, the small change chi of all is carried on by the derivative of each step, and R_x is
    the average of the sign times chi. R(t, t) is the response to a kick a moment before t, <phi'>; with "euler" R(t, s) is
    to a field that acts from s to s + step, and R(t, t) = 0. Where networks are chaotic chi grows exponentially with t - s,
    and with it the errors of the responses.

    The error does not contain what a finite N and a finite step change, which is O(1/N), O(step^2) (O(step) for Euler) and
    more near a transition: compare along a series of sizes, and use `richardson`, whose errors contain what it leaves over
    of the step (the share `step` of `_discretisation`). Nor does it contain a burn-in that is too short. The attribute
    `outside_errors` of the result says so.

    Raises:
        ValueError: a step that is too long for the units, a duration that is no multiple of it, a burn-in as long as the
            duration; `record` with `richardson`; times that do not rise from 0 to the duration by multiples of the step, or
            with `burn_in`, `record` or `richardson`; `response` without `times`, of other units, or of phi that jumps; maps
            with a step other than 1 or with `richardson`; fresh couplings at each step of a flow; abundances with noise or
            that begin below 0.
        TypeError: no number, or no distribution.
        MemoryError: what is recorded would not fit.

    When it fails: `diverged`: the states grew without bound (ReLU and linear networks above their transition; species that
    help each other too much); use a smaller gain, or a shorter step.

    Source: Sompolinsky, Crisanti & Sommers 1988 (`sompolinsky1988`).

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
    initial: AbstractInitial | tuple[AbstractInitial, ...] | None
    scheme: str = eqx.field(static=True)
    record: bool = eqx.field(static=True)
    richardson: bool = eqx.field(static=True)
    weights: str = eqx.field(static=True)
    devices: int | str | None = eqx.field(static=True)
    dtype: str = eqx.field(static=True)
    sums: str | None = eqx.field(static=True)
    times: int | tuple[float, ...] | None = eqx.field(static=True)
    response: bool = eqx.field(static=True)

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
        initial: AbstractInitial | Callable[[Any], Any] | tuple[Any, ...] | None = None,
        scheme: str = "second_order",
        record: bool = False,
        richardson: bool = False,
        weights: str = "stored",
        devices: int | str | None = None,
        dtype: str = "float64",
        sums: str | None = None,
        times: int | Iterable[Any] | None = None,
        response: bool = False,
    ):
        self.size = checks.count("size", size)
        self.networks = checks.count("networks", networks, low=2)
        self.step = check_step(step)
        steps = count_steps(duration, step)
        self.duration = float(duration)
        self.times, self.response = read_times(times, steps, self.step), checks.flag("response", response)
        usual = 0.0 if self.times is not None else self.step * (steps // 2)
        self.burn_in = usual if burn_in is None else float(checks.number("burn_in", burn_in, low=0.0))
        if count_steps(self.burn_in, step, "burn_in") >= steps:
            raise ValueError(f"Argument `burn_in` must be shorter than `duration` = {duration:g}, but is {self.burn_in:g}.")
        self.trials = checks.count("trials", trials)
        self.initial = read_starts(initial)
        self.scheme = checks.one_of("scheme", scheme, SCHEMES)
        self.record, self.richardson = checks.flag("record", record), checks.flag("richardson", richardson)
        if self.record and self.richardson:
            raise ValueError("Argument `record` must be False with `richardson`, which extrapolates averages, not states.")
        self._check_times()
        self.weights = checks.one_of("weights", weights, WEIGHTS)
        self.devices = read_devices(devices)
        self.dtype = checks.one_of("dtype", dtype, TYPES)
        self.sums = None if sums is None else checks.one_of("sums", sums, TYPES)
        if self.sums == "float32" and self.dtype == "float64":
            raise ValueError('Argument `sums` must be "float64" with `dtype="float64"`, but is "float32"; give `dtype` too.')

    def _check_times(self) -> None:
        """Refuse what averages over time, beside times; and a response without them."""
        if self.times is None:
            if self.response:
                raise ValueError("Argument `response` must be False without `times`, between which it is; try times=24.")
            return
        why = "with `times`, at which results are returned as they are"
        if self.burn_in:
            raise ValueError(
                f"Argument `burn_in` must be left out {why}, but is {self.burn_in:g}; leave out early times instead."
            )
        if self.record:
            raise ValueError(f"Argument `record` must be False {why}; leave out `times` for whole trajectories.")
        if self.richardson:
            raise ValueError(f"Argument `richardson` must be False {why}; halve `step` to see what it changes.")

    @property
    def holding(self) -> Holding:
        """Where the weights are."""
        return Holding(self.weights, count_devices(self.devices), self.dtype, self.sums or self.dtype)

    @property
    def alone(self) -> bool:
        return self.weights == "recomputed" or self.devices is not None

    def default_solver(self) -> None:
        return None

    def covers(self, model: RandomNetwork) -> None:
        check_couplings(model.couplings, model.kind, "qd.simulate.Trajectories")
        check_holding(model.couplings, self.weights, self.devices)
        if self.response:
            check_response(model.units, "the response of qd.simulate.Trajectories")

    def check(self, model: RandomNetwork, solver: None) -> None:
        """What the units cannot bear; and what is recorded of all networks must fit."""
        check_run(model.units, self.step, model.noise)
        check_starts(self.initial, model.units)
        check_devices(self.devices)
        if self.richardson and model.kind == "map":
            raise ValueError("Argument `richardson` must be False for units that are maps, whose step is 1 and no other.")
        if self.record:
            kept = count_steps(self.duration, self.step) - count_steps(self.burn_in, self.step)
            # As measured, and together.
            needed = 2.2 * 8 * self.networks * self.trials * self.size * kept
            refuse_what_does_not_fit(needed, "Recording", "`networks`, `trials` or `duration`, or leave out `record`")

    def check_memory(self, model: RandomNetwork, solver: None) -> None:
        refuse_large(self, model)

    @property
    def samples(self) -> int:
        return self.networks

    def bytes_per_sample(self, solver: None) -> int:
        steps = count_steps(self.duration, self.step)
        kept = self.trials * self.size * ((steps if self.record else 8) + self._rows)
        return 8 * (3 * self.size**2 + kept) + KEY_BYTES * (1 + self.richardson) * steps

    @property
    def _outputs(self) -> tuple[int, ...]:
        """Times of results, in steps."""
        return () if self.times is None else output_steps(self.times, count_steps(self.duration, self.step), self.step)

    @property
    def _rows(self) -> int:
        """Numbers of a neuron for all times: states and, at the end, rates and products; kicks and tangents. As measured 3.1
        for each time, and 4.9 with the response."""
        return len(self._outputs) * (4 + 2 * self.response)

    def bytes_measuring(self, model: RandomNetwork, solver: None) -> int:
        states = (model.units[0].state_size - 1) * 8 * (8 + len(self._outputs)) * self.trials * self.size
        weights = bytes_held(model.couplings, self.size, self.holding)
        latents = 4 * 8 * model.couplings.rank * (1 + self.richardson) * count_steps(self.duration, self.step)
        return self.bytes_per_sample(solver) - 8 * 3 * self.size**2 + weights + states + latents

    def memory(self, model: RandomNetwork) -> dict[str, float]:
        """What one network would take, as asked for and with its weights elsewhere.

        Arguments:
            model: the ensemble, a `qd.RandomNetwork`.

        Returns:
            GiB on each device, by what is to be changed: "as asked", 'dtype="float32"', ...; ways that take no less are left
            out.
        """
        others = {name.replace("`", ""): needed for name, needed, _ in ways(self, model)}
        return {name: needed / 2**30 for name, needed in ({"as asked": needs(self, model)[0]} | others).items()}

    def in_range(self, model: RandomNetwork) -> Array:
        abundances = any(unit.nonnegative for unit in model.units)
        return super().in_range(model) & (jnp.all(jnp.asarray(model.noise) == 0.0) | (not abundances))

    def coordinates(self) -> Mapping[str, Any]:
        if self.times is not None:
            times = self.step * np.asarray(self._outputs)
            return {"time": times, "earlier_time": times}
        first, last = count_steps(self.burn_in, self.step), count_steps(self.duration, self.step)
        return {"time": self.step * np.arange(first, last)}

    def outside_errors(self, model: RandomNetwork) -> str:
        stepless = self.richardson or model.kind == "map"
        step = "" if stepless else f"the step, O(step^{ORDERS[self.scheme]}); "
        start = "" if self.times is not None else "; what is left of the initial states after the burn-in"
        return f"{step}finite size, O(1/size){start}"

    def with_all_errors(self, arrays: dict[str, Any]) -> dict[str, Any]:
        return with_remainders(arrays, self.step, apart=True)

    def measure(self, model: RandomNetwork, solver: None, key: Key[Array, ""]) -> Computed:
        coupling_key, start_key, before_key, after_key = jax.random.split(key, 4)
        unit = model.unit_of_neurons(self.size)
        state = draw_states(self.initial, unit, (self.trials, self.size), start_key)
        # A key of its own: splitting and folding in small numbers give the same ones.
        fields = model.fields_of_neurons(self.size, jax.random.fold_in(start_key, 2**31 - 1))
        loadings = model.couplings.latent_loadings(self.size, coupling_key)
        runs = _Runs(
            model, *_networks(model, unit, self.size, coupling_key, self.holding), loadings, fields, (before_key, after_key)
        )
        if self.times is not None:
            arrays = self._at_times(runs, state, jax.random.fold_in(start_key, 2**31 - 2))
        else:
            arrays = self._averages(runs, state, 1)
        if self.richardson:
            arrays = extrapolated(ORDERS[self.scheme], arrays, self._averages(runs, state, 2))
        # Where nobody is, NaN is no divergence.
        there = OverNeurons(model.couplings.population_fractions, self.size).there
        bounded = jnp.isfinite(arrays["mean_square_state"]) & (arrays["mean_square_state"] < RUNAWAY)
        if self.times is not None:
            there = there[..., None]
        status = jnp.where(jnp.all(bounded | ~there), Status.solved, Status.diverged)
        return Computed(arrays, status, jnp.zeros(()), jnp.asarray(count_steps(self.duration, self.step)))

    def _averages(self, runs: _Runs, state: Array, finer: int) -> dict[str, Any]:
        """By steps that are `finer` times shorter; of the same noise whether they are 1 or, with `richardson`, 2 times. And
        what is kept of each step."""
        model, network, size = runs.model, runs.network, self.size
        before, total = (finer * count_steps(time, self.step) for time in (self.burn_in, self.duration))
        options = (self.step / finer, model.of_neurons(model.noise, size), self.scheme)
        parts = (1 + self.richardson) // finer
        begin = self.step / finer * before
        fields, unit, average = runs.fields, network.unit, OverNeurons(model.couplings.population_fractions, size)

        def averages(x: Array, drift: Array, time: Any) -> dict[str, Array]:
            rate, first = unit.rate(x), x[0] if unit.state_size > 1 else x
            now = {
                "mean_state": average(first),
                "mean_rate": average(rate),
                "mean_square_state": average(first**2),
                "mean_square_rate": average(rate**2),
            }
            if unit.kind == "flow":
                now["kinetic_energy"] = 0.5 * average(drift**2 if unit.state_size == 1 else jnp.sum(drift**2, axis=0))
            if unit.nonnegative:
                now["surviving_fraction"] = average(1.0 * (first > unit.extinct_below(begin + time)))
            return now

        def skip(seen: None, x: Array, drift: Array, time: Any) -> tuple[None, None]:
            return seen, None

        def each_step(x: Array) -> dict[str, Array]:
            kept = {}
            if self.record:
                kept["trajectory"] = x if unit.state_size == 1 else x[0]
            if len(runs.loadings):
                latent = unit.rate(x) @ runs.loadings.T / size
                kept |= {"latent": jnp.mean(latent, axis=0), "mean_square_latent": jnp.mean(latent**2, axis=0)}
            return kept

        def accumulate(sums: dict[str, Array], x: Array, drift: Array, time: Any) -> tuple[dict[str, Array], dict[str, Any]]:
            now = averages(x, drift, time)
            return {name: sums[name] + now[name] for name in now}, each_step(x)

        state, _, _ = run(network, state, before, *options, runs.keys[0], skip, None, fields, parts, runs.network_at)
        nothing = jax.tree.map(jnp.zeros_like, jax.eval_shape(averages, state, state, 0.0))
        _, sums, kept = run(
            network,
            state,
            total - before,
            *options,
            runs.keys[1],
            accumulate,
            nothing,
            lambda time: fields(begin + time),
            parts,
            runs.network_at,
        )
        kept |= {name: kept[name][::finer].T for name in ("latent", "mean_square_latent") if name in kept}
        return {name: value / (total - before) for name, value in sums.items()} | kept

    def _at_times(self, runs: _Runs, state: Array, key: Key[Array, ""]) -> dict[str, Any]:
        """What is returned at `times`."""
        unit, size, outputs = runs.network.unit, self.size, self._outputs
        average = OverNeurons(runs.model.couplings.population_fractions, size)
        kicks = len(outputs) * self.trials * self.response
        signs = random_signs(key, kicks, size).reshape(-1, self.trials, size)
        advance = partial(
            run,
            runs.network,
            state,
            step=self.step,
            noise=runs.model.of_neurons(runs.model.noise, size),
            scheme=self.scheme,
            key=runs.keys[0],
            field_at=runs.fields,
            network_at=runs.network_at,
        )
        states, arrays = two_times(runs.network, state, outputs, average, signs, self.scheme == "euler", advance)
        several = unit.state_size > 1
        first, rates = states[:, 0] if several else states, unit.rate(jnp.moveaxis(states, 0, 1) if several else states)
        arrays |= moments(first, rates, average)
        if unit.nonnegative:
            lowest = jax.vmap(unit.extinct_below)(self.step * jnp.asarray(outputs))
            arrays["surviving_fraction"] = jax.vmap(lambda x, low: average(1.0 * (x > low)))(first, lowest)
        if average.populations > 1:
            arrays = {name: jnp.moveaxis(values, -1, 0) for name, values in arrays.items()}
        if len(runs.loadings):
            latent = rates @ runs.loadings.T / size
            arrays |= {"latent": jnp.mean(latent, axis=1).T, "mean_square_latent": jnp.mean(latent**2, axis=1).T}
        return arrays


class _Runs(NamedTuple):
    """What all runs of a network share."""

    model: RandomNetwork
    network: Network
    network_at: Callable[[Array], Network] | None
    """The network of one step, where couplings are drawn anew."""
    loadings: Float[Array, "rank neuron"]
    """n, of low-rank parts."""
    fields: Callable[[Any], Any]
    """b_i(t)."""
    keys: tuple[Key[Array, ""], Key[Array, ""]]
    """Of the burn-in and of what comes after it."""


def _networks(
    model: RandomNetwork, unit: AbstractUnit, size: int, key: Key[Array, ""], how: Holding
) -> tuple[Network, Callable[[Array], Network] | None]:
    """A network, and what it is at a step where the couplings are drawn anew at each."""

    def at(key: Array) -> Network:
        return Network(hold(model.couplings, size, key, how), unit=unit)

    return at(key), at if model.couplings.redrawn else None
