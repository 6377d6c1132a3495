"""Spectra by theory: where they are known exactly, by other routes, and beside networks."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr
from scipy import optimize

import quenched as qd
from quenched.couplings import Blocks, Elliptic, LowRank, Sparse
from quenched.dmft.bulk import Bulk, Neurons
from quenched.dmft.edge import outside
from quenched.dmft.spectrum import of_couplings, of_rest, plain, spectrum_of
from quenched.dmft.static_populations import Unknowns, _map
from quenched.numerics.self_consistency import Newton
from quenched.observables import spectrum
from quenched.replica.log_determinant import Slopes, saddle
from quenched.units.base import AtRest

ROUNDING = 1e-9


def boundary(found: xr.Dataset) -> np.ndarray:
    """(piece, point)."""
    return found.boundary_real.values + 1j * found.boundary_imag.values


def outliers(found: xr.Dataset) -> np.ndarray:
    return np.sort_complex(found.outlier_real.values + 1j * found.outlier_imag.values)


def rest(couplings: Any, *, start: str | None = None, solver: Any = None, **parts: Any) -> qd.Solution:
    return qd.solve(qd.RandomNetwork(couplings=couplings, **parts), qd.dmft.Static(), start=start, solver=solver)


@pytest.mark.parametrize("symmetry", [-1.0, -0.95, -0.4, 0.0, 0.5, 1.0])
def test_eigenvalues_of_couplings_fill_an_ellipse(symmetry: float) -> None:
    """From a line up and down over a disc to a line from left to right."""
    gain = 10.0
    found = spectrum(Elliptic(gain, symmetry))
    (curve,) = boundary(found)
    wide, high = gain * (1 + symmetry), gain * (1 - symmetry)
    assert np.all(np.abs(curve.real) <= wide + ROUNDING)
    assert np.all(np.abs(curve.imag) <= high + ROUNDING)
    # Also of a line, in which the imaginary or the real part says nothing.
    np.testing.assert_allclose((curve.real * high) ** 2 + (curve.imag * wide) ** 2, (wide * high) ** 2, atol=1e-7)
    assert np.ptp(curve.imag) == pytest.approx(2 * high, rel=1e-3, abs=ROUNDING)
    assert float(found.rightmost_edge) == pytest.approx(wide, abs=float(found.rightmost_edge_error))
    assert float(found.bulk_radius) == pytest.approx(max(wide, high), abs=float(found.bulk_radius_error))
    assert float(found.rightmost_edge_error) < 1e-10
    assert found.sizes["outlier"] == int(found.outlier_count) == 0
    assert found.boundary_real.attrs["units"] == "1"


@pytest.mark.parametrize(
    ("gain", "symmetry", "mean"), [(1.0, 0.5, 2.0), (1.0, -0.4, -2.0), (1.0, 1.0, 1.5), (0.5, 0.0, 0.6)]
)
def test_a_mean_has_an_outlier_where_it_is_larger_than_the_gain(gain: float, symmetry: float, mean: float) -> None:
    """At M + eta g^2/M, with |M| > g."""
    exact = mean + symmetry * gain**2 / mean
    low_rank = LowRank([[2.0, abs(mean)], [abs(mean), 5.0 * mean**2]])
    for sign, couplings in ((np.sign(mean), Elliptic(gain, symmetry, mean)), (1.0, Elliptic(gain, symmetry) + low_rank)):
        found = spectrum(couplings)
        np.testing.assert_allclose(outliers(found), [sign * abs(exact)], atol=1e-12)
        assert int(found.outlier_count) == 1
    assert spectrum(Elliptic(gain, symmetry, 0.98 * gain * np.sign(mean))).sizes["outlier"] == 0
    assert spectrum(Elliptic(gain, symmetry, 1.02 * gain * np.sign(mean))).sizes["outlier"] == 1


def test_all_outliers_of_several_terms_are_found() -> None:
    """A rank of three with a pair that turns and a real one: eigenvalues of cov(n, m), plus eta g^2 over them."""
    overlap = np.array([[0.9, -1.2, 0.0], [1.2, 0.9, 0.0], [0.0, 0.0, -2.0]])
    covariance = np.block([[np.eye(3), overlap.T], [overlap, 9.0 * np.eye(3)]])
    found = spectrum(Elliptic(0.8, 0.3) + LowRank(covariance))
    alone = np.linalg.eigvals(overlap)
    np.testing.assert_allclose(outliers(found), np.sort_complex(alone + 0.3 * 0.64 / alone), atol=1e-12)
    assert int(found.outlier_count) == 3
    # One that is there twice is told twice.
    twice = spectrum(Elliptic(0.5) + LowRank(np.block([[np.eye(2), 2.0 * np.eye(2)], [2.0 * np.eye(2), 9.0 * np.eye(2)]])))
    np.testing.assert_allclose(outliers(twice), [2.0, 2.0], atol=1e-6)
    assert int(twice.outlier_count) == 2


def test_populations_without_symmetry_make_a_disc() -> None:
    """Of a radius whose square is the Perron root of g_ab^2 f_b, with the eigenvalues of M_ab f_b beside it."""
    fractions, gain = np.array([0.8, 0.2]), np.array([[0.5, 1.1], [0.5, 0.4]])
    mean = np.array([[2.2, -3.0], [2.0, -2.4]])
    found = spectrum(Blocks(fractions, gain, mean=mean))
    radius = np.sqrt(np.abs(np.linalg.eigvals(gain**2 * fractions)).max())
    np.testing.assert_allclose(np.abs(boundary(found)), radius, atol=1e-11)
    alone = np.linalg.eigvals(mean * fractions)
    np.testing.assert_allclose(outliers(found), np.sort_complex(alone[np.abs(alone) > radius]), atol=1e-12)


def test_two_equal_populations_are_one() -> None:
    one = spectrum(Elliptic(0.9, 0.6, mean=1.5))
    two = spectrum(Blocks((0.3, 0.7), 0.9, 0.6, mean=1.5))
    for name in ("rightmost_edge", "bulk_radius"):
        assert float(two[name]) == pytest.approx(float(one[name]), abs=1e-10)
    np.testing.assert_allclose(outliers(two), outliers(one), atol=1e-12)


def test_independent_parts_add_their_variances() -> None:
    both = spectrum(Elliptic(0.8, 0.5) + Elliptic(0.6, -0.5))
    # Gain 1; the symmetries weighted by the variances.
    assert float(both.rightmost_edge) == pytest.approx(1.0 + 0.5 * 0.64 - 0.5 * 0.36, abs=1e-10)


def test_without_a_gain_there_are_points() -> None:
    found = spectrum(Elliptic(0.0, mean=1.5))
    np.testing.assert_array_equal(boundary(found), 0.0)
    np.testing.assert_allclose(outliers(found), [1.5], atol=1e-12)
    # One population alone has a disc, the other rests as if it were alone.
    half = rest(Blocks((0.5, 0.5), [[0.5, 0.0], [0.7, 0.0]]), unit=(qd.units.Leaky(), qd.units.Leaky(time_constant=4.0)))
    disc, point = boundary(spectrum(half))
    np.testing.assert_allclose(np.abs(disc + 1.0), 0.5 * np.sqrt(0.5), atol=1e-11)
    np.testing.assert_array_equal(point, -0.25)
    assert float(spectrum(half).rightmost_edge) == -0.25


@pytest.mark.parametrize("symmetry", [-0.5, 0.0, 0.5])
def test_rest_has_the_ellipse_of_its_couplings_after_the_leak(symmetry: float) -> None:
    gain = 0.5
    found = spectrum(qd.solve(qd.RandomNetwork(gain, symmetry), qd.dmft.Static()))
    (curve,) = boundary(found) + 1.0
    wide, high = gain * (1 + symmetry), gain * (1 - symmetry)
    np.testing.assert_allclose((curve.real / wide) ** 2 + (curve.imag / high) ** 2, 1.0, atol=1e-9)
    assert found.rightmost_edge.attrs["units"] == "1/time"
    mapped = spectrum(rest(Elliptic(gain, symmetry), unit=qd.units.Discrete(leak=0.25)))
    (moved,) = (boundary(mapped) - 0.75) / 0.25
    np.testing.assert_allclose((moved.real / wide) ** 2 + (moved.imag / high) ** 2, 1.0, atol=1e-9)
    assert mapped.rightmost_edge.attrs["units"] == "1"


TWO_SPEEDS, TWO_PARTS, TWO_GAINS = (1.0, 0.2), (0.4, 0.6), np.diag([0.7, 0.9])
TWO_UNITS = tuple(qd.units.Leaky(time_constant=tau) for tau in TWO_SPEEDS)


def test_populations_that_are_not_coupled_have_discs_of_their_own() -> None:
    """About -1/tau_a, of the radius g_aa sqrt(f_a)/tau_a."""
    found = spectrum(rest(Blocks(TWO_PARTS, TWO_GAINS), unit=TWO_UNITS))
    curves = sorted(boundary(found), key=lambda curve: -curve.real.mean())
    for curve, tau, radius in zip(curves, TWO_SPEEDS, np.diag(TWO_GAINS) * np.sqrt(TWO_PARTS), strict=True):
        np.testing.assert_allclose(np.abs(tau * curve + 1.0), radius, atol=1e-10)


@pytest.mark.slow
@pytest.mark.parametrize(("between", "pieces"), [(0.01, 2), (2.0, 1)])
def test_strong_coupling_makes_one_piece_of_two(between: float, pieces: int) -> None:
    coupled = Blocks(TWO_PARTS, TWO_GAINS + between * (1.0 - np.eye(2)))
    assert spectrum(rest(coupled, unit=TWO_UNITS)).sizes["piece"] == pieces


def test_a_hole_opens_where_neurons_do_not_answer() -> None:
    """Neurons that tire have T(-c) = 0: there the Jacobian has no eigenvalues, however strong the couplings. With u = z + c
    the boundary is |u^2 + u/2 + 1/2| = g |u| here: two pieces at first, one from g = sqrt(2) - 1/2 on, and from
    g = sqrt(2) + 1/2 on one around a hole."""
    unit = qd.units.Adaptive(adaptation_rate=0.5, adaptation_strength=1.0)
    for gain, pieces, hole in ((0.9, 2, False), (0.93, 1, False), (1.95, 2, True)):
        curves = boundary(spectrum(rest(Elliptic(gain), unit=unit, start="unstructured")))
        assert len(curves) == pieces
        shifted = curves + 0.5
        np.testing.assert_allclose(np.abs(shifted**2 + 0.5 * shifted + 0.5), gain * np.abs(shifted), atol=1e-9)
        assert all(_encloses(curve, -0.5) for curve in curves) == hole


def _encloses(curve: np.ndarray, place: complex) -> bool:
    turns = np.angle((np.roll(curve, -1) - place) / (curve - place))
    return bool(abs(turns.sum()) > np.pi)


def test_rest_is_lost_at_the_critical_gain() -> None:
    unit = qd.units.Adaptive(adaptation_rate=0.1, adaptation_strength=1.5)
    for symmetry in (0.0, 0.4):
        model = qd.RandomNetwork(couplings=Elliptic(1.0, symmetry), unit=unit)
        found = spectrum(rest(Elliptic(float(model.critical_gain), symmetry), unit=unit, start="unstructured"))
        assert abs(float(found.rightmost_edge)) < 1e-6
    # Of maps the edge is where the modulus is 1, above the real axis here; a little below it, since at it C may grow from 0.
    model = qd.RandomNetwork(couplings=Elliptic(1.0, -0.3), unit=qd.units.Discrete(leak=0.6))
    critical, turn = float(model.critical_gain), np.exp(1j * np.linspace(0.0, np.pi, 100001))

    def radius(gain: float) -> float:
        return float(np.abs(0.4 + 0.6 * gain * (0.7 * turn.real + 1.3j * turn.imag)).max())

    assert radius(critical) == pytest.approx(1.0, abs=1e-8)
    found = spectrum(rest(Elliptic(0.99 * critical, -0.3), unit=model.unit, start="unstructured"))
    assert float(found.bulk_radius) == pytest.approx(radius(0.99 * critical), abs=1e-8)
    assert float(found.rightmost_edge) == pytest.approx(0.4 + 0.6 * 0.7 * 0.99 * critical, abs=1e-9)


def test_slopes_that_differ_make_a_disc_without_symmetry() -> None:
    """|z + 1|^2 = g^2 <phi'^2>, which the stability margin tells too."""
    solution = qd.solve(qd.RandomNetwork(1.3, field=0.4), qd.dmft.Static())
    found = spectrum(solution)
    radius = np.sqrt(1.0 - float(solution.stability_margin))
    np.testing.assert_allclose(np.abs(boundary(found) + 1.0), radius, atol=1e-9)
    assert float(found.rightmost_edge) == pytest.approx(radius - 1.0, abs=1e-9)


