"""What a function computes, apart from the numbers in it.

JAX compiles a Python function once and would not see that what it closes over has changed; and two functions that do the
same with other numbers, made in a loop, would be compiled each. So a function is traced whenever it is used: the arrays that
it closes over become arguments, and functions of one program share what is compiled.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jax.extend import core
from jaxtyping import Array


class Program:
    """The operations of a function; two are equal if they read the same."""

    def __init__(self, traced: core.ClosedJaxpr, owner: Callable[..., Any]):
        self.jaxpr = traced.jaxpr
        # What is not all written out equals only itself.
        self.owner = owner if any(map(_hides, _equations(traced.jaxpr))) else None
        inside = tuple(number for equation in _equations(traced.jaxpr) for number in _numbers_inside(equation))
        self.read = (str(traced.jaxpr), id(self.owner), inside)

    def __hash__(self) -> int:
        return hash(self.read)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Program) and self.read == other.read


class Traced(eqx.Module):
    """A function of arrays: its program, and the arrays that it closes over."""

    program: Program = eqx.field(static=True)
    constants: list[Any]

    def __call__(self, *arguments: Any) -> Array:
        found: Array = core.jaxpr_as_fun(core.ClosedJaxpr(self.program.jaxpr, self.constants))(*arguments)[0]
        return found


def traced(function: Callable[..., Any], *arguments: Any, owner: Callable[..., Any]) -> Traced:
    """The function as it is now, for arguments of these shapes; `owner` is the user's, of which it is made."""
    found = jax.make_jaxpr(function)(*arguments)
    constants = [constant if isinstance(constant, jax.Array) else np.array(constant) for constant in found.consts]
    return Traced(Program(found, owner), constants)


def _equations(jaxpr: core.Jaxpr) -> Iterator[Any]:
    for equation in jaxpr.eqns:
        yield equation
        for part in _parts(equation):
            if isinstance(part, core.ClosedJaxpr | core.Jaxpr):
                yield from _equations(part.jaxpr if isinstance(part, core.ClosedJaxpr) else part)


def _hides(equation: Any) -> bool:
    """Whether an operation has rules of its own (of differentiation, say), or calls Python."""
    return any(word in equation.primitive.name for word in ("custom", "callback", "ffi"))


def _numbers_inside(equation: Any) -> list[bytes]:
    """Arrays that a function under a `jax.jit` of its own closes over."""
    inside = [part for part in _parts(equation) if isinstance(part, core.ClosedJaxpr)]
    return [np.asarray(constant).tobytes() for part in inside for constant in part.consts]


def _parts(equation: Any) -> list[Any]:
    return jax.tree.leaves(equation.params, is_leaf=lambda leaf: isinstance(leaf, core.Jaxpr | core.ClosedJaxpr))
