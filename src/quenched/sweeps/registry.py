"""Theories, activations, solvers and figures by the names that files and the command line use."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from difflib import get_close_matches
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import quenched as qd
from quenched.words import nearest, one_of

if TYPE_CHECKING:
    from quenched.activations import AbstractActivation
    from quenched.theory import AbstractExperiment, AbstractTheory, Theory

# Words, so that a misspelt one is refused before anything is imported; a test keeps them complete.
THEORIES = {
    "dmft.Static": "states at rest: correlation and response",
    "dmft.Stationary": "over the lag, by the method that fits the model",
    "dmft.StationaryFilters": "over the lag, no memory: populations, maps",
    "dmft.StationaryGaussian": "over the lag without symmetry, exactly",
    "dmft.StationaryLinear": "over the lag for linear phi, in closed form",
    "dmft.StationarySampled": "over the lag at any symmetry, with error bars",
    "dmft.TwoTime": "any two times since the start",
    "replica.FiniteTemperature": "order parameters and free energy",
    "replica.OneStepRSB": "one step of replica symmetry breaking",
    "replica.ZeroTemperature": "T = 0, where only fixed points are left",
    "simulate.Cavity": "a neuron added to networks: the cavity",
    "simulate.Trajectories": "averages over neurons, time and networks",
    "landscape.FixedPoints": "fixed points, averaged in two ways",
    "landscape.Sampling": "the measure exp(-E/T), sampled",
}
# Figures of qd.plots that a file may ask for, and the parameter that one of its sweeps must run over.
FIGURES = {"edge_of_chaos": "gain"}
ACTIVATIONS = {"tanh": "Tanh", "erf": "Erf", "relu": "ReLU", "linear": "Linear"}
_INITIAL = {"normal": "Normal", "uniform": "Uniform"}


def theories() -> dict[str, type[Theory]]:
    """Every theory and experiment that `qd.solve` takes, such as dmft.Static."""
    return {name: attrgetter(name)(qd) for name in THEORIES}


def full_name(name: str) -> str:
    """The full name of a theory, of which the last word is enough."""
    by_last_word = {full.rpartition(".")[2]: full for full in THEORIES}
    if name in THEORIES or name in by_last_word:
        return by_last_word.get(name, name)
    raise ValueError(f"Argument `theory` must be one of {', '.join(THEORIES)}, but is {name!r}.{nearest_theory(name)}")


def nearest_theory(name: str) -> str:
    """' Did you mean ...?' or nothing. Only last words are compared, for all theories of a chapter share the first."""
    by_last_word = {full.rpartition(".")[2].lower(): full for full in THEORIES}
    close = get_close_matches(name.rpartition(".")[2].lower(), by_last_word, n=1)
    return f" Did you mean {by_last_word[close[0]]!r}?" if close else ""


def theory_arguments(name: str) -> list[str]:
    """What the theory of that name takes."""
    return list(inspect.signature(attrgetter(full_name(name))(qd)).parameters)


def build_theory(name: str, arguments: Mapping[str, Any], also: Iterable[str] = ()) -> Theory:
    """The theory of that name; its constructor checks the arguments. `also` are words that a typing error may have meant."""
    given = {argument: _initial(value) if argument == "initial" else value for argument, value in arguments.items()}
    built: Theory = call(attrgetter(full_name(name))(qd), name, given, also)
    return built


def call(kind: Callable[..., Any], name: str, arguments: Mapping[str, Any], also: Iterable[str] = ()) -> Any:
    """What the class makes of its arguments; those that it does not have, and that it lacks, are named."""
    accepted = inspect.signature(kind).parameters
    for argument in arguments:
        if argument not in accepted:
            takes = f" It takes {', '.join(accepted) or 'no arguments'}."
            raise ValueError(f"{name} has no argument `{argument}`.{nearest(argument, [*accepted, *also]) or takes}")
    for argument, parameter in accepted.items():
        if parameter.default is parameter.empty and argument not in arguments:
            raise ValueError(f"{name} needs the argument `{argument}`.")
    return kind(**arguments)


def build_activation(name: str) -> AbstractActivation:
    """tanh, erf, relu or linear."""
    built: AbstractActivation = getattr(qd.activations, ACTIVATIONS[one_of("activation", name.lower(), ACTIVATIONS)])()
    return built


def build_solver(theory: AbstractTheory | AbstractExperiment, options: Mapping[str, Any]) -> Any:
    """The theory's solver with some options changed, or None where none are."""
    if not options:
        return None
    default = theory.default_solver()
    if default is None:
        raise ValueError(f"{type(theory).__name__} has no solver to set options of.")
    accepted = [field.name for field in fields(default)]
    for option in options:
        if option not in accepted:
            raise ValueError(
                f"The solver {type(default).__name__} has no option `{option}`.{nearest(option, accepted)} "
                f"It takes {', '.join(accepted)}."
            )
    return type(default)(**options)


def _initial(value: Any) -> Any:
    """{normal = [mean, std]} or {uniform = [low, high]}."""
    numbers = next(iter(value.values()), None) if isinstance(value, Mapping) and len(value) == 1 else None
    if not isinstance(numbers, list) or len(numbers) != 2:
        raise ValueError(
            f"Argument `initial` must be {{normal = [mean, std]}} or {{uniform = [low, high]}}, but is {value!r}."
        )
    ((kind, parameters),) = value.items()
    return getattr(qd, _INITIAL[one_of("initial", kind, _INITIAL)])(*parameters)