@pytest.mark.parametrize("symmetry", [-0.6, 0.3, 0.8])
def test_slopes_that_differ_with_symmetry_by_the_logarithmic_potential(symmetry: float) -> None:
    """1 - J diag(d)/(1 + z) on the real axis: its saddle point has no depth from the edge on."""
    slopes, weights, gain = np.array([0.2, 0.7, 1.0]), np.array([0.3, 0.3, 0.4]), 1.7
    with jax.enable_x64(True):
        given = Slopes(jnp.asarray(slopes), jnp.asarray(weights))

        def depth(place: float) -> float:
            found = saddle(given, gain / place, symmetry, Newton())
            assert bool(found.converged)
            return float(found.unknowns[0])

        edge = optimize.brentq(depth, 0.3, 4.0, xtol=1e-11)
        linear = AtRest(jnp.asarray(slopes)[None], jnp.zeros((1, len(slopes))))
        bulk = of_couplings(Elliptic(gain, symmetry), [Neurons(linear, jnp.asarray(weights))]).bulk
        assert list(outside(bulk, np.array([edge - 1e-8, edge + 1e-8]) + 0j)) == [False, True]
    rightmost = _edge_of(slopes, weights, gain, symmetry)
    if symmetry > 0.0:
        assert rightmost == pytest.approx(edge, abs=1e-8)
    else:  # the shape of a kidney: the bulk is farthest to the right above and below the real axis
        assert edge + 1e-3 < rightmost < edge + 0.02


