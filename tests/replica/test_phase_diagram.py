"""The phase diagram: every branch is a solution, and the lines are where they say."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from scipy.optimize import brentq

import quenched as qd

GAINS = np.linspace(0.3, 3.0, 19)


def at(gain: float, symmetry: float, temperature: float, **options: object) -> dict[str, float]:
    theory = qd.replica.FiniteTemperature(temperature)
    found = qd.solve(qd.RandomNetwork(gain, symmetry), theory, throw=False, **options)  # type: ignore[arg-type]
    return {name: float(array) for name, array in found.arrays.items()}


def starts(line: xr.Dataset, gain: float) -> list[dict[str, float]]:
    """Both branches without overlap, as starts for `qd.solve`."""
    nothing = dict.fromkeys(("overlap", "response_overlap", "conjugate_overlap"), 0.0)
    root = float(line.temperature) ** 0.5
    found = []
    for branch in ("upward", "downward"):
        there = {
            name: float(line[name].sel(gain=gain, branch=branch)) for name in ("self_overlap", "local_response", "energy")
        }
        there["self_response_overlap"] = root * there["local_response"]
        there["conjugate_self_overlap"] = (2 * there["energy"] / root**2 - 1) / root**2
        found.append(there | nothing)
    return found


def test_branches_and_lines() -> None:
    seen: list[tuple[int, int]] = []
    model = qd.RandomNetwork(1.0)
    found = qd.replica.phase_diagram(model, GAINS, [-0.7, 0.5], [1e-3, 0.1], progress=lambda *told: seen.append(told))
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]
    # Without negative symmetry one branch, the same both ways.
    positive = found.sel(symmetry=0.5)
    assert bool((positive.chosen_branch == 0).all())
    assert bool((positive.status.sel(branch="ordered") == qd.Status.no_such_branch).all())
    up, down = (positive.self_overlap.sel(branch=branch) for branch in ("upward", "downward"))
    np.testing.assert_allclose(up, down, rtol=1e-8)
    assert bool((positive.replicon_eigenvalue.sel(branch="upward") > 0).all())
    assert np.isnan(positive.almeida_thouless_gain).all()
    assert np.isnan(positive.first_order_gain).all()
    # At T = 0.1 replicas begin to overlap continuously where the eigenvalue vanishes.
    warm = found.sel(symmetry=-0.7, temperature=0.1)
    begins = brentq(lambda gain: at(gain, -0.7, 0.1)["zero_overlap_eigenvalue"], 1.2, 2.9)
    assert float(warm.almeida_thouless_gain) == pytest.approx(begins, abs=max(2e-4, float(warm.almeida_thouless_gain_error)))
    chosen = warm.chosen_branch.values
    assert (chosen[begins > GAINS] == 0).all()
    # At the onset an overlap may be too small to be told from none.
    assert (chosen[begins + 0.15 < GAINS] == 2).all()
    last = at(GAINS[-1], -0.7, 0.1, start="ordered")
    ordered = warm.sel(branch="ordered")
    for name in ("self_overlap", "overlap", "local_response", "energy", "free_energy", "replicon_eigenvalue"):
        # The error is that of 24 nodes; reported is what 36 give.
        error = float(ordered[f"{name}_error"][-1])
        assert 0.0 < error < 1e-3
        assert float(ordered[name][-1]) == pytest.approx(last[name], abs=error + 1e-9), name
    # At T = 1e-3 rest and the ordered phase coexist.
    cold = found.sel(symmetry=-0.7, temperature=1e-3)
    q = cold.self_overlap
    coexist = np.abs(q.sel(branch="upward") - q.sel(branch="downward")) > 1e-3
    assert coexist.sum() >= 2
    # Their free energies are equal at one gain; beyond it the unstable one is still not believed.
    equal = float(cold.first_order_gain)
    assert GAINS[coexist.values].min() < equal < GAINS[coexist.values].max()
    inside = GAINS[coexist.values]
    between = inside[(inside > equal)][0]
    rest, active = (at(between, -0.7, 1e-3, start=start) for start in starts(cold, between))
    assert rest["free_energy"] > active["free_energy"]
    assert rest["zero_overlap_eigenvalue"] > 0.0 > active["zero_overlap_eigenvalue"]
    assert int(cold.chosen_branch.sel(gain=between)) == 0
    assert set(cold.chosen_branch.values[coexist.gain.values[coexist.values].max() + 0.1 < GAINS]) <= {2, -1}
    np.testing.assert_allclose(found.critical_gain, [1 / 0.3, 2 / 3])
    np.testing.assert_allclose(found.frozen_gain, [np.nan, 1 / np.sqrt(1.5)])


@pytest.mark.slow
def test_the_ordered_branch_is_the_same_both_ways() -> None:
    """Found at the largest gain and followed down; here up again from the smallest, by a step at a time."""
    gains, theory = np.linspace(2.2, 3.0, 5), qd.replica.FiniteTemperature(0.1)
    ordered = qd.replica.phase_diagram(qd.RandomNetwork(1.0), gains, [-0.5], [0.1]).squeeze().sel(branch="ordered")
    here = qd.solve(qd.RandomNetwork(gains[0], -0.5), theory, start="ordered")
    for index, gain in enumerate(gains):
        here = qd.solve(qd.RandomNetwork(gain, -0.5), theory, start=here)
        for name in ("self_overlap", "overlap", "free_energy"):
            error = float(ordered[f"{name}_error"][index])
            assert float(here[name]) == pytest.approx(float(ordered[name][index]), abs=2 * error + 1e-9), name


@pytest.mark.slow
def test_a_quadrature_too_coarse_is_named() -> None:
    """Gain 5, T = 0.1: averages jump with the fields, 24 nodes are too few by what the error says."""
    gains = [4.9, 5.0]
    found = qd.replica.phase_diagram(qd.RandomNetwork(1.0), gains, [-0.5], [0.1]).squeeze().sel(branch="ordered", gain=5.0)
    assert int(found.status) == qd.Status.coarse_quadrature
    better = qd.replica.phase_diagram(qd.RandomNetwork(1.0), gains, [-0.5], [0.1], solver=qd.Newton(nodes=64))
    better = better.squeeze().sel(branch="ordered", gain=5.0)
    assert int(better.status) == qd.Status.solved
    for name in ("self_overlap", "overlap"):
        off = abs(float(found[name] - better[name]))
        assert off < 2 * float(found[f"{name}_error"])
        assert float(better[f"{name}_error"]) < 0.1 * float(found[f"{name}_error"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"gains": [1.0]}, "`gains`"),
        ({"gains": [2.0, 1.0]}, "`gains`"),
        ({"gains": [0.0, 1.0]}, "`gains`"),
        ({"symmetries": [1.5]}, "`symmetry`"),
        ({"temperatures": [0.0]}, "ZeroTemperature"),
        ({"temperatures": []}, "`temperatures`"),
        ({"confinement": -1.0}, "`confinement`"),
        ({"model": qd.RandomNetwork(1.0, field=0.3)}, "`field`"),
        ({"model": qd.RandomNetwork(1.0, activation=qd.ReLU())}, "odd"),
    ],
    ids=str,
)
def test_bad_arguments_are_refused(change: dict[str, object], message: str) -> None:
    arguments = {"model": qd.RandomNetwork(1.0), "gains": [0.5, 1.0], "symmetries": [0.0], "temperatures": [0.1]} | change
    with pytest.raises(ValueError, match=message):
        qd.replica.phase_diagram(**arguments)  # type: ignore[arg-type]


@pytest.mark.slow
def test_it_does_not_matter_where_the_grid_begins() -> None:
    """Symmetry -0.5, T = 0.001: cooled at a gain of 1.6 the network is on another branch than followed from small gains."""
    begins_late, begins_early = (
        qd.replica.phase_diagram(qd.RandomNetwork(1.0), gains, [-0.5, -1e-16], [1e-3, 0.1])
        for gains in (np.linspace(1.6, 1.96, 19), np.linspace(0.1, 1.9, 19))
    )
    # A symmetry of 0 but for rounding is 0.
    assert float(begins_late.frozen_gain[1]) == pytest.approx(1.0)
    late, early = (
        each.isel(symmetry=0, temperature=0).sel(gain=[1.6, 1.7, 1.8, 1.9], method="nearest")
        for each in (begins_late, begins_early)
    )
    np.testing.assert_allclose(late.gain, early.gain)
    followed, begun = (each.self_overlap.sel(branch="upward").values for each in (early, late))
    np.testing.assert_allclose(begun, followed, rtol=1e-8)
    np.testing.assert_array_equal(late.chosen_branch.values, early.chosen_branch.values)
    assert int(late.chosen_branch[0]) == 0
    # Between 1.7 and 1.8 it is a jump to another branch: no interpolation knows where.
    assert float(late.almeida_thouless_gain_error) == pytest.approx(0.02)
    assert float(early.almeida_thouless_gain_error) == pytest.approx(0.1)


def test_wrong_axes_are_named() -> None:
    with pytest.raises(TypeError, match="`gains` must hold real numbers"):
        qd.replica.phase_diagram(qd.RandomNetwork(1.0), ["a", "b"], [0.0], [0.1])
    with pytest.raises(ValueError, match="`gains` must be an array, but its rows differ in length"):
        qd.replica.phase_diagram(qd.RandomNetwork(1.0), [[0.5], [1.0, 2.0]], [0.0], [0.1])
    with pytest.raises(ValueError, match="`symmetries` must hold at least one number"):
        qd.replica.phase_diagram(qd.RandomNetwork(1.0), [0.5, 1.0], [], [0.1])
    linear = qd.RandomNetwork(0.5, activation=qd.Linear())
    with pytest.raises(ValueError, match="diverges"):
        qd.replica.phase_diagram(linear, [0.5, 2.0], [0.5], [0.1])
