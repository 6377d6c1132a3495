"""Functions are used as they are now, and what is compiled is shared by all that do the same."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from quenched.dynamics.traced_functions import traced_function
from quenched.fixed_points import search
from quenched.landscape import Flow, Map, find_fixed_points


def searches_compiled() -> int:
    compiled: Any = search._search_compiled
    return int(compiled._cached._cache_size())


QUICK: dict[str, Any] = {"paths": 0, "rounds": 0}


def points(dynamics: Any, starts: Any) -> np.ndarray:
    return np.sort(find_fixed_points(dynamics, starts, **QUICK).state.values.ravel())


def test_what_a_function_closes_over_may_change() -> None:
    coupling = np.array([[4.0]])
    flow = Flow(lambda x: coupling @ x - x**3, size=1)
    starts = np.array([[-3.0], [0.0], [3.0]])
    np.testing.assert_allclose(points(flow, starts), [-2.0, 0.0, 2.0], atol=1e-12)
    compiled = searches_compiled()
    coupling[:] = 1.0
    np.testing.assert_allclose(points(flow, starts), [-1.0, 0.0, 1.0], atol=1e-12)
    coupling = np.array([[9.0]])
    np.testing.assert_allclose(points(flow, starts), [-3.0, 0.0, 3.0], atol=1e-12)
    assert searches_compiled() == compiled


def test_functions_made_in_a_loop_are_compiled_once() -> None:
    """And each gives its own answer."""
    sizes: list[int] = []
    for scale in (1.0, 2.0, 3.0):
        weights = scale * np.eye(2)
        found = find_fixed_points(Map(lambda x, w=weights: jnp.tanh(w @ x), size=2), np.ones((1, 2)), **QUICK)
        largest = np.max(np.abs(found.state.values), initial=0.0)
        # At slope 1 the origin is a degenerate root, of which nothing can be certified.
        assert largest == pytest.approx(np.tanh(scale * largest), abs=1e-12)
        assert (largest > 0.9) == (scale > 1.0)
        sizes.append(searches_compiled())
    assert len(set(sizes)) == 1


def test_numbers_inside_of_what_is_compiled_by_the_user_count() -> None:
    rate = np.array([2.5])
    logistic = Map(lambda x: jax.jit(lambda y: rate * y * (1 - y))(x), size=1)
    starts = np.array([[0.1], [0.7]])
    np.testing.assert_allclose(points(logistic, starts), [0.0, 1 - 1 / 2.5], atol=1e-12)
    rate[:] = 3.5
    np.testing.assert_allclose(points(logistic, starts), [0.0, 1 - 1 / 3.5], atol=1e-12)


def test_two_programs_are_one_only_if_they_do_the_same() -> None:
    state = jax.ShapeDtypeStruct((3,), jnp.float32)
    weights, other = np.ones((3, 3), np.float32), np.eye(3, dtype=np.float32)

    def program(function: Any) -> Any:
        return traced_function(function, state).program

    assert program(lambda x: weights @ x) == program(lambda x: other @ x)
    assert program(lambda x: weights @ x) != program(lambda x: x @ weights)
    assert program(lambda x: 2.0 * x) != program(lambda x: 3.0 * x)

    def with_slope(slope: Any) -> Any:
        same = jax.custom_jvp(lambda x: x)
        same.defjvp(lambda at, along: (at[0], slope * along[0]))
        return same

    # A rule of differentiation is not written out, but what it does counts, and the numbers in it.
    steep, level = with_slope(2.0), with_slope(0.0)
    assert str(jax.make_jaxpr(steep)(1.0)) == str(jax.make_jaxpr(level)(1.0))
    assert program(steep) != program(level)
    assert program(steep) == program(with_slope(2.0))
    slopes = np.full(3, 2.0, np.float32)
    before = program(with_slope(slopes))
    slopes[:] = 0.0
    assert program(with_slope(slopes)) != before
    # Those of JAX itself are the same every time.
    assert program(lambda x: jax.nn.relu(weights @ x)) == program(lambda x: jax.nn.relu(other @ x))
    assert program(lambda x: jax.nn.relu(weights @ x)) != program(lambda x: jax.nn.relu6(weights @ x))


def test_functions_of_any_kind_are_looked_at_again() -> None:
    """A module, a method of one, and what Equinox has compiled."""
    coupling = np.array([4.0])

    class Cubic(eqx.Module):
        bound: Any
        jacobian: bool = True

        def __call__(self, x: Any) -> Any:
            return coupling * self.bound * x - x**3

        def velocity(self, x: Any) -> Any:
            return self(x)

    starts = np.array([[-3.0], [0.0], [3.0]])
    compiled = eqx.filter_jit(lambda x: coupling * x - x**3)
    for function in (Cubic(1.0), Cubic(jnp.asarray(1.0)).velocity, compiled):
        flow = Flow(function, size=1)
        for value in (4.0, 1.0):
            coupling[:] = value
            np.testing.assert_allclose(points(flow, starts), [-np.sqrt(value), 0.0, np.sqrt(value)], atol=1e-12)


def test_a_key_inside_of_what_is_compiled_is_no_obstacle() -> None:
    key = jax.random.key(0)
    shaken = jax.jit(lambda x: -x + jax.random.normal(key, (1,), x.dtype))
    with jax.enable_x64(True):
        expected = float(shaken(jnp.zeros(1))[0])
    np.testing.assert_allclose(points(Flow(shaken, size=1), np.zeros((1, 1))), [expected], atol=1e-12)
