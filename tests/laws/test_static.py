"""Static DMFT for symmetry: one neuron solved by root finding, and the loss of invertibility."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest
from scipy import optimize

import quenched as qd

# Trapezoid in z, for functions analytic within a strip of 1/10: exp(-2 pi 0.1 / 0.005) is nothing.
Z = np.linspace(-9.0, 9.0, 3601)
WEIGHTS = np.exp(-0.5 * Z**2) / np.sqrt(2 * np.pi) * (Z[1] - Z[0])


def static(gain: float, symmetry: float) -> dict[str, float]:
    arrays = qd.solve(qd.RandomNetwork(gain, symmetry), qd.dmft.Static()).arrays
    return {name: float(array) for name, array in arrays.items()}


def neuron(gain: float, symmetry: float, correlation: float, response: float) -> np.ndarray:
    """x(z) of x = g^2 eta R phi(x) + g sqrt(C) z, one root at a time."""
    memory, deviation = gain**2 * symmetry * response, gain * np.sqrt(correlation)

    def state(z: float) -> float:
        span = abs(memory) + deviation * abs(z) + 1
        return float(optimize.brentq(lambda x: x - memory * np.tanh(x) - deviation * z, -span, span, xtol=1e-14))

    half = np.array([state(z) for z in Z[Z >= 0]])
    return np.concatenate([-half[:0:-1], half])


@pytest.mark.parametrize(("gain", "symmetry"), [(0.9, 0.5), (1.2, 0.5), (3.5, -0.6)])
def test_averages_over_a_neuron_solved_by_root_finding(gain: float, symmetry: float) -> None:
    answer = static(gain, symmetry)
    assert answer["invertible"] == 1.0
    correlation, response = answer["correlation"], answer["integrated_response"]
    x = neuron(gain, symmetry, correlation, response)
    slope = 1 - np.tanh(x) ** 2
    susceptibility = slope / (1 - gain**2 * symmetry * response * slope)
    assert np.sum(WEIGHTS * np.tanh(x) ** 2) == pytest.approx(correlation, abs=1e-9)
    assert np.sum(WEIGHTS * susceptibility) == pytest.approx(response, abs=1e-9)
    assert np.sum(WEIGHTS * x**2) == pytest.approx(answer["mean_square_state"], abs=1e-8)
    assert 1 - gain**2 * np.sum(WEIGHTS * susceptibility**2) == pytest.approx(answer["stability_margin"], abs=1e-8)
    # The average inside and outside the fraction is another number: what Qiu and Huang's code computes.
    assert abs(np.sum(WEIGHTS * slope * (1 + gain**2 * symmetry * response**2)) - response) > 1e-3


def test_the_answer_is_continuous_where_invertibility_is_lost() -> None:
    symmetry = 0.5

    def margin(gain: float) -> float:
        # Within 1e-4 above the threshold Newton may run out of steps; the margin's sign is right all the same.
        solution = qd.solve(qd.RandomNetwork(gain, symmetry), qd.dmft.Static(), throw=False)
        return float(solution.arrays["invertibility_margin"])

    threshold = optimize.brentq(margin, 2.0, 3.0, xtol=1e-6)
    jumps = []
    for distance in (4e-3, 1e-3):
        before, after = static(threshold - distance, symmetry), static(threshold + distance, symmetry)
        assert before["invertible"] == 1.0
        assert after["invertible"] == 0.0
        names = ("correlation", "integrated_response", "mean_square_state")
        jumps.append([abs(after[name] - before[name]) for name in names])
    # A jump would stay; a slope makes the difference fall fourfold.
    np.testing.assert_allclose(np.array(jumps[1]) / np.array(jumps[0]), 0.25, atol=0.02)


def test_beyond_the_loss_of_invertibility_the_outermost_state_is_taken() -> None:
    """The outermost state of the field's own sign, found by root finding on each side of the jump."""
    gain, symmetry = 3.0, 0.5
    answer = static(gain, symmetry)
    assert answer["invertible"] == 0.0
    memory = gain**2 * symmetry * answer["integrated_response"]
    deviation = gain * np.sqrt(answer["correlation"])
    # The jump at z = 0 is a limit of integration.
    nodes, weights = np.polynomial.legendre.leggauss(600)
    z, weights = 4.5 * (nodes + 1), 9.0 * weights
    span = memory + 9 * deviation + 1
    outermost = [optimize.brentq(lambda x, f=f: x - memory * np.tanh(x) - f, _fold(memory), span) for f in deviation * z]
    square = np.sum(weights * np.exp(-0.5 * z**2) / np.sqrt(2 * np.pi) * np.tanh(np.array(outermost)) ** 2)
    assert square == pytest.approx(answer["correlation"], abs=1e-9)


def _fold(memory: float) -> float:
    """The positive x at which x - memory tanh x is least."""
    return float(np.arccosh(np.sqrt(memory)))


@pytest.mark.slow
def test_a_decreasing_activation_is_the_increasing_one() -> None:
    """J and -J are equally likely, so phi and -phi have the same fluctuations and opposite responses."""
    falling = qd.Activation(lambda x: -jnp.tanh(x), name="falling")
    for theory, response in ((qd.dmft.Static(), "integrated_response"), (qd.replica.ZeroTemperature(), "local_response")):
        for gain in (0.5, 1.3):
            rising = qd.solve(qd.RandomNetwork(gain, 0.2), theory).arrays
            mirrored = qd.solve(qd.RandomNetwork(gain, 0.2, activation=falling), theory).arrays
            assert float(mirrored["mean_square_rate"]) == pytest.approx(
                float(rising["mean_square_rate"]), rel=1e-9, abs=1e-12
            )
            assert float(mirrored[response]) == pytest.approx(-float(rising[response]), rel=1e-9)
    assert float(qd.RandomNetwork(1.0, activation=falling).critical_gain) == 1.0