def _edge_of(slopes: np.ndarray, weights: np.ndarray, gain: float, symmetry: float) -> float:
    """The rightmost edge of J diag(slopes)."""
    with jax.enable_x64(True):
        linear = AtRest(jnp.asarray(slopes)[None], jnp.zeros((1, len(slopes))))
        state = of_couplings(Elliptic(gain, symmetry), [Neurons(linear, jnp.asarray(weights))])
        return spectrum_of(state, state, (), 64).rightmost_edge[0]


def test_slopes_that_differ_with_full_symmetry_by_a_polynomial() -> None:
    """R = sum_i w_i d_i/(z - g^2 R d_i): a real z is outside as long as all roots R are real."""
    slopes, weights, gain = np.array([0.3, 1.0]), np.array([0.6, 0.4]), 1.4

    def complex_roots(place: float) -> float:
        # R (z - a R)(z - b R) = w_1 d_1 (z - b R) + w_2 d_2 (z - a R), with a = g^2 d_1.
        first, second = (np.poly1d([-(gain**2) * slope, place]) for slope in slopes)
        equation = np.poly1d([1.0, 0.0]) * first * second - weights[0] * slopes[0] * second - weights[1] * slopes[1] * first
        return float(np.max(np.abs(equation.roots.imag)))

    high, low = 4.0, 0.5
    for _ in range(60):
        middle = 0.5 * (high + low)
        low, high = (middle, high) if complex_roots(middle) > 1e-7 else (low, middle)
    assert _edge_of(slopes, weights, gain, 1.0) == pytest.approx(high, abs=1e-6)


