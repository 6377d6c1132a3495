"""Signals and gradients through layers: closed forms, published values, derivatives, finite widths."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import quenched as qd
from quenched.activations import AbstractActivation, Activation, Sine
from quenched.gaussian.kernels import mean_square, product, slope_square
from quenched.layers import Forward, Propagation, edge_of_chaos

CRITICAL_RELU = qd.FeedforwardNetwork(np.sqrt(2.0), 0.0, qd.ReLU())


def through(network: Any, depth: int = 20, **options: Any) -> dict[str, Any]:
    return dict(qd.solve(network, Propagation(depth, **options)).arrays)


@pytest.mark.parametrize("phi", [qd.Linear(), qd.ReLU(), qd.Erf(), Sine()], ids=lambda phi: phi.name)
def test_closed_forms_are_what_quadrature_gives(phi: AbstractActivation) -> None:
    """With their derivatives, which are averages of slopes."""
    own = Activation(lambda x: phi(x), breakpoints=phi.breakpoints)

    @jax.jit
    def numbers(variance: Any, covariance: Any) -> Any:
        found = []
        for each in (phi, own):
            by_both = jax.grad(lambda v, c, each=each: product(each, v, c, 96), argnums=(0, 1))(variance, covariance)
            averages = (function(each, variance, 96) for function in (mean_square, slope_square))
            found.append((product(each, variance, covariance, 96), *by_both, *averages))
        return jnp.asarray(found)

    with jax.enable_x64(True):
        for variance, covariance in ((1.3, 0.7), (1.3, -1.2), (2.0, 2.0), (30.0, 12.0), (1e-8, 3e-9)):
            exact, quadrature = numbers(jnp.asarray(variance), jnp.asarray(covariance))
            np.testing.assert_allclose(exact, quadrature, rtol=1e-10, atol=1e-12)


def test_rectifiers_forget_angles_as_a_power() -> None:
    """He's weights: length and gradient stay, 1 - c falls as 9 pi^2/(2 l^2) (Hayou et al. 2019)."""
    found = through(CRITICAL_RELU, 2000, length=2.5, overlap=(0.0, 0.9))
    np.testing.assert_allclose(found["mean_square_state"], 2.5, rtol=1e-12)
    np.testing.assert_allclose(found["gradient_norm"], 1.0, rtol=1e-11)
    apart = (1.0 - found["overlap_coefficient"][:, -1]) * 2000**2
    np.testing.assert_allclose(apart, 4.5 * np.pi**2, rtol=0.03)
    assert found["slope"] == pytest.approx(1.0, abs=1e-12)
    assert np.isnan(found["chaotic"])
    assert np.isinf([found["overlap_depth_scale"], found["gradient_depth_scale"], found["length_depth_scale"]]).all()


def test_error_functions_map_overlaps_in_closed_form() -> None:
    """q' = s^2 (2/pi) arcsin(q/(2/pi + q)) + b^2, and likewise of products."""
    weights, bias, depth = 1.7, 0.2, 12
    length, covariance = 1.4, 0.6 * 1.4
    lengths, overlaps = [length], [covariance / length]
    for _ in range(depth):
        received = [2 / np.pi * np.arcsin(each / (2 / np.pi + length)) for each in (length, covariance)]
        length, covariance = (weights**2 * each + bias**2 for each in received)
        lengths.append(length)
        overlaps.append(covariance / length)
    found = through(qd.FeedforwardNetwork(weights, bias, qd.Erf()), depth, length=1.4, overlap=0.6)
    np.testing.assert_allclose(found["mean_square_state"], lengths, rtol=1e-13)
    np.testing.assert_allclose(found["overlap_coefficient"], overlaps, rtol=1e-12)


