"""Networks at rest, of several populations, a low rank and other units: exact limits, other routes, finite networks."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate, optimize, stats

import quenched as qd
from quenched.couplings import Blocks, Elliptic, LowRank
from quenched.dmft.static_populations import solve_populations
from quenched.theory import Start
from quenched.units import Adaptive, Discrete, Leaky, LotkaVolterra, Reservoir, Unit

E_AND_I = Blocks((0.75, 0.25), [[0.8, 1.5], [1.1, 0.4]], [[0.5, -0.3], [-0.3, 0.2]], [[2.0, -6.0], [3.0, -5.0]])
RANK_ONE = LowRank([[1.0, 2.0], [2.0, 5.0]], [0.3, 0.2])


def rest(couplings: Any, unit: Any = None, start: Any = None, **others: Any) -> dict[str, Any]:
    """All numbers of a network at rest."""
    model = qd.RandomNetwork(couplings=couplings, unit=unit, **others)
    return qd.solve(model, qd.dmft.Static(), start=start).arrays


EQUAL = ("all at once", "blocks", "no rank", "own", "block", "no mean", "map", "slow", "reservoir")


@pytest.mark.parametrize("names", [EQUAL[:1], pytest.param(EQUAL[1:], marks=pytest.mark.slow)])
def test_equal_models_have_equal_states(names: tuple[str, ...]) -> None:
    """One block is elliptic, two equal blocks are one, a rank of no strength is none; a map rests where the flow does."""
    elliptic = qd.solve(qd.RandomNetwork(1.3, 0.4, field=0.2), qd.dmft.Static(), start="active").arrays
    ones = np.ones((2, 2))
    own = Unit(lambda x, h: -x + h, jnp.tanh)
    blocks = Blocks((0.3, 0.7), 1.3 * ones, 0.4 * ones)
    others = {
        "all at once": (blocks + LowRank(np.zeros((2, 2))), own),
        "block": (Blocks((1.0,), 1.3, 0.4), None),
        "blocks": (blocks, None),
        "no rank": (Elliptic(1.3, 0.4) + LowRank(np.zeros((2, 2))), None),
        "no mean": (Elliptic(1.3, 0.4, 0.0), None),
        "map": (Elliptic(1.3, 0.4), Discrete(leak=0.3)),
        "slow": (Elliptic(1.3, 0.4), Leaky(time_constant=7.0)),
        "own": (Elliptic(1.3, 0.4), own),
        "reservoir": (Elliptic(1.3, 0.4), Reservoir()),
    }
    assert set(others) == set(EQUAL)
    for name in names:
        couplings, unit = others[name]
        found = rest(couplings, unit, field=0.2)
        same = ["mean_rate", "correlation", "integrated_response"]
        same += [] if name == "reservoir" else ["mean_state", "mean_square_state"]
        same += [] if name in ("map", "reservoir") else ["stability_margin"]  # waves of a map alternate too
        for quantity in same:
            np.testing.assert_allclose(found[quantity], elliptic[quantity], atol=2e-10, err_msg=f"{name}, {quantity}")


def by_quadrature(function: Callable[[float], float], mean: float, variance: float, kinks: tuple[float, ...] = ()) -> float:
    """<function(mean + sqrt(variance) z)> by SciPy's adaptive rule."""
    width = np.sqrt(variance)
    places = [(kink - mean) / width for kink in kinks if abs(kink - mean) < 9 * width]
    return integrate.quad(lambda z: function(mean + width * z) * stats.norm.pdf(z), -9, 9, points=places or None, limit=200)[
        0
    ]


