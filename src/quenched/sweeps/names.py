"""Theories, activations and solvers by the names that files and the command line use."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any

from quenched import activations, checks, dmft, landscape, replica, simulate
from quenched.activations import AbstractActivation
from quenched.models import Normal, Uniform
from quenched.theory import AbstractExperiment, AbstractTheory, Theory

_INITIAL = {"normal": Normal, "uniform": Uniform}


def theories() -> dict[str, type[Theory]]:
    """Every theory and experiment that `qd.solve` takes, such as dmft.Static."""
    found = {}
    for chapter in (dmft, replica, simulate, landscape):
        for name in chapter.__all__:
            member = getattr(chapter, name)
            if isinstance(member, type) and issubclass(member, Theory):
                found[f"{chapter.__name__.removeprefix('quenched.')}.{name}"] = member
    return found


def build_theory(name: str, arguments: Mapping[str, Any], also: Iterable[str] = ()) -> Theory:
    """The theory of that name; its constructor checks the arguments. `also` are words that a typing error may have meant."""
    known = theories()
    by_last_word = {full.rpartition(".")[2]: full for full in known}
    kind = known[checks.one_of("theory", by_last_word.get(name, name), known)]
    accepted = list(inspect.signature(kind).parameters)
    for argument in arguments:
        if argument not in accepted:
            takes = ", ".join(accepted) or "no arguments"
            raise ValueError(
                f"{name} has no argument `{argument}`.{checks.nearest(argument, [*accepted, *also])} It takes {takes}."
            )
    given = {argument: _initial(value) if argument == "initial" else value for argument, value in arguments.items()}
    for argument, parameter in inspect.signature(kind).parameters.items():
        if parameter.default is parameter.empty and argument not in given:
            raise ValueError(f"{name} needs the argument `{argument}`.")
    return kind(**given)


def build_activation(name: str) -> AbstractActivation:
    """tanh, erf, relu or linear."""
    known = {}
    for member in map(activations.__dict__.__getitem__, activations.__all__):
        if isinstance(getattr(member, "name", None), str):
            known[member.name] = member
    return known[checks.one_of("activation", name.lower(), known)]()


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
                f"The solver {type(default).__name__} has no option `{option}`.{checks.nearest(option, accepted)} "
                f"It takes {', '.join(accepted)}."
            )
    return type(default)(**options)


def _initial(value: Any) -> Any:
    """{normal = [mean, std]} or {uniform = [low, high]}."""
    if not isinstance(value, Mapping):
        return value
    if len(value) != 1 or not isinstance(next(iter(value.values())), list):
        raise ValueError(
            f"Argument `initial` must be {{normal = [mean, std]}} or {{uniform = [low, high]}}, but is {value}."
        )
    ((kind, parameters),) = value.items()
    return _INITIAL[checks.one_of("initial", kind, _INITIAL)](*parameters)
