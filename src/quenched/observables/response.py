"""The response of finite networks, and their correlation in the same runs."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from quenched import checks
from quenched.activations import check_continuous
from quenched.keys import read_key
from quenched.models import AbstractInitial, Network, RandomNetwork, read_initial
from quenched.numerics.memory import KEY_BYTES, available_bytes
from quenched.numerics.richardson import ORDERS, extrapolated, with_remainders
from quenched.numerics.threads import one_blas_thread
from quenched.observables.response_runs import RunAverages, RunPlan, measure_stretches
from quenched.precision import double_precision
from quenched.provenance import seed_of, stamp
from quenched.records import printed
from quenched.simulate.integrate import check_step, count_steps
from quenched.simulate.schemes import SCHEMES
from quenched.solution import labelled
from quenched.status import RUNAWAY
from quenched.theory import one_population
from quenched.units.leaky import Leaky

if TYPE_CHECKING:
    import xarray as xr

METHODS = ("tangent", "kick")


@double_precision
def measure_response(
    network: Network | RandomNetwork,
    longest_lag: float,
    step: float,
    *,
    size: int | None = None,
    networks: int | None = None,
    noise: float | None = None,
    method: str = "tangent",
    probes: int | str = 4,
    stretches: int = 8,
    trials: int | None = None,
    burn_in: float | None = None,
    kick: float = 0.01,
    initial: AbstractInitial | Any = None,
    scheme: str = "second_order",
    richardson: bool = False,
    key: int | Array | None = None,
) -> xr.Dataset:
    """The response of each neuron to a field of its own, averaged over neurons and time,

        R_x(tau) = (1/N) sum_i d x_i(t + tau) / d b_i(t),     R(tau) = (1/N) sum_i d phi(x_i(t + tau)) / d b_i(t),

    and C_x(tau), C(tau) in the same runs, as `qd.observables.fluctuation_dissipation` wants them. The trace is estimated
    with random signs v_i = +-1 (Hutchinson): perturb the state by v, and average v . dx(t + tau) / N.

    Arguments:
        network: a `qd.Network`, or a `qd.RandomNetwork` with `size` and `networks`.
        longest_lag, step: lags 0, step, ..., longest_lag, in units of the leak time; a multiple of the step (at most 1).
        size, networks: N, and how many networks of the ensemble, at least 2; left out for a `qd.Network`.
        noise: sigma, for a `qd.Network`; the ensemble has its own.
        method: "tangent": dx follows the exact derivative of the scheme. "kick": two kicks of each sign, of `kick` and twice
            that size, with the same noise; what experiments can do.
        probes: sign vectors in each stretch; "all" takes one neuron after the other instead: exact, N times the work of one.
        stretches: how many stretches of `longest_lag` one after the other, each with new probes.
        trials: independent runs of each network; 1, or 8 for a `qd.Network`, whose errors come from them (at least 2).
        burn_in: time before; twice `longest_lag` if left out.
        kick: size of the smaller kick of each neuron's state.
        initial: `qd.Normal`, `qd.Uniform` or a quantile function; `qd.Normal(0, 1)` if left out.
        scheme: "second_order" (Heun) or "euler".
        richardson: run with half the step too, with the same noise and probes, and extrapolate each sample to step 0; what
            that changed is in `<name>_discretisation`. Takes three times as long.
        key: seed, 0 if left out.

    Returns:
        Dataset over (lag): `state_response`, `response`, `state_correlation`, `correlation`, each with `_error`;
        `sampled_state_response`, `sampled_state_correlation` (sample, lag), a sample being a network or, of one
        `qd.Network`, a run; for kicks `kick_nonlinearity`. The responses are those to a kick of the state, at lag 0 an
        instant after it; with "euler" those to a field during the step, 0 at lag 0 and R_x = 1 after one step, as in
        `qd.dmft.TwoTime`.

    Errors: standard errors over samples. The response to kicks is extrapolated to size 0 from both sizes, and the whole
    difference made by that, `kick_nonlinearity`, is added to its error. With `richardson` they contain what it leaves over
    of the step, for which the share `step` of the largest `_discretisation` is counted. Not in the errors: a finite N
    (O(1/N)), the step otherwise (O(step^2), Euler O(step)), a burn-in that is too short; the attribute `outside_errors`
    says so.

    When it fails: in chaotic networks dx grows exponentially, with both methods its average loses all precision at lags of a
    few times the inverse Lyapunov exponent, and the kicks leave the linear range: see the errors.

    Raises:
        TypeError: no network, no number, no distribution.
        ValueError: `size` and `networks` missing with a `qd.RandomNetwork`, or given with a `qd.Network`; other units than
            the usual leaky ones; a longest lag that is no multiple of the step or below 3 steps; another `method` or
            `scheme`; numbers out of range; with `method="tangent"` phi that jumps.
        FloatingPointError: a trajectory, or its response, diverged.
        MemoryError: the states and their perturbations would not fit.

    Source: Hutchinson 1990 (`hutchinson1990`, trace by random signs).

    Example:
        >>> import quenched as qd
        >>> model = qd.RandomNetwork(0.5, noise=1.0, activation=qd.Linear())
        >>> found = qd.observables.measure_response(model, 2.0, 0.25, size=20, networks=4)
        >>> bool(abs(found.state_response[-1] - 0.135) < 4 * found.state_response_error[-1] + 0.01)  # exp(-2) as N grows
        True
    """
    import xarray as xr

    ensemble = _read_network(network, size, networks, noise)
    lags = count_steps(longest_lag, check_step(step), "longest_lag")
    if lags < 3:
        raise ValueError(f"Argument `longest_lag` must be at least 3 steps of {step:g}, but is {longest_lag:g}.")
    before = count_steps(step * 2 * lags if burn_in is None else burn_in, step, "burn_in")
    method, scheme = checks.one_of("method", method, METHODS), checks.one_of("scheme", scheme, SCHEMES)
    if method == "tangent":
        why = "tangents do not see the change where a neuron passes the jump"
        check_continuous(network.activation, "observables.measure_response", why, 'method="kick", or ')
    trials = _read_trials(trials, ensemble)
    stretches = checks.count("stretches", stretches)
    parts = 1 + checks.flag("richardson", richardson)
    plan = RunPlan(method, scheme, float(step), lags, stretches, before, trials, _read_probes(probes), parts)
    _refuse_what_does_not_fit(plan.halved() if richardson else plan, ensemble.size, ensemble.networks)
    start = read_initial(initial)
    size_of_kick = checks.number("kick", kick, above=0.0)
    keys = jax.random.split(read_key(key), ensemble.networks)

    def measured(plan: RunPlan) -> dict[str, np.ndarray]:
        with one_blas_thread():
            if isinstance(network, RandomNetwork):
                found = _networks_compiled(network, ensemble.size, start, size_of_kick, plan, keys)
            else:
                one = _network_compiled(network, ensemble.noise, start, size_of_kick, plan, keys[0])
                found = jax.tree.map(lambda values: values[:, None], one)  # each run a sample of its own
        return _sampled(jax.tree.map(np.asarray, found), plan)

    samples = measured(plan)
    if richardson:
        finer = {name: values[:, ::2] for name, values in measured(plan.halved()).items()}
        samples = jax.tree.map(np.asarray, extrapolated(ORDERS[scheme], samples, finer))
    found = with_remainders(_averaged(samples, method), plan.step)
    step_left = "" if richardson else f"the step, O(step^{ORDERS[scheme]}); "
    attributes = ensemble.attributes | {"method": method, "scheme": scheme, "stretches": plan.stretches, "trials": trials}
    attributes |= {"probes": probes, "richardson": int(richardson), **stamp(seed_of(key))}
    attributes["citations"] = "hutchinson1990"
    attributes["outside_errors"] = step_left + "finite size, O(1/size); what is left of the initial states after the burn-in"
    if method == "kick":
        attributes["kick"] = float(size_of_kick)
    variables = {name: labelled(name, values) for name, values in found.items()}
    return xr.Dataset(variables, {"lag": step * np.arange(lags + 1)}, attributes)


_OTHERS = "qd.dmft.TwoTime has the response of others, and qd.simulate.integrate runs their networks under a `field` in time"


class _Ensemble(NamedTuple):
    size: int
    networks: int
    noise: Any
    attributes: dict[str, Any]


def _sampled(measured: RunAverages, plan: RunPlan) -> dict[str, np.ndarray]:
    """Over trials, (sample, lag); Euler's response to a field comes a step later than to a kick of the state."""
    samples: dict[str, np.ndarray] = {}
    for name, values in measured._asdict().items():
        if not np.isfinite(values).all() or np.max(np.abs(values)) > RUNAWAY:
            raise FloatingPointError("A trajectory or its response diverged; use a smaller `step`, gain, or `longest_lag`.")
        samples[name] = values.mean(axis=1)
        if plan.scheme == "euler" and "correlation" not in name:
            samples[name] = np.concatenate([np.zeros((len(values), 1)), samples[name][:, :-1]], axis=1)
    return samples


