"""Where data say little: parameters that move together, bounds, profiles, theories without an answer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import quenched as qd

LAGS = (0.0, 0.5, 1.0, 2.0, 3.0)
LINEAR = qd.dmft.StationaryLinear(lags=LAGS)
TRUTH = qd.RandomNetwork(0.5, noise=1.0, activation=qd.Linear())


def test_a_pair_that_is_not_told_apart_is_named() -> None:
    """One number, two parameters: C(0) = noise^2/(2 sqrt(1 - gain^2)) fixes a combination only."""
    value = 1.0 / (2.0 * np.sqrt(0.75))
    data = {
        "mean_square_state": value,
        "mean_square_state_error": 1e-3,
        "mean_square_rate": value,
        "mean_square_rate_error": 1e-3,
    }
    with pytest.warns(UserWarning, match="cannot tell gain and noise apart.* moving gain by .* noise by .*Fix one"):
        found = qd.fit(TRUTH.replace(gain=0.4), LINEAR, data, ["gain", "noise"])
    assert found.error == {"gain": np.inf, "noise": np.inf}
    assert found.told
    # Whatever the gain, down to 0, some noise makes up for it: noise^2 = 2 C(0) sqrt(1 - gain^2).
    profile = found.profile["gain"]
    assert found.interval["gain"][0] == 0.0
    assert found.interval["noise"][1] == pytest.approx(np.sqrt(2.0 * value), abs=1e-2)
    within = profile.where((profile.value > 0.0) & (profile.value < found.interval["gain"][1]), drop=True)
    assert within.size > 3
    assert float(within.max()) < 1.0
    assert profile.dims == ("value",)


def test_what_nothing_depends_on_is_named() -> None:
    """The variance of a state at rest does not depend on the noise of a network without any, to first order."""
    data = {"mean_state": 0.0, "mean_state_error": 0.1, "mean_square_state": 0.57735, "mean_square_state_error": 1e-3}

    def model(gain: Any, unused: Any = 1.0) -> qd.RandomNetwork:
        return qd.RandomNetwork(gain + 0.0 * unused, noise=1.0, activation=qd.Linear())

    with pytest.warns(UserWarning, match="do not depend on unused"):
        found = qd.fit(model, LINEAR, data, {"gain": 0.3, "unused": 1.0})
    assert np.isinf(found.error["unused"])
    assert found.estimate["gain"] == pytest.approx(0.5, abs=1e-3)
    assert found.interval["unused"] == (-np.inf, np.inf)


def test_an_estimate_stays_within_its_bounds() -> None:
    """Data of a gain beyond the bound: the fit ends at the bound, and the interval too."""
    solution = qd.solve(TRUTH, LINEAR)
    data = {"state_correlation": solution["state_correlation"], "state_correlation_error": 0.05}
    found = qd.fit(TRUTH.replace(gain=0.2), LINEAR, data, ["gain"], bounds={"gain": (0.0, 0.4)})
    assert found.estimate["gain"] == pytest.approx(0.4, abs=1e-3)
    assert found.estimate["gain"] <= 0.4
    assert found.interval["gain"][1] == 0.4
    assert found.interval["gain"][0] < 0.399


@pytest.mark.parametrize("gain", [0.0, 0.02])
def test_a_gain_that_is_hardly_seen_has_an_interval_from_zero(gain: float) -> None:
    """Correlations depend on gain^2: near 0 the slope says nothing, the profile what the closed form says."""
    truth = TRUTH.replace(gain=gain)
    solution = qd.solve(truth, LINEAR)
    data = {"mean_square_state": solution["mean_square_state"], "mean_square_state_error": 0.01}
    found = qd.fit(TRUTH.replace(gain=0.3), LINEAR, data, ["gain"])
    low, high = found.interval["gain"]
    assert low == 0.0
    # 1/(2 sqrt(1 - gain^2)) is one error above the datum.
    datum = 0.5 / np.sqrt(1.0 - gain**2)
    assert high == pytest.approx(np.sqrt(1.0 - 0.25 / (datum + 0.01) ** 2), rel=0.03)
    assert "between 0 and" in repr(found)


def test_steps_to_where_there_is_no_answer_are_not_taken() -> None:
    """A linear network has no state at gain 1 and beyond: a search that begins next to it comes back."""
    solution = qd.solve(TRUTH, LINEAR)
    data = {"state_correlation": solution["state_correlation"], "state_correlation_error": 1e-3}
    for first in (0.97, 0.02):
        found = qd.fit(TRUTH.replace(gain=first), LINEAR, data, ["gain", "noise"], starts=1)
        assert found.estimate["gain"] == pytest.approx(0.5, abs=1e-7)


def test_no_start_with_an_answer() -> None:
    solution = qd.solve(TRUTH, LINEAR)
    data = {"state_correlation": solution["state_correlation"], "state_correlation_error": 1e-3}
    beyond = TRUTH.replace(gain=3.0)
    limits = {"gain": (1.5, 4.0)}
    with pytest.raises(qd.SolveError, match="no answer where the search begins: diverged") as caught:
        qd.fit(beyond, LINEAR, data, ["gain"], bounds=limits)
    assert caught.value.solution.status == qd.Status.diverged
    found = qd.fit(beyond, LINEAR, data, ["gain"], bounds=limits, throw=False)
    assert np.isnan(found.chi_square)
    assert found.estimate == {"gain": 3.0}
    assert np.isnan(found.error["gain"])


def test_too_few_steps() -> None:
    solution = qd.solve(TRUTH, LINEAR)
    data = {"state_correlation": solution["state_correlation"], "state_correlation_error": 1e-3}
    with pytest.raises(qd.SolveError, match="out_of_steps"):
        qd.fit(TRUTH.replace(gain=0.2, noise=0.3), LINEAR, data, ["gain", "noise"], max_steps=2, starts=1)


def test_a_model_that_does_not_describe_the_data() -> None:
    data = {"state_correlation": np.array([1.0, 0.2, 0.9, 0.1, 0.5]), "state_correlation_error": 1e-2}
    with pytest.warns(UserWarning, match="does not describe the data: chi-square is"):
        found = qd.fit(TRUTH, LINEAR, data, ["gain", "noise"])
    assert found.p_value < 1e-6
    assert found.chi_square > 100.0


def test_another_minimum_is_told() -> None:
    """A parameter of which only the square counts has two."""

    def model(root: Any) -> qd.RandomNetwork:
        return qd.RandomNetwork(root**2, noise=1.0, activation=qd.Linear())

    solution = qd.solve(TRUTH, LINEAR)
    data = {"state_correlation": solution["state_correlation"], "state_correlation_error": 1e-3}
    with pytest.warns(UserWarning, match="Another minimum fits as well"):
        found = qd.fit(model, LINEAR, data, {"root": 0.3}, starts=12)
    assert abs(found.estimate["root"]) == pytest.approx(np.sqrt(0.5), abs=1e-7)
