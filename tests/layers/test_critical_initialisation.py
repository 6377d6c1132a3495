"""Initial weights: critical where there are such, the least bad where there are none, in the terms of frameworks."""

from __future__ import annotations

import os
from math import sqrt
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate, special

import quenched as qd
from quenched.layers import Forward, Initialisation, Propagation, critical_initialisation


def of(name: str, *arguments: Any, **options: Any) -> Initialisation:
    return critical_initialisation(qd.activations.common(name), *arguments, **options)


def quad(function: Any, variance: float) -> float:
    density = lambda x: function(x) * np.exp(-(x**2) / (2.0 * variance)) / np.sqrt(2.0 * np.pi * variance)  # noqa: E731
    reach = 12.0 * np.sqrt(variance)
    return float(integrate.quad(density, -reach, reach, points=[0.0], epsabs=1e-13, epsrel=1e-13, limit=400)[0])


def test_known_weights() -> None:
    """He's for ReLU; leaky ReLU and SELU by their two slopes; with dropout He's times `keep` (Pretorius et al. 2018)."""
    scale, alpha = 1.0507009873554805, 1.6732632423543772
    known = {
        "tanh": 1.0,
        "relu": 2.0,
        "leaky_relu": 2.0 / (1.0 + 0.01**2),
        "selu": 2.0 / (scale**2 * (1.0 + alpha**2)),
        "hardtanh": 1.0,
    }
    for name, variance in known.items():
        found = of(name)
        assert found.critical, name
        assert found.weight_std**2 == pytest.approx(variance, rel=1e-10), name
        assert np.isinf([found.layers, found.overlap_depth_scale, found.gradient_depth_scale]).all(), name
    dropped = of("relu", keep=0.7)
    assert dropped.weight_std**2 == pytest.approx(1.4, rel=1e-12)
    assert not dropped.critical
    assert np.isinf(dropped.gradient_depth_scale)


def test_critical_weights_are_critical_by_propagation() -> None:
    """A step to either side shows the sign of order and chaos, and at the point lengths stay."""
    for name, bias in (("tanh", 0.3), ("gelu", 0.5)):
        found = of(name, bias)
        assert found.critical, name
        verdicts = []
        for factor in (0.999, 1.0, 1.001):
            network = found.network.replace(weight_std=factor * found.weight_std)
            verdicts.append(qd.solve(network, Propagation(20, length=found.length)).arrays)
        assert [float(each["slope"]) > 1.0 for each in (verdicts[0], verdicts[2])] == [False, True], name
        assert verdicts[1]["slope"] == pytest.approx(1.0, abs=1e-9), name
        np.testing.assert_allclose(verdicts[1]["mean_square_state"], found.length, rtol=1e-9)
        assert verdicts[1]["length_depth_scale"] == pytest.approx(found.length_depth_scale, rel=1e-6), name
        assert found.input_mean_square * found.weight_std**2 + bias**2 == pytest.approx(found.length), name


def test_the_smallest_bias_with_a_critical_point_is_the_published_one() -> None:
    """GELU: 0.17292239 (Roberts, Yaida & Hanin 2022). Softplus has none."""
    found = of("gelu", 0.2)
    assert not found.critical
    assert found.critical_from == pytest.approx(sqrt(0.17292239), rel=1e-6)
    assert of("gelu", 1.001 * sqrt(0.17292239)).critical
    assert not of("gelu", 0.999 * sqrt(0.17292239)).critical
    assert of("softplus").critical_from is None
    assert of("relu", 0.1).critical_from == 0.0


def silu(x: Any) -> Any:
    return x * special.expit(x)


def silu_slope(x: Any) -> Any:
    return special.expit(x) * (1.0 + x * (1.0 - special.expit(x)))


@pytest.mark.parametrize(("name", "bias"), [("softplus", 0.0), ("silu", 0.2)])
def test_no_other_weights_are_better(name: str, bias: float) -> None:
    """The depth scale, by SciPy's quadrature, of all weights that keep a length between 0.1 and 10."""
    phi, slope = {"softplus": (lambda x: np.logaddexp(0.0, x), special.expit), "silu": (silu, silu_slope)}[name]

    def scale(length: float) -> tuple[float, float]:
        square = quad(lambda x: phi(x) ** 2, length)
        weights = (length - bias**2) / square
        growth = weights * quad(lambda x: phi(x) * slope(x) * x, length) / length
        gradients = 1.0 / abs(np.log(weights * quad(lambda x: slope(x) ** 2, length)))
        return sqrt(weights), min(gradients, 1.0 / np.log(growth)) if growth > 1.0 else gradients

    found = of(name, bias)
    assert not found.critical
    assert found.weight_std == pytest.approx(scale(found.length)[0], rel=1e-9)
    best = scale(found.length)[1]
    assert found.layers == pytest.approx(6.0 * best, rel=1e-6)
    assert all(scale(length)[1] <= best * (1.0 + 1e-9) for length in np.geomspace(0.1, 10.0, 60))