def _averaged(sampled: dict[str, np.ndarray], method: str) -> dict[str, np.ndarray]:
    """Over samples, with errors."""
    arrays: dict[str, np.ndarray] = {}
    bends: dict[str, np.ndarray] = {}
    for name, samples in sampled.items():
        if "_nonlinearity" in name:
            bends[name] = np.abs(samples.mean(axis=0))
            continue
        arrays[name] = samples.mean(axis=0)
        arrays[f"{name}_error"] = samples.std(axis=0, ddof=1) / np.sqrt(samples.shape[0])
        if name in ("state_correlation", "state_response"):
            arrays[f"sampled_{name}"] = samples
    if method == "kick":
        for name in ("state_response", "response"):
            arrays[f"{name}_error"] = np.hypot(arrays[f"{name}_error"], bends[f"{name}_nonlinearity"])
        arrays["kick_nonlinearity"] = bends["state_response_nonlinearity"]
    return arrays


@partial(jax.jit, static_argnames=("size", "plan"))
def _networks_compiled(
    model: RandomNetwork, size: int, initial: AbstractInitial, kick: Any, plan: RunPlan, keys: Array
) -> RunAverages:
    def one(key: Array) -> RunAverages:
        coupling_key, run_key = jax.random.split(key)
        couplings = model.couplings.draw(size, coupling_key)
        network = Network(couplings, model.activation, jnp.full(size, model.field))
        return measure_stretches(network, model.noise, initial, kick, plan, run_key)

    return jax.lax.map(one, keys)


