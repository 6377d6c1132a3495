"""Theories, activations, solvers and figures by the names that files and the command line use."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields
from difflib import get_close_matches
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import quenched as qd
from quenched.words import nearest, one_of

if TYPE_CHECKING:
    from quenched.activations import AbstractActivation
    from quenched.models import AbstractModel
    from quenched.theory import Theory

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
    "layers.Propagation": "signals and gradients through deep networks",
    "layers.Forward": "deep networks of finite width",
}
# Figures of qd.plots that a file may ask for, and the parameter that one of its sweeps must run over.
FIGURES = {"edge_of_chaos": "gain"}
# Those of `qd.activations.common`; a test keeps them so.
ACTIVATIONS = (
    *("tanh", "erf", "relu", "linear", "sine", "sigmoid", "gelu", "silu", "mish", "elu", "selu", "celu", "leaky_relu"),
    *("relu6", "softplus", "squareplus", "softsign", "logsigmoid", "hardtanh", "hardsigmoid", "hardswish"),
    *("hardshrink", "softshrink", "tanhshrink"),
)
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


def ensembles(name: str) -> tuple[type, ...]:
    """The kinds of models that the theory of that name is about."""
    kinds: tuple[type, ...] = attrgetter(full_name(name))(qd).models
    return kinds


def build_theory(name: str, arguments: Mapping[str, Any], also: Iterable[str] = ()) -> Theory:
    """The theory of that name; its constructor checks the arguments. `also` are words that a typing error may have meant."""
    built: Theory = call(attrgetter(full_name(name))(qd), name, _with_initial(arguments), also)
    return built


def call(kind: Callable[..., Any], name: str, arguments: Mapping[str, Any], also: Iterable[str] = ()) -> Any:
    """What the class makes of its arguments; those that it does not have, and that it lacks, are named."""
    accepted = inspect.signature(kind).parameters
    for argument in arguments:
        if argument in getattr(kind, "of_solver", ()):
            raise ValueError(
                f"{name} has no argument `{argument}`, which belongs to its solver: {_in_file(kind, argument)}."
            )
        if argument not in accepted:
            takes = f" It takes {', '.join(accepted) or 'no arguments'}."
            raise ValueError(f"{name} has no argument `{argument}`.{nearest(argument, [*accepted, *also]) or takes}")
    for argument, parameter in accepted.items():
        if parameter.default is parameter.empty and argument not in arguments:
            raise ValueError(f"{name} needs the argument `{argument}`.")
    return kind(**arguments)


def _in_file(kind: Any, argument: str) -> str:
    """As a file or `--solver` says it."""
    solver = word(kind.of_solver[argument].partition("(")[0].rpartition(".")[2])
    return f"solver = {{ {solver} = {{ {'' if argument == 'sampled' else f'{argument} = ...'} }} }}".replace("{  }", "{}")


def build_activation(name: str) -> AbstractActivation:
    """One of those that deep-learning libraries have."""
    one_of("activation", name.lower(), ACTIVATIONS)
    built: AbstractActivation = qd.activations.common(name)
    return built


def build_solver(theory: Theory, models: Sequence[AbstractModel], options: Mapping[str, Any]) -> Any:
    """The theory's solver for these models with some options changed, or None where none are. A table with one entry names
    the solver, where there are several: {population = {trajectories = 64}}."""
    if not options:
        return None
    kinds = {word(kind.__name__): kind for kind in getattr(theory, "solvers", ())}
    (name, own), *others = options.items()
    if name in kinds and not others and isinstance(own, Mapping):
        return _solver(kinds[name], own)
    # A choice says what its solver is by the models.
    from quenched.solve import chosen_way  # which computes; the help on options does not wait for it

    default: Any = chosen_way(theory, models).asked
    if default is None:
        raise ValueError(f"{type(theory).__name__} has no solver to set options of.")
    return _solver(type(default), options, kinds)


def _solver(kind: type, options: Mapping[str, Any], kinds: Iterable[str] = ()) -> Any:
    accepted = [field.name for field in fields(kind)]
    for option in options:
        if option not in accepted:
            another = f" Another is named by a table in it: {', '.join(kinds)}." if kinds else ""
            raise ValueError(
                f"The solver {kind.__name__} has no option `{option}`.{nearest(option, [*accepted, *kinds])} "
                f"It takes {', '.join(accepted)}.{another}"
            )
    return kind(**_with_initial(options))


def word(name: str) -> str:
    """LowRank: low_rank."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def _with_initial(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments, a distribution of initial states made of the table that stands for it."""
    return {argument: _initial(value) if argument == "initial" else value for argument, value in arguments.items()}


def _initial(value: Any) -> Any:
    """{normal = [mean, std]} or {uniform = [low, high]}."""
    numbers = next(iter(value.values()), None) if isinstance(value, Mapping) and len(value) == 1 else None
    if not isinstance(numbers, list) or len(numbers) != 2:
        raise ValueError(
            f"Argument `initial` must be {{normal = [mean, std]}} or {{uniform = [low, high]}}, but is {value!r}."
        )
    ((kind, parameters),) = value.items()
    return getattr(qd, _INITIAL[one_of("initial", kind, _INITIAL)])(*parameters)