def test_excitation_and_inhibition_by_another_route() -> None:
    """Symmetry 0: x is Gaussian in each population. SciPy's quadrature and root finder."""
    gain, mean, fractions, field = np.array([[0.8, 1.5], [1.1, 0.4]]), np.array([[2.0, -6.0], [3.0, -5.0]]), (0.7, 0.3), 0.4
    phis: tuple[Any, ...] = (np.tanh, lambda x: max(x, 0.0))

    def missing(unknowns: np.ndarray) -> np.ndarray:
        rate, square = unknowns[:2], unknowns[2:]
        at, spread = mean @ (fractions * rate) + field, gain**2 @ (fractions * square)
        new = [
            [by_quadrature(f, float(centre), float(width), (0.0,)) for f in (phi, lambda x, phi=phi: phi(x) ** 2)]
            for phi, centre, width in zip(phis, at, spread, strict=True)
        ]
        return np.ravel(np.transpose(new)) - unknowns

    found = rest(Blocks(fractions, gain, 0.0, mean), (Leaky(), Leaky(qd.ReLU())), field=field)
    ours = np.concatenate([found["mean_rate"], found["correlation"]])
    np.testing.assert_allclose(optimize.root(missing, ours + 0.05, tol=1e-12).x, ours, atol=1e-8)
    assert np.all(found["correlation_error"] < 1e-10)


def test_rank_one_by_another_route() -> None:
    """kappa = <n> <phi> + cov(n, m) kappa <phi'>, the field's variance g^2 <phi^2> + var(m) kappa^2 (2018)."""
    gain = 0.9

    def missing(unknowns: np.ndarray) -> np.ndarray:
        square, latent = unknowns
        gaussian = partial(by_quadrature, mean=0.3 * latent, variance=gain**2 * square + latent**2)
        slope = gaussian(lambda x: 1 - np.tanh(x) ** 2)
        return np.array(
            [gaussian(lambda x: np.tanh(x) ** 2) - square, 0.2 * gaussian(np.tanh) + 2.0 * slope * latent - latent]
        )

    found = rest(Elliptic(gain) + RANK_ONE, start="structured")
    ours = np.array([found["correlation"], found["latent"][0]])
    assert found["latent"][0] > 1.0
    np.testing.assert_allclose(optimize.root(missing, ours + 0.05, tol=1e-13).x, ours, atol=1e-9)


def test_where_structure_appears() -> None:
    """Without a random part the latent appears at cov(n, m) = 1, where the outlier crosses 0, and grows as its root."""
    overlaps = 1.0 + np.array([4e-3, 1e-3])
    latents = []
    for overlap in overlaps:
        couplings = Elliptic(0.5) + LowRank([[1.0, overlap], [overlap, 4.0]])
        silent = rest(couplings, start="unstructured")
        assert silent["outlier"] == pytest.approx(overlap - 1.0, abs=1e-9)
        assert silent["latent"][0] == 0.0
        latents.append(rest(couplings, start="structured")["latent"][0])
    assert latents[0] / latents[1] == pytest.approx(2.0, rel=5e-3)
    weak = qd.RandomNetwork(couplings=Elliptic(0.5) + LowRank([[1.0, 0.9], [0.9, 4.0]]))
    gone = qd.solve(weak, qd.dmft.Static(), start="structured", throw=False)
    assert gone.status == qd.Status.no_such_branch
    # Another root by its order parameters: minus the state is a state too.
    model = qd.RandomNetwork(couplings=Elliptic(0.5) + LowRank([[1.0, 2.0], [2.0, 5.0]]))
    above = qd.solve(model, qd.dmft.Static())
    opposite: dict[str, Any] = {name: above.arrays[name] for name in ("mean_rate", "correlation", "integrated_response")}
    below = qd.solve(model, qd.dmft.Static(), start={**opposite, "latent": -above.arrays["latent"]})
    np.testing.assert_allclose(below.arrays["latent"], -above.arrays["latent"], rtol=1e-12)


