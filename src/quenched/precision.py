"""JAX's settings for this package's own work, without touching those of the program around it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, ParamSpec, TypeVar

import jax

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


@contextmanager
def own_settings() -> Iterator[None]:
    """Double precision, and what a program may forbid itself to find its mistakes: here NaN marks what does not exist, and
    is looked for, and dtypes and ranks that differ are meant to."""
    with ExitStack() as settings:
        settings.enter_context(jax.enable_x64(True))
        settings.enter_context(jax.debug_nans(False))
        settings.enter_context(jax.debug_infs(False))
        settings.enter_context(jax.numpy_dtype_promotion("standard"))
        settings.enter_context(jax.numpy_rank_promotion("allow"))
        yield


def traced(*trees: Any) -> bool:
    """Whether any leaf belongs to a JAX transformation (jit, grad, vmap) under way."""
    return any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves(trees))


def double_precision(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Run `function` in float64, whatever the surrounding program has set."""

    @functools.wraps(function)
    def wrapped(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        if traced(args, kwargs) and not jax.config.read("jax_enable_x64"):
            raise RuntimeError(
                f"quenched computes in float64, but {function.__name__} is being traced by a JAX transformation in "
                "float32. Put the transformation, not only the call, inside `with jax.enable_x64(True):`."
            )
        with own_settings():
            return function(*args, **kwargs)

    return wrapped
