"""Nodes and weights on intervals that move."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import quenched as qd
from quenched.numerics.quadrature import clip_breakpoints, gauss_legendre, outermost, sinh_legendre


@pytest.fixture(autouse=True)
def _float64() -> Any:
    with jax.enable_x64(True):
        yield


@pytest.mark.parametrize("span", [1.0, 30.0, 300.0])
def test_a_feature_of_size_one_is_resolved_on_any_interval(span: float) -> None:
    x, weights = sinh_legendre([-span, span], 64)
    # In s the poles of 1/(1 + x^2) lie at i pi/2: rho^-128 = 3e-14 on the longest interval.
    assert float(jnp.sum(weights / (1 + x**2))) == pytest.approx(2 * np.arctan(span), rel=1e-12)


def test_the_error_falls_geometrically() -> None:
    errors = []
    for count in (8, 16, 24):
        x, weights = sinh_legendre([-20.0, 20.0], count)
        errors.append(abs(float(jnp.sum(weights / jnp.cosh(x) ** 2)) - 2 * np.tanh(20.0)))
    assert errors[1] < 0.05 * errors[0]
    assert errors[2] < 0.05 * errors[1]


def test_kinks_at_edges_cost_nothing() -> None:
    x, weights = sinh_legendre([-1.0, 0.3, 2.0], 24)
    assert float(jnp.sum(weights * jnp.abs(x - 0.3))) == pytest.approx((1.3**2 + 1.7**2) / 2, rel=1e-13)


def test_equal_edges_give_an_empty_piece() -> None:
    x, weights = sinh_legendre([0.0, 0.0, 1.0], 16)
    assert x.shape == (32,)
    assert float(jnp.sum(weights)) == pytest.approx(1.0, rel=1e-13)


def test_the_ends_carry_derivatives() -> None:
    slope = jax.grad(lambda end: jnp.sum(jnp.prod(jnp.stack(sinh_legendre([0.0, end], 32)), axis=0)))(1.5)
    assert float(slope) == pytest.approx(1.5, rel=1e-12)


def test_breakpoints_are_ordered_and_kept_inside() -> None:
    assert [float(point) for point in clip_breakpoints([5.0, -0.5, -9.0], -1.0, 2.0)] == [-1.0, -0.5, 2.0]
    assert clip_breakpoints((), 0.0, 1.0) == []


@pytest.mark.parametrize("edge", [1e-3, 0.9, 35.0, 1e6])
def test_the_outermost_point_is_found_from_above(edge: float) -> None:
    # Also where the condition fails in between.
    found = float(outermost(lambda t: (t <= edge) & ~((t > edge / 9) & (t < edge / 3)), 1.0))
    assert edge <= found < 1.02 * edge


def test_the_ends_of_the_search() -> None:
    assert float(outermost(lambda t: t > -1.0, 1.0)) == np.inf
    assert float(outermost(lambda t: t < 0.0, 2.0)) <= 2.1e-4


def test_many_nodes_are_made_fast_and_are_exact() -> None:
    x, weights = gauss_legendre(2000)
    assert float(np.sum(weights * x**200)) == pytest.approx(2 / 201, rel=1e-10)
    few, many = gauss_legendre(256), gauss_legendre(257)
    assert [np.sum(weight * np.cos(at)) for at, weight in (few, many)] == pytest.approx([2 * np.sin(1.0)] * 2, rel=1e-14)


@pytest.mark.parametrize("nodes", [1001, 10**11])
def test_more_nodes_than_anything_needs_are_refused(nodes: int) -> None:
    calls: list[Any] = [
        lambda: qd.Newton(nodes=nodes),
        lambda: qd.dmft.Quadrature(nodes=nodes),
        lambda: qd.gaussian.average(jnp.tanh, nodes=nodes),
        lambda: qd.gaussian.pair_average(jnp.tanh, jnp.tanh, nodes=nodes),
    ]
    for call in calls:
        with pytest.raises(ValueError, match=rf"`nodes` must be at most 1000, but is {nodes}: .*`breakpoints`"):
            call()
    with pytest.raises(ValueError, match="`initial_nodes` must be at most 1000"):
        qd.dmft.Quadrature(initial_nodes=nodes)