@pytest.mark.parametrize("symmetry", [-0.5, 0.0, 0.5, 1.0])
def test_species_in_competition(symmetry: float) -> None:
    """Bunin 2017: sigma = sqrt(w_2)/(w_2 + gamma w_0) for the depth D of the cut; at sigma_c half of the species survive."""

    def moments(depth: float) -> tuple[float, float, float]:
        below, density = stats.norm.cdf(depth), stats.norm.pdf(depth)
        return below, depth * below + density, (1 + depth**2) * below + depth * density

    zeroth, first, second = moments(0.6)
    spread, competition = np.sqrt(second) / (second + symmetry * zeroth), 3.0
    found = rest(Elliptic(spread, symmetry, -competition), LotkaVolterra(growth=0.3, capacity=2.0))
    assert found["surviving_fraction"] == pytest.approx(zeroth, abs=1e-9)
    # x = (K - mu <x> + sigma sqrt(<x^2>) z)/(1 - gamma sigma^2 chi) of the survivors, chi = w_0/(1 - gamma sigma^2 chi).
    assert found["correlation"] / found["mean_rate"] ** 2 == pytest.approx(second / first**2, rel=1e-9)
    opening = zeroth / found["integrated_response"]
    assert opening == pytest.approx(1 - symmetry * spread**2 * found["integrated_response"], rel=1e-9)
    assert 2.0 - competition * found["mean_rate"] == pytest.approx(
        0.6 * spread * np.sqrt(found["correlation"]), rel=1e-8
    )  # D
    edge = rest(Elliptic(np.sqrt(2) / (1 + symmetry), symmetry, -competition), LotkaVolterra())
    assert edge["surviving_fraction"] == pytest.approx(0.5, abs=1e-9)
    assert edge["stability_margin"] == pytest.approx(0.0, abs=1e-8)


def test_abundance_diverges_by_name() -> None:
    model = qd.RandomNetwork(couplings=Elliptic(0.5, 0.5, 2.0), unit=LotkaVolterra())
    solution = qd.solve(model, qd.dmft.Static(), throw=False)
    assert solution.status == qd.Status.diverged
    assert np.isnan(solution.arrays["mean_rate"])


def test_immigrants_leave_nobody_extinct() -> None:
    """With little immigration the state tends to that without it, and each species survives."""
    without = rest(Elliptic(0.8, 0.3, -2.0), LotkaVolterra())
    gaps = []
    for immigration in (1e-4, 1e-5):
        found = rest(Elliptic(0.8, 0.3, -2.0), LotkaVolterra(immigration=immigration))
        assert found["surviving_fraction"] == pytest.approx(1.0, abs=1e-9)
        gaps.append(found["mean_rate"] - without["mean_rate"])
    assert 0 < gaps[1] < 0.2 * gaps[0] < 1e-3


def test_edge_of_neurons_with_self_coupling() -> None:
    """g^2 <(phi'/(1 - s phi'))^2> = 1 on the outermost states (Stern, Sompolinsky & Abbott 2014), by SciPy."""
    own = 1.5

    def outermost(field: float) -> float:
        at = abs(field)
        return float(np.sign(field) * optimize.brentq(lambda x: x - own * np.tanh(x) - at, 0.8, at + 3.0))

    def mean_over(function: Callable[[float], float], square: float, gain: float) -> float:
        values = lambda z: function(outermost(gain * np.sqrt(square) * z))  # noqa: E731
        return 2 * integrate.quad(lambda z: values(z) * stats.norm.pdf(z), 1e-12, 9, limit=200)[0]

    found = rest(Elliptic(1.2), Leaky(self_coupling=own))
    square = optimize.brentq(lambda c: mean_over(lambda x: np.tanh(x) ** 2, c, 1.2) - c, 0.3, 1.0)
    assert found["correlation"] == pytest.approx(square, rel=1e-9)
    chi = lambda x: (1 - np.tanh(x) ** 2) / (1 - own * (1 - np.tanh(x) ** 2))  # noqa: E731
    assert found["stability_margin"] == pytest.approx(1 - 1.2**2 * mean_over(lambda x: chi(x) ** 2, square, 1.2), abs=1e-7)
    assert found["invertible"] == 0.0