def test_a_kink_at_rest_is_refused() -> None:
    model = qd.RandomNetwork(2.0, activation=qd.ReLU())
    assert np.isnan(model.critical_gain)
    with pytest.raises(ValueError, match="`field` must not be 0 for relu, whose slope jumps at 0"):
        qd.solve(model, qd.dmft.Static())
    softsign = qd.Activation(lambda x: x / (1 + jnp.abs(x)), name="softsign", breakpoints=(0.0,))
    assert float(qd.solve(qd.RandomNetwork(0.9, activation=softsign), qd.dmft.Static())["correlation"]) == 0.0


@pytest.mark.parametrize(
    ("model", "slope"),
    [
        (qd.RandomNetwork(1.2, field=-0.5, activation=qd.ReLU()), 0.0),
        (qd.RandomNetwork(1.5, 0.4, field=-0.5, activation=qd.ReLU()), 0.0),
        (qd.RandomNetwork(0.0, field=-0.5, activation=qd.ReLU()), 0.0),
        (qd.RandomNetwork(0.7, 0.3, field=0.3, activation=qd.Activation(lambda x: jnp.tanh(x - 0.3))), 1.0),
    ],
)
def test_where_phi_vanishes_at_the_field_all_neurons_rest_there(model: qd.RandomNetwork, slope: float) -> None:
    found = qd.solve(model, qd.dmft.Static()).arrays
    assert float(found["correlation"]) == float(found["mean_rate"]) == 0.0
    assert float(found["mean_state"]) == float(model.field)
    response, memory = float(found["integrated_response"]), float(model.gain) ** 2 * float(model.symmetry)
    assert response * (1.0 - memory * response * slope) == pytest.approx(slope, abs=1e-14)


def test_a_small_rate_is_not_lost() -> None:
    """C/phi(b)^2 is 1 to the order of phi', here 1e-13."""
    softplus = qd.Activation(lambda x: jnp.logaddexp(x, 0.0), "softplus")
    found = qd.solve(qd.RandomNetwork(1.1, 0.2, field=-30.0, activation=softplus), qd.dmft.Static()).arrays
    assert float(found["correlation"]) == pytest.approx(np.log1p(np.exp(-30.0)) ** 2, rel=1e-11)


@pytest.mark.parametrize("symmetry", [0.2, -0.5])
def test_without_a_bounded_state_it_diverges(symmetry: float) -> None:
    """ReLU in large states: C = g^2 C A^2/2 and R = A/2, A = 1/(1 - g^2 eta R), hence g (1 + eta) = sqrt(2)."""
    for share, status in ((0.999, qd.Status.solved), (1.001, qd.Status.diverged)):
        gain = share * np.sqrt(2.0) / (1.0 + symmetry)
        model = qd.RandomNetwork(gain, symmetry, field=0.5, activation=qd.ReLU())
        assert qd.Status(int(qd.solve(model, qd.dmft.Static(), throw=False).status)) is status


@pytest.mark.parametrize(("gain", "symmetry", "field"), [(1.2, 0.0, 0.5), (0.7, 0.5, 0.5), (1.5, 0.0, 0.0)])
def test_linear_networks_have_no_state_above_the_transition(gain: float, symmetry: float, field: float) -> None:
    model = qd.RandomNetwork(gain, symmetry, field=field, activation=qd.Linear())
    with pytest.raises(qd.SolveError, match=r"diverged: .*smaller gain"):
        qd.solve(model, qd.dmft.Static())
    # Too few steps are something else.
    solvable = qd.RandomNetwork(0.5, 0.2, field=1.0, activation=qd.ReLU())
    found = qd.solve(solvable, qd.dmft.Static(), solver=qd.Newton(max_steps=1), throw=False)
    assert qd.Status(int(found.status)) is qd.Status.out_of_steps


def test_a_start_at_rest_leads_to_the_active_branch() -> None:
    rest = qd.solve(qd.RandomNetwork(0.9), qd.dmft.Static())
    direct = qd.solve(qd.RandomNetwork(1.2), qd.dmft.Static())
    continued = qd.solve(qd.RandomNetwork(1.2), qd.dmft.Static(), start=rest)
    assert float(continued["correlation"]) == pytest.approx(float(direct["correlation"]), rel=1e-9)


def test_what_is_not_solved_is_not_a_number() -> None:
    found = qd.solve(qd.RandomNetwork(0.8), qd.dmft.Static(), start="active", throw=False)
    assert qd.Status(int(found.status)) is qd.Status.no_such_branch
    assert np.isnan(float(found.arrays["correlation"]))


@pytest.mark.parametrize(
    "model",
    [
        qd.RandomNetwork(1.0, activation=qd.Linear(), field=0.3),
        qd.RandomNetwork(2.0**0.5, activation=qd.ReLU(), field=0.5),
        qd.RandomNetwork(2.0 / 3.0, 0.5, activation=qd.Linear(), field=0.3),
    ],
    ids=["linear", "relu", "symmetric"],
)
def test_exactly_at_the_edge_of_what_is_bounded_nothing_is(model: qd.RandomNetwork) -> None:
    assert int(qd.solve(model, qd.dmft.Static(), throw=False).status) == qd.Status.diverged