@pytest.mark.parametrize(("weights", "bias"), [(2.5, 0.3), pytest.param(1.2, 0.3, marks=pytest.mark.slow)])
def test_depth_scales_are_those_of_the_decay(weights: float, bias: float) -> None:
    """In chaos and in order, of lengths, overlaps and gradients."""
    found = through(qd.FeedforwardNetwork(weights, bias), 90, overlap=0.5)
    assert found["chaotic"] == (weights > 2.0)
    fixed = {"mean_square_state": ("fixed_length", "length"), "overlap_coefficient": ("fixed_overlap", "overlap")}
    for name, (limit, scale) in fixed.items():
        away = np.abs(found[name] - found[limit])
        late = np.flatnonzero((away > 1e-10) & (away < 1e-3))
        rate = -1.0 / np.polyfit(late, np.log(away[late]), 1)[0]
        assert rate == pytest.approx(float(found[f"{scale}_depth_scale"]), rel=2e-3), name
    # The square of the gradient, far from the first layers.
    rate = 1.0 / (2.0 * np.log(found["gradient_norm"][60] / found["gradient_norm"][59]))
    assert -rate == pytest.approx(-float(found["gradient_depth_scale"]), rel=1e-6)


def test_published_critical_points() -> None:
    """tanh at a bias variance of 0.05 (Schoenholz et al. 2017: 1.76); where the branches of GELU and SiLU change their
    stability (Roberts, Yaida & Hanin 2022, chapter 5)."""
    assert float(edge_of_chaos(qd.Tanh(), 0.05**0.5).weight_std[1]) ** 2 == pytest.approx(1.76, abs=0.005)
    for name, weights, biases in (("gelu", 1.98305826, 0.17292239), ("silu", 1.98800468, 0.55514317)):
        phi = qd.activations.common(name)
        slopes, found = [], []
        for bias in np.sqrt(biases) * np.array([0.999, 1.0, 1.001]):
            at = edge_of_chaos(phi, bias)
            best = int(np.nanargmin(np.abs(at.length_slope.values - 1.0)))
            slopes.append(float(at.length_slope[best]))
            found.append(float(at.weight_std[best]) ** 2)
        assert found[1] == pytest.approx(weights, rel=1e-7), name
        assert slopes[1] == pytest.approx(1.0, abs=1e-6), name
        assert (slopes[0] - 1.0) * (slopes[2] - 1.0) < 0.0


@pytest.mark.slow
def test_on_the_edge_propagation_is_marginal() -> None:
    for name in ("tanh", "hardtanh"):
        phi = qd.activations.common(name)
        at = edge_of_chaos(phi, 0.4)
        found = through(qd.FeedforwardNetwork(float(at.weight_std[1]), 0.4, phi), 3, length=float(at.fixed_length[1]))
        assert found["slope"] == pytest.approx(1.0, abs=1e-9), name
        assert found["fixed_length"] == pytest.approx(float(at.fixed_length[1]), rel=1e-8), name
        assert float(at.stable_length[1]) == 1.0


@pytest.mark.parametrize("name", ["tanh", pytest.param("relu6", marks=pytest.mark.slow)])
def test_the_edge_has_derivatives(name: str) -> None:
    """First and second, forwards and backwards, also of the slope of lengths."""
    phi = qd.activations.common(name)

    def numbers(bias: Any) -> Any:
        found = edge_of_chaos(phi, bias)
        return jnp.stack([found[each][1] for each in ("weight_std", "fixed_length", "length_slope")])

    with jax.enable_x64(True):
        value, slope, bend = jax.jit(numbers), jax.jit(jax.jacrev(numbers)), jax.jit(jax.jacfwd(jax.jacfwd(numbers)))
        for function, derivative in ((value, slope), (slope, bend)):
            difference = (np.asarray(function(0.7 + 1e-4)) - np.asarray(function(0.7 - 1e-4))) / 2e-4
            np.testing.assert_allclose(derivative(0.7), difference, rtol=1e-5)
        assert np.isnan(np.asarray(jax.jit(lambda bias: edge_of_chaos(phi, bias)["weight_std"])(-0.3))).all()


