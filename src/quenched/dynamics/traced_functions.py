"""What a function computes, apart from the numbers in it.

JAX compiles a Python function once and would not see that what it closes over has changed; and two functions that do the
same with other numbers, made in a loop, would be compiled each. So a function is traced whenever it is used: the arrays that
it closes over become arguments, and functions of one program share what is compiled.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from types import FunctionType, MethodType
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.extend import core
from jax.extend.linear_util import WrappedFun
from jaxtyping import Array


class Program:
    """The operations of a function; two are equal if they read the same, and so do their derivatives."""

    def __init__(self, made: core.ClosedJaxpr, function: Callable[..., Any], arguments: tuple[Any, ...]):
        self.jaxpr = made.jaxpr
        self.read: tuple[Any, ...] = (str(made.jaxpr), *_numbers_inside(made.jaxpr))
        if any(map(_hides, _equations(made.jaxpr))):
            self.read += _derivatives(made, function, arguments)

    def __hash__(self) -> int:
        return hash(self.read)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Program) and self.read == other.read


class TracedFunction(eqx.Module):
    """A function of arrays: its program, and the arrays that it closes over."""

    program: Program = eqx.field(static=True)
    constants: list[Any]

    def __call__(self, *arguments: Any) -> Array:
        found: Array = core.jaxpr_as_fun(core.ClosedJaxpr(self.program.jaxpr, self.constants))(*arguments)[0]
        return found


def traced_function(function: Callable[..., Any], *arguments: Any) -> TracedFunction:
    """The function with what it closes over now, for arguments of these shapes."""
    made = jax.make_jaxpr(function)(*arguments)
    constants = [constant if isinstance(constant, jax.Array) else np.array(constant) for constant in made.consts]
    return TracedFunction(Program(made, function, arguments), constants)


def _derivatives(made: core.ClosedJaxpr, function: Callable[..., Any], arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    """The programs of the derivatives in both modes, and the numbers that only they know: rules of differentiation are not
    written out in the program itself."""
    tangents = [jnp.zeros(each.shape, each.dtype) for each in arguments]
    known = set(map(_content, made.consts))
    try:
        forward = jax.make_jaxpr(lambda *at: jax.jvp(function, at, tuple(tangents)))(*arguments)
        backward = jax.make_jaxpr(lambda *at: jax.vjp(function, *at)[1](tangents[0]))(*arguments)
    except Exception:
        # No derivative, which whoever needs it will say: this is a program of its own.
        return (object(),)
    own = tuple(_content(each) for mode in (forward, backward) for each in mode.consts)
    written = [(str(mode.jaxpr), *_numbers_inside(mode.jaxpr)) for mode in (forward, backward)]
    return (*written, tuple(each for each in own if each not in known))


def _equations(jaxpr: core.Jaxpr) -> Iterator[Any]:
    for equation in jaxpr.eqns:
        yield equation
        for part in _parts(equation):
            if isinstance(part, core.ClosedJaxpr | core.Jaxpr):
                yield from _equations(part.jaxpr if isinstance(part, core.ClosedJaxpr) else part)


def _hides(equation: Any) -> bool:
    """Whether an operation has rules of its own, of differentiation say, or calls Python."""
    functions = any(isinstance(part, FunctionType | MethodType | partial | WrappedFun) for part in _parts(equation))
    return functions or any(word in equation.primitive.name for word in ("custom", "callback", "ffi"))


def _numbers_inside(jaxpr: core.Jaxpr) -> tuple[bytes, ...]:
    """Arrays that are no arguments: closed over by a function under a `jax.jit` of its own, or written as literals."""
    found = []
    for equation in _equations(jaxpr):
        literals = [each.val for each in equation.invars if isinstance(each, core.Literal) and np.ndim(each.val)]
        closed = [part for part in _parts(equation) if isinstance(part, core.ClosedJaxpr)]
        found += [_content(each) for each in literals + [constant for part in closed for constant in part.consts]]
    return tuple(found)


def _parts(equation: Any) -> list[Any]:
    return jax.tree.leaves(equation.params, is_leaf=lambda leaf: isinstance(leaf, core.Jaxpr | core.ClosedJaxpr))


def _content(constant: Any) -> bytes:
    if jnp.issubdtype(constant.dtype, jax.dtypes.prng_key):
        constant = jax.random.key_data(constant)
    return str(constant.dtype).encode() + np.ascontiguousarray(constant).tobytes()
