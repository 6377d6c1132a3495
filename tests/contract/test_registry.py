"""No theory and no experiment escapes the contract."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any

from subjects import SUBJECTS

import quenched as qd
from quenched.sweeps.registry import ACTIVATIONS, THEORIES, build_activation
from quenched.theory import AbstractExperiment, AbstractTheory, Theory


def public(base: Any) -> set[type]:
    children = {child for child in base.__subclasses__() if child.__module__.startswith("quenched.")}
    return children.union(*(public(child) for child in children))


def test_every_theory_and_experiment_is_a_subject() -> None:
    for module in pkgutil.walk_packages(qd.__path__, "quenched."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    assert public(AbstractTheory) | public(AbstractExperiment) == {type(subject.theory) for subject in SUBJECTS}


def test_every_theory_has_its_word_on_the_command_line() -> None:
    found = {
        f"{chapter.__name__.removeprefix('quenched.')}.{name}"
        for chapter in (qd.dmft, qd.replica, qd.simulate, qd.landscape, qd.layers)
        for name in chapter.__all__
        if isinstance(member := getattr(chapter, name), type) and issubclass(member, Theory)
    }
    assert found == set(THEORIES)
    assert sorted(ACTIVATIONS) == sorted(qd.activations.NAMES)
    assert {name: build_activation(name).name for name in ACTIVATIONS} == {name: name for name in ACTIVATIONS}


def test_subjects_are_there_once() -> None:
    names = [subject.name for subject in SUBJECTS]
    assert len(set(names)) == len(names)
