"""What every activation function provides, and the one a user brings.

An activation is the function phi that turns the state x of a neuron into its rate phi(x). The solvers ask of
it four things: phi, its slope phi', whether it is odd, and where phi or its derivatives jump (quadrature splits there).
A new activation is one short file with these four.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from functools import partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from quenched import checks
from quenched.activations.artefacts import Mended, derivative, find_artefacts, mended_slope
from quenched.numerics.jumps import find_jumps, jump_sizes
from quenched.precision import own_settings

# How far out jumps are looked for, and how well they are to be named.
_REACH, _SAME = 30.0, 1e-9
# Decimals of a kink that has been found, and how many of them are too many to split averages at.
_DIGITS, _MANY = 10, 16
# Values that are computed at once.
_BLOCK = 256
# Where a user's function is probed once, to see that it is finite and whether it is odd.
_PROBE = np.concatenate([np.linspace(0.0, 4.0, 41)[1:], [7.0, 12.5, 30.0]])
# Where a function is likely to be put together of pieces, beside its breakpoints: quarters and tenths.
_LIKELY = (*(np.arange(-40.0, 41.0) / 10.0), *(np.arange(-16.0, 17.0) / 4.0))


class AbstractActivation(eqx.Module):
    """The function phi from the state of a neuron to its rate, and what the solvers need to know of it.

    Of a function of your own `qd.Activation(function)` finds all of this. A subclass gives the properties and methods that
    are abstract here, and may give averages over Gaussian states in closed form (`gaussian_product`).
    """

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
    def jumps(self) -> tuple[tuple[float, float], ...]:
        """Where phi itself jumps, and by how much: (place, size), at those of its `breakpoints` where it is not continuous.

        `slope` is that on either side and knows nothing of them: phi' also has a delta function of this size at each place.
        """
        if not self.breakpoints:
            return ()
        with jax.ensure_compile_time_eval(), own_settings():
            sizes = np.asarray(jump_sizes(self, self.breakpoints))
        return tuple((place, float(size)) for place, size in zip(self.breakpoints, sizes, strict=True) if size)

    def kinked_at(self, state: float) -> bool:
        """Whether the slope jumps there, where a state of rest would sit."""
        return state in self.breakpoints and self._slope_jumps(state)

    def _slope_jumps(self, state: float) -> bool:
        with jax.ensure_compile_time_eval(), own_settings():
            left, right = self.slope(state + jnp.asarray([-1e-9, 1e-9]))
            return bool(jnp.abs(right - left) > 1e-6)

    @property
    def kinked_at_zero(self) -> bool:
        """Whether the slope jumps at 0."""
        return self.kinked_at(0.0)

    def rests_at(self, state: Array) -> Array:
        """Whether phi is 0 there and does not jump: where a neuron that is given just that field can rest."""
        rests = self(state) == 0.0
        for place, _ in self.jumps:
            rests &= state != place
        return rests

    @abstractmethod
    def __call__(self, state: Float[Array, "..."]) -> Float[Array, "..."]:
        """phi(x), element by element."""

    @abstractmethod
    def slope(self, state: Float[Array, "..."]) -> Float[Array, "..."]:
        """phi'(x), element by element.

        Arguments:
            state: x, an array of any shape.

        Returns:
            The slopes, in the shape of x.
        """

    def gaussian_product(self, variance: Array, covariance: Array) -> Array | None:
        """<phi(x) phi(y)> of Gaussian x and y of mean 0 and equal variance, in closed form.

        Arguments:
            variance: of x and of y, an array of any shape.
            covariance: <xy>, in the same shape.

        Returns:
            The averages, in the same shape; None where there is no closed form.
        """
        return None


def check_continuous(activation: Any, theory: str, why: str, instead: str = "") -> None:
    """Refuse phi, or a unit, that jumps, in the name of a theory that needs its slope where that is a delta function."""
    if activation.jumps:
        phi = getattr(activation, "activation", activation)
        raise ValueError(
            f"Argument `activation` must not jump for {theory}, but {getattr(phi, 'name', phi)} has a jump at "
            f"x = {activation.jumps[0][0]:g}: {why}; use {instead}a continuous phi, as steep as need be, such as tanh(50 x)."
        )


class Activation(AbstractActivation):
    """An activation of your own, phi(x) = function(x), for any function that JAX can trace; its slope by autodiff.

    Arguments:
        function: phi, written for one number or an array, element by element (`jnp`, not `np`, functions). It is compiled
            once: numbers that it closes over must not change; make another Activation with others.
        name: the word for it in tables; the function's own name if left out.
        breakpoints: where phi or one of its derivatives jumps. Gaussian averages are split there. Kinks, where the slope
            jumps, are found within [-30, 30] if they are not named, up to 16 of them; jumps of higher derivatives are not,
            and cost digits. A jump of phi itself has to be named.
        bounded: whether |phi| stays below a constant, if you know; otherwise phi is compared at 1e3 and 1e6.

    Where phi jumps (`jumps`: sign, steps, staircases) its slope has a delta function, which autodiff does not see. Averages
    over Gaussian states count it: <phi'> gains (size of the jump) x (density of x there). What needs the slope of single
    trajectories or states refuses such phi by name: tangents, Lyapunov exponents, fixed points and their certificates,
    memory (symmetry other than 0). A steep continuous phi, such as tanh(50 x), is for these.

    Where autodiff's slope is an artefact (0 for sign(x) log(1 + |x|) at 0, NaN for what holds sqrt(x^2)) it is the limit
    from both sides, or their mean: at the breakpoints, at 0, and at quarters and tenths up to 4.

    Raises:
        TypeError: the function cannot be called on a JAX array, or does not act element by element.
        ValueError: it returns NaN or infinity somewhere in [-30, 30], or jumps there where no breakpoint is.

    Example:
        >>> import jax.numpy as jnp, quenched as qd
        >>> softsign = qd.Activation(lambda x: x / (1 + jnp.abs(x)), name="softsign", breakpoints=(0.0,))
        >>> softsign.odd, softsign.bounded, softsign.jumps
        (True, True, ())
        >>> qd.Activation(jnp.sign, breakpoints=(0.0,)).jumps
        ((0.0, 2.0),)
    """

    function: Callable[[Array], Array] = eqx.field(static=True)
    _name: str = eqx.field(static=True)
    _breakpoints: tuple[float, ...] = eqx.field(static=True)
    _jumps: tuple[tuple[float, float], ...] = eqx.field(static=True)
    _odd: bool = eqx.field(static=True)
    _bounded: bool = eqx.field(static=True)
    _mended: tuple[Mended, ...] = eqx.field(static=True)

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
        self._mended = ()
        self._name = name or str(getattr(function, "__name__", "activation"))
        self._breakpoints = tuple(sorted(checks.real_array("Argument `breakpoints`", breakpoints, (None,)).tolist()))
        with own_settings(), jax.ensure_compile_time_eval():
            compiled = jax.jit(lambda state: function(state))
            _check_elementwise(compiled)
            probed = _probe(compiled, np.concatenate([[0.0], _PROBE, -_PROBE]))
            self._jumps = self._named_jumps(find_jumps(partial(_probe, compiled), _REACH))
            at_zero, positive, negative = probed[0], *np.split(probed[1:], 2)
            places = [place for place, _ in self._jumps]
            # What phi is on a jump itself does not matter.
            beside = ~np.isin(_PROBE, np.abs(places))
            odd = np.allclose(positive[beside], -negative[beside], rtol=1e-14, atol=0.0)
            self._odd = bool(odd and (at_zero == 0.0 or 0.0 in places))
            if bounded is None:
                far = np.abs(np.asarray(function(jnp.asarray([-1e6, -1e3, 1e3, 1e6]))))
                bounded = bool(np.all(np.isfinite(far)) and far[0] < 2 * far[1] + 1 and far[3] < 2 * far[2] + 1)
            self._bounded = bounded
            self._mended = find_artefacts(self._value, (*self._breakpoints, *_LIKELY))
            self._breakpoints = self._with_kinks()

    def _with_kinks(self) -> tuple[float, ...]:
        """The breakpoints that were named, and where else the slope jumps, unless that is at very many places."""
        slope = jax.jit(lambda state: self.slope(state))
        found = find_jumps(lambda points: np.nan_to_num(_values(slope, points)), _REACH)
        named = np.asarray(self._breakpoints)
        others = [round(float(each), _DIGITS) + 0.0 for each in found if not _among(each, named)]
        return tuple(sorted((*self._breakpoints, *others))) if len(others) <= _MANY else self._breakpoints

    def _named_jumps(self, found: np.ndarray) -> tuple[tuple[float, float], ...]:
        """The jumps at breakpoints; others are refused."""
        named = np.asarray(self._breakpoints)
        unnamed = [place for place in found if not _among(place, named)]
        if unnamed:
            places = ", ".join(f"{round(place, 9) + 0.0:.6g}" for place in unnamed[:5])
            raise ValueError(
                f"Argument `breakpoints` must name where {self._name} jumps, but is {self._breakpoints}, and it jumps at "
                f"x = {places}{', ...' if len(unnamed) > 5 else ''}: averages are split there, phi' has a delta function."
            )
        return super().jumps

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

    @property
    def jumps(self) -> tuple[tuple[float, float], ...]:
        return self._jumps

    def kinked_at(self, state: float) -> bool:
        return super().kinked_at(state) or (any(state == each.place for each in self._mended) and self._slope_jumps(state))

    def __call__(self, state: Float[Array, "..."]) -> Float[Array, "..."]:
        return _of_mended_slope(self, state) if self._mended else self._value(state)

    def _value(self, state: Array) -> Array:
        # A step may be written with whole numbers or as a comparison.
        return jnp.asarray(self.function(state), state.dtype)

    def slope(self, state: Float[Array, "..."]) -> Float[Array, "..."]:
        # phi acts element by element, so one push-forward of ones is its derivative everywhere.
        return mended_slope(self._value, self._mended, state) if self._mended else derivative(self._value)(state)


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def _of_mended_slope(activation: Activation, state: Array) -> Array:
    """phi, for autodiff too with the slope that the activation says."""
    return activation._value(state)


@_of_mended_slope.defjvp
def _(activation: Activation, at: tuple[Array], along: tuple[Array]) -> tuple[Array, Array]:
    return activation._value(at[0]), activation.slope(at[0]) * along[0]


def _check_elementwise(compiled: Callable[[Array], Array]) -> None:
    """Refuse a function (softmax, layer norm) that makes of a number something else where others stand beside it."""
    # Neither up nor down: to sort is to change.
    points = np.concatenate([_PROBE[1::2], -_PROBE[::-2]])
    together, alone = _values(compiled, points), _values(jax.vmap(compiled), points[:, None])[:, 0]
    if not np.allclose(together, alone, rtol=1e-9, atol=1e-12, equal_nan=True):
        worst = np.argmax(np.abs(together - alone))
        raise TypeError(
            f"Argument `function` must act element by element, but makes {alone[worst]:g} of x = {points[worst]:g} alone, "
            f"and {together[worst]:g} beside other numbers."
        )


def _probe(compiled: Callable[[Array], Array], points: np.ndarray) -> np.ndarray:
    found = _values(compiled, points)
    if not np.isfinite(found).all():
        first = np.flatnonzero(~np.isfinite(found))[0]
        raise ValueError(f"Argument `function` must be finite for every x, but is {found[first]} at x = {points[first]:g}.")
    return found


def _among(place: float, named: np.ndarray) -> bool:
    return bool(np.any(np.abs(named - place) < _SAME * (1.0 + abs(place))))


def _values(compiled: Callable[[Array], Array], points: np.ndarray) -> np.ndarray:
    """phi at the points, of any number, in blocks of one shape."""
    blocks = np.resize(points, (-(-len(points) // _BLOCK), _BLOCK, *points.shape[1:]))
    return np.concatenate([_block(compiled, block) for block in blocks])[: len(points)]


def _block(compiled: Callable[[Array], Array], points: np.ndarray) -> np.ndarray:
    try:
        values = compiled(jnp.asarray(points))
        if isinstance(values, jax.core.Tracer):
            raise TypeError("it holds numbers that are being traced, which an activation cannot have")
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
    return np.asarray(values, dtype=np.float64)