@pytest.mark.parametrize(
    ("symmetry", "unit"), [(0.0, Adaptive()), (0.4, Adaptive()), (-0.6, Adaptive()), (-0.5, Discrete())]
)
def test_bulk_reaches_the_border_at_the_critical_gain(symmetry: float, unit: Any) -> None:
    """Two routes to one number: the ellipse of the eigenvalues, and squares of small changes handed on at each frequency."""
    critical = qd.RandomNetwork(couplings=Elliptic(1.0, symmetry), unit=unit).critical_gain
    below, above = (rest(Elliptic(factor * critical, symmetry), unit)["stability_margin"] for factor in (0.999, 1.001))
    assert 0.0 < below < 0.02
    assert above < 0.0
    if isinstance(unit, Adaptive) and symmetry == 0.0:
        waves = np.linspace(0, 2, 200001) * 1j
        answer = np.abs((0.1 + waves) / ((1 + waves) * (0.1 + waves) + 0.1))
        assert critical == pytest.approx(1 / answer.max(), rel=1e-9)


@pytest.mark.slow
def test_bulk_and_outlier_of_draws() -> None:
    """Eigenvalues of J phi' of blocks, at rest, along sizes: the bulk's radius, and an outlier of the mean."""
    gain, mean = np.array([[0.3, 0.9], [0.5, 0.2]]), np.array([[2.4, -1.0], [1.2, 0.3]])
    couplings = Blocks((0.6, 0.4), gain, 0.0, mean)
    found = rest(couplings, start="unstructured")
    radii, outliers, sizes = [], [], np.array([100, 200, 400])
    for size in sizes:
        with jax.enable_x64(True):
            draws = [couplings.draw(int(size), key) for key in jax.random.split(jax.random.key(size), 24)]
        values = [np.linalg.eigvals(np.asarray(draw)) for draw in draws]
        order = [np.sort(np.abs(each)) for each in values]
        # The bulk fills its disc evenly in its outer part; its radius by the modulus below which all but two lie.
        radii.append([each[-3] for each in order])
        outliers.append([each.real.max() for each in values])
    for measured, expected, power in ((outliers, 1 + float(found["outlier"]), 1.0), (radii, None, 0.5)):
        rows = np.array(measured)
        errors = rows.std(axis=1) / np.sqrt(rows.shape[1])
        fit, spread = np.polyfit(sizes**-power, rows.mean(axis=1), 1, w=1 / errors, cov="unscaled")
        expected = np.sqrt(1 - float(found["stability_margin"])) if expected is None else expected
        assert abs(fit[1] - expected) < 4 * np.sqrt(spread[1, 1]) + 1e-3, (fit[1], expected)
    assert max(abs(np.linalg.eigvals(mean * [0.6, 0.4]))) == pytest.approx(1 + float(found["outlier"]), rel=1e-9)


def settled(model: qd.RandomNetwork, size: int, draws: int) -> dict[str, np.ndarray]:
    """Averages over each population of networks that have come to rest, (draw, population)."""
    unit, population = model.unit_of_neurons(size), np.asarray(model.population(size))

    @jax.jit
    @jax.vmap
    def later(key: Any) -> Any:
        network = model.draw(size, key)

        def step(_: int, state: Any) -> Any:
            speed = unit.speed(state, network.weights @ unit.rate(state) + network.field)
            return unit.advance(state, speed, 0.2, "euler")

        state = jnp.full(size, 0.5) + 0.2 * jax.random.uniform(key, (size,))
        state = jax.lax.fori_loop(0, 4000, step, state)
        return unit.rate(state), jnp.max(jnp.abs(network.drift(state)))

    with jax.enable_x64(True):
        rate, moved = map(np.asarray, later(jax.random.split(jax.random.key(size), draws)))
    # Species that die out do so slowly.
    assert np.max(moved) < (1e-5 if unit.nonnegative else 1e-7)
    of = [population == row for row in range(model.populations)]
    return {
        "mean_rate": np.stack([rate[:, one].mean(axis=1) for one in of], axis=1),
        "correlation": np.stack([(rate[:, one] ** 2).mean(axis=1) for one in of], axis=1),
    }


