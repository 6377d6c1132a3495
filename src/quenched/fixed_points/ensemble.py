"""Fixed points of networks of the ensemble, averaged with the weight that exp(-E/T) leaves them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, ClassVar, Literal, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from quenched import checks
from quenched.dynamics.base import AbstractDynamics, without_derivatives
from quenched.dynamics.flow_and_map import Flow, Map
from quenched.dynamics.known_functions import AbstractKnownFunction
from quenched.dynamics.network_flow import NetworkFlow
from quenched.dynamics.network_function import network_dynamics
from quenched.dynamics.read import check_velocity
from quenched.fixed_points.collection import Catalogue, certify, default_starts
from quenched.fixed_points.descent import LevenbergMarquardt, Outcome, search
from quenched.fixed_points.of_units import averages_of_units, latent_averages
from quenched.models import Network, RandomNetwork
from quenched.models.populations import OverNeurons
from quenched.numerics.statistics import mean_of_present, trimmed_mean_of_present
from quenched.status import Status
from quenched.theory import AbstractExperiment, Computed, Estimator
from quenched.units.with_activation import UnitWithActivation


class FixedPoints(AbstractExperiment):
    """Find the fixed points of networks of the ensemble by minimising E = |F|^2/2, and average over them in two ways.

    With the weight 1/|det F'| that the measure exp(-E/T) leaves each fixed point as T goes to 0, as the replica theory does:

        q = <phi^2>,   S = (1/N) sum_i d<phi_i>/df_i,

    f added to the velocity; S contains how f moves the weights. And with the topological index, as static DMFT does:

        C = sum_p index_p phi_p^2,   R = sum_p index_p (1/N) sum_i dphi_i/db_i,   index = sign det(-F').

    Of maps F = S(x) - x. Of units other than the usual leaky ones, and of several populations, which are the first axis,
    S, q and the energy are left out. Of species a fixed point counts only if no absent one could invade: then it is the
    solution of a linear complementarity problem, found exactly, and `surviving_fraction` is told.

    The indices add up to 1 for bounded phi if the list is complete. Only networks where they do, where no start ran out of
    steps and every root is certified enter C and R; that points are missing in pairs that cancel is not excluded.

    Arguments:
        size: N, neurons a network.
        networks: how many independent networks, at least 2: the errors are standard errors over them.
        starts: searches a network; the origin, Gaussian clouds, and states on the network's own trajectories.

    Returns:
        weighted by 1/|det F'|: `self_overlap` q, `local_response` S, `mean_square_rate` (= q), `mean_square_state`,
        `mean_state`, `mean_rate`, `energy` (per neuron, of what the search left), of species `surviving_fraction`, of a
        low-rank part `latent` and `mean_square_latent` (rank); weighted by the index: `correlation` C,
        `integrated_response` R; and `fixed_points` (distinct ones a network), `uncertified_points` (roots that could not be
        certified), `index_sum`, `completeness` (fraction of networks with index sum 1 and no such root), `convergence`
        (fraction of starts that reached a fixed point). Each with `_error`.

    A root whose F' is nearly singular responds without bound, so that over networks the responses have tails that no mean
    survives: they are trimmed means (middle half of the networks), the others plain means.

    The error does not contain what a finite N changes, nor fixed points that were missed. Their number grows exponentially
    in N above the transition: at N = 100 and gain 2 no search is exhaustive. C and R need complete lists, hence small
    networks; where fewer than two networks have one they are NaN.

    Raises:
        ValueError: noise, a field that changes in time, couplings that are drawn anew at each step, phi that jumps, numbers
            out of range.
        TypeError: no whole number.

    When it fails: `no_fixed_point`: a network in which none was found; raise `starts` or the solver's `max_steps`.
    `uncertified`: one in which all roots that were found are on a kink of phi or not isolated; a field moves them off.

    Source: Qiu & Huang 2025 (`qiu2025`); Sussillo & Barak 2013 (`sussillo2013`) for the search by minimising the speed.

    Example:
        >>> import quenched as qd
        >>> solution = qd.solve(qd.RandomNetwork(gain=0.5), qd.landscape.FixedPoints(size=10, networks=2, starts=8))
        >>> float(solution["fixed_points"]), float(solution["index_sum"])
        (1.0, 1.0)
    """

    size: int = eqx.field(static=True)
    networks: int = eqx.field(static=True)
    starts: int = eqx.field(static=True)

    equation: ClassVar[str] = r"F(x^*) = -x^* + J\phi(x^*) + b = 0"
    citations: ClassVar[tuple[str, ...]] = ("qiu2025", "sussillo2013")
    together: ClassVar[Literal["batch", "threads", "never"]] = "never"
    memory_arguments: ClassVar[str] = "`size` or `starts`"
    estimators: ClassVar[Mapping[str, Estimator]] = {
        "local_response": trimmed_mean_of_present,
        "integrated_response": trimmed_mean_of_present,
        "correlation": mean_of_present,
    }

    def __init__(self, size: int, networks: int, starts: int = 100):
        self.size = checks.count("size", size)
        self.networks = checks.count("networks", networks, low=2)
        self.starts = checks.count("starts", starts)

    def default_solver(self) -> LevenbergMarquardt:
        return LevenbergMarquardt()

    def covers(self, model: RandomNetwork) -> None:
        if model.couplings.redrawn:
            raise ValueError(
                "Argument `couplings` must last for qd.landscape.FixedPoints, but qd.couplings.Redrawn is drawn anew at "
                "every step; use qd.simulate.Trajectories, or the couplings inside of it."
            )
        model.constant_field("qd.landscape.FixedPoints")

    def check(self, model: RandomNetwork, solver: LevenbergMarquardt) -> None:
        if not isinstance(model.noise, jax.core.Tracer) and np.any(np.asarray(model.noise) > 0):
            raise ValueError(
                f"Argument `noise` must be 0 for fixed points, but is {float(np.max(model.noise)):g}: "
                "they are those of the velocity."
            )
        for unit in model.units:
            if isinstance(unit, UnitWithActivation):
                check_velocity(unit.activation)

    @property
    def samples(self) -> int:
        return self.networks

    def bytes_per_sample(self, solver: LevenbergMarquardt) -> int:
        lanes = min(self.starts, solver.lanes)
        return 8 * (6 * lanes * self.size**2 + 12 * self.starts * self.size + 64 * self.starts)

    def bytes_measuring(self, model: RandomNetwork, solver: LevenbergMarquardt) -> int:
        return self.bytes_per_sample(solver) * model.units[0].state_size ** 2

    def coordinates(self) -> Mapping[str, Any]:
        return {}

    def in_range(self, model: RandomNetwork) -> Array:
        return super().in_range(model) & jnp.all(jnp.asarray(model.noise) == 0.0)

    def measure(self, model: RandomNetwork, solver: LevenbergMarquardt, key: Key[Array, ""]) -> Computed:
        coupling_key, start_key = jax.random.split(key)
        network = model.draw(self.size, coupling_key)
        dynamics = network_dynamics(network)
        starts = default_starts(without_derivatives(dynamics), None, self.starts, start_key)
        found = _searched(dynamics, starts, solver)
        catalogue = certify(dynamics, found.state, found.outcome == Outcome.fixed_point)
        # A root that could not be certified is none.
        reached = (found.outcome == Outcome.fixed_point) & catalogue.proven
        any_found = jnp.any(catalogue.distinct)
        others = jnp.sum(catalogue.uncertified)
        ended = jnp.all(found.outcome != Outcome.out_of_steps) & (others == 0)
        if isinstance(dynamics, NetworkFlow) and model.populations == 1:
            responses = jax.lax.map(
                lambda row: jax.lax.cond(row[1], partial(_responses, network), _no_responses, row[0]),
                (catalogue.roots.state, catalogue.distinct),
            )
            arrays = weighted_averages(model, catalogue, responses) | index_averages(model, catalogue, responses, ended)
        else:
            over = OverNeurons(model.couplings.population_fractions, self.size)
            arrays = averages_of_units(network, over, catalogue, ended)
        if model.couplings.rank:
            loadings = model.couplings.latent_loadings(self.size, coupling_key)
            arrays |= latent_averages(network, loadings, catalogue)
        arrays["uncertified_points"] = others.astype(float)
        arrays["convergence"] = jnp.mean(reached, dtype=float)
        status = jnp.where(any_found, Status.solved, jnp.where(others > 0, Status.uncertified, Status.no_fixed_point))
        residual = jnp.max(jnp.where(catalogue.distinct, catalogue.roots.residual, 0.0))
        return Computed(arrays, status, residual, found.steps)


def _searched(dynamics: AbstractDynamics, starts: Float[Array, "start number"], solver: LevenbergMarquardt) -> Any:
    """What the search finds, by the easier equation where there is one."""
    function = dynamics._function if isinstance(dynamics, Flow | Map) else None
    easier = function.at_rest if isinstance(function, AbstractKnownFunction) else None
    if easier is None:
        return search(dynamics, starts, None, solver)
    found = search(Flow(easier, easier.size), without_derivatives(easier).unknowns(starts), None, solver)
    return found._replace(state=jax.vmap(easier.state)(found.state))


class Responses(NamedTuple):
    """How a fixed point moves with a field, from the inverse Jacobian."""

    integrated: Float[Array, "..."]
    """(1/N) sum_i dphi_i/db_i."""
    rate: Float[Array, "... neuron"]
    """dphi_i/df_i, f added to the velocity."""
    weight: Float[Array, "... neuron"]
    """d ln(1/|det F'|)/df_i."""


def _responses(network: Network, root: Float[Array, " neuron"]) -> Responses:
    inverse = jnp.linalg.inv(network.jacobian(root))
    slope = network.activation.slope(root)
    bend = jax.jvp(network.activation.slope, (root,), (jnp.ones_like(root),))[1]
    # f added to the velocity moves the root by -F'^-1 f and its weight 1/|det F'| through phi''.
    inverse_weights = jnp.sum(inverse * network.dense_weights.T, axis=1)
    own = -slope * jnp.diag(inverse)
    return Responses(jnp.mean(own), own, (bend * inverse_weights) @ inverse)


def _no_responses(root: Float[Array, " neuron"]) -> Responses:
    return Responses(jnp.zeros(()), jnp.zeros_like(root), jnp.zeros_like(root))


def weighted_averages(model: RandomNetwork, catalogue: Catalogue, responses: Responses) -> dict[str, Array]:
    """Averages over the distinct fixed points of one network with weight 1/|det F'|; NaN where there are none."""
    roots, listed = catalogue.roots, catalogue.distinct
    weight = jax.nn.softmax(jnp.where(listed, roots.log_weight, -jnp.inf))

    def average(values: Array) -> Array:
        kept = jnp.where(listed.reshape(-1, *[1] * (values.ndim - 1)), values, 0.0)
        return jnp.tensordot(weight, kept, 1)

    rate = model.activation(roots.state)
    # d<phi_i>/df_i: each root moves, and so do the weights.
    reweighted = average(rate * responses.weight) - average(rate) * average(responses.weight)
    square_rate = average(jnp.mean(rate**2, axis=1))
    return {
        "self_overlap": square_rate,
        "local_response": jnp.mean(average(responses.rate) + reweighted),
        "mean_square_rate": square_rate,
        "mean_square_state": average(jnp.mean(roots.state**2, axis=1)),
        "mean_state": average(jnp.mean(roots.state, axis=1)),
        "mean_rate": average(jnp.mean(rate, axis=1)),
        "energy": average(roots.energy) / roots.state.shape[1],
    }


def index_averages(model: RandomNetwork, catalogue: Catalogue, responses: Responses, ended: Array) -> dict[str, Array]:
    """Sums over the distinct fixed points with their index, NaN unless the indices add up to 1; and how the search went."""
    roots, listed = catalogue.roots, catalogue.distinct
    index = jnp.where(listed, roots.sign, 0.0)
    # A necessary condition: points can be missing in pairs, less likely so when every start has ended.
    complete = (jnp.sum(index) == 1.0) & ended

    def total(values: Array) -> Array:
        return jnp.where(complete, jnp.sum(index * jnp.where(listed, values, 0.0)), jnp.nan)

    return {
        "correlation": total(jnp.mean(model.activation(roots.state) ** 2, axis=1)),
        "integrated_response": total(responses.integrated),
        "fixed_points": jnp.sum(listed).astype(float),
        "index_sum": jnp.sum(index),
        "completeness": complete.astype(float),
    }