@partial(jax.jit, static_argnames=("plan",))
def _network_compiled(
    network: Network, noise: Any, initial: AbstractInitial, kick: Any, plan: RunPlan, key: Array
) -> RunAverages:
    return measure_stretches(network, noise, initial, kick, plan, key)


def _read_network(network: Any, size: Any, networks: Any, noise: Any) -> _Ensemble:
    if isinstance(network, RandomNetwork):
        if size is None or networks is None:
            raise ValueError("Arguments `size` and `networks` must be given with a qd.RandomNetwork.")
        if noise is not None:
            raise ValueError("Argument `noise` must be left out with a qd.RandomNetwork, which has its own.")
        size, networks = checks.count("size", size), checks.count("networks", networks, low=2)
        one_population(network, "observables.measure_response", _OTHERS)
        field = network.constant_field("observables.measure_response")
        known = {"gain": network.gain, "symmetry": network.symmetry, "noise": network.noise, "field": field}
        return _Ensemble(size, networks, network.noise, _attributes(network, known, size) | {"networks": networks})
    if not isinstance(network, Network):
        raise TypeError(f"Argument `network` must be a qd.Network or a qd.RandomNetwork, but is {checks.shown(network)}.")
    for name, value in (("size", size), ("networks", networks)):
        if value is not None:
            raise ValueError(f"Argument `{name}` must be left out with a qd.Network, which is one network of its own size.")
    if not (isinstance(network.unit, Leaky) and network.unit.usual):
        raise ValueError(
            "Argument `network` must have the units qd.units.Leaky(activation) for observables.measure_response, but has "
            f"{', '.join(map(printed, network.units))}; {_OTHERS}."
        )
    noise = checks.number("noise", 0.0 if noise is None else noise, low=0.0)
    weights = np.asarray(network.dense_weights)
    square = float(np.sum(weights**2))
    # What the ensemble's parameters are estimated to be from one network.
    known = {"gain": np.sqrt(square / network.size), "noise": noise}
    known["symmetry"] = 1.0 if np.array_equal(weights, weights.T) else float(np.sum(weights * weights.T)) / square
    return _Ensemble(network.size, 1, noise, _attributes(network, known, network.size))


def _attributes(network: Any, known: dict[str, Any], size: int) -> dict[str, Any]:
    return {name: float(value) for name, value in known.items()} | {"activation": network.activation.name, "size": size}


def _read_trials(trials: Any, ensemble: _Ensemble) -> int:
    one = ensemble.networks == 1
    return checks.count("trials", (8 if one else 1) if trials is None else trials, low=2 if one else 1)


def _read_probes(probes: Any) -> int | None:
    if probes == "all":
        return None
    if isinstance(probes, str):
        raise ValueError(f"Argument `probes` must be a whole number or 'all', but is {probes!r}.")
    return checks.count("probes", probes)


def _refuse_what_does_not_fit(plan: RunPlan, size: int, networks: int) -> None:
    copies = (size if plan.probes is None else plan.probes) * (4 if plan.method == "kick" else 1)
    # States of two stretches with their transforms, and all perturbed states a few times over.
    needed = 8 * (3 * size**2 + plan.trials * size * (24 * plan.lags + 6 * copies))
    # Six functions of the lag of every stretch and every network, and keys of steps, stretches and networks.
    needed += 8 * 6 * (plan.lags + 1) * plan.trials * (plan.stretches + 1 + networks)
    needed += KEY_BYTES * (plan.parts * max(plan.burn_in, plan.lags) + plan.stretches + networks)
    if needed > available_bytes():
        raise MemoryError(
            f"measure_response needs about {needed / 2**30:.1f} GiB at once, but {available_bytes() / 2**30:.1f} GiB are "
            "free; lower `trials`, `longest_lag`, `probes`, `stretches`, `burn_in` or `networks`."
        )