NETWORKS = {
    "blocks": qd.RandomNetwork(
        couplings=Blocks((0.75, 0.25), [[0.6, 1.2], [0.9, 0.4]], [[0.5, -0.3], [-0.3, 0.2]], [[2.0, -6.0], [3.0, -5.0]]),
        unit=(Leaky(), Leaky(qd.ReLU(), time_constant=0.5)),
        field=[0.6, 0.3],
    ),
    "rank one": qd.RandomNetwork(couplings=Elliptic(0.7, 0.3) + LowRank([[1.0, 2.0], [2.0, 5.0]], [0.8, 0.9])),
    "species": qd.RandomNetwork(couplings=Elliptic(0.6, 0.5, -2.0), unit=LotkaVolterra()),
    "self-coupling": qd.RandomNetwork(couplings=Elliptic(0.6, 0.2), unit=Leaky(self_coupling=0.6), field=0.4),
}


@pytest.mark.parametrize(
    "name", ["species", *(pytest.param(name, marks=pytest.mark.slow) for name in NETWORKS if name != "species")]
)
def test_finite_networks_tend_to_theory(name: str) -> None:
    """Along sizes, extrapolated in 1/N, within 4 errors."""
    model, sizes, draws = NETWORKS[name], np.array([100, 200, 400]), 32
    theory = qd.solve(model, qd.dmft.Static()).arrays
    assert theory["stability_margin"] > 0.0
    runs = [settled(model, int(size), draws) for size in sizes]
    for quantity in ("mean_rate", "correlation"):
        values = np.array([run[quantity] for run in runs])
        means, errors = values.mean(axis=1), values.std(axis=1) / np.sqrt(draws)
        for population in range(model.populations):
            fit, spread = np.polyfit(1 / sizes, means[:, population], 1, w=1 / errors[:, population], cov="unscaled")
            expected = np.ravel(theory[quantity])[population]
            assert abs(fit[1] - expected) < 4 * np.sqrt(spread[1, 1]), (quantity, population, fit[1], expected)


def test_derivatives_batches_and_one_program() -> None:
    """Gradients are those of differences; a batch is its members; other numbers need no other program."""

    def square(gain: Any) -> Any:
        model = qd.RandomNetwork(
            couplings=Blocks((0.6, 0.4), gain * jnp.array([[0.8, 1.2], [1.0, 0.5]]), 0.0, 1.0), field=0.3
        )
        return solve_populations(model, qd.Newton(), Start("stable")).arrays["correlation"][1]

    with jax.enable_x64(True):
        slope = float(jax.jit(jax.grad(square))(1.1))
        values = np.asarray(jax.jit(jax.vmap(square))(jnp.array([1.1 - 1e-4, 1.1, 1.1 + 1e-4])))
    assert slope == pytest.approx((values[2] - values[0]) / 2e-4, rel=1e-6)
    from quenched.solve import _brief_theory_compiled

    model = NETWORKS["species"]
    qd.solve(model, qd.dmft.Static())
    before = _brief_theory_compiled._cache_size() if hasattr(_brief_theory_compiled, "_cache_size") else None
    qd.solve(model.replace(gain=0.5, capacity=2.0), qd.dmft.Static())
    after = _brief_theory_compiled._cache_size() if hasattr(_brief_theory_compiled, "_cache_size") else None
    assert before == after


@pytest.mark.parametrize(
    ("model", "start", "message"),
    [
        (qd.RandomNetwork(1.5), "structured", "one of 'stable', 'quiescent', 'active' for this model"),
        (qd.RandomNetwork(couplings=E_AND_I), "active", "one of 'stable', 'structured', 'unstructured' for this model"),
        (qd.RandomNetwork(couplings=E_AND_I), "structured", "without a low-rank part"),
        (qd.RandomNetwork(couplings=E_AND_I, noise=[0.0, 0.1]), None, "`noise` must be 0 for a network at rest"),
        (qd.RandomNetwork(couplings=qd.couplings.Redrawn(Elliptic(1.0)), unit=Discrete()), None, "must stay the same"),
        (qd.RandomNetwork(couplings=E_AND_I), {"mean_rate": [0.0, 0.0]}, "lacks correlation, integrated_response"),
        (qd.RandomNetwork(1.5, field=qd.Sinusoid(0.1, 1.0)), None, "`field` must be a number .* but is a sinusoid"),
    ],
)
def test_what_is_not_covered_is_refused(model: Any, start: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        qd.solve(model, qd.dmft.Static(), start=start)