def test_wrong_roots_of_the_resolvent_are_not_taken() -> None:
    """Outside the equation has two roots, of which one has a radius below 1; inside there is none."""
    gain, symmetry = 1.2, 0.5
    with jax.enable_x64(True):
        bulk = of_couplings(Elliptic(gain, symmetry), plain(1)).bulk
        bulk = Bulk(bulk.neurons, jnp.asarray(bulk.matrix), jnp.asarray(bulk.memory))
        for place in (1.81, 2.5, 0.61j, -3.0 + 1.0j):
            root, left = bulk.solved(jnp.asarray(place + 0j))
            exact = (place - place * np.sqrt(1.0 - 4.0 * symmetry * gain**2 / place**2 + 0j)) / (2.0 * symmetry * gain**2)
            assert abs(complex(root[0]) - exact) < 1e-12
            assert float(left) < 1e-12
            assert float(bulk.radius(jnp.asarray(place + 0j), root)) < 1.0
            other = 1.0 / (symmetry * gain**2 * exact)
            assert float(bulk.radius(jnp.asarray(place + 0j), jnp.asarray([other]))) > 1.0


@pytest.mark.parametrize("name", ["elliptic", "blocks", "low rank"])
def test_the_determinant_is_that_of_the_static_equations(name: str) -> None:
    """At z = 0 a change of the averages keeps itself up where they are not determined: the same determinant by derivatives
    of the equations for means, mean squares, responses and latents."""
    models = {
        "elliptic": qd.RandomNetwork(couplings=Elliptic(0.7, 0.5, mean=0.4), field=0.5),
        "blocks": qd.RandomNetwork(
            couplings=Blocks((0.6, 0.4), [[0.5, 0.9], [0.4, 0.7]], [[0.3, -0.4], [-0.4, 0.6]], [[0.5, -0.8], [1.0, -0.3]]),
            field=(0.5, -0.2),
            unit=(qd.units.Leaky(), qd.units.Leaky(qd.Erf(), time_constant=0.5, self_coupling=0.2)),
        ),
        "low rank": qd.RandomNetwork(
            couplings=Elliptic(0.6, 0.4) + LowRank([[1.0, 1.4], [1.4, 4.0]], [0.3, 0.5]), field=0.2
        ),
    }
    model = models[name]
    solution = qd.solve(model, qd.dmft.Static())
    with jax.enable_x64(True):
        ones = jnp.ones(model.populations)
        names = ("mean_rate", "correlation", "integrated_response")
        parts = [jnp.asarray(solution.arrays[each]) * ones for each in names]
        latent = jnp.asarray(solution.arrays.get("latent", np.zeros(0)))
        unknowns = Unknowns(parts[0], parts[1], parts[2], latent)
        cuts = np.cumsum([len(each) for each in unknowns])[:-1]

        def equations(flat: Any) -> Any:
            given = Unknowns(*jnp.split(flat, cuts))
            return jnp.concatenate(list(_map(model, given, 96)[0]))

        flat = jnp.concatenate(list(unknowns))
        expected = np.linalg.det(np.eye(len(flat)) - np.asarray(jax.jacfwd(equations)(flat)))
        state = of_rest(model, unknowns, 96)
        found = state.determinant(jnp.zeros((), complex), unknowns.response + 0j)
    assert complex(found) == pytest.approx(expected, rel=1e-6)
    assert abs(expected - 1.0) > 0.05


