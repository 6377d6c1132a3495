"""What every activation function provides, and the one a user brings.

An activation is the function phi that turns the state x of a neuron into its rate phi(x). The solvers ask of
it four things: phi, its slope phi', whether it is odd, and where its derivatives jump (quadrature splits there).
A new activation is one short file with these four.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from quenched import checks

# Where a user's function is probed once, to see that it is finite and whether it is odd.
_PROBE = np.concatenate([np.linspace(0.0, 4.0, 41)[1:], [7.0, 12.5, 30.0]])


class AbstractActivation(eqx.Module):
    """phi and what the solvers need to know of it."""

    @property
    @abstractmethod
    def name(self) -> str:
        """The word for it in tables and files."""

    @property
    @abstractmethod
    def odd(self) -> bool:
        """Whether phi(-x) = -phi(x)."""

    @property
    @abstractmethod
    def bounded(self) -> bool:
        """Whether |phi| stays below a constant."""

    @property
    @abstractmethod
    def breakpoints(self) -> tuple[float, ...]:
        """Where phi or a derivative of it jumps."""

    @property
    def kinked_at_zero(self) -> bool:
        """Whether the slope jumps at 0, where the state of rest would sit."""
        if 0.0 not in self.breakpoints:
            return False
        with jax.ensure_compile_time_eval(), jax.enable_x64(True):
            left, right = self.slope(jnp.asarray([-1e-9, 1e-9]))
            return bool(jnp.abs(right - left) > 1e-6)

    @abstractmethod
    def __call__(self, state: Float[Array, "..."]) -> Float[Array, "..."]:
        """phi(x), element by element."""

    @abstractmethod
    def slope(self, state: Float[Array, "..."]) -> Float[Array, "..."]:
        """phi'(x), element by element."""


class Activation(AbstractActivation):
    """An activation of your own: any function of a real number that JAX can trace; its slope by autodiff.

    Arguments:
        function: phi, written for one number or an array, element by element (`jnp`, not `np`, functions). It is compiled
            once: numbers that it closes over must not change; make another Activation with others.
        name: the word for it in tables; the function's own name if left out.
        breakpoints: where phi or one of its derivatives jumps. Gaussian averages are split there; a kink that
            is not named costs most of their digits.
        bounded: whether |phi| stays below a constant, if you know; otherwise phi is compared at 1e3 and 1e6.

    Raises:
        TypeError: the function cannot be called on a JAX array, or does not act element by element.
        ValueError: it returns NaN or infinity somewhere in [-30, 30].

    Example:
        >>> import jax.numpy as jnp, quenched as qd
        >>> softsign = qd.Activation(lambda x: x / (1 + jnp.abs(x)), name="softsign", breakpoints=(0.0,))
        >>> softsign.odd, softsign.bounded
        (True, True)
    """

    function: Callable[[Array], Array] = eqx.field(static=True)
    _name: str = eqx.field(static=True)
    _breakpoints: tuple[float, ...] = eqx.field(static=True)
    _odd: bool = eqx.field(static=True)
    _bounded: bool = eqx.field(static=True)

    def __init__(
        self,
        function: Callable[[Array], Array],
        name: str | None = None,
        *,
        breakpoints: tuple[float, ...] = (),
        bounded: bool | None = None,
    ):
        if not callable(function):
            raise TypeError(f"Argument `function` must be a function of x, but is {function!r}.")
        self.function = function
        self._name = name or str(getattr(function, "__name__", "activation"))
        self._breakpoints = tuple(sorted(checks.real_array("Argument `breakpoints`", breakpoints, (None,)).tolist()))
        with jax.enable_x64(True), jax.ensure_compile_time_eval():
            positive, negative = _probe(function, _PROBE), _probe(function, -_PROBE)
            at_zero = _probe(function, np.zeros(1))
            self._odd = bool(np.abs(at_zero[0]) == 0.0 and np.allclose(positive, -negative, rtol=1e-14, atol=0.0))
            if bounded is None:
                far = np.abs(np.asarray(function(jnp.asarray([-1e6, -1e3, 1e3, 1e6]))))
                bounded = bool(np.all(np.isfinite(far)) and far[0] < 2 * far[1] + 1 and far[3] < 2 * far[2] + 1)
            self._bounded = bounded

    @property
    def name(self) -> str:
        return self._name

    @property
    def odd(self) -> bool:
        return self._odd

    @property
    def bounded(self) -> bool:
        return self._bounded

    @property
    def breakpoints(self) -> tuple[float, ...]:
        return self._breakpoints

    def __call__(self, state: Float[Array, "..."]) -> Float[Array, "..."]:
        return self.function(state)

    def slope(self, state: Float[Array, "..."]) -> Float[Array, "..."]:
        # phi acts element by element, so one push-forward of ones is its derivative everywhere.
        return jax.jvp(self.function, (state,), (jnp.ones_like(state),))[1]


def _probe(function: Callable[[Array], Array], points: np.ndarray) -> np.ndarray:
    try:
        values = jax.jit(lambda state: function(state))(jnp.asarray(points))
    except Exception as error:
        raise TypeError(
            f"Argument `function` must be a function that JAX can trace (use jnp, not np or math, inside it), "
            f"but calling it on an array failed: {error}"
        ) from error
    if not hasattr(values, "shape") or values.shape != points.shape:
        raise TypeError(
            f"Argument `function` must act element by element, but turned shape {points.shape} "
            f"into {getattr(values, 'shape', type(values).__name__)}."
        )
    found = np.asarray(values)
    if not np.isfinite(found).all():
        first = np.flatnonzero(~np.isfinite(found))[0]
        raise ValueError(f"Argument `function` must be finite for every x, but is {found[first]} at x = {points[first]:g}.")
    return found
