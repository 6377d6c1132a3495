"""Two-time DMFT: correlation and response from an initial state on."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from quenched import checks
from quenched.couplings.base import remembers
from quenched.dmft.schemes import scheme
from quenched.dmft.two_time_covers import check_parts, check_slopes
from quenched.dmft.two_time_gaussian import TwoTimeGaussian
from quenched.dmft.two_time_growing import TwoTimeGrowing
from quenched.dmft.two_time_growing import enough_trajectories as enough_for_times
from quenched.dmft.two_time_parts import TwoTimeParts
from quenched.dmft.two_time_sampled import TwoTimeSampled, default_tangents
from quenched.dmft.two_time_solvers import (
    GrowingSteps,
    Population,
    Quadrature,
    ThinnedPopulation,
    check_tangents,
    extrapolates,
)
from quenched.dmft.two_time_thinned import TwoTimeThinned, enough_trajectories
from quenched.models import AbstractInitial, Drive, Normal, RandomNetwork, Sinusoid
from quenched.models.starts import check_starts, read_starts, starts_of
from quenched.numerics.output_times import output_steps, read_times
from quenched.precision import own_settings, traced
from quenched.simulate.integrate import check_step, count_steps
from quenched.simulate.schemes import SCHEMES
from quenched.theory import AbstractChoice, is_usual, one_population

# Modes that decay may grow at most at this rate by the scheme: those that barely decay do grow a little.
_UNSTABLE = 0.1


class TwoTime(AbstractChoice):
    """A neuron in the mean field that its like have made since the start,

        dx = ( -x + g^2 eta int_0^t R(t, s) phi(x(s)) ds + gamma(t) + b(t) ) dt + sigma dW,   <gamma gamma'> = g^2 C(t, t'),
        C(t, t') = <phi(x(t)) phi(x(t'))>,   R(t, s) = d<phi(x(t))>/db(s).

    The equations are causal: everything at t follows from the past, and one sweep forward in time solves them. At symmetry
    0 there is no memory, x is Gaussian given its initial state, and C obeys a closed equation: no sampling. Otherwise a
    population of trajectories is carried along; at each step the C that it has just shown gives the next row of a Cholesky
    factor, hence the field, and tangents give R.

    `solver=` of `qd.solve` says how: `qd.dmft.Quadrature(...)` without sampling, `qd.dmft.Population(...)` by sampling,
    which any model may be. Left out, the model decides. Over long times `qd.dmft.ThinnedPopulation(...)` keeps a part of
    the past alone; left out, it is taken where `times` are given. Without noise `qd.dmft.GrowingSteps(...)` takes steps that
    grow with the time.

    Other couplings and units are always sampled. Each population has trajectories of its own, in a field whose mean,
    covariance and memory are those of `model.couplings`; the latents kappa_r(t) of a low-rank part follow from means and R.
    A neuron's step is that of its unit, x' = advance(x, speed); a sinusoid has a phase of its own in each trajectory.

    Arguments:
        duration, step: how long, and the time step, in units of the leak time; the duration a multiple of the step. Of maps
            the number of steps, and 1.
        initial: distribution of x(0): `qd.Normal(mean, std)`, `qd.Uniform(low, high)`, a quantile function (`qd.Quantile`);
            if left out `qd.Normal()`, of abundances `qd.Uniform()`. Of several variables it is that of the first, and the
            others begin at 0; or a tuple of one for each.
        scheme: "second_order", error O(step^2); or "euler", which is the DMFT of networks that are integrated by Euler's
            scheme with this step, exactly. Of other couplings and units "second_order" is the scheme of Adams and Bashforth,
            x' = advance(x, 1.5 speed - 0.5 speed before), as exactly; a map is the map.
        response: whether to return R. Left out: where it is needed anyway (symmetry, low rank) or free (no sampling).
        perturbation: whether to follow a small random change of all states, by sampling; takes about twice as long.
        times: at which results are returned, by `qd.dmft.ThinnedPopulation` and `qd.dmft.GrowingSteps` alone: multiples of
            the step from 0 to the duration in rising order, or how many, which are then evenly spaced in their logarithm; if
            left out 48.

    Returns:
        `correlation` C, `state_correlation` C_x, `response` R, `state_response` R_x over (time, earlier_time);
        `mean_state`, `mean_rate`, `mean_square_state`, `mean_square_rate`, `kinetic_energy` (of flows) over time; the
        axis `population` comes first where there are several; `latent` kappa over (rank, time) of low-rank parts, of
        abundances `surviving_fraction` over time: above that of a species that only just cannot live, as in `Trajectories`.
        With `perturbation` `log_perturbation` over time, the logarithm of the root mean square of a small random change of
        all states, and `lyapunov_exponent`, its growth rate in the later half of the times: the largest exponent, if this
        is long after the start.

        `qd.dmft.GrowingSteps` returns `integrated_response` instead of R and R_x: d<phi(x(t))>/db, b a constant field since
        the earlier time.

        Correlations are raw second moments; the state is its first variable, but for the kinetic energy. Each has an
        `_error`: the standard error over scramblings, or the difference of two quadratures at symmetry 0. `conditioning`,
        where sampled, is the smallest relative pivot of the covariance of field and noise: below 1e-4 they are nearly a
        combination of their own past, as without noise they become, and 1e-8 of the variance is added to what is new in a
        step, without which rounding would grow.

        R(t, t) is the response to a kick a moment before t, R = <phi'>. With "euler" and of maps R(t, s) is to a field that
        acts from s to s + step, and R(t, t) = 0. Of all units the field of R is one that is added to the input.

    Raises:
        ValueError: a step at which the scheme is unstable (for phi that do not saturate; longer than a unit takes to relax),
            a duration that is no multiple of it, an initial state of infinite variance, what does not fit into the solver's
            `memory_limit`, a map with a step other than 1, fresh couplings at each step (`qd.couplings.Redrawn`) of a flow,
            abundances with noise or that begin below 0, a rate that jumps where R or a perturbation is asked for, and a
            `qd.dmft.Quadrature` where there is memory or what is only sampled.

    With the solver's `richardson` the errors contain what it leaves over of the step, for which the share `step` of the
    largest `_discretisation` is counted; without, they do not contain the step. Nor do they contain what a finite population
    changes at second order, some 0.15/trajectories in C where gains are of order 1. That of the exponent contains what an
    approach like 1/time leaves, as far as the growth in the two halves of the later times shows it beyond chance.

    Cost: K^2 trajectories, and K^3 tangents until the response has decayed; `richardson` takes 5 to 9 times as long.

    When it fails: `diverged`: an unbounded phi above its transition; shorten `duration`. `imprecise`: the solver's
    `precision` is not within the limits of memory and time, or takes more than 1024 scramblings: give more `trajectories`
    then; or the step is too long for it. The solution holds the best so far.

    Under jit, grad and vmap the symmetry cannot be looked at: it is sampled then, symmetry 0 included.

    Of phi that jumps (sign, steps): symmetry 0 alone, where <phi'> counts the jump; from initial states other than
    `qd.Normal` by sampling, without a response.

    Source: Zou & Huang 2024 (`zou2024`), sections 2 to 4; the causal sweep is that of Eissfeller & Opper 1992
    (`eissfeller1992`).

    Example:
        >>> import quenched as qd
        >>> theory = qd.dmft.TwoTime(duration=2.0, step=0.1, initial=qd.Uniform(0, 1))
        >>> solution = qd.solve(qd.RandomNetwork(gain=0.8, noise=0.1), theory)
        >>> print(f"{float(solution['correlation'][0, 0]):.6f}")  # <tanh(u)^2> = 1 - tanh(1)
        0.238406
    """

    duration: float = eqx.field(static=True)
    step: float = eqx.field(static=True)
    initial: AbstractInitial | tuple[AbstractInitial, ...] | None
    scheme: str = eqx.field(static=True)
    response: bool | None = eqx.field(static=True)
    perturbation: bool = eqx.field(static=True)
    times: int | tuple[float, ...] | None = eqx.field(static=True)

    equation: ClassVar[str] = (
        r"\dot x(t) = -x(t) + g^2\eta\int_0^t R(t,s)\,\phi(x(s))\,\mathrm{d}s + \gamma(t) + b(t) + \sigma\xi(t),\quad "
        r"\langle\gamma(t)\gamma(s)\rangle = g^2 C(t,s)"
    )
    citations: ClassVar[tuple[str, ...]] = ("zou2024", "eissfeller1992")
    solvers: ClassVar[tuple[type, ...]] = (Population, Quadrature, ThinnedPopulation, GrowingSteps)
    of_solver: ClassVar[Mapping[str, str]] = {
        **{name: f"qd.dmft.Population({name}={{}})" for name in inspect.signature(Population).parameters},
        "sampled": "qd.dmft.Population()",
        "knots": "qd.dmft.ThinnedPopulation(knots={})",
        "growth": "qd.dmft.GrowingSteps(growth={})",
    }

    def __init__(
        self,
        duration: float,
        step: float = 0.1,
        *,
        initial: AbstractInitial | Callable[[Any], Any] | tuple[Any, ...] | None = None,
        scheme: str = "second_order",
        response: bool | None = None,
        perturbation: bool = False,
        times: int | Iterable[Any] | None = None,
    ):
        self.step = check_step(step)
        steps = count_steps(duration, step)
        if steps < 1:
            raise ValueError(f"Argument `duration` must be at least one `step` = {self.step:g}, but is {duration:g}.")
        self.duration = float(duration)
        self.initial = read_starts(initial)
        self.scheme = checks.one_of("scheme", scheme, SCHEMES)
        self.response = None if response is None else checks.flag("response", response)
        self.perturbation = checks.flag("perturbation", perturbation)
        self.times = read_times(times, steps, self.step)

    def covers(self, model: RandomNetwork) -> None:
        if is_usual(model):
            check_starts(self.initial, model.units)
        else:
            check_parts(model, self.step, self.initial)

    def default_solver(self, models: Sequence[RandomNetwork]) -> Population | Quadrature | ThinnedPopulation | GrowingSteps:
        if self.times is not None:
            return ThinnedPopulation()
        sampled = self._why_sampled(models) or self.perturbation or self._is_sharp(models)
        return Population() if sampled else Quadrature()

    def checked_solver(self, models: Sequence[RandomNetwork], solver: Any) -> Any:
        """With `richardson` as it will be: a map has no step to extrapolate."""
        found = super().checked_solver(models, solver)
        if isinstance(found, ThinnedPopulation | GrowingSteps):
            return found
        if models[0].kind == "map":
            if found.richardson:
                raise ValueError("Argument `richardson` must be False for units that are maps, whose step is 1.")
            return replace(found, richardson=False)
        return replace(found, richardson=extrapolates(found, self.scheme))

    def _why_sampled(self, models: Sequence[RandomNetwork]) -> str:
        """What only populations do; nothing if empty."""
        if not all(map(is_usual, models)):
            return "models made of other couplings and units, which are sampled"
        if any(isinstance(model.symmetry, jax.core.Tracer) for model in models):
            return "a symmetry that is traced"
        symmetry = next((float(model.symmetry) for model in models if model.symmetry != 0), None)
        return "" if symmetry is None else f"symmetry {symmetry:g}, whose memory is sampled"

    def _is_sharp(self, models: Sequence[RandomNetwork]) -> bool:
        """Of phi that jumps averages over states that are not Gaussian are as sharp as the jump."""
        initial = starts_of(self.initial, models[0].units[0])[0]
        sharp = any(model.activation.jumps for model in models) and not isinstance(initial, Normal)
        return sharp and not self.response

    def choose(self, models: Sequence[RandomNetwork], solver: Any = None) -> TwoTimeGaussian | TwoTimeSampled:
        solver = self.checked_solver(models, solver)
        if isinstance(solver, ThinnedPopulation):
            return self._thinned(models, solver)
        if isinstance(solver, GrowingSteps):
            return self._growing(models, solver)
        if self.times is not None:
            raise ValueError(
                f"Argument `times` must be left out with a {type(solver).__name__}, which returns every step; "
                "qd.dmft.ThinnedPopulation and qd.dmft.GrowingSteps return those asked for."
            )
        why_sampled = self._why_sampled(models)
        if isinstance(solver, Quadrature) and why_sampled:
            raise ValueError(
                f"Argument `solver` must be a Population for dmft.TwoTime of {why_sampled}, but is a Quadrature; "
                "try solver=qd.dmft.Population(), or leave it out."
            )
        if self.perturbation:
            if isinstance(solver, Quadrature):
                raise ValueError(
                    "Argument `solver` must be a Population for dmft.TwoTime with perturbations, which are sampled, but is "
                    "a Quadrature; leave it out."
                )
            check_slopes(models, "perturbations")
        if not all(map(is_usual, models)):
            return self._of_parts(models, solver)
        for model in models:
            self._check_stable(model)
        steps, memory = count_steps(self.duration, self.step), bool(why_sampled)
        initial = starts_of(self.initial, models[0].units[0])[0]
        if isinstance(solver, Quadrature):
            response = self.response is not False
            return TwoTimeGaussian(steps, self.step, initial, self.scheme, response, bool(solver.richardson))
        population = solver.size((1 + bool(solver.richardson)) * steps)
        return TwoTimeSampled(
            steps=steps,
            step=self.step,
            initial=initial,
            scheme=self.scheme,
            response=memory if self.response is None else self.response,
            perturbation=self.perturbation,
            memory=memory or bool(self.response),
            **_numerics(solver, population, solver.tangents or min(population, default_tangents(population))),
        )

    def _thinned(self, models: Sequence[RandomNetwork], solver: ThinnedPopulation) -> TwoTimeThinned:
        for model in models:
            one_population(model, "dmft.ThinnedPopulation", "qd.dmft.Population takes others")
            self._check_stable(model)
        if self.perturbation:
            raise ValueError(
                "Argument `perturbation` must be False with a ThinnedPopulation; qd.dmft.Population follows perturbations."
            )
        steps, memory = count_steps(self.duration, self.step), bool(self._why_sampled(models))
        trajectories = solver.trajectories or max(1024, enough_trajectories(steps, solver.knots))
        check_tangents(solver.tangents, trajectories)
        return TwoTimeThinned(
            steps=steps,
            step=self.step,
            initial=starts_of(self.initial, models[0].units[0])[0],
            scheme=self.scheme,
            response=memory if self.response is None else self.response,
            perturbation=False,
            memory=memory or bool(self.response),
            trajectories=trajectories,
            tangents=solver.tangents or trajectories // 4,
            richardson=False,
            scramblings=solver.populations,
            precision=None,
            memory_limit=solver.memory_limit,
            time_limit=np.inf,
            knots=solver.knots,
            kept=output_steps(self.times, steps, self.step),
        )

    def _growing(self, models: Sequence[RandomNetwork], solver: GrowingSteps) -> TwoTimeGrowing:
        what = "dmft.GrowingSteps"
        for model in models:
            one_population(model, what, "qd.dmft.Population takes others")
            if traced(model.noise) or np.any(np.asarray(model.noise) != 0.0):
                raise ValueError(
                    f"Argument `noise` must be 0 for {what}, whose steps grow beyond what noise does within them; "
                    "qd.dmft.ThinnedPopulation has steps of one length."
                )
            if isinstance(model.field, Drive):
                raise ValueError(
                    f"Argument `field` must be constant for {what}, whose steps may be longer than it takes to change."
                )
        if self.perturbation:
            raise ValueError(f"Argument `perturbation` must be False with {what}; qd.dmft.Population follows perturbations.")
        if self.scheme != "second_order":
            raise ValueError(f'Argument `scheme` must be "second_order" with {what}, which has one of its own.')
        steps, memory = count_steps(self.duration, self.step), bool(self._why_sampled(models)) or bool(self.response)
        check_tangents(solver.tangents, solver.trajectories)
        found = TwoTimeGrowing(
            steps=steps,
            step=self.step,
            initial=starts_of(self.initial, models[0].units[0])[0],
            scheme=self.scheme,
            response=memory if self.response is None else self.response,
            perturbation=False,
            memory=memory,
            trajectories=solver.trajectories,
            tangents=solver.tangents or solver.trajectories,
            richardson=True,
            scramblings=solver.populations,
            precision=None,
            memory_limit=solver.memory_limit,
            time_limit=np.inf,
            growth=solver.growth,
            kept=output_steps(self.times, steps, self.step),
        )
        times = found.kicks
        if solver.trajectories < enough_for_times(times):
            raise ValueError(
                f"Argument `trajectories` must be at least {enough_for_times(times)} for {times} times, steps halved, but "
                f"is {solver.trajectories}; a larger `growth` or `step` has fewer."
            )
        return found

    def _of_parts(self, models: Sequence[RandomNetwork], solver: Population) -> TwoTimeParts:
        steps, populations = count_steps(self.duration, self.step), max(model.populations for model in models)
        needed = any(model.couplings.rank or remembers(model.couplings) for model in models)
        memory = needed or bool(self.response)
        if memory:
            check_slopes(models)
        noisy = any(traced(model.noise) or np.any(np.asarray(model.noise) > 0.0) for model in models)
        waves = any(isinstance(model.field, Sinusoid) for model in models)
        population = solver.size((1 + bool(solver.richardson)) * (1 + noisy) * steps + 1 + 2 * waves, populations)
        own = population // populations
        if own < 2:
            raise ValueError(
                f"Argument `trajectories` must be at least 2 for each of the {populations} populations, but is {population}."
            )
        units = [unit for model in models for unit in model.units]
        first, *others = starts_of(self.initial, next((unit for unit in units if unit.nonnegative), units[0]))
        return TwoTimeParts(
            steps=steps,
            step=self.step,
            initial=first,
            scheme="map" if models[0].kind == "map" else self.scheme,
            response=needed if self.response is None else self.response,
            perturbation=self.perturbation,
            memory=memory,
            populations=populations,
            others=tuple(others),
            noisy=noisy,
            waves=waves,
            **_numerics(solver, own * populations, solver.tangents or populations * min(own, default_tangents(own))),
        )

    def _check_stable(self, model: RandomNetwork) -> None:
        """Refuse steps that make the scheme grow where the linear network decays."""
        if model.activation.bounded or any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves(model)):
            return
        with own_settings():
            slope = float(jnp.abs(model.activation.slope(jnp.ones(()))))
        angles = np.linspace(0.0, np.pi, 181)
        # The elliptic law: eigenvalues of J fill this ellipse.
        symmetry = float(model.symmetry)
        ellipse = (1 + symmetry) * np.cos(angles) + 1j * (1 - symmetry) * np.sin(angles)
        modes = float(model.gain) * slope * ellipse
        decaying = modes[modes.real <= 1.0]
        if self._growth_rate(decaying, self.step) <= _UNSTABLE:
            return
        shorter = next(
            step for step in self.step * 0.5 ** np.arange(1, 60) if self._growth_rate(decaying, step) <= _UNSTABLE
        )
        raise ValueError(
            f"Argument `step` must be short enough for the scheme to be stable at gain {model.gain:g}, about {shorter:.2g}, "
            f"but is {self.step:g}."
        )

    def _growth_rate(self, modes: np.ndarray, step: float) -> float:
        """Largest rate at which x' = (-1 + mode) x grows by the scheme."""
        now = scheme(self.scheme, float(step))
        linear, constant = now.leak + now.now * modes, now.before * modes
        root = np.sqrt(linear**2 + 4.0 * constant + 0j)
        largest = np.max(np.abs([(linear + root) / 2, (linear - root) / 2]), initial=1e-300)
        return float(np.log(largest) / step)


def _numerics(solver: Population, trajectories: int, tangents: int) -> dict[str, Any]:
    """What the way takes of the solver, with what was left out."""
    given = {field.name: getattr(solver, field.name) for field in fields(solver)}
    return {**given, "trajectories": trajectories, "tangents": tangents}
