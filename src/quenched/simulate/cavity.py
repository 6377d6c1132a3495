"""The dynamical cavity as an experiment: add neurons to a network, and see what the others send back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from quenched import checks
from quenched.activations import check_continuous
from quenched.models import AbstractInitial, RandomNetwork, read_initial
from quenched.numerics.richardson import ORDERS
from quenched.records import public_name
from quenched.simulate.added_neurons import Added, draw_one_neuron, past_weights, respond, run_with_and_without
from quenched.simulate.draws import normal_rows, random_signs
from quenched.simulate.integrate import check_step, count_steps
from quenched.simulate.schemes import SCHEMES
from quenched.status import RUNAWAY, Status
from quenched.theory import AbstractExperiment, Computed, Estimator, one_population


def excess_kurtosis(moments: Float[Array, "network moment time"]) -> tuple[Float[Array, " time"], Float[Array, " time"]]:
    """<y^4>/<y^2>^2 - 3 from each network's second moment, fourth moment and number of values; 0 where y is 0.

    The error is the jackknife's, which is too small where the tails happen to be thin, and at least sqrt(24/n), that of n
    independent Gaussian values.
    """

    def ratio(moments: Float[Array, "... moment time"]) -> Float[Array, "... time"]:
        second, fourth = moments[..., 0, :], moments[..., 1, :]
        return jnp.where(second > 0.0, fourth / jnp.where(second > 0.0, second, 1.0) ** 2 - 3.0, 0.0)

    count, total = moments.shape[0], jnp.sum(moments, axis=0)
    without = ratio((total - moments) / (count - 1))
    jackknife = jnp.sqrt((count - 1) * jnp.mean((without - jnp.mean(without, axis=0)) ** 2, axis=0))
    return ratio(total / count), jnp.maximum(jackknife, jnp.sqrt(24.0 / total[2]))


class Cavity(AbstractExperiment):
    """Add a neuron 0 to a network of N. Its field has two terms, and is compared with the single-neuron equation of DMFT:

        sum_i J_0i phi(x_i(t)) = gamma(t) + m(t),     gamma(t) = sum_i J_0i phi(x_i^(0)(t)),
        <gamma(t) gamma(s)> -> g^2 C(t,s),            m(t) -> g^2 eta int_0^t R(t,s) phi(x_0(s)) ds,

    x^(0) the same network with the same noise and initial states, but without the neuron. gamma, the cavity field, knows
    nothing of it and is Gaussian; m, the memory, is what the neuron did to the others, and they to it: J_i0 and J_0i are
    correlated. Many neurons are added to each network, each alone.

    Arguments:
        size: N, neurons before one is added.
        networks: how many, at least 2: the errors are standard errors over them.
        duration, step: length of a run and time step, in units of the leak time; the duration a multiple of the step.
        added: neurons added to each network, one at a time; each costs a run of the network.
        probes: vectors of random signs by which R is measured, for each time at which the field is perturbed.
        initial: `qd.Normal(mean, std)`, `qd.Uniform(low, high)`, or a quantile function.
        scheme: "second_order" (Heun) or "euler" (Euler-Maruyama).
        record: also return `cavity_field`, `memory_field`, `predicted_memory_field` (network, time, trial), a trial being an
            added neuron.

    Returns:
        Of the network without the neuron: `correlation` C and `response` R (time, earlier_time), 0 where later.
        Of the neuron: `cavity_field_correlation` <gamma gamma'>/g^2, to be compared with C; `memory_kernel` K(t,s) =
        sum_ij J_0i dphi(x_i(t))/db_j(s) J_j0, the response of the others to it, with g^2 eta R; `mean_square_memory` <m^2>
        and `memory_residual`, the mean square of m - g^2 eta int R phi(x_0) ds with the network's own R (time);
        `cavity_field_kurtosis` (time), 0 if Gaussian. Each with `_error`.
        R at equal times: 0 for Euler, where a field acts on the next state; <phi'>, an instant after the kick, for Heun.

    Squares of few networks are skewed: the truth is within two errors of <m^2> in 86 % of cases with 16 networks of 12
    neurons, in 94 % with 64. The errors do not contain what a finite N and step change. `memory_residual` is the fluctuation
    of K about its mean, what is not linear in the perturbation, and the error of R from few `probes`: it falls as 1/N. In
    chaotic networks the response grows with the duration, and N must grow with it.

    Memory of one network: 32 (duration/step) (added + probes) size bytes; time: 4 (duration/step)^2 (added + probes) size^2
    operations.

    Raises:
        ValueError: a step above 1, a duration that is no multiple of it, numbers out of range; phi that jumps.
        TypeError: no number, or no distribution.

    When it fails: `diverged`: the states grew without bound; use a smaller gain, or a shorter step.

    Source: Zou & Huang 2024 (`zou2024`), section on the dynamical cavity method.

    Example:
        >>> import quenched as qd
        >>> model = qd.RandomNetwork(gain=0.8, symmetry=0.5, noise=0.5)
        >>> found = qd.solve(model, qd.simulate.Cavity(size=40, networks=4, duration=2, step=0.25))
        >>> bool(found["memory_residual"][-1] < found["mean_square_memory"][-1])
        True
    """

    size: int = eqx.field(static=True)
    networks: int = eqx.field(static=True)
    duration: float = eqx.field(static=True)
    step: float = eqx.field(static=True)
    added: int = eqx.field(static=True)
    probes: int = eqx.field(static=True)
    initial: AbstractInitial
    scheme: str = eqx.field(static=True)
    record: bool = eqx.field(static=True)

    equation: ClassVar[str] = (
        r"\sum_i J_{0i}\,\phi(x_i(t)) = \gamma(t) + m(t),\quad\langle\gamma(t)\gamma(s)\rangle\to g^2 C(t,s),\quad "
        r"m(t)\to g^2\eta\int_0^t R(t,s)\,\phi(x_0(s))\,\mathrm{d}s"
    )
    citations: ClassVar[tuple[str, ...]] = ("zou2024",)
    together: ClassVar[Literal["batch", "threads", "never"]] = "batch"
    memory_arguments: ClassVar[str] = "`size`, `added`, `probes` or `duration`"
    estimators: ClassVar[Mapping[str, Estimator]] = {"cavity_field_kurtosis": excess_kurtosis}

    def __init__(
        self,
        size: int,
        networks: int,
        duration: float,
        step: float = 0.1,
        added: int = 8,
        probes: int = 8,
        initial: AbstractInitial | Callable[[Any], Any] | None = None,
        scheme: str = "second_order",
        record: bool = False,
    ):
        self.size = checks.count("size", size)
        self.networks = checks.count("networks", networks, low=2)
        self.step = check_step(step)
        if count_steps(duration, step) < 1:
            raise ValueError(f"Argument `duration` must be at least one `step` = {step:g}, but is {duration:g}.")
        self.duration = float(duration)
        self.added = checks.count("added", added)
        self.probes = checks.count("probes", probes)
        self.initial = read_initial(initial)
        self.scheme = checks.one_of("scheme", scheme, SCHEMES)
        self.record = checks.flag("record", record)

    def default_solver(self) -> None:
        return None

    def covers(self, model: RandomNetwork) -> None:
        others = "qd.dmft.TwoTime has correlation and response of others, qd.simulate.Trajectories their averages"
        one_population(model, public_name(self), others)

    def check(self, model: RandomNetwork, solver: None) -> None:
        check_continuous(
            model.activation,
            "simulate.Cavity",
            "the response to a small field is a delta function where a neuron passes the jump",
            "qd.simulate.Trajectories, or ",
        )

    @property
    def samples(self) -> int:
        return self.networks

    def bytes_per_sample(self, solver: None) -> int:
        times = count_steps(self.duration, self.step) + 1
        perturbed = 4 * times * (self.added + self.probes) * self.size
        return 8 * (4 * self.size**2 + perturbed + 4 * times * (self.added + 1) * (self.size + 1) + 8 * times**2)

    def coordinates(self) -> Mapping[str, Any]:
        times = self.step * np.arange(count_steps(self.duration, self.step) + 1)
        return {"time": times, "earlier_time": times}

    def outside_errors(self, model: RandomNetwork) -> str:
        return f"the step, O(step^{ORDERS[self.scheme]}); finite size, O(1/size)"

    def measure(self, model: RandomNetwork, solver: None, key: Key[Array, ""]) -> Computed:
        coupling_key, added_key, start_key, noise_key, probe_key = jax.random.split(key, 5)
        steps = count_steps(self.duration, self.step)
        network = model.couplings.draw(self.size, coupling_key)
        # Couplings over gain, so that nothing is divided by it.
        outgoing, incoming = draw_one_neuron(model.symmetry, (self.added, self.size), added_key)
        start = self.initial.draw((self.size + self.added,), start_key)
        kicks = model.noise * jnp.sqrt(self.step) * normal_rows(noise_key, steps, self.size + self.added)
        signs = random_signs(probe_key, steps + 1, self.probes * self.size).reshape(steps + 1, self.probes, self.size)
        added = Added(network, model.gain * outgoing, model.gain * incoming)

        alone, together, rate = run_with_and_without(model, added, start, kicks, self.step, self.scheme)
        response, kernel = respond(model, added, alone, kicks, signs, self.step, self.scheme)
        rates = model.activation(alone)
        unit_field = rates @ incoming.T
        cavity = model.gain * unit_field
        memory = jnp.einsum("mi,tmi->tm", added.incoming, model.activation(together)) - cavity
        predicted = model.symmetry * model.gain**2 * (response * past_weights(steps + 1, self.step, self.scheme)) @ rate
        arrays = {
            "correlation": jnp.tril(rates @ rates.T) / self.size,
            "response": response,
            "cavity_field_correlation": jnp.tril(unit_field @ unit_field.T) / self.added,
            "memory_kernel": kernel,
            "mean_square_memory": jnp.mean(memory**2, axis=1),
            "memory_residual": jnp.mean((memory - predicted) ** 2, axis=1),
            "cavity_field_kurtosis": jnp.stack(
                [jnp.mean(unit_field**2, axis=1), jnp.mean(unit_field**4, axis=1), jnp.full(steps + 1, float(self.added))]
            ),
        }
        if self.record:
            arrays |= {"cavity_field": cavity, "memory_field": memory, "predicted_memory_field": predicted}
        size = jnp.max(jnp.mean(together**2, axis=(1, 2)))
        bounded = jnp.isfinite(size) & (size < RUNAWAY) & jnp.all(jnp.isfinite(kernel))
        return Computed(arrays, jnp.where(bounded, Status.solved, Status.diverged), jnp.zeros(()), jnp.asarray(steps))