def test_with_dropout_overlaps_count_where_no_length_is_stable() -> None:
    """GELU: among all weights that keep a length, by the depth scales that propagation says."""
    found = of("gelu", 0.1, keep=0.8)
    assert not found.stable_length
    others = []
    for length in (0.05, 0.1, 0.3, 1.0, 3.0, 10.0):
        weights = sqrt(0.8 * (length - 0.01) / quad(lambda x: (x * special.ndtr(x)) ** 2, length))
        arrays = qd.solve(found.network.replace(weight_std=weights), Propagation(1, length, 0.5), throw=False).arrays
        scales = [float(arrays[f"{name}_depth_scale"]) for name in ("overlap", "gradient")]
        leaving = float(arrays["length_depth_scale"])
        others.append(6.0 * min(*map(abs, scales), abs(leaving) if leaving < 0.0 else np.inf))
    assert np.nanmax(others[1:]) <= found.layers * (1.0 + 1e-3)


def test_an_edge_that_is_not_resolved_is_not_called_none() -> None:
    waves = qd.Activation(lambda x: jnp.abs(((3.0 * x + 1.0) % 4.0) - 2.0) - 1.0, "waves")
    with pytest.raises(ValueError, match="its edge of chaos is not resolved: two quadratures of 1 differ"):
        critical_initialisation(waves, 0.3)


def test_scales_without_a_critical_point_are_those_of_propagation() -> None:
    """Order, chaos at an unstable length, and dropout."""
    for found in (of("relu", 0.1, lengths=(0.1, 2.0)), of("tanh", 0.2, keep=0.9)):
        theory = qd.solve(found.network, Propagation(1, length=found.length, overlap=0.5)).arrays
        for name in ("slope", "fixed_overlap", "overlap_depth_scale", "length_depth_scale"):
            assert getattr(found, name) == pytest.approx(float(theory[name]), rel=1e-6), name
    unstable = of("gelu")
    assert not unstable.stable_length
    assert unstable.length_depth_scale < 0.0
    overlaps = qd.solve(unstable.network, Propagation(240, length=unstable.length, overlap=0.5)).arrays[
        "overlap_coefficient"
    ]
    missing = unstable.fixed_overlap - overlaps
    assert -1.0 / np.log(missing[240] / missing[239]) == pytest.approx(unstable.overlap_depth_scale, rel=5e-3)


@pytest.mark.slow
def test_deep_networks_at_critical_weights_keep_signals_and_gradients() -> None:
    """30 layers: at critical weights gradients stay within a factor of 2 for any width, at PyTorch's they vanish."""
    found = of("tanh", 0.1)
    for width in (100, 200):
        gradient = float(qd.solve(found.network, Forward(width, 20, 30, length=found.length)).arrays["gradient_norm"][0])
        assert 0.5 < gradient < 2.0
    torch_default = found.network.replace(weight_std=sqrt(1.0 / 3.0))
    assert float(qd.solve(torch_default, Forward(100, 20, 30)).arrays["gradient_norm"][0]) < 1e-5


def test_jax_initialisers_have_the_variances() -> None:
    found = of("tanh", 0.3)
    for shape, axes, fan_in in (((300, 400), (-2, -1), 300), ((3, 3, 40, 50), (-2, -1), 360), ((400, 300), (-1, -2), 300)):
        weights = found.jax(in_axis=axes[0], out_axis=axes[1])(jax.random.key(1), shape, jnp.float32)
        assert weights.dtype == jnp.float32
        spread = float(jnp.std(weights)) * sqrt(fan_in) / found.weight_std
        assert abs(spread - 1.0) < 4.0 / sqrt(2 * weights.size)
    biases = found.jax(bias=True)(jax.random.key(2), (10_000,))
    assert abs(float(jnp.std(biases)) / 0.3 - 1.0) < 4.0 / sqrt(2e4)
    assert not of("relu").jax(bias=True)(jax.random.key(2), (5,)).any()


def test_the_report_says_what_there_is() -> None:
    assert "Critical: neither" in repr(of("erf", 0.3))
    assert "every mean square" in repr(of("relu"))
    unstable = of("gelu", 0.2).report(50)
    for words in ("No critical point at bias_std 0.2", "smallest bias_std with one is 0.4158", "The length is unstable"):
        assert words in unstable
    assert "After 50 layers" in unstable
    assert "No critical point at any bias_std" in repr(of("softplus"))
    assert "with dropout two copies of an input part.\nGradients stay" in repr(of("erf", 0.2, keep=0.9))
    unstable = repr(of("gelu", 0.1, keep=0.8))
    assert "No stable length at which gradients stay at bias_std 0.1: these are the least bad weights." in unstable
    assert "At bias_std 0 there is one." in repr(of("relu", 0.1))
    assert of("relu")._repr_html_().startswith("<pre>")


def test_another_bias_is_not_compiled_again() -> None:
    from quenched.layers.kept_lengths import _averages

    of("mish", 0.1)
    before = len(_averages.programs)
    of("mish", 0.2)
    assert len(_averages.programs) == before


WRONG: Any = "tanh"


