"""The measure exp(-E/T) of networks of the ensemble, beside the replica theory of infinitely many neurons."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Key

from quenched import checks
from quenched.dynamics.network_flow import NetworkFlow
from quenched.dynamics.read import check_velocity
from quenched.landscape.sampling.kernels import HMC, Langevin
from quenched.landscape.sampling.ladder import ReplicaExchange
from quenched.landscape.sampling.measure import all_finite, diagnosed, draw, estimated
from quenched.landscape.sampling.sample import FEWEST_CHAINS, FEWEST_EFFECTIVE, bytes_needed
from quenched.landscape.sampling.starts import cloud, read_temperature
from quenched.landscape.sampling.target import Target
from quenched.landscape.sampling.warm_up import warm_up
from quenched.models import RandomNetwork
from quenched.records import public_name
from quenched.status import Status
from quenched.theory import AbstractExperiment, Computed, Estimator, one_population

# Wider than for one network: the errors over networks contain those of the draws.
_LARGEST_R_HAT = 1.05
_KEPT = (
    "energy",
    "mean_square_state",
    "mean_square_rate",
    "mean_state",
    "mean_rate",
    "self_overlap",
    "overlap",
    "self_response_overlap",
    "response_overlap",
    "local_response",
)


class Sampling(AbstractExperiment):
    """Draw from exp(-E/T), E(x) = |F(x)|^2/2 + confinement |x|^2, on networks of the ensemble.

    It is the measure that the replica theory averages over. Each network has chains of its own, see `qd.landscape.sample`.

    Arguments:
        size: N, neurons a network.
        networks: how many independent networks, at least 2: the errors are standard errors over them.
        temperature: T, in units of velocity squared, greater than 0.
        confinement: c, strength of the term c |x|^2 of E, at least 0.
        chains: independent chains of each network, at least 4.
        draws: of each chain, at least 8.
        warm_up: transitions of each chain before its draws, at least 50.

    Solver: `qd.landscape.HMC(...)`, the default, `qd.landscape.Langevin(...)` or `qd.landscape.ReplicaExchange(...)`.

    Returns:
        each with `_error`: `energy` (per neuron), `mean_square_state`, `mean_square_rate`, `mean_state`, `mean_rate`,
        `self_overlap` q = <phi^2>, `overlap` Q = <phi phi'> between chains, `self_response_overlap`
        r = -<F_i phi_i>/sqrt(T), `response_overlap` R, `local_response` S = (r - R)/sqrt(T); and `r_hat`, the
        largest of all networks, `sample_size`, the smallest effective number of draws, `acceptance`.

    Derivatives: none in reverse mode; the number of leapfrogs is found on the way.

    Limits: symmetry 0, no confinement: E/N = T/2 for N to infinity (`qd.replica.FiniteTemperature`); a finite N adds
    O(1/N), which the error does not contain.

    Raises:
        ValueError: noise, phi that jumps, a temperature that is not above 0, numbers out of range, other couplings and units
            than the usual ones.
        TypeError: no number, or no whole number.

    When it fails: `not_mixed`: a network with an R-hat above 1.05 (infinite where a chain never moved) or fewer than 100
    effective draws; raise `draws` and `warm_up`, or use `qd.landscape.ReplicaExchange`. `not_finite`: a draw that is no
    number; with unadjusted Langevin dynamics a shorter step helps.

    Source: Qiu & Huang 2025 (`qiu2025`).

    Example:
        >>> import quenched as qd
        >>> solution = qd.solve(qd.RandomNetwork(gain=0.5), qd.landscape.Sampling(size=20, networks=4, temperature=0.1))
        >>> bool(abs(solution["energy"] - 0.05) < 0.005)
        True
    """

    size: int = eqx.field(static=True)
    networks: int = eqx.field(static=True)
    temperature: Any
    confinement: Any
    chains: int = eqx.field(static=True)
    draws: int = eqx.field(static=True)
    warm_up: int = eqx.field(static=True)

    equation: ClassVar[str] = r"P(x)\propto e^{-E(x)/T},\quad E(x) = \tfrac{1}{2}|F(x)|^2 + c\,|x|^2"
    citations: ClassVar[tuple[str, ...]] = ("qiu2025",)
    together: ClassVar[Literal["batch", "threads", "never"]] = "never"
    solvers: ClassVar[tuple[type, ...]] = (HMC, Langevin, ReplicaExchange)
    memory_arguments: ClassVar[str] = "`size`, `chains`, `draws` or `warm_up`"
    estimators: ClassVar[Mapping[str, Estimator]] = {
        "r_hat": lambda values: (jnp.max(values), None),
        "sample_size": lambda values: (jnp.min(values), None),
    }

    def __init__(
        self,
        size: int,
        networks: int,
        temperature: Any,
        confinement: Any = 0.0,
        chains: int = 8,
        draws: int = 500,
        warm_up: int = 500,
    ):
        self.size = checks.count("size", size)
        self.networks = checks.count("networks", networks, low=2)
        self.temperature = read_temperature(temperature)
        self.confinement = checks.number("confinement", confinement, low=0.0)
        self.chains = checks.count("chains", chains, low=FEWEST_CHAINS)
        self.draws = checks.count("draws", draws, low=8)
        self.warm_up = checks.count("warm_up", warm_up, low=50)

    def default_solver(self) -> HMC:
        return HMC()

    def covers(self, model: RandomNetwork) -> None:
        others = "qd.landscape.sample takes any network that is drawn, model.draw(size, key)"
        one_population(model, public_name(self), others)

    def check(self, model: RandomNetwork, solver: Any) -> None:
        if not isinstance(model.noise, jax.core.Tracer) and model.noise > 0:
            raise ValueError(
                f"Argument `noise` must be 0 for sampling, but is {float(model.noise):g}: the landscape is that of the "
                "velocity, and what shakes it is `temperature`."
            )
        check_velocity(model.activation)

    @property
    def samples(self) -> int:
        return self.networks

    def bytes_per_sample(self, solver: Any) -> int:
        return bytes_needed(solver, self.size, self.chains, self.draws, False, self.warm_up)

    def coordinates(self) -> Mapping[str, Any]:
        return {}

    def in_range(self, model: RandomNetwork) -> Array:
        return super().in_range(model) & (model.noise == 0.0)

    def outside_errors(self, model: RandomNetwork) -> str:
        return "finite size, O(1/size); the step of unadjusted Langevin dynamics"

    def measure(self, model: RandomNetwork, solver: Any, key: Key[Array, ""]) -> Computed:
        coupling_key, start_key, warm_key, draw_key = jax.random.split(key, 4)
        network = model.draw(self.size, coupling_key)
        target = Target(NetworkFlow(network), None, jnp.asarray(self.confinement, float), network.activation)
        temperature = jnp.asarray(self.temperature, float)
        warm = warm_up(solver, target, temperature, cloud(self.size, self.chains, start_key), self.warm_up, warm_key)
        _, draws = draw(solver.proposal(), target, temperature, warm, draw_key, self.draws, 1, False)
        estimates = estimated(draws, temperature)
        r_hat, sizes = diagnosed(draws)
        arrays = {name: estimates[name] for name in _KEPT}
        arrays |= {"r_hat": jnp.max(r_hat), "sample_size": jnp.min(sizes), "acceptance": jnp.mean(draws.acceptance)}
        mixed = (arrays["r_hat"] <= _LARGEST_R_HAT) & (arrays["sample_size"] >= FEWEST_EFFECTIVE)
        status = jnp.where(all_finite(draws), jnp.where(mixed, Status.solved, Status.not_mixed), Status.not_finite)
        return Computed(arrays, status, jnp.zeros(()), jnp.asarray(self.warm_up + self.draws))