def test_vanishing_and_free_lengths() -> None:
    """tanh and GELU without bias vanish at sigma_w = 1/phi'(0), of which GELU is unstable; of ReLU any length will do."""
    tanh, gelu, relu = (edge_of_chaos(qd.activations.common(name)) for name in ("tanh", "gelu", "relu"))
    assert float(tanh.weight_std[0]) == pytest.approx(1.0)
    assert float(gelu.weight_std[0]) == pytest.approx(2.0)
    assert (float(tanh.stable_length[0]), float(gelu.stable_length[0])) == (1.0, 0.0)
    assert float(relu.weight_std[0]) ** 2 == pytest.approx(2.0)
    assert np.isnan(float(relu.fixed_length[0]))
    assert np.isnan(edge_of_chaos(qd.ReLU(), 0.1).weight_std).all()
    assert np.isnan(edge_of_chaos(qd.activations.common("softplus"), 0.1).weight_std).all()


@pytest.mark.parametrize(
    "network",
    [
        pytest.param(qd.FeedforwardNetwork(2.0, 0.3), marks=pytest.mark.slow),
        qd.FeedforwardNetwork(1.3, 0.3, keep=0.8),
        pytest.param(qd.FeedforwardNetwork(1.2, 0.3, qd.ReLU(), residual=0.5), marks=pytest.mark.slow),
    ],
    ids=["chaos", "dropout", "residual"],
)
def test_networks_tend_to_theory_along_widths(network: qd.FeedforwardNetwork) -> None:
    """Extrapolated in 1/width, within 4 errors."""
    depth, widths = 5, np.array([40, 80, 160])
    theory = through(network, depth, overlap=0.5)
    runs = [qd.solve(network, Forward(int(width), 200, depth, overlap=0.5), key=int(width)).arrays for width in widths]
    for name in ("mean_square_state", "overlap_coefficient", "gradient_norm"):
        for layer in range(depth + 1):
            values, errors = ([run[each][layer] for run in runs] for each in (name, f"{name}_error"))
            if max(errors) < 1e-12:
                np.testing.assert_allclose(values, theory[name][layer], rtol=1e-12)
                continue
            fit, spread = np.polyfit(1 / widths, values, 1, w=1 / np.array(errors), cov="unscaled")
            assert abs(fit[1] - theory[name][layer]) < 4 * np.sqrt(spread[1, 1]), (name, layer)
            assert np.sqrt(spread[1, 1]) < 0.05 * abs(theory[name][layer]), (name, layer)


def test_fluctuations_of_narrow_networks_are_known_where_they_are() -> None:
    """(1 + 5/n)^l for ReLU: `tests/exact_cases.py` has the networks."""
    assert Forward(20, 2, 4).exact_length_fluctuation(CRITICAL_RELU) == pytest.approx(1.25 ** np.arange(5))
    assert Forward(20, 2, 4).exact_length_fluctuation(qd.FeedforwardNetwork(1.0)) is None


@pytest.mark.slow
def test_one_input_is_a_recurrent_map_with_redrawn_couplings() -> None:
    network = qd.FeedforwardNetwork(1.6, 0.3, keep=0.9)
    layers = through(network, 8)["mean_square_state"]
    steps = qd.solve(network.recurrent, qd.dmft.TwoTime(8.0, 1.0, initial=qd.Normal(0.0, 1.0))).arrays["mean_square_state"]
    np.testing.assert_allclose(steps, layers, atol=0.02)