def test_an_outlier_crosses_zero_where_structure_appears() -> None:
    """cov(n, m) R = 1, where `outlier` of the static theory crosses zero."""

    def state(overlap: float) -> qd.Solution:
        return rest(Elliptic(0.6, 0.4) + LowRank([[1.0, overlap], [overlap, 9.0]]), start="unstructured")

    critical = optimize.brentq(lambda overlap: float(state(overlap).outlier), 0.5, 1.5, xtol=1e-10)
    found = spectrum(state(critical))
    np.testing.assert_allclose(outliers(found), [0.0], atol=1e-8)


@pytest.mark.slow
def test_errors_of_coarse_quadratures_cover_what_they_miss() -> None:
    """Few nodes, against many: the error is that of the coarse rule, and the answer that of the finer one."""
    model = qd.RandomNetwork(2.5, 0.4, field=0.7)
    solution = qd.solve(model, qd.dmft.Static())
    exact = float(spectrum(solution, nodes=200).rightmost_edge)
    for nodes in (8, 12, 16):
        found = spectrum(solution, nodes=nodes, throw=False)
        error = float(found.rightmost_edge_error)
        assert abs(float(found.rightmost_edge) - exact) < error + 1e-11
        assert error > 1e-9


@pytest.mark.slow
def test_species_near_extinction_are_told_as_not_resolved() -> None:
    """Their own eigenvalues come up to 0."""
    solution = rest(Elliptic(0.5, mean=-2.0), unit=qd.units.LotkaVolterra())
    with pytest.raises(qd.SolveError, match=r"spectrum: (coarse_quadrature|out_of_steps): .* raise `nodes`"):
        spectrum(solution)


