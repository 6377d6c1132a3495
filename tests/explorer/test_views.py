"""What the explorer computes, without its page: laws, refusals, and that an older result is never shown."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from quenched.explorer import views
from quenched.explorer.choice import FAMILIES, Choice

NOISY = Choice(gain=0.8, noise=0.5, size=200)


def test_eigenvalues_fill_the_ellipse_that_is_drawn() -> None:
    found = views.spectrum(Choice(gain=1.2, symmetry=0.5, size=400))
    inside = (found["real"] / (1.2 * 1.5)) ** 2 + (found["imaginary"] / (1.2 * 0.5)) ** 2
    assert np.mean(inside < 1.15) > 0.97
    assert np.max(inside) > 0.9
    assert found["x"].max() == pytest.approx(1.8)
    assert found["y"].max() == pytest.approx(0.6, rel=1e-3)


def test_networks_lie_on_the_theory() -> None:
    networks, theory = views.networks(NOISY), views.theory(NOISY)
    apart = np.abs(networks["value"] - theory["value"])
    # Four networks know their error to a third; a finite size changes C by some 1/N.
    assert np.all(apart < 6 * networks["error"] + 0.003)
    other = views.theory(NOISY.but(gain=1.2))
    assert np.any(np.abs(networks["value"] - other["value"]) > 6 * networks["error"] + 0.003)


def test_the_marker_moves_over_the_curve() -> None:
    for gain in (0.5, 1.5, 2.25):
        found = views.static(Choice(gain=gain))
        place, value = found["marker"]
        assert place == gain
        assert value == pytest.approx(np.interp(gain, found["gain"], found["value"]), abs=1e-12)
    assert views.static(Choice(gain=0.5))["marker"][1] == 0.0
    assert views.static(Choice(gain=1.5))["marker"][1] > 0.3


def test_two_neurons_have_their_fixed_points_where_the_energy_is_lowest() -> None:
    choice = Choice(gain=2.5, seed=3)
    found = views.landscape(choice)
    side = np.linspace(-views.REACH, views.REACH, found["energy"].shape[0])
    assert min(np.hypot(found["x"], found["y"])) < 1e-9  # rest
    for x, y in zip(found["x"], found["y"], strict=True):
        if max(abs(x), abs(y)) < views.REACH - 0.1:
            row, column = np.abs(side - y).argmin(), np.abs(side - x).argmin()
            around = found["energy"][max(row - 8, 0) : row + 9, max(column - 8, 0) : column + 9]
            assert found["energy"][row, column] < np.median(around)
    assert found["walkers"].shape == (1000, 2)


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES[1:])
def test_every_part_of_every_family_is_computed_or_refused_in_words(family: str) -> None:
    choice = Choice(family=family, gain=0.8, noise=0.3, size=60)
    covered = [views.trajectories, views.spectrum, views.networks]
    for arrays in [*(part(choice) for part in covered), views.static(choice.but(noise=0.0))]:
        assert all(np.isfinite(np.asarray(each, float)).any() for each in arrays.values())
    for part in (views.replica, views.landscape):
        with pytest.raises(ValueError, match="choose that family"):
            part(choice)
    with pytest.raises(ValueError, match="set the noise to 0"):
        views.static(choice)


def test_what_grows_without_bound_is_said() -> None:
    with pytest.raises(ValueError, match="diverged"):
        views.networks(Choice(activation="linear", gain=2.0, size=60))


def test_the_code_is_what_is_run_and_stands_alone() -> None:
    for part in views.CODE:
        text = views.code(part, NOISY)
        assert text.startswith("import numpy as np\nimport quenched as qd\n")
        compile(text, part, "exec")
    text = views.code("spectrum", NOISY.but(seed=5))
    scope: dict[str, Any] = {}
    exec(text, scope)
    found = views.spectrum(NOISY.but(seed=5))
    np.testing.assert_array_equal(
        np.sort_complex(scope["eigenvalues"]), np.sort_complex(found["real"] + 1j * found["imaginary"])
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"gain": 9.0}, "`gain`"),
        ({"symmetry": -2.0}, "`symmetry`"),
        ({"activation": "softmax"}, "`activation` must be one of 'tanh'"),
        ({"family": "three populations"}, "`family` must be one of"),
        ({"size": 1}, "`size`"),
        ({"temperature": 0.0}, "`temperature`"),
    ],
)
def test_a_link_with_what_cannot_be_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Choice(**changes)


def test_an_older_result_is_never_shown() -> None:
    """The first request ends after the second was made; only the second is told."""
    from quenched.explorer.work import Newest

    told: list[Any] = []
    acts: list[Callable[[], None]] = []
    ended = threading.Semaphore(0)

    def on_loop(act: Callable[[], None]) -> None:
        acts.append(act)
        ended.release()

    newest, first_may_end, first_runs = Newest(on_loop), threading.Event(), threading.Event()

    def first() -> str:
        first_runs.set()
        assert first_may_end.wait(30)
        return "first"

    newest.ask(first, lambda result, error: told.append(result))
    assert first_runs.wait(30)
    newest.ask(lambda: "second", lambda result, error: told.append(result))
    first_may_end.set()
    for _ in range(2):
        assert ended.acquire(timeout=30)
    for act in acts:
        act()
    assert told == ["second"]

    def failing() -> None:
        raise ValueError("no such thing")

    problems: list[Any] = []
    newest.ask(failing, lambda result, error: problems.append(error))
    assert ended.acquire(timeout=30)
    acts[-1]()
    assert str(problems[0]) == "no such thing"