@pytest.mark.parametrize(
    "phi",
    [qd.Erf(), *(pytest.param(qd.activations.common(name), marks=pytest.mark.slow) for name in ("tanh", "hardtanh"))],
    ids=lambda phi: phi.name,
)
def test_derivatives_are_differences(phi: AbstractActivation) -> None:
    """First and second ones by the parameters, in chaos; with kinks too."""
    names = ("fixed_length", "fixed_overlap", "slope", "overlap_depth_scale", "length_depth_scale", "gradient_depth_scale")

    def numbers(parameters: Any) -> Any:
        network = qd.FeedforwardNetwork(parameters[0], parameters[1], phi)
        found = qd.solve(network, Propagation(2, overlap=0.4), throw=False).arrays
        return jnp.stack([jnp.asarray(found[name]) for name in names] + [found["overlap_coefficient"][-1]])

    with jax.enable_x64(True):
        at, steps = jnp.asarray([2.2, 0.3]), 1e-4 * np.eye(2)
        first = jax.jit(lambda parameters: (numbers(parameters), jax.jacfwd(numbers)(parameters)))
        second = np.asarray(jax.jit(jax.jacfwd(jax.jacfwd(numbers)))(at))
        around = [[first(at + sign * step) for sign in (1, -1)] for step in steps]
        for order, exact in ((0, np.asarray(first(at)[1])), (1, second)):
            differences = [(np.asarray(above[order]) - np.asarray(below[order])) / 2e-4 for above, below in around]
            np.testing.assert_allclose(exact, np.stack(differences, axis=-1), rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(jax.jit(jax.jacrev(numbers))(at), first(at)[1], rtol=1e-9, atol=1e-9)


def test_derivatives_by_the_overlap_hold_at_its_ends() -> None:
    """<phi' phi'> of equal inputs is <phi'^2>; of opposite ones likewise for odd phi."""
    network = qd.FeedforwardNetwork(1.5, 0.2, qd.Erf())

    def after(overlap: Any) -> Any:
        return qd.solve(network, Propagation(3, overlap=overlap), throw=False).arrays["overlap_coefficient"][-1]

    with jax.enable_x64(True):
        slope = jax.jit(jax.grad(after))
        for end in (1.0, -1.0):
            assert float(slope(end)) == pytest.approx(float(slope(end * (1.0 - 1e-7))), rel=1e-5)
            assert float(slope(end)) > 0.5


def test_lengths_that_run_away_are_named_with_their_layer() -> None:
    with pytest.raises(qd.SolveError, match=r"diverged: The mean square of the states runs away in layer 54\."):
        qd.solve(qd.FeedforwardNetwork(2.0, 0.0, qd.ReLU()), Propagation(100))
    found = through(qd.FeedforwardNetwork(1.5, 0.3, qd.ReLU(), residual=0.3), 5)
    assert np.isinf(found["fixed_length"])
    ratios = np.diff(found["mean_square_state"]) / (found["mean_square_state"][:-1] * 1.5**2 / 2 + 0.3**2)
    np.testing.assert_allclose(ratios, 0.3**2, rtol=1e-12)


def test_what_vanishes_has_no_direction() -> None:
    for weights in (0.0, 0.5):
        found = through(qd.FeedforwardNetwork(weights), 4, overlap=0.5)
        assert found["fixed_length"] == 0.0
        assert found["slope"] == pytest.approx(weights**2, abs=1e-9)
        assert np.isnan([found["fixed_overlap"], found["overlap_depth_scale"]]).all()
    assert np.isnan(through(qd.FeedforwardNetwork(0.0), 4, overlap=0.5)["overlap_coefficient"][1:]).all()


def test_no_length_is_fixed_where_residual_connections_carry_nearly_all() -> None:
    """At large lengths rounding hides that they grow."""
    for residual in (0.3, 1e-3):
        found = through(qd.FeedforwardNetwork(2.0, 0.4, qd.Erf(), residual=residual), 3, overlap=0.5)
        assert np.isinf(found["fixed_length"]), residual


def test_overlaps_stay_where_signals_vanish_linearly() -> None:
    """W x keeps angles, however small x has become; and linear layers all of them."""
    found = through(qd.FeedforwardNetwork(0.5), 120, overlap=0.5)["overlap_coefficient"]
    np.testing.assert_allclose(found[60:], found[60], rtol=1e-9)
    assert 0.4 < found[60] < 0.5
    every = through(qd.FeedforwardNetwork(1.0, 0.0, qd.Linear()), 3, overlap=0.5)
    assert every["overlap_coefficient"] == pytest.approx(0.5)
    assert np.isnan(every["fixed_overlap"])
    assert np.isinf(every["overlap_depth_scale"])


@pytest.mark.parametrize(
    ("function", "length", "exact"),
    [(jnp.exp, 10.0, np.exp(20.0)), (lambda x: jnp.exp(x**2 / 8.0), 1.5, 2.0), (lambda x: x**3, 2.0, 15.0 * 2.0**3)],
)
def test_errors_contain_what_lies_beyond_the_quadrature(function: Any, length: float, exact: float) -> None:
    found = qd.solve(qd.FeedforwardNetwork(1.0, 0.0, Activation(function)), Propagation(1, length), throw=False)
    value, error = (float(found.arrays[name][1]) for name in ("mean_square_state", "mean_square_state_error"))
    assert abs(value - exact) < 2.0 * error + 1e-12 * exact
    assert (int(found.status) == qd.Status.solved) == (abs(value - exact) < 1e-6 * exact)


def test_roots_on_a_step_of_the_search_are_found() -> None:
    """Lengths of 1 and 10 are among those at which the bias of the edge is looked at."""
    for length in (0.01, 1.0, 10.0):
        with jax.enable_x64(True):
            weights, square = (float(f(qd.Erf(), jnp.asarray(length), 48)) for f in (slope_square, mean_square))
        found = edge_of_chaos(qd.Erf(), np.sqrt(length - square / weights))
        assert float(found.fixed_length[1]) == pytest.approx(length, rel=1e-10)
        assert float(found.weight_std[1]) ** 2 == pytest.approx(1.0 / weights, rel=1e-10)


RELU: Any = "relu"
LAYERED: Any = qd.FeedforwardNetwork(1.0)


@pytest.mark.usefixtures("unchecked_types")
@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: Propagation(0), ValueError, "`depth` must be at least 1"),
        (lambda: Propagation(3, length=0.0), ValueError, "`length`"),
        (lambda: Propagation(3, overlap=1.2), ValueError, "`overlap`"),
        (lambda: Propagation(3, overlap=(0.1, -2.0)), ValueError, r"`overlap\[1\]`"),
        (lambda: qd.FeedforwardNetwork(1.0, keep=0.0), ValueError, "`keep`"),
        (lambda: qd.FeedforwardNetwork(1.0, keep=1.1), ValueError, "`keep`"),
        (lambda: qd.FeedforwardNetwork(-1.0), ValueError, "`weight_std`"),
        (lambda: qd.FeedforwardNetwork(1.0, activation=RELU), TypeError, "`activation`"),
        (lambda: edge_of_chaos(RELU), TypeError, "`activation`"),
        (lambda: edge_of_chaos(qd.Tanh(), -0.1), ValueError, "`bias_std`"),
        (lambda: edge_of_chaos(qd.Tanh(), 1e-11), ValueError, "must be 0, or at least 1e-08"),
        (lambda: edge_of_chaos(qd.Tanh(), (0.1, 501.0)), ValueError, r"`bias_std\[1\]`"),
        (lambda: qd.solve(LAYERED, Propagation(10**9)), MemoryError, "lower `depth`"),
        (lambda: edge_of_chaos(Activation(jnp.sign, breakpoints=(0.0,))), ValueError, "must not jump"),
        (lambda: qd.solve(qd.FeedforwardNetwork(1.0), qd.dmft.Static()), TypeError, "Use qd.layers.Propagation"),
        (lambda: qd.solve(qd.RandomNetwork(1.0), Propagation(3)), TypeError, "must be a qd.FeedforwardNetwork"),
        (lambda: qd.dmft.transitions(LAYERED), TypeError, "must be a qd.RandomNetwork"),
    ],
)
def test_bad_arguments_are_refused(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()


def test_kinks_need_no_names() -> None:
    """Of a function of one's own as of the known one; where there are too many, a branch is left out and that is said."""
    known = edge_of_chaos(qd.activations.common("relu6"), 0.5)
    own = edge_of_chaos(Activation(lambda x: jnp.clip(x, 0.0, 6.0)), 0.5)
    for name in ("weight_std", "fixed_length", "length_slope"):
        np.testing.assert_allclose(own[name][1], known[name][1], rtol=1e-10)
    waves = Activation(lambda x: jnp.abs(((3.0 * x + 1.0) % 4.0) - 2.0) - 1.0, "waves")
    with pytest.warns(UserWarning, match="left out branches: two quadratures of 1 differ"):
        assert np.isnan(edge_of_chaos(waves, 0.3).weight_std).all()
