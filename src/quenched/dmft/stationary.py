"""Stationary states, each model by the way that suits it."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any, ClassVar

import equinox as eqx
import jax
import numpy as np

from quenched import checks
from quenched.activations import Linear
from quenched.dmft.lags import FREQUENCIES, LAGS, read_axis
from quenched.dmft.periodic import step_for, window_for
from quenched.dmft.stationary_filters import DEFAULT_WINDOW, StationaryFilters
from quenched.dmft.stationary_gaussian import StationaryGaussian
from quenched.dmft.stationary_linear import StationaryLinear
from quenched.dmft.stationary_solvers import LateTimes, Ring, RingPopulation
from quenched.models import RandomNetwork, Sinusoid
from quenched.models.drive import Drive
from quenched.numerics.anderson import Anderson
from quenched.numerics.self_consistency import Newton
from quenched.precision import traced
from quenched.theory import AbstractChoice, is_usual

if TYPE_CHECKING:
    from quenched.dmft.stationary_late import StationaryLate
    from quenched.dmft.stationary_sampled import StationarySampled


class Stationary(AbstractChoice):
    """Stationary states: what is left when the initial state is forgotten, as functions of the lag.

    Five ways, chosen by the models. One population of leaky neurons, dx/dt = -x + h:
        - `Linear` activation, any symmetry: closed form, `StationaryLinear`;
        - symmetry 0: one root of a potential, `StationaryGaussian`, deterministic and differentiable;
        - otherwise: trajectories of one neuron sampled in its own mean field, `StationarySampled`.

    Several populations, low rank, maps and other units:
        - without memory: one fixed point on a ring, `StationaryFilters`;
        - otherwise (symmetry, self-coupling, species, nonlinear units under a sinusoid): the two-time theory at late times,
          sampled, as `qd.dmft.LateTimes` describes.

    `solver=` of `qd.solve` may choose: `qd.dmft.LateTimes(...)` takes every model; `qd.dmft.RingPopulation(...)` samples,
    which one population of leaky neurons may always be; `qd.dmft.Ring(...)` is the ring of what has no memory; a `qd.Newton`
    or `qd.dmft.Anderson` is that of the way.

    Arguments:
        lags: increasing, from 0 on, in units of the leak time; 0, 0.25, ..., 20 if left out; of maps 0, 1, ..., 20.
        frequencies: angular frequencies of the spectra, likewise; 0, 0.1, ..., 10 if left out.

    Returns, each with `_error`:
        `state_correlation`, `correlation`, `state_response`, `response` (lag), `power_spectrum` (frequency), `mean_state`,
        `mean_rate`, `mean_square_state`, `mean_square_rate`, `kinetic_energy`, `lyapunov_exponent` (not of `Linear`
        activations with symmetry, nor of rates that jump where they are sampled); more with each way.

    Raises:
        ValueError: lags that do not increase, or a model that the way chosen, or that of the solver, does not cover.
        TypeError: a solver of another kind than those above, or one that is not for this model.

    When it fails: as the way chosen says; `not_stationary`: the state has not forgotten its past within the window;
    `diverged`: no bounded state; `no_such_branch`: the branch asked for does not exist.

    Source: Sompolinsky, Crisanti & Sommers 1988 (`sompolinsky1988`); noise: Schuecker, Goedeke & Helias 2018
    (`schuecker2018`); symmetry: Zou & Huang 2024 (`zou2024`).

    Under jit, grad and vmap the symmetry cannot be looked at: name the way yourself then.

    Example:
        >>> import quenched as qd
        >>> solution = qd.solve(qd.RandomNetwork(gain=1.5), qd.dmft.Stationary(lags=(0.0, 1.0)))
        >>> print(f"{float(solution['state_correlation'][0]):.6f}")
        0.747686
    """

    lags: tuple[float, ...] = eqx.field(static=True)
    frequencies: tuple[float, ...] = eqx.field(static=True)

    equation: ClassVar[str] = (
        r"\dot x = -x + g^2\eta\int_0^\infty R(\tau)\,\phi(x(t-\tau))\,\mathrm{d}\tau + \gamma(t) + b + \sigma\xi(t),\quad "
        r"\langle\gamma(t)\gamma(t+\tau)\rangle = g^2 C(\tau)"
    )
    citations: ClassVar[tuple[str, ...]] = ("sompolinsky1988", "schuecker2018", "zou2024")
    solvers: ClassVar[tuple[type, ...]] = (Ring, RingPopulation, LateTimes, Newton, Anderson)
    of_solver: ClassVar[Mapping[str, str]] = {
        name: f"qd.dmft.{kind.__name__}({name}={{}})"
        for kind in (LateTimes, RingPopulation)
        for name in inspect.signature(kind).parameters
    }

    def __init__(self, lags: Iterable[Any] | None = None, frequencies: Iterable[Any] | None = None):
        self.lags = read_axis("lags", lags, LAGS)
        self.frequencies = read_axis("frequencies", frequencies, FREQUENCIES)

    def covers(self, model: RandomNetwork) -> None:
        if not is_usual(model) and not isinstance(model.field, Sinusoid):
            model.constant_field("dmft.Stationary")

    def default_solver(self, models: Sequence[RandomNetwork]) -> Ring | RingPopulation | LateTimes | Newton:
        if _is_one_equation(models):
            return Newton(nodes=32)
        if all(map(is_usual, models)):
            return RingPopulation()
        return _ring_for(models) if all(map(self._on_a_ring, models)) else LateTimes()

    def choose(
        self, models: Sequence[RandomNetwork], solver: Any = None
    ) -> StationaryFilters | StationaryGaussian | StationaryLate | StationaryLinear | StationarySampled:
        solver = self.checked_solver(models, solver)
        if isinstance(solver, Newton) and _is_one_equation(models):
            return self._in_one_equation(models)
        usual = all(map(is_usual, models))
        default = self.default_solver(models)
        if isinstance(solver, Anderson) and isinstance(default, Ring | RingPopulation):
            solver = default
        if isinstance(solver, Ring):
            way = self._filters(solver, models)
            for model in models:
                way.covers(model)
            return way
        if isinstance(solver, RingPopulation):
            if not usual:
                raise ValueError(
                    "Argument `solver` must be a Ring or LateTimes for dmft.Stationary of models made of other couplings "
                    "and units, but is a RingPopulation; try solver=qd.dmft.LateTimes(), or leave it out."
                )
            return self._sampled(solver)
        if isinstance(solver, LateTimes):
            return self._at_late_times(models, solver)
        raise TypeError(
            f"Argument `solver` must be a {type(default).__name__} for dmft.Stationary of these models, but is "
            f"{checks.shown(solver)}."
        )

    def _on_a_ring(self, model: RandomNetwork) -> bool:
        """Whether `StationaryFilters` covers it, as it says itself."""
        try:
            self._filters(_ring_for([model]), [model]).covers(model)
        except ValueError:
            return False
        return True

    def _filters(self, solver: Ring, models: Sequence[RandomNetwork]) -> StationaryFilters:
        window, step = solver.window, solver.step
        periods = [window_for(frequency) for frequency in _frequencies(models)]
        if window is None and periods:
            # Near the amplitude at which a drive silences chaos correlations are long.
            longest = max(2.0 * DEFAULT_WINDOW, 4.0 * self.lags[-1], *periods)
            window = step * 2 ** int(np.ceil(np.log2(longest / step)))
        return StationaryFilters(self._lags(models[0].kind), self.frequencies, step=step, window=window)

    def _lags(self, kind: str) -> tuple[float, ...]:
        return tuple(map(float, range(21))) if kind == "map" and self.lags == LAGS else self.lags

    def _at_late_times(self, models: Sequence[RandomNetwork], solver: LateTimes) -> StationaryLate:
        from quenched.dmft.late_way import late_way

        return late_way(models, self._lags(models[0].kind), self.frequencies, solver)

    def _sampled(self, solver: RingPopulation) -> StationarySampled:
        from quenched.dmft.stationary_sampled import StationarySampled

        numerics = {field.name: getattr(solver, field.name) for field in fields(solver)}
        return StationarySampled(self.lags, self.frequencies, **numerics)

    def _in_one_equation(self, models: Sequence[RandomNetwork]) -> StationaryGaussian | StationaryLinear:
        if all(isinstance(model.activation, Linear) for model in models):
            return StationaryLinear(self.lags, self.frequencies)
        centred = all(model.activation.odd and _is_zero(model.field) for model in models)
        return StationaryGaussian(self.lags, self.frequencies, centred)


def _is_one_equation(models: Sequence[RandomNetwork]) -> bool:
    """Whether nothing of it is sampled or iterated: of usual units that are linear, or couplings without symmetry."""
    if not all(map(is_usual, models)):
        return False
    return all(isinstance(model.activation, Linear) for model in models) or all(_is_zero(model.symmetry) for model in models)


def _frequencies(models: Sequence[RandomNetwork]) -> list[float]:
    """Of all sinusoids that can be looked at."""
    fields = [model.field for model in models if isinstance(model.field, Sinusoid) and not traced(model.field)]
    return [float(frequency) for field in fields for frequency in np.ravel(field.angular_frequency)]


def _ring_for(models: Sequence[RandomNetwork]) -> Ring:
    """With a step that sinusoids turn little in."""
    step = Ring().step
    shortest = min((step_for(frequency) for frequency in _frequencies(models)), default=step)
    return Ring(step * 0.5 ** max(0, int(np.ceil(np.log2(step / shortest)))))


def _is_zero(value: Any) -> bool:
    return not isinstance(value, jax.core.Tracer | Drive) and bool(value == 0)