NETWORKS = {
    "slopes that differ, with symmetry": qd.RandomNetwork(0.9, 0.6, field=0.5),
    "a mean and symmetry": qd.RandomNetwork(couplings=Elliptic(0.6, 0.5, mean=-3.0), field=1.0),
    "two populations": qd.RandomNetwork(
        couplings=Blocks((0.5, 0.5), [[0.4, 0.8], [0.6, 0.4]], [[0.5, -0.6], [-0.6, 0.3]]),
        unit=(qd.units.Leaky(), qd.units.Leaky(time_constant=2.0)),
        field=0.4,
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_networks_at_rest_tend_to_the_edge(name: str) -> None:
    """Largest and least real part of the eigenvalues at rest, along sizes: what is missing falls as N^(-2/3) or faster."""
    model = NETWORKS[name]
    found = spectrum(qd.solve(model, qd.dmft.Static()))
    curve = boundary(found).real
    outside = found.outlier_real.values
    exact = np.array([max([float(found.rightmost_edge), *outside]), min([curve.min(), *outside])])
    gaps = []
    for size, networks in ((200, 16), (400, 8), (800, 4)):
        measured = []
        for key in range(networks):
            network = model.draw(size, key)
            state = qd.simulate.integrate(network, 500, 0.25, key=1).trajectory.values[-1, 0]
            assert np.abs(np.asarray(network.velocity(state))).max() < 1e-6
            real = np.linalg.eigvals(np.asarray(network.jacobian(state))).real
            measured.append([real.max(), real.min()])
        spread = np.std(measured, axis=0, ddof=1) / np.sqrt(networks)
        gaps.append((np.mean(measured, axis=0) - exact, spread))
    # The largest networks are as near as they scatter, and the extrapolation of the two largest sizes is nearer.
    (far, _), (near, error) = gaps[1], gaps[2]
    share = 1.0 / (2.0 ** (2.0 / 3.0) - 1.0)
    extrapolated, spread = near + share * (near - far), np.hypot((1 + share) * error, share * gaps[1][1])
    assert np.all(np.abs(extrapolated) < 4.0 * spread + 0.01)
    assert np.all(np.abs(near) < 0.08)


@pytest.mark.slow
def test_few_partners_push_the_edge_outwards() -> None:
    """The dense law holds for many partners: with 20 the radius is some tenth larger, with 160 some hundredth."""
    gain, size = 1.0, 2000
    beyond = []
    for degree in (20, 160):
        dense = float(spectrum(Sparse(degree, Elliptic(gain))).bulk_radius)
        assert dense == pytest.approx(gain, abs=1e-10)
        network = qd.RandomNetwork(couplings=Sparse(degree, Elliptic(gain))).draw(size, 1)
        found = spectrum(network, rightmost=4, theory=False)
        beyond.append(float(found.largest_real_part) - dense)
    assert 0.05 < beyond[0] < 0.2
    assert abs(beyond[1]) < 0.05
