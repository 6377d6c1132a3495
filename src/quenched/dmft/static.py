"""Static DMFT: networks at rest, for any symmetry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from quenched.activations import check_continuous
from quenched.couplings.base import memory_of_each, remembers
from quenched.dmft.one_neuron import Neuron, averages
from quenched.dmft.static_populations import solve_populations
from quenched.models import RandomNetwork
from quenched.numerics.self_consistency import Newton, Residual, newton, polish
from quenched.precision import traced
from quenched.status import Status
from quenched.theory import AbstractTheory, Computed, Start, is_usual

# Two quadratures that differ by more than this, in units of 1 + the value, are not believed.
_COARSE = 1e-6
# A smaller share of b^2 + phi(b)^2 in the variance of the field changes no average by more than rounding.
_NARROWEST = 1e-12
# Where phi is unbounded: C, in units of 1 + b^2, at which states are looked for; how often R is moved half way; and nodes.
_SCALES, _HALVINGS, _SCAN_NODES = np.geomspace(1e-8, 1e10, 19), 40, 64
# A C, in these units, at which Newton's method that has not ended is on its way to infinity.
_FARTHEST = 1e7


class Static(AbstractTheory):
    """Networks at rest; for one population of leaky neurons with elliptic couplings, the usual case, with z ~ N(0, 1):

        x = b + g^2 eta R phi(x) + g sqrt(C) z,   C = <phi(x)^2>,   R = < phi'(x) / (1 - g^2 eta R phi'(x)) >.

    Each neuron feels its own past through the others (g^2 eta R, the memory): the average in R is taken of the
    fraction, the neuron's own slope below the line. With R inside and out replaced by averages the answer is wrong for
    any symmetry but 0.

    In general the rates of all populations make a field of some mean, variance and memory for each of them, as
    `model.couplings.field` says, and a neuron rests in it as `model.unit` says.

    Branches, `start=`, of one population of usual neurons:
        "stable": "active" above g_c = 1/((1 + eta) phi'(b)), "quiescent" below; the default.
        "quiescent": x = b, C = 0, R = (1 - sqrt(1 - 4 eta g^2 phi'^2)) / (2 eta g^2 phi') with phi' at b. Needs phi(b) = 0
            (tanh without field, ReLU below its threshold), and g phi'(b) <= 1/(2 sqrt(eta)), beyond which no real response
            exists.
        "active": C > 0. Where phi(b) != 0 it is the only branch.

    Branches of other models:
        "stable": where a small positive mean and large latents settle; the default.
        "structured": the same, and the latents of the low-rank part are not 0.
        "unstructured": without latents, and without a mean where nothing makes one.
        A mapping of order parameters, or an earlier solution: the state next to it.

    Raises:
        ValueError: noise; a state of rest on a kink (ReLU without field), which has no linear response; phi that jumps
            (sign, steps) with a symmetry other than 0: in fields near the jump a neuron that feels its own past has two
            states, or none; couplings that are drawn anew at each step, which let nothing rest.

    Returns:
        `correlation` C, `integrated_response` R, `mean_square_rate`, `mean_square_state`, `mean_rate`, `mean_state`,
        `kinetic_energy` (0, at rest), each with `_error` from a second quadrature, and with the axis `population` where
        there are several; the verdicts `invertible`, `invertibility_margin`, `stability_margin` (1 minus what is left of
        the square of a small random change once the network has handed it on: below 0 the bulk of eigenvalues is unstable).
        Of general models also `latent` (rank) of low-rank parts; `outlier`, the rate at which small changes of means,
        mean squares and latents grow: exact where it crosses 0, and without memory for leaky units of time constant 1;
        `surviving_fraction` where states are numbers of individuals.

    When it fails: beyond the gain where 1 - g^2 eta R phi'(x) reaches zero (`invertible` is 0) a neuron has several states
    for one field and the theory does not say which; the outermost of the field's own sign is then used, R leaves out the
    jump between them, and `stability_margin` is NaN, unless a self-coupling alone makes the states. `diverged`: rates are
    unbounded and <phi^2> exceeds C for every C, so that no bounded state exists (linear phi from g (1 + eta) = 1 on, ReLU
    from sqrt(2) on, abundances with too little competition). Where phi itself jumps and
    neurons are near, R counts the jump and `stability_margin` is -infinity. Above g_c a network
    without noise is chaotic or wanders between fixed points (`stability_margin` < 0): what a trajectory does is for
    `qd.simulate.Trajectories`, and C and R are sums over the fixed points with weight sign det(-F'), as
    `qd.landscape.FixedPoints` returns them. `no_such_branch`: choose another `start`. `not_finite`: a unit of one's own
    whose state of rest was not found.

    Source: Sompolinsky, Crisanti & Sommers 1988 (`sompolinsky1988`); Zou & Huang 2024 (`zou2024`); Qiu & Huang 2025
    (`qiu2025`), section on DMFT, whose code takes the average inside the fraction. Blocks: Aljadeff, Stern & Sharpee 2015;
    low rank: Mastrogiuseppe & Ostojic 2018 (`mastrogiuseppe2018`); self-coupling: Stern, Sompolinsky & Abbott 2014
    (`stern2014`); species: Bunin 2017 (`bunin2017`).

    Example:
        >>> import quenched as qd
        >>> solution = qd.solve(qd.RandomNetwork(gain=1.2, symmetry=0.5), qd.dmft.Static())
        >>> float(solution["invertible"])
        1.0
        >>> model = qd.RandomNetwork(couplings=qd.couplings.Elliptic(0.5, mean=-2.0), unit=qd.units.LotkaVolterra())
        >>> print(f"{float(qd.solve(model, qd.dmft.Static()).surviving_fraction):.4f}")
        0.9587
    """

    branches: ClassVar[tuple[str, ...]] = ("stable", "quiescent", "active", "structured", "unstructured")
    unknowns: ClassVar[tuple[str, ...]] = ("correlation", "integrated_response")
    equation: ClassVar[str] = (
        r"x = g^2\eta R\,\phi(x) + g\sqrt{C}\,z + b,\quad C = \langle\phi(x)^2\rangle,\quad "
        r"R = \left\langle\frac{\phi^{\prime}(x)}{1 - g^2\eta R\,\phi^{\prime}(x)}\right\rangle"
    )
    citations: ClassVar[tuple[str, ...]] = ("zou2024", "qiu2025", "sompolinsky1988")
    brief: ClassVar[bool] = True

    def why(self, arrays: Mapping[str, Any], status: Status) -> str:
        if status == Status.diverged and "surviving_fraction" in arrays:
            return "Abundances help each other to grow without bound. Lower the `mean` or the `gain` of the couplings. "
        return ""

    def default_solver(self) -> Newton:
        return Newton()

    def covers(self, model: RandomNetwork) -> None:
        if model.couplings.redrawn:
            raise ValueError(
                "Argument `couplings` must stay the same for dmft.Static, but is couplings.Redrawn: where they change at "
                "every step no network rests; use qd.dmft.TwoTime with units that are maps."
            )

    def order_parameters(self, model: RandomNetwork) -> Mapping[str, tuple[int, ...]]:
        if is_usual(model):
            return super().order_parameters(model)
        each = (model.populations,)[: model.populations > 1]
        latent = {"latent": (model.couplings.rank,)} if model.couplings.rank else {}
        return {"mean_rate": each, "correlation": each, "integrated_response": each, **latent}

    def check(self, model: RandomNetwork, solver: Newton, start: Start) -> None:
        model.constant_field("dmft.Static")
        _refuse_noise(model)
        usual = is_usual(model)
        own = self.branches[:3] if usual else self.branches[:1] + self.branches[3:]
        if start.branch not in own:
            raise ValueError(
                f"Argument `start` must be one of {', '.join(map(repr, own))} for this model, but is {start.branch!r}."
            )
        if start.branch == "structured" and not model.couplings.rank:
            raise ValueError("Argument `start` must not be 'structured' for couplings without a low-rank part.")
        if usual:
            check_off_kinks(model, "`field`")
        for unit in model.units:
            if unit.jumps and not traced(model.couplings) and remembers(model.couplings):
                check_continuous(
                    unit,
                    "dmft.Static with symmetry",
                    "in fields near the jump a neuron that feels its own past (g^2 eta R phi) has two states or none",
                    "symmetry 0, qd.simulate.Trajectories, or ",
                )

    def default_branch(self, models: Sequence[RandomNetwork], values: Mapping[str, Any] | None) -> str:
        return "active" if values is not None and all(map(is_usual, models)) else "stable"

    def in_range(self, model: RandomNetwork) -> Array:
        single = jnp.asarray(True)
        if any(unit.jumps for unit in model.units):
            single = jnp.all(memory_of_each(model.couplings) == 0.0)
        return super().in_range(model) & jnp.all(jnp.asarray(model.noise) == 0.0) & single

    def coordinates(self) -> Mapping[str, Any]:
        return {}

    def compute(self, model: RandomNetwork, solver: Newton, start: Start) -> Computed:
        if not is_usual(model):
            return solve_populations(model, solver, start)
        active, status, residual, steps = _active(model, solver, start)
        rests = _rests(model)
        quiescent, exists = _quiescent(model)
        if start.branch == "active":
            choose_rest = jnp.asarray(False)
        elif start.branch == "quiescent":
            choose_rest = jnp.asarray(True)
        else:
            choose_rest = rests & (_distance_to_transition(model) <= 1.0)
        rest_status = jnp.where(rests & exists, Status.solved, Status.no_such_branch)
        arrays = {name: jnp.where(choose_rest, quiescent[name], active[name]) for name in active}
        return Computed(
            arrays,
            jnp.where(choose_rest, rest_status, status),
            jnp.where(choose_rest, 0.0, residual),
            jnp.where(choose_rest, 0, steps),
        )


def _refuse_noise(model: RandomNetwork) -> None:
    if not isinstance(model.noise, jax.core.Tracer) and np.any(model.noise > 0):
        raise ValueError(
            f"Argument `noise` must be 0 for a network at rest, but is {float(np.max(model.noise)):g}; "
            "use qd.simulate.Trajectories for networks with noise."
        )


def check_off_kinks(model: RandomNetwork, arguments: str) -> None:
    """Refuse a state of rest, in a constant field, that sits on a kink of phi."""
    field, phi = model.field, model.activation
    if isinstance(field, jax.core.Tracer) or not phi.kinked_at(float(field)):
        return
    with jax.ensure_compile_time_eval():
        if not phi.rests_at(jnp.asarray(field, float)):
            return
    raise ValueError(
        f"Argument {arguments} must not be {float(field):g} for {phi.name}, whose slope jumps at {float(field):g}: "
        "the state of rest sits on the kink and has no linear response."
    )


def _rests(model: RandomNetwork) -> Array:
    """Whether x = b is a state at all."""
    return model.activation.rests_at(jnp.asarray(model.field, float))


def _slope_at_rest(model: RandomNetwork) -> Array:
    """phi' at the state of rest, or at 0 where there is none."""
    return model.activation.slope(jnp.where(_rests(model), jnp.asarray(model.field, float), 0.0))


def _distance_to_transition(model: RandomNetwork) -> Array:
    """g (1 + eta) |phi'| = g/g_c. J and -J are equally likely, so that the sign of phi does not matter."""
    return model.gain * (1.0 + model.symmetry) * jnp.abs(_slope_at_rest(model))


def _quiescent(model: RandomNetwork) -> tuple[dict[str, Array], Array]:
    """The state of rest: R = phi'/(1 - g^2 eta R phi'), solved for R without cancellation."""
    slope, field = _slope_at_rest(model), jnp.asarray(model.field, float)
    coupling = 4.0 * model.symmetry * (model.gain * slope) ** 2
    exists = coupling <= 1.0
    root = jnp.sqrt(jnp.where(coupling < 1.0, 1.0 - coupling, 1.0)) * jnp.where(coupling < 1.0, 1.0, 0.0)
    response = 2.0 * slope / (1.0 + root)
    memory = model.gain**2 * model.symmetry * response
    zero = jnp.zeros_like(response)
    averages = dict.fromkeys(_AVERAGES, zero) | {"mean_state": field, "mean_square_state": field**2}
    # chi = phi'/(1 - memory phi') is the response itself here.
    verdicts = _verdicts(1.0 - memory * slope, 1.0 - (model.gain * response) ** 2)
    errors = dict.fromkeys((*_AVERAGES, "integrated_response"), zero)
    found = _with_errors({**averages, "integrated_response": response}, errors, verdicts)
    # NaN comes last: reverse mode would multiply it into the derivatives of the other branch.
    return {name: jnp.where(exists, value, jnp.nan) for name, value in found.items()}, exists


def _weakly_driven(model: RandomNetwork, bias: Array) -> Array:
    """C where phi(b)^2 = `bias` is small, the field being weak or far below a threshold, and the network answers linearly:
    phi(b)^2 r^2/(1 - g^2 phi'^2 r^2) with r = R/phi'. Infinite where it does not."""
    slope = model.activation.slope(jnp.asarray(model.field, float))
    coupling = 4.0 * model.symmetry * (model.gain * slope) ** 2
    ratio = 2.0 / (1.0 + jnp.sqrt(jnp.maximum(1.0 - coupling, 0.0)))
    left = 1.0 - (model.gain * slope * ratio) ** 2
    answers = (coupling < 1.0) & (left > 0.0) & (bias > 0.0)
    return jnp.where(answers, bias * ratio**2 / jnp.where(left > 0.0, left, 1.0), jnp.inf)


_AVERAGES = ("correlation", "mean_square_rate", "mean_square_state", "mean_rate", "mean_state", "kinetic_energy")


def _active(model: RandomNetwork, solver: Newton, start: Start) -> tuple[dict[str, Array], Array, Array, Array]:
    """Newton in C over its guess and R g: both of order one from the transition to strong coupling."""
    gain = jnp.maximum(model.gain, 1e-12)
    distance = _distance_to_transition(model)
    frozen = jax.lax.stop_gradient(model)
    scan = _scan(frozen)

    if start.values is None:
        # Near the transition C = 1 - g_c/g and R = 1/g; with a field C is at least that of the field alone.
        excess = 1.0 - 1.0 / jnp.maximum(distance, 1e-12)
        bias = model.activation(jnp.asarray(model.field, float)) ** 2
        # What a jump is worth: a neuron is on either side.
        jumps = sum((0.25 * size**2 for _, size in model.activation.jumps), 0.0)
        least = jnp.minimum(1e-6, _weakly_driven(model, bias))
        scale = jnp.maximum(jnp.maximum(excess, jnp.maximum(bias, jumps)), least)
        response_guess = jnp.sign(_slope_at_rest(model)) * jnp.minimum(1.0, distance)
        if not model.activation.bounded:
            # Where C may be anything: from below, where Newton's method does not pass the root.
            beyond = scan.below > scale
            scale = jnp.where(beyond, scan.below, scale)
            response_guess = jnp.where(beyond, scan.response * gain, response_guess)
    else:
        # A neighbour at rest has C = 0, which is no scale to start from.
        scale, response_guess = jnp.maximum(start.values["correlation"], 1e-6), start.values["integrated_response"] * gain
    scale, response_guess = jax.lax.stop_gradient((scale, response_guess))

    def order_parameters(unknowns: Float[Array, " 2"]) -> tuple[Array, Array]:
        return scale * unknowns[0], unknowns[1] / gain

    def residual(model: RandomNetwork, nodes: int) -> Residual:
        def equations(unknowns: Float[Array, " 2"]) -> Float[Array, " 2"]:
            correlation, response = order_parameters(unknowns)
            rest = _averages(model, correlation, response, nodes)
            # There is none below 0.
            square = jnp.where(correlation > 0.0, rest["correlation"] / correlation, jnp.nan)
            return jnp.stack([square - 1.0, (rest["integrated_response"] - response) * gain])

        return equations

    found = newton(residual(frozen, solver.nodes), jnp.stack([jnp.ones(()), response_guess]), solver)
    correlation, response = order_parameters(polish(residual(model, 2 * solver.nodes), found.unknowns))

    fine = _averages(model, correlation, response, 2 * solver.nodes)
    coarse = _averages(frozen, *jax.lax.stop_gradient(order_parameters(found.unknowns)), solver.nodes)
    margins = {name: fine.pop(name) for name in ("invertibility_margin", "stability_margin")}
    fine |= {"correlation": correlation, "mean_square_rate": correlation, "integrated_response": response}
    fine |= {"kinetic_energy": jnp.zeros(())}
    coarse |= {"kinetic_energy": jnp.zeros(()), "mean_square_rate": coarse["correlation"]}
    errors = {name: jnp.abs(jax.lax.stop_gradient(fine[name]) - coarse[name]) for name in fine}

    finite = jnp.all(jnp.isfinite(jnp.stack(list(fine.values()))))
    # Below its transition the active branch has merged with the state of rest.
    merged = _rests(model) & (distance <= 1.0)
    vanished = merged & (~found.converged | (correlation < 1e-9))
    agree = jnp.all(jnp.stack([errors[name] <= _COARSE * (1.0 + jnp.abs(fine[name])) for name in errors]))
    # At the edge itself, with symmetry, C grows from step to step.
    grows = scan.unbounded | (correlation > _FARTHEST * (1.0 + model.field**2))
    status = jnp.select(
        [vanished, ~found.converged & grows, ~finite, ~found.converged, ~agree],
        [Status.no_such_branch, Status.diverged, Status.not_finite, Status.out_of_steps, Status.coarse_quadrature],
        Status.solved,
    )
    arrays = _with_errors(fine, errors, _verdicts(**margins))
    nothing = (status == Status.no_such_branch) | (status == Status.diverged) | (status == Status.not_finite)
    return {name: jnp.where(nothing, jnp.nan, value) for name, value in arrays.items()}, status, found.residual, found.steps


class _Scan(NamedTuple):
    """Where a bounded state may be."""

    unbounded: Array
    """Whether <phi^2> is above C for every C, with R as it then is: there is none."""
    below: Array
    """The last C at which it is, before the first at which it is not; 0 where there is none."""
    response: Array
    """R there."""


def _scan(model: RandomNetwork) -> _Scan:
    if model.activation.bounded:
        return _Scan(jnp.asarray(False), jnp.zeros(()), jnp.zeros(()))
    gain = jnp.maximum(model.gain, 1e-12)

    def look(correlation: Array) -> tuple[Array, Array]:
        def half_way(_: Array, carry: tuple[Array, Array]) -> tuple[Array, Array]:
            response, _ = carry
            found = _averages(model, correlation, response, _SCAN_NODES)["integrated_response"]
            return 0.5 * (response + found), jnp.abs(found - response) * gain

        response, change = jax.lax.fori_loop(0, _HALVINGS, half_way, (jnp.zeros(()), jnp.zeros(())))
        square = _averages(model, correlation, response, _SCAN_NODES)["correlation"]
        # A response that settles nowhere belongs to no state either.
        return (square >= (1.0 - 1e-7) * correlation) | ~(change < 1e-3), response

    correlations = (1.0 + model.field**2) * jnp.asarray(_SCALES)
    above, responses = jax.lax.map(look, correlations)
    first = jnp.argmin(above)
    last = jnp.maximum(first - 1, 0)
    return _Scan(jnp.all(above), jnp.where(first > 0, correlations[last], 0.0), responses[last])


def unbounded(model: RandomNetwork) -> Array:
    """Whether there is no bounded state at rest."""
    return _scan(model).unbounded


def _averages(model: RandomNetwork, correlation: Array, response: Array, nodes: int) -> dict[str, Array]:
    """Averages over one neuron in the field that C and R make."""
    found = averages(neuron_of(model, correlation, response), nodes)
    # Without couplings a jump of phi reaches nobody.
    square = jnp.where(model.gain > 0.0, found.pop("square_response"), 0.0)
    return found | {"stability_margin": 1.0 - jnp.where(model.gain > 0.0, model.gain**2 * square, 0.0)}


def neuron_of(model: RandomNetwork, correlation: Array, response: Array, narrowest: float = 0.0) -> Neuron:
    """One neuron in the field that C and R make, of at least the variance `narrowest`: at gain 0 every neuron has the field
    itself."""
    alone = jnp.asarray(model.field, float)
    least = jax.lax.stop_gradient(_NARROWEST * (alone**2 + model.activation(alone) ** 2))
    variance = jnp.maximum(model.gain**2 * correlation, jnp.maximum(least, narrowest))
    return Neuron(model.units[0], model.field, variance, model.gain**2 * model.symmetry * response)


def _verdicts(invertibility_margin: Array, stability_margin: Array) -> dict[str, Array]:
    return {
        "invertible": jnp.where(invertibility_margin > 0.0, 1.0, 0.0),
        "invertibility_margin": invertibility_margin,
        # Where neurons jump from one state to another the linear response says nothing about stability.
        "stability_margin": jnp.where(invertibility_margin > 0.0, stability_margin, jnp.nan),
    }


def _with_errors(values: dict[str, Array], errors: dict[str, Array], verdicts: dict[str, Array]) -> dict[str, Array]:
    return values | {f"{name}_error": error for name, error in errors.items()} | verdicts
