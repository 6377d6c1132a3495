"""Spectra of given networks: eigenvalues, the law of their weights, labels, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr
from scipy.sparse import random_array

import quenched

qd: Any = quenched  # called with what its annotations forbid
spectrum: Any = quenched.observables.spectrum
Blocks, Elliptic, LowRank, Sparse = (getattr(qd.couplings, name) for name in ("Blocks", "Elliptic", "LowRank", "Sparse"))
SMALL = qd.Network(1.4 * np.random.default_rng(0).normal(size=(20, 20)) / np.sqrt(20), field=0.3)


def values(found: xr.Dataset) -> np.ndarray:
    return found.eigenvalue_real.values + 1j * found.eigenvalue_imag.values


def test_all_eigenvalues_of_a_network_and_of_its_jacobian() -> None:
    found = spectrum(SMALL, theory=False)
    exact = np.linalg.eigvals(np.asarray(SMALL.weights))
    np.testing.assert_allclose(np.sort_complex(values(found)), np.sort_complex(exact), atol=1e-12)
    assert np.all(np.diff(found.eigenvalue_real) <= 0.0)
    assert float(found.largest_modulus) == pytest.approx(np.abs(exact).max(), abs=1e-12)
    state = np.linspace(-1.0, 1.0, 20)
    at = spectrum(SMALL, at=state, theory=False)
    exact = np.linalg.eigvals(np.asarray(SMALL.weights) * (1.0 - np.tanh(state) ** 2) - np.eye(20))
    np.testing.assert_allclose(np.sort_complex(values(at)), np.sort_complex(exact), atol=1e-12)
    assert 0.0 < float(at.eigenvalue_residual.max()) < 1e-12


@pytest.mark.parametrize("unit", [qd.units.Leaky(), qd.units.Discrete(leak=0.5), qd.units.Adaptive()])
def test_the_first_by_products_are_those_of_the_matrix(unit: Any) -> None:
    """Of a sparse network, of flows by real parts, of maps by moduli; of couplings too."""
    weights = random_array(
        (200, 200), density=0.1, rng=np.random.default_rng(1), data_sampler=np.random.default_rng(2).normal
    )
    network = qd.Network(weights / np.sqrt(20.0), unit=unit)
    state = np.random.default_rng(3).normal(size=network.state_size)
    for options in ({"at": state}, {}):
        whole, first = (spectrum(network, theory=False, rightmost=count, **options) for count in (None, 4))
        is_map = unit.kind == "map" and bool(options)
        growth = np.abs if is_map else np.real
        np.testing.assert_allclose(growth(values(first)), growth(values(whole))[:4], atol=1e-8)
        name = "largest_modulus" if is_map else "largest_real_part"
        assert float(first[name]) == pytest.approx(float(whole[name]), abs=1e-8)
        assert float(first.eigenvalue_residual.max()) < 1e-7


def test_states_keep_their_labels() -> None:
    run = qd.simulate.integrate(SMALL, 1.0, 0.5, trials=2, key=1)
    along = spectrum(SMALL, at=run.trajectory, theory=False)
    assert along.eigenvalue_real.dims == ("time", "trial", "mode")
    one = spectrum(SMALL, at=run.trajectory.values[2, 1], theory=False)
    np.testing.assert_array_equal(along.eigenvalue_real[2, 1], one.eigenvalue_real)
    points = qd.landscape.find_fixed_points(SMALL, 20, key=1)
    again = spectrum(SMALL, at=points.state, theory=False)
    assert again.eigenvalue_real.dims == ("fixed_point", "mode")
    held = spectrum(points)
    np.testing.assert_allclose(np.sort(held.eigenvalue_real), np.sort(again.eigenvalue_real), atol=1e-9)
    assert held.largest_real_part.dims == ("fixed_point",)
    flow = qd.landscape.Flow(lambda x: -x + x**2, size=3)
    np.testing.assert_allclose(values(spectrum(flow, at=[0.1, 0.2, 0.0])), [-0.6, -0.8, -1.0], atol=1e-12)


def test_the_law_of_the_weights_is_that_they_were_drawn_from() -> None:
    network = qd.RandomNetwork(couplings=Elliptic(1.2, 0.4, mean=3.0)).draw(300, 1)
    found = spectrum(network)
    for name, exact in (("effective_gain", 1.2), ("effective_symmetry", 0.4), ("effective_mean", 3.0)):
        assert abs(float(found[name]) - exact) < 3.0 * float(found[f"{name}_error"])
    edge = float(found.rightmost_edge)
    assert abs(edge - 1.2 * 1.4) < 3.0 * float(found.rightmost_edge_error) + 0.02
    assert 1e-3 < float(found.rightmost_edge_error) < 0.05
    assert abs(float(found.outlier_real[0]) - (3.0 + 0.4 * 1.44 / 3.0)) < 3.0 * float(found.outlier_error[0]) + 0.02
    # Against the law itself there is no such error.
    law = spectrum(network, couplings=Elliptic(1.2, 0.4, mean=3.0))
    assert float(law.rightmost_edge_error) < 1e-9


def test_standard_errors_of_the_law_cover() -> None:
    """Of 300 small networks two thirds are within one error."""
    from quenched.observables.moments import effective_law

    model, exact = qd.RandomNetwork(couplings=Elliptic(1.0, 0.3, mean=2.0)), (1.0, 0.3, 2.0)
    laws = [effective_law(np.asarray(model.draw(25, key).weights)) for key in range(300)]
    for place, name in enumerate(("gain", "symmetry", "mean")):
        pairs = np.array([getattr(law, name) for law in laws])
        within = np.mean(np.abs(pairs[:, 0] - exact[place]) < pairs[:, 1])
        assert within == pytest.approx(0.683, abs=0.09), name


def test_sparse_weights_have_the_law_of_dense_ones() -> None:
    from scipy.sparse import csr_array

    from quenched.observables.moments import effective_law

    weights = np.random.default_rng(0).normal(size=(40, 40)) * (np.random.default_rng(1).random((40, 40)) < 0.2)
    for sparse, dense in zip(effective_law(csr_array(weights)), effective_law(weights), strict=True):
        np.testing.assert_allclose(sparse, dense, rtol=1e-12)


def test_self_couplings_are_taken_as_they_are() -> None:
    """Of neurons that are not coupled to others the eigenvalues are their own."""
    found = spectrum(qd.Network(np.diag([0.5, 0.2, -1.0])))
    np.testing.assert_allclose(np.sort(found.boundary_real.values[:, 0]), [-1.0, 0.2, 0.5], atol=1e-12)
    assert float(found.rightmost_edge) == pytest.approx(0.5, abs=1e-12)
    one = spectrum(qd.Network(np.array([[0.7]])))
    assert float(one.rightmost_edge) == float(one.largest_real_part) == 0.7


def test_three_neurons_have_a_spectrum() -> None:
    found = spectrum(qd.Network(np.array([[0.0, 2.0, -1.0], [0.5, 0.0, 1.0], [1.0, -0.7, 0.0]])))
    assert found.sizes["mode"] == 3
    assert np.isfinite(float(found.rightmost_edge))
    # Three pairs do not tell the gain.
    assert 0.02 < float(found.effective_gain_error / found.effective_gain) < 1.0


@pytest.mark.parametrize("mean", [1.5, -2.0])
def test_balanced_rows_keep_their_mean_as_an_eigenvalue(mean: float) -> None:
    """J 1 = M 1 exactly, whatever the symmetry: the average of a row comes back as each of its couplings does."""
    couplings = Blocks((0.4, 0.6), 0.8, 0.5, mean, balanced_rows=True)
    found = spectrum(couplings)
    np.testing.assert_allclose(found.outlier_real, [mean], atol=1e-12)
    own = np.linalg.eigvals(np.asarray(qd.RandomNetwork(couplings=couplings).draw(50, 1).weights))
    assert np.abs(own - mean).min() < 1e-12
    with pytest.raises(ValueError, match="`symmetry` must be 0 with balanced rows for theories in time"):
        qd.solve(qd.RandomNetwork(couplings=couplings, noise=0.5), qd.dmft.TwoTime(1.0, 0.5))


REST = qd.solve(qd.RandomNetwork(0.5), qd.dmft.Static())
REFUSED: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: spectrum(3.0), TypeError, r"`dynamics` must be a qd.RandomNetwork, couplings, .* but is 3.0"),
    (lambda: spectrum(np.eye(2)), TypeError, r"make it qd.Network\(weights\)"),
    (lambda: spectrum(qd.couplings.Redrawn(Elliptic(1.0))), ValueError, "`couplings` must stay the same .*Redrawn"),
    (lambda: spectrum(Elliptic(1.0), at=np.zeros(3)), ValueError, "`at` must be left out with infinitely many neurons"),
    (lambda: spectrum(REST, rightmost=3), ValueError, "`rightmost` must be left out with infinitely many neurons"),
    (
        lambda: spectrum(qd.solve(qd.RandomNetwork(1.5), qd.dmft.Stationary(lags=(0.0,)))),
        ValueError,
        "`dynamics` must be a solution at rest, of qd.dmft.Static, but is one of dmft.Stationary",
    ),
    (
        lambda: spectrum(qd.solve(qd.RandomNetwork(0.5), qd.dmft.Static(), start="active", throw=False)),
        ValueError,
        "must be one solution that is solved",
    ),
    (lambda: spectrum(qd.landscape.Flow(lambda x: -x, size=2)), ValueError, "`at` must be given with a flow or a map"),
    (lambda: spectrum(SMALL, at=np.zeros(3)), ValueError, r"`at` must be states of 20 numbers, .* but has shape \(3,\)"),
    (lambda: spectrum(SMALL, at=np.full(20, np.nan)), ValueError, "`at` must be finite"),
    (lambda: spectrum(SMALL, at=np.zeros((2, 2, 20))), ValueError, r"`at` must be states .* has shape \(2, 2, 20\)"),
    (lambda: spectrum(SMALL, at=np.zeros(20), inputs=np.zeros((3, 20))), ValueError, "one row for each of the 1 states"),
    (lambda: spectrum(SMALL, inputs=np.zeros(20)), ValueError, "`inputs` must be left out with the couplings of a network"),
    (lambda: spectrum(SMALL, rightmost=21), ValueError, "`rightmost` must be at most the number of eigenvalues, 20"),
    (lambda: spectrum(SMALL, rightmost=0), ValueError, "`rightmost` must be at least 1"),
    (lambda: spectrum(SMALL, couplings=1.0), TypeError, "`couplings` must be couplings such as"),
    (lambda: spectrum(SMALL, points=3), ValueError, "`points` must be at least 32"),
    (lambda: spectrum(SMALL, nodes=3), ValueError, "`nodes` must be at least 8"),
    (lambda: spectrum(SMALL, theory=1), TypeError, "`theory` must be True or False"),
    (lambda: spectrum(xr.Dataset()), TypeError, "must be the Dataset of qd.landscape.find_fixed_points"),
    (lambda: qd.plots.spectrum(xr.Dataset()), TypeError, "but has neither eigenvalues nor a boundary"),
    (
        lambda: qd.plots.spectrum(spectrum(SMALL, at=np.zeros((2, 20)), theory=False)),
        ValueError,
        r"must be of one state, but has {'point': 2}: choose one by .isel\(point=0\)",
    ),
]


@pytest.mark.parametrize(("ask", "error", "message"), REFUSED)
def test_bad_input_is_refused(ask: Callable[[], Any], error: type[Exception], message: str, unchecked_types: None) -> None:
    with pytest.raises(error, match=message):
        ask()


def test_a_picture_has_the_eigenvalues_the_boundary_and_the_outliers() -> None:
    found = spectrum(qd.RandomNetwork(couplings=Elliptic(0.5, mean=2.0)).draw(50, 1), couplings=Elliptic(0.5, mean=2.0))
    axes = qd.plots.spectrum(found)
    dots, curve, diamonds = axes.lines
    np.testing.assert_array_equal(dots.get_xdata(), found.eigenvalue_real)
    np.testing.assert_array_equal(curve.get_xdata()[:-1], found.boundary_real[0])
    np.testing.assert_array_equal(curve.get_ydata()[:-1], found.boundary_imag[0])
    assert len(curve.get_xdata()) == found.sizes["point"] + 1
    np.testing.assert_array_equal(diamonds.get_xdata(), found.outlier_real)
    assert [text.get_text() for text in axes.get_legend().get_texts()] == [
        "eigenvalues",
        r"boundary, $N=\infty$",
        r"outliers, $N=\infty$",
    ]
    assert axes.get_xlabel() == r"$\mathrm{Re}\,\lambda$"
    figure, panels = plt.subplots(1, 2, sharex=True, sharey=True)
    for each in panels:
        qd.plots.spectrum(found, axes=each)
    figure.draw_without_rendering()
    jacobian = qd.plots.spectrum(spectrum(REST))
    assert jacobian.get_xlabel().endswith("(1/time)")
    # The border of stability.
    np.testing.assert_array_equal(jacobian.lines[-1].get_xdata(), [0.0, 0.0])
