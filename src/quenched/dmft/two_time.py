"""Two-time DMFT: correlation and response from an initial state on."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
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
from quenched.dmft.two_time_parts import TwoTimeParts
from quenched.dmft.two_time_sampled import TwoTimeSampled, default_tangents
from quenched.models import AbstractInitial, Normal, RandomNetwork, Sinusoid
from quenched.models.starts import check_starts, read_starts, starts_of
from quenched.numerics.exact_moments import ENOUGH
from quenched.precision import own_settings, traced
from quenched.simulate.integrate import check_step, count_steps
from quenched.simulate.schemes import SCHEMES
from quenched.theory import AbstractChoice, is_usual

_FEWEST = 1024
# Modes that decay may grow at most at this rate by the scheme: those that barely decay do grow a little.
_UNSTABLE = 0.1


class TwoTime(AbstractChoice):
    """A neuron in the mean field that its like have made since the start,

        dx = ( -x + g^2 eta int_0^t R(t, s) phi(x(s)) ds + gamma(t) + b(t) ) dt + sigma dW,   <gamma gamma'> = g^2 C(t, t'),
        C(t, t') = <phi(x(t)) phi(x(t'))>,   R(t, s) = d<phi(x(t))>/db(s).

    The equations are causal: everything at t follows from the past, and one sweep forward in time solves them. At symmetry
    0 there is no memory, x is Gaussian given its initial state, and C obeys a closed equation: no sampling, chosen by itself
    (`sampled=True` samples all the same). Otherwise a population of trajectories is carried along; at each step the C that
    it has just shown gives the next row of a Cholesky factor, hence the field, and tangents give R.

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
        trajectories: in each scrambling, of all populations together, equally many of each; if left out 1024, or for each
            population 1.1 for each step if that is more.
        tangents: how many of them carry a tangent; if left out 62 of each population, or nearly a 64th of many trajectories.
        scramblings: independent populations, at least 2, from which the errors are.
        precision: error wanted of every entry of `correlation`. Populations then grow, and up to 1024 are made,
            until it is reached. Under jit, vmap and grad nothing grows: the status says whether it is reached.
        richardson: solve with half the step too and extrapolate; what that changed is in `<name>_discretisation`. If left
            out, where a `precision` is asked for, unless `scheme` is "euler".
        sampled: sample even at symmetry 0.
        memory_limit: GiB that one population may take: with K steps and M trajectories 8 K (5 M + 14 K + 4 tangents) bytes.
            Of models made of parts with noise 8 M for 5 M. As many are run at once as there are cores. Without sampling
            8 K (14 K + 14000) bytes.
        time_limit: seconds that `precision` may take.

    Returns:
        `correlation` C, `state_correlation` C_x, `response` R, `state_response` R_x over (time, earlier_time);
        `mean_state`, `mean_rate`, `mean_square_state`, `mean_square_rate`, `kinetic_energy` (of flows) over time; the
        axis `population` comes first where there are several; `latent` kappa over (rank, time) of low-rank parts.
        Correlations are raw second moments; the state is its first variable, but for the kinetic energy. Each has an
        `_error`: the standard error over scramblings, or the difference of two quadratures at symmetry 0. `conditioning`,
        where sampled, is the smallest relative pivot of the covariance of field and noise: below 1e-8 they are a combination
        of their own past, as without noise they become, and the pivot is kept at 1e-8 of the variance.

        R(t, t) is the response to a kick a moment before t, R = <phi'>. With "euler" and of maps R(t, s) is to a field that
        acts from s to s + step, and R(t, t) = 0. Of all units the field of R is one that is added to the input.

    Raises: ValueError for a step at which the scheme is unstable (for phi that do not saturate; longer than a unit takes to
        relax), a duration that is no multiple of it, an initial state of infinite variance, what does not fit into
        `memory_limit`, a map with a step other than 1, fresh couplings at each step (`qd.couplings.Redrawn`) of a flow,
        abundances with noise or that begin below 0, and a rate that jumps where R is needed.

    With `richardson` the errors contain what it leaves over of the step, for which the share `step` of the largest
    `_discretisation` is counted; without, they do not contain the step. Nor do they contain what a finite population changes
    at second order, some 0.15/trajectories in C where gains are of order 1. Cost: K^2 trajectories, and K^3 tangents until
    the response has decayed; `richardson` takes 5 to 9 times as long.

    When it fails: `diverged`: an unbounded phi above its transition; shorten `duration`. `imprecise`: `precision` is not
    within the limits of memory and time, or takes more than 1024 scramblings: give more `trajectories` then; or the step
    is too long for it. The solution holds the best so far.

    Under jit, grad and vmap the symmetry cannot be looked at: it is sampled then, symmetry 0 included.

    Of phi that jumps (sign, steps): symmetry 0 alone, where <phi'> counts the jump; from initial states other than
    `qd.Normal` by sampling, without a response.

    Source: Zou & Huang 2024, sections 2 to 4; the causal sweep is that of Eissfeller & Opper 1992.

    Example:
        >>> import quenched as qd
        >>> theory = qd.dmft.TwoTime(duration=2.0, step=0.1, initial=qd.Uniform(0, 1))
        >>> solution = qd.solve(qd.RandomNetwork(gain=0.8, noise=0.1), theory)
        >>> solution["correlation"].dims
        ('time', 'earlier_time')
    """

    duration: float = eqx.field(static=True)
    step: float = eqx.field(static=True)
    initial: AbstractInitial | tuple[AbstractInitial, ...] | None
    scheme: str = eqx.field(static=True)
    response: bool | None = eqx.field(static=True)
    trajectories: int | None = eqx.field(static=True)
    tangents: int | None = eqx.field(static=True)
    scramblings: int = eqx.field(static=True)
    precision: float | None = eqx.field(static=True)
    richardson: bool = eqx.field(static=True)
    sampled: bool = eqx.field(static=True)
    memory_limit: float = eqx.field(static=True)
    time_limit: float = eqx.field(static=True)

    equation: ClassVar[str] = (
        r"\dot x(t) = -x(t) + g^2\eta\int_0^t R(t,s)\,\phi(x(s))\,\mathrm{d}s + \gamma(t) + b(t) + \sigma\xi(t),\quad "
        r"\langle\gamma(t)\gamma(s)\rangle = g^2 C(t,s)"
    )
    citations: ClassVar[tuple[str, ...]] = ("zou2024", "eissfeller1992")

    def __init__(
        self,
        duration: float,
        step: float = 0.1,
        *,
        initial: AbstractInitial | Callable[[Any], Any] | tuple[Any, ...] | None = None,
        scheme: str = "second_order",
        response: bool | None = None,
        trajectories: int | None = None,
        tangents: int | None = None,
        scramblings: int = 16,
        precision: float | None = None,
        richardson: bool | None = None,
        sampled: bool = False,
        memory_limit: float = 4.0,
        time_limit: float = np.inf,
    ):
        self.step = check_step(step)
        steps = count_steps(duration, step)
        if steps < 1:
            raise ValueError(f"Argument `duration` must be at least one `step` = {self.step:g}, but is {duration:g}.")
        self.duration = float(duration)
        self.initial = read_starts(initial)
        self.scheme = checks.one_of("scheme", scheme, SCHEMES)
        self.response = None if response is None else checks.flag("response", response)
        self.trajectories = None if trajectories is None else checks.count("trajectories", trajectories, low=2)
        self.tangents = None if tangents is None else checks.count("tangents", tangents)
        self.scramblings = checks.count("scramblings", scramblings, low=2)
        self.precision = None if precision is None else float(checks.number("precision", precision, above=0.0))
        wanted = precision is not None and scheme != "euler"
        self.richardson = wanted if richardson is None else checks.flag("richardson", richardson)
        self.sampled = checks.flag("sampled", sampled)
        self.memory_limit = float(checks.number("memory_limit", memory_limit, above=0.0))
        unlimited = isinstance(time_limit, float) and time_limit == np.inf
        self.time_limit = np.inf if unlimited else float(checks.number("time_limit", time_limit, above=0.0))
        population = self._population((1 + self.richardson) * steps)
        if self.tangents is not None and self.tangents > population:
            raise ValueError(f"Argument `tangents` must be at most the {population} trajectories, but is {self.tangents}.")

    def _population(self, normals: int, populations: int = 1) -> int:
        """Enough for exact second moments of what drives a neuron, so many normal numbers and its initial state."""
        enough = max(_FEWEST, populations * 64 * math.ceil(ENOUGH * (1 + normals) / 64))
        return self.trajectories or enough

    def covers(self, model: RandomNetwork) -> None:
        if is_usual(model):
            check_starts(self.initial, model.units)
        else:
            check_parts(model, self.step, self.initial)
            if model.kind == "map" and self.richardson and self.precision is None:
                raise ValueError("Argument `richardson` must be False for units that are maps, whose step is 1.")

    def choose(self, models: Sequence[RandomNetwork]) -> TwoTimeGaussian | TwoTimeSampled:
        if not all(map(is_usual, models)):
            return self._of_parts(models)
        for model in models:
            self._check_stable(model)
        steps = count_steps(self.duration, self.step)
        memory = any(isinstance(model.symmetry, jax.core.Tracer) or model.symmetry != 0 for model in models)
        # Of phi that jumps averages over states that are not Gaussian are as sharp as the jump.
        initial = starts_of(self.initial, models[0].units[0])[0]
        sharp = any(model.activation.jumps for model in models) and not isinstance(initial, Normal)
        if not memory and not self.sampled and not (sharp and not self.response):
            response = self.response is not False
            return TwoTimeGaussian(
                steps,
                self.step,
                initial,
                self.scheme,
                response,
                self.richardson,
                self.memory_limit,
                self.precision,
            )
        population = self._population((1 + self.richardson) * steps)
        tangents = self.tangents or min(population, default_tangents(population))
        return TwoTimeSampled(
            steps,
            self.step,
            initial,
            self.scheme,
            memory if self.response is None else self.response,
            memory or bool(self.response),
            population,
            tangents,
            self.richardson,
            self.scramblings,
            self.precision,
            self.memory_limit,
            self.time_limit,
        )

    def _of_parts(self, models: Sequence[RandomNetwork]) -> TwoTimeParts:
        steps, populations = count_steps(self.duration, self.step), max(model.populations for model in models)
        needed = any(model.couplings.rank or remembers(model.couplings) for model in models)
        memory = needed or bool(self.response)
        if memory:
            check_slopes(models)
        noisy = any(traced(model.noise) or np.any(np.asarray(model.noise) > 0.0) for model in models)
        waves = any(isinstance(model.field, Sinusoid) for model in models)
        # A map has no step to extrapolate.
        richardson = self.richardson and models[0].kind == "flow"
        population = self._population((1 + richardson) * (1 + noisy) * steps + 1 + 2 * waves, populations)
        own = population // populations
        if own < 2:
            raise ValueError(
                f"Argument `trajectories` must be at least 2 for each of the {populations} populations, but is {population}."
            )
        units = [unit for model in models for unit in model.units]
        first, *others = starts_of(self.initial, next((unit for unit in units if unit.nonnegative), units[0]))
        return TwoTimeParts(
            steps,
            self.step,
            first,
            "map" if models[0].kind == "map" else self.scheme,
            needed if self.response is None else self.response,
            memory,
            own * populations,
            self.tangents or populations * min(own, default_tangents(own)),
            richardson,
            self.scramblings,
            self.precision,
            self.memory_limit,
            self.time_limit,
            populations,
            tuple(others),
            noisy,
            waves,
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
