"""Stationary states, each model by the way that suits it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

import equinox as eqx
import jax

from quenched import checks
from quenched.activations import Linear
from quenched.dmft.lags import FREQUENCIES, LAGS, read_axis
from quenched.dmft.stationary_filters import StationaryFilters
from quenched.dmft.stationary_gaussian import StationaryGaussian
from quenched.dmft.stationary_linear import StationaryLinear
from quenched.dmft.stationary_ring import SCHEMES
from quenched.models import RandomNetwork
from quenched.models.drive import Drive
from quenched.simulate.integrate import check_step
from quenched.theory import AbstractChoice, AbstractExperiment, AbstractTheory, is_usual


class Stationary(AbstractChoice):
    """Stationary states: what is left when the initial state is forgotten, as functions of the lag.

    Four ways, chosen by the models. One population of leaky neurons, dx/dt = -x + h:
        - `Linear` activation, any symmetry: closed form, `StationaryLinear`;
        - symmetry 0: one root of a potential, `StationaryGaussian`, deterministic and differentiable;
        - otherwise: trajectories of one neuron sampled in its own mean field, `StationarySampled`.
    Several populations, low rank, maps and other units, without memory: one fixed point on a ring, `StationaryFilters`.

    Arguments:
        lags: increasing, from 0 on, in units of the leak time; 0, 0.25, ..., 20 if left out; of maps 0, 1, ..., 20.
        frequencies: angular frequencies of the spectra, likewise; 0, 0.1, ..., 10 if left out.
        step, window, trajectories, scramblings, scheme, richardson, precision: of the sampled way alone, see
            `StationarySampled`.

    Returns, each with `_error`:
        `state_correlation`, `correlation`, `state_response`, `response` (lag), `power_spectrum` (frequency), `mean_state`,
        `mean_rate`, `mean_square_state`, `mean_square_rate`, `kinetic_energy`; more with each way.

    Raises: ValueError for lags that do not increase, and where the way chosen does not cover the model.

    Under jit, grad and vmap the symmetry cannot be looked at: name the way yourself then.

    Example:
        >>> import quenched as qd
        >>> solution = qd.solve(qd.RandomNetwork(gain=1.5), qd.dmft.Stationary(lags=(0.0, 1.0)))
        >>> print(f"{float(solution['state_correlation'][0]):.6f}")
        0.747686
    """

    lags: tuple[float, ...] = eqx.field(static=True)
    frequencies: tuple[float, ...] = eqx.field(static=True)
    step: float = eqx.field(static=True)
    window: float | None = eqx.field(static=True)
    trajectories: int = eqx.field(static=True)
    scramblings: int = eqx.field(static=True)
    scheme: str = eqx.field(static=True)
    richardson: bool = eqx.field(static=True)
    precision: float | None

    equation: ClassVar[str] = (
        r"\dot x = -x + g^2\eta\int_0^\infty R(\tau)\,\phi(x(t-\tau))\,\mathrm{d}\tau + \gamma(t) + b + \sigma\xi(t),\quad "
        r"\langle\gamma(t)\gamma(t+\tau)\rangle = g^2 C(\tau)"
    )
    citations: ClassVar[tuple[str, ...]] = ("sompolinsky1988", "schuecker2018", "zou2024")

    def __init__(
        self,
        lags: Iterable[Any] | None = None,
        frequencies: Iterable[Any] | None = None,
        *,
        step: float = 0.25,
        window: float | None = None,
        trajectories: int = 128,
        scramblings: int = 10,
        scheme: str = "second_order",
        richardson: bool | None = None,
        precision: float | None = None,
    ):
        self.lags = read_axis("lags", lags, LAGS)
        self.frequencies = read_axis("frequencies", frequencies, FREQUENCIES)
        self.step = check_step(step)
        self.window = None if window is None else float(checks.number("window", window, above=0.0))
        self.trajectories = checks.count("trajectories", trajectories, low=8)
        self.scramblings = checks.count("scramblings", scramblings, low=2)
        self.scheme = checks.one_of("scheme", scheme, SCHEMES)
        self.richardson = scheme != "euler" if richardson is None else checks.flag("richardson", richardson)
        self.precision = None if precision is None else float(checks.number("precision", precision, above=0.0))

    def covers(self, model: RandomNetwork) -> None:
        if not is_usual(model):
            self._on_a_ring(model).covers(model)

    def _on_a_ring(self, model: RandomNetwork) -> StationaryFilters:
        lags = range(21) if model.kind == "map" and self.lags == LAGS else self.lags
        return StationaryFilters(lags, self.frequencies, step=self.step, window=self.window)

    def choose(self, models: Sequence[RandomNetwork]) -> AbstractTheory | AbstractExperiment:
        if not all(map(is_usual, models)):
            return self._on_a_ring(models[0])
        if all(isinstance(model.activation, Linear) for model in models):
            return StationaryLinear(self.lags, self.frequencies)
        if all(_is_zero(model.symmetry) for model in models):
            centred = all(model.activation.odd and _is_zero(model.field) for model in models)
            return StationaryGaussian(self.lags, self.frequencies, centred)
        from quenched.dmft.stationary_sampled import StationarySampled

        return StationarySampled(
            self.lags,
            self.frequencies,
            step=self.step,
            window=self.window,
            trajectories=self.trajectories,
            scramblings=self.scramblings,
            scheme=self.scheme,
            richardson=self.richardson,
            precision=self.precision,
        )


def _is_zero(value: Any) -> bool:
    return not isinstance(value, jax.core.Tracer | Drive) and bool(value == 0)