@pytest.mark.usefixtures("unchecked_types")
@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: critical_initialisation(WRONG), TypeError, "`activation`"),
        (lambda: of("tanh", -0.1), ValueError, "`bias_std`"),
        (lambda: of("tanh", keep=0.0), ValueError, "`keep`"),
        (lambda: of("tanh", lengths=(1.0, 0.5)), ValueError, "`lengths`"),
        (lambda: of("gelu", 2.0, lengths=(1.0, 3.0)), ValueError, r"beyond bias_std\*\*2 = 4"),
        (lambda: of("hardshrink"), ValueError, "must not jump"),
        (lambda: critical_initialisation(qd.Activation(lambda x: 0.0 * x, "nothing")), ValueError, "let signals pass"),
        (lambda: critical_initialisation(qd.Activation(lambda x: 0.0 * x + 2.0, "same")), ValueError, "let signals pass"),
        (lambda: critical_initialisation(qd.Activation(lambda x: x / jnp.sum(x))), TypeError, "element by element"),
        (lambda: of("relu").report(0), ValueError, "`depth`"),
        (lambda: of("relu").torch_(np.eye(3)), TypeError, "torch.nn.Module"),
    ],
)
def test_bad_arguments_are_refused(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()


def test_torch_modules_get_the_variances() -> None:
    """Linear layers and convolutions by their fan-in; what else has parameters stays, and is named."""
    torch = pytest.importorskip("torch")
    nn, found = torch.nn, of("gelu", 0.5)
    model = nn.Sequential(nn.Conv2d(8, 64, 3), nn.Conv1d(32, 256, 5, groups=2), nn.Linear(300, 200), nn.BatchNorm1d(200))
    with pytest.warns(UserWarning, match=r"'3' \(BatchNorm1d\)"):
        assert found.torch_(model, torch.Generator().manual_seed(3)) is model
    for layer, fan_in in zip(model, (72, 80, 300), strict=False):
        spread = float(layer.weight.detach().std()) * sqrt(fan_in) / found.weight_std
        assert abs(spread - 1.0) < 4.0 / sqrt(2 * layer.weight.numel())
        assert abs(float(layer.bias.detach().std()) / 0.5 - 1.0) < 5.0 / sqrt(2 * layer.bias.numel())
        assert layer.weight.requires_grad
    assert float(model[3].weight.detach().std()) == 0.0
    single = found.torch_(nn.Linear(50, 60, bias=False), torch.Generator().manual_seed(3)).weight
    assert torch.equal(single, found.torch_(nn.Linear(50, 60, bias=False), torch.Generator().manual_seed(3)).weight)


def test_a_torch_network_propagates_as_theory_says() -> None:
    """20 layers of width 1000 in PyTorch: mean square and overlap of two inputs."""
    torch = pytest.importorskip("torch")
    found = of("tanh", 0.3)
    theory = found.propagation(20, 0.5).arrays
    generator = torch.Generator().manual_seed(1)
    layers = [found.torch_(torch.nn.Linear(1000, 1000), generator) for _ in range(20)]
    both = torch.randn(2, 1000, generator=generator)
    first = both[0] / both[0].norm()
    other = both[1] - (both[1] @ first) * first
    other = 0.5 * first + sqrt(0.75) * other / other.norm()
    states = torch.stack([first, other]) * sqrt(1000 * found.length)
    with torch.no_grad():
        for layer in layers:
            states = layer(torch.tanh(states))
    lengths = (states**2).mean(dim=1)
    assert float(lengths[0]) == pytest.approx(float(theory["mean_square_state"][-1]), rel=0.15)
    overlap = float((states[0] * states[1]).mean() / (lengths[0] * lengths[1]).sqrt())
    assert overlap == pytest.approx(float(theory["overlap_coefficient"][-1]), abs=0.05)


def test_torch_weights_that_are_not_there_are_refused() -> None:
    torch = pytest.importorskip("torch")
    nn, found = torch.nn, of("relu")
    normed = nn.utils.parametrizations.weight_norm(nn.Linear(3, 4))
    for module, words in (
        (nn.ReLU(), "must have an nn.Linear"),
        (nn.Sequential(nn.LazyLinear(4)), "no weights yet"),
        (nn.Sequential(nn.Linear(3, 4, device="meta")), "no weights yet"),
        (nn.Sequential(nn.Linear(3, 3), normed), "weight norm"),
    ):
        with pytest.raises(ValueError, match=words):
            found.torch_(module)


def test_keras_initialisers_have_the_variances() -> None:
    os.environ.setdefault("KERAS_BACKEND", "jax")
    pytest.importorskip("keras")
    found = of("tanh", 0.3)
    for shape, fan_in in (((300, 400), 300), ((3, 3, 40, 50), 360)):
        weights = np.asarray(found.keras(seed=1)(shape))
        assert abs(weights.std() * sqrt(fan_in) / found.weight_std - 1.0) < 4.0 / sqrt(2 * weights.size)
    biases = np.asarray(found.keras(bias=True, seed=1)((10_000,)))
    assert abs(biases.std() / 0.3 - 1.0) < 4.0 / sqrt(2e4)
