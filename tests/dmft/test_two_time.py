"""`qd.dmft.TwoTime`: what it refuses, which way it takes, when it stops, and what it says then."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import closed_forms as exact
import quenched as qd
from quenched.dmft.two_time_gaussian import TwoTimeGaussian
from quenched.dmft.two_time_sampled import MOST_SCRAMBLINGS, TwoTimeSampled
from quenched.solve import _samples_compiled

MODEL = qd.RandomNetwork(0.9, 0.5, 0.3)


THEORY = ("duration", "step", "initial", "scheme", "response")


def tiny(**options: Any) -> dict[str, Any]:
    """A short theory and a small population, as arguments of `qd.solve`."""
    given: dict[str, Any] = {"duration": 0.8, "step": 0.2, "trajectories": 32, "tangents": 16, "scramblings": 4}
    given |= {"richardson": False} | options
    theory = qd.dmft.TwoTime(**{name: value for name, value in given.items() if name in THEORY})
    return {
        "theory": theory,
        "solver": qd.dmft.Population(**{name: value for name, value in given.items() if name not in THEORY}),
    }


def short(**options: Any) -> qd.dmft.TwoTime:
    theory: qd.dmft.TwoTime = tiny(**options)["theory"]
    return theory


def sampled(model: qd.RandomNetwork = MODEL, **options: Any) -> TwoTimeSampled:
    asked = tiny(**options)
    way = asked["theory"].choose([model], asked["solver"])
    assert isinstance(way, TwoTimeSampled)
    return way


# What is refused, before any work.


@pytest.mark.usefixtures("unchecked_types")
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"step": 1.5}, r"`step` must be a finite number at most 1 and greater than 0, but is 1\.5"),
        ({"step": 0.0}, r"`step` must be .* but is 0"),
        ({"duration": 1.03}, r"`duration` must be a multiple of `step` = 0\.2, but is 1\.03"),
        ({"duration": 0.0}, r"`duration` must be at least one `step` = 0\.2, but is 0"),
        ({"duration": -1.0}, r"`duration` must be a finite number at least 0, but is -1"),
        ({"scheme": "eular"}, r"`scheme` must be one of .* but is 'eular'\. Did you mean 'euler'"),
        ({"trajectories": 1}, r"`trajectories` must be at least 2, but is 1"),
        ({"trajectories": 0}, r"`trajectories` must be at least 2, but is 0"),
        ({"tangents": 0}, r"`tangents` must be at least 1, but is 0"),
        ({"tangents": 64}, r"`tangents` must be at most the 32 trajectories, but is 64"),
        ({"scramblings": 1}, r"`scramblings` must be at least 2, but is 1"),
        ({"precision": 0.0}, r"`precision` must be a finite number greater than 0, but is 0"),
        ({"memory_limit": -1.0}, r"`memory_limit` must be a finite number greater than 0, but is -1"),
        ({"time_limit": 0.0}, r"`time_limit` must be a finite number greater than 0, but is 0"),
        ({"time_limit": float("nan")}, r"`time_limit` must be a finite number greater than 0, but is nan"),
        ({"initial": lambda u: jnp.tan(jnp.pi * (u - 0.5))}, r"`initial` must be a distribution of finite variance"),
    ],
)
def test_bad_arguments(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        tiny(**options)


@pytest.mark.parametrize(
    ("name", "value"), [("trajectories", 1000), ("tangents", 8), ("scramblings", 4), ("precision", 1e-3)]
)
def test_numerics_are_told_where_they_belong(name: str, value: Any) -> None:
    arguments: dict[str, Any] = {name: value}
    message = (
        f"Argument `{name}` belongs to the solver: qd.solve(model, qd.dmft.TwoTime(...), "
        f"solver=qd.dmft.Population({name}={value}))."
    )
    with pytest.raises(TypeError) as raised:
        qd.dmft.TwoTime(5.0, **arguments)
    assert str(raised.value) == message


def test_all_that_moved_is_told_and_what_is_misspelt_is_not() -> None:
    for name in ("richardson", "sampled", "memory_limit", "time_limit"):
        with pytest.raises(TypeError, match=rf"`{name}` belongs to the solver: .* solver=qd\.dmft\.Population\("):
            qd.dmft.TwoTime(5.0, **dict[str, Any]({name: True}))
    with pytest.raises(TypeError, match="unexpected keyword argument 'trajectoris'"):
        qd.dmft.TwoTime(5.0, trajectoris=10)  # type: ignore[call-arg]


@pytest.mark.usefixtures("unchecked_types")
@pytest.mark.parametrize("name", ["trajectories", "tangents", "scramblings"])
def test_what_is_no_whole_number_is_refused(name: str) -> None:
    for wrong in (16.0, "16", True):
        with pytest.raises(TypeError, match=rf"`{name}` must be a whole number, but is"):
            tiny(**{name: wrong})


@pytest.mark.usefixtures("unchecked_types")
@pytest.mark.parametrize("name", ["response", "richardson"])
def test_what_is_neither_true_nor_false_is_refused(name: str) -> None:
    with pytest.raises(TypeError, match=f"`{name}` must be True or False, but is 'no'"):
        tiny(**{name: "no"})


@pytest.mark.usefixtures("unchecked_types")
def test_a_time_limit_is_a_number() -> None:
    assert tiny(time_limit=np.inf)["solver"].time_limit == np.inf
    with pytest.raises(TypeError, match="`time_limit` must be a real number, but is None"):
        tiny(time_limit=None)


def test_negative_noise_is_refused_by_the_model() -> None:
    with pytest.raises(ValueError, match=r"`noise` must be a finite number at least 0, but is -0\.1"):
        qd.RandomNetwork(1.0, noise=-0.1)


@pytest.mark.parametrize(
    ("scheme", "symmetry", "gain"), [("euler", -0.9, 0.9), ("second_order", -1.0, 3.0), ("euler", -1.0, 9.0)]
)
def test_a_step_at_which_decay_turns_into_growth_is_refused(scheme: str, symmetry: float, gain: float) -> None:
    """By the spectral radius of one step for the eigenvalues of a drawn network that decay in continuous time."""
    model = qd.RandomNetwork(gain, symmetry, activation=qd.Linear())
    with pytest.raises(
        ValueError, match=r"`step` must be short enough for the scheme to be stable at gain \S+, about"
    ) as raised:
        short(duration=1.0, step=1.0, scheme=scheme).choose([model])
    proposed = float(str(raised.value).split("about ")[1].split(",")[0])
    short(duration=50 * proposed, step=proposed, scheme=scheme).choose([model])
    modes = np.linalg.eigvals(model.draw(300, jax.random.key(1)).weights)
    modes = modes[modes.real < 1.0]

    def growth(step: float) -> float:
        rule = exact.recursion(scheme, step)
        one = [[[rule.leak + rule.now * mode, rule.before * mode], [1.0, 0.0]] for mode in modes]
        return float(np.log(np.max(np.abs(np.linalg.eigvals(np.array(one)))))) / step

    # 0.1 is allowed; eigenvalues of a finite network lie up to 10 % outside of the ellipse.
    assert growth(proposed) < 0.2
    assert growth(1.0) > 0.2


def test_phi_that_saturates_is_stable_at_any_step() -> None:
    short(duration=1.0, step=1.0, scheme="euler").choose([qd.RandomNetwork(9.0, -1.0)])


def test_there_are_as_many_trajectories_as_exact_moments_need() -> None:
    for steps, richardson, expected in [(4, False, 1024), (2000, False, 2240), (2000, True, 4416)]:
        way = sampled(duration=0.2 * steps, trajectories=None, tangents=None, richardson=richardson)
        assert way.trajectories == expected
        assert way.tangents == max(62, expected // 64 - 2)


def test_what_exceeds_the_memory_limit_is_refused() -> None:
    with pytest.raises(
        ValueError, match=r"`memory_limit` must allow \S+ GiB for 4 steps with 32 trajectories and 16 tangents"
    ):
        qd.solve(MODEL, **tiny(memory_limit=1e-6))
    with pytest.raises(ValueError, match=r"`memory_limit` must allow 0\.00052 GiB for 4 steps and 64 nodes, but is 1e-06"):
        qd.solve(qd.RandomNetwork(0.9), short(), solver=qd.dmft.Quadrature(memory_limit=1e-6))


@pytest.mark.parametrize("precision", [1e-9, 10.0])
def test_under_a_transformation_the_status_says_whether_the_precision_is_reached(precision: float) -> None:
    expected = qd.Status.solved if precision > 1.0 else qd.Status.imprecise
    with jax.enable_x64(True):
        status = jax.jit(lambda key: qd.solve(MODEL, **tiny(precision=precision), key=key).status)(jax.random.key(0))
    assert qd.Status(int(status)) is expected
    without_sampling = qd.solve(
        qd.RandomNetwork(3.0, 0.0, 0.1),
        short(),
        solver=qd.dmft.Quadrature(precision=1e-3 * precision**2, richardson=False),
        throw=False,
    )
    assert qd.Status(int(without_sampling.status)) is expected


@pytest.mark.slow
def test_extrapolation_without_symmetry() -> None:
    """Against a step sixteen times shorter."""

    def correlation(step: float, richardson: bool = False) -> np.ndarray:
        theory, solver = qd.dmft.TwoTime(0.8, step, initial=qd.Normal(0.2, 1.0)), qd.dmft.Quadrature(richardson=richardson)
        found = qd.solve(qd.RandomNetwork(1.5, noise=0.3), theory, solver=solver)["correlation"].values
        return found[:: round(0.2 / step), :: round(0.2 / step)]

    truth = correlation(0.0125)
    plain, half, extrapolated = (
        np.max(np.abs(each - truth)) for each in (correlation(0.2), correlation(0.1), correlation(0.2, richardson=True))
    )
    assert extrapolated < 0.2 * half < 0.1 * plain


def test_both_steps_of_an_extrapolation_see_the_same_neurons() -> None:
    """Otherwise their difference would be as uncertain as either of them."""
    asked = tiny(trajectories=128, richardson=True, scramblings=16)
    for noise in (0.3, 0.0):
        found = qd.solve(qd.RandomNetwork(1.2, 0.5, noise), **asked)
        error = found["correlation_error"].values
        of_difference = found["correlation_discretisation_error"].values
        assert np.max(of_difference) < 0.1 * np.max(error)


@pytest.mark.usefixtures("unchecked_types")
def test_a_solver_of_the_other_way_is_refused() -> None:
    with pytest.raises(ValueError, match=r"`solver` must be a Population for .* of symmetry 0\.5, .* a Quadrature"):
        qd.solve(MODEL, short(), solver=qd.dmft.Quadrature())
    of_parts = qd.RandomNetwork(couplings=qd.couplings.Blocks([1.0], 0.5))
    with pytest.raises(ValueError, match=r"`solver` must be a Population .* of models made of other couplings and units"):
        qd.solve(of_parts, short(), solver=qd.dmft.Quadrature())
    with pytest.raises(
        TypeError, match="must be a Population or Quadrature or ThinnedPopulation or GrowingSteps for TwoTime, but is Newton"
    ):
        qd.solve(qd.RandomNetwork(0.9), short(), solver=qd.Newton())
    with pytest.raises(ValueError, match="`nodes` must be at least 8, but is 2"):
        qd.dmft.Quadrature(nodes=2)


# Which way.


def test_sampling_is_for_symmetry_only() -> None:
    plain, symmetric = qd.RandomNetwork(0.9, 0.0, 0.3), MODEL
    assert isinstance(short().choose([plain]), TwoTimeGaussian)
    assert isinstance(short().choose([symmetric]), TwoTimeSampled)
    assert isinstance(short().choose([plain, symmetric]), TwoTimeSampled)
    assert isinstance(short().choose([plain], qd.dmft.Population()), TwoTimeSampled)
    assert isinstance(short().choose([plain], qd.dmft.Quadrature()), TwoTimeGaussian)


def test_what_solved_it_is_in_the_solution_with_all_its_numbers() -> None:
    solution = qd.solve(MODEL, **tiny(time_limit=9.0))
    known, asked = solution.attributes(), tiny(time_limit=9.0)["solver"]
    assert known["solver"] == "Population"
    assert known["precision"] == "None"
    for name in ("trajectories", "tangents", "scramblings", "richardson", "memory_limit", "time_limit"):
        assert known[name] == getattr(asked, name)
    assert solution.solver == asked
    # What was left out stands there as it was taken.
    found = qd.solve(qd.RandomNetwork(0.9), short(), solver=qd.dmft.Quadrature(precision=1e-2)).attributes()
    assert (found["solver"], found["nodes"], found["richardson"]) == ("Quadrature", 64, True)


def test_tangents_are_carried_where_they_are_needed() -> None:
    plain = qd.RandomNetwork(0.9, 0.0, 0.3)
    for response, model, memory, returned in [
        (None, MODEL, True, True), (False, MODEL, True, False), (True, plain, True, True), (None, plain, False, False),
    ]:  # fmt: skip
        way = sampled(model, response=response)
        assert (way.memory, way.response) == (memory, returned)


def batch(symmetries: Any) -> Any:
    return jax.vmap(lambda symmetry: qd.solve(qd.RandomNetwork(0.9, symmetry, 0.3), **tiny()).arrays)(symmetries)


def test_a_batch_over_symmetry_is_sampled() -> None:
    """Zero among the symmetries as well, since one way serves all. Only samples have a conditioning."""
    with jax.enable_x64(True):
        assert "conditioning" in jax.eval_shape(batch, jnp.array([0.0, 0.5]))
    assert "conditioning" not in qd.solve(qd.RandomNetwork(0.9, 0.0, 0.3), short()).arrays


@pytest.mark.slow
def test_a_batch_over_symmetry_is_the_loop() -> None:
    with jax.enable_x64(True):
        found = jax.device_get(batch(jnp.array([0.0, 0.5])))
    for name, values in qd.solve(MODEL, **tiny()).arrays.items():
        np.testing.assert_allclose(found[name][1], values, rtol=1e-9, atol=1e-11, err_msg=name)


def test_other_parameters_and_keys_compile_nothing() -> None:
    qd.solve(MODEL, **tiny())
    before = len(_samples_compiled)
    for gain, symmetry, noise, field in [(0.5, -0.2, 0.1, 0.0), (1.4, 1.0, 1.0, -0.3)]:
        qd.solve(qd.RandomNetwork(gain, symmetry, noise, field), **tiny(initial=qd.Normal(-gain, noise)), key=5)
    assert len(_samples_compiled) == before


@pytest.mark.slow
def test_the_response_may_be_left_out() -> None:
    with_it, without = (qd.solve(MODEL, **tiny(response=response)).arrays for response in (None, False))
    assert {name for name in with_it if "response" in name} == with_it.keys() - without.keys()
    for name, values in without.items():
        np.testing.assert_array_equal(values, with_it[name], err_msg=name)


# When it stops.


def reached(solution: qd.Solution) -> float:
    return float(np.max(solution.arrays["correlation_error"]))


@pytest.mark.slow
def test_a_precision_is_reached() -> None:
    rough = qd.solve(MODEL, **tiny())
    done: list[tuple[int, int]] = []
    # A growth by 2, and a second one where that is not enough.
    wanted = reached(rough) / 1.2
    finer = qd.solve(MODEL, **tiny(precision=wanted), progress=lambda *now: done.append(now))
    assert len(done) > 4
    assert reached(finer) <= wanted


@pytest.mark.slow
def test_a_fine_precision_is_reached_and_true() -> None:
    finer = qd.solve(MODEL, **tiny(trajectories=None, tangents=None, scramblings=16, precision=3e-4))
    reference = qd.solve(MODEL, **tiny(trajectories=4096, tangents=4096, scramblings=32), key=8).arrays["correlation"]
    assert reached(finer) <= 3e-4
    assert np.max(np.abs(finer.arrays["correlation"] - reference)) < 5 * 3e-4


def fitting(**options: Any) -> float:
    """GiB that hold this population and nothing larger."""
    return 1.01 * sampled(**options).bytes_per_sample(None) / 2**30


def test_a_precision_out_of_reach_of_time_gives_the_best_so_far() -> None:
    found = qd.solve(MODEL, **tiny(precision=1e-12, time_limit=1e-9), throw=False)
    assert qd.Status(int(found.status)) is qd.Status.imprecise
    rough = qd.solve(MODEL, **tiny())
    for name, values in rough.arrays.items():
        np.testing.assert_array_equal(found.arrays[name], values, err_msg=name)
    with pytest.raises(qd.SolveError, match="imprecise"):
        qd.solve(MODEL, **tiny(precision=1e-12, time_limit=1e-9))


def test_a_precision_out_of_reach_of_memory_ends_with_as_many_populations_as_are_allowed() -> None:
    found = qd.solve(MODEL, **tiny(precision=1e-12, memory_limit=fitting()), throw=False)
    assert qd.Status(int(found.status)) is qd.Status.imprecise
    assert (float(found["trajectories"]), float(found["scramblings"])) == (32, MOST_SCRAMBLINGS)


def test_where_memory_ends_more_populations_help() -> None:
    rough = qd.solve(MODEL, **tiny())
    done: list[tuple[int, int]] = []
    asked = tiny(precision=0.6 * reached(rough), memory_limit=fitting())
    found = qd.solve(MODEL, **asked, progress=lambda *now: done.append(now))
    assert done[-1][1] > 4
    assert reached(found) <= 0.6 * reached(rough)


def interrupt(at: int) -> Callable[[int, int], None]:
    calls: list[int] = []

    def progress(done: int, total: int) -> None:
        calls.append(done)
        if len(calls) == at:
            raise KeyboardInterrupt

    return progress


def test_what_is_interrupted_keeps_the_populations_that_are_done() -> None:
    found = qd.solve(MODEL, **tiny(), throw=False, progress=interrupt(3))
    assert qd.Status(int(found.status)) is qd.Status.interrupted
    assert np.isfinite(reached(found))
    whole = qd.solve(MODEL, **tiny())
    assert np.max(np.abs(found.arrays["correlation"] - whole.arrays["correlation"])) < 5 * reached(found)
    with pytest.raises(KeyboardInterrupt):  # of one population there is no error
        qd.solve(MODEL, **tiny(), throw=False, progress=interrupt(1))


def test_an_interrupted_refinement_returns_what_was_before() -> None:
    rough = qd.solve(MODEL, **tiny())
    asked = tiny(precision=0.6 * reached(rough), memory_limit=fitting())
    found = qd.solve(MODEL, **asked, throw=False, progress=interrupt(5))
    assert qd.Status(int(found.status)) is qd.Status.interrupted
    np.testing.assert_array_equal(found.arrays["correlation"], rough.arrays["correlation"])


# What it says.


@pytest.mark.slow
def test_growth_without_bound_is_named() -> None:
    model = qd.RandomNetwork(40.0, 0.5, 0.3, activation=qd.Linear())
    found = qd.solve(model, qd.dmft.TwoTime(1.0, 0.01), solver=qd.dmft.Population(32, scramblings=2), throw=False)
    assert qd.Status(int(found.status)) is qd.Status.diverged


def test_without_noise_the_conditioning_shows_it() -> None:
    """A field that is a combination of its own past: 1e-8 of its variance is added, and the energy at rest is right."""
    noiseless = qd.solve(qd.RandomNetwork(0.9, 0.5), **tiny(duration=4.0))
    noisy = qd.solve(qd.RandomNetwork(0.9, 0.5, 0.5), **tiny(duration=4.0))
    assert float(noiseless["conditioning"]) < 1e-6 < 1e-4 < float(noisy["conditioning"])
    values = noiseless.arrays["correlation"]
    assert np.all(np.isfinite(values))
    assert np.min(np.linalg.eigvalsh(values)) > -1e-10


def test_a_network_that_starts_at_rest_stays_there() -> None:
    found = qd.solve(qd.RandomNetwork(0.9, 0.5), **tiny(duration=4.0, initial=qd.Normal(0.0, 0.0)))
    assert np.max(np.abs(found.arrays["state_correlation"])) < 1e-99
    # R = phi' = 1 a moment after a kick.
    np.testing.assert_allclose(np.diag(found.arrays["response"]), 1.0, atol=1e-14)
    # Also where rest is so unstable that 1e-200 would have grown to 1 by then.
    found = qd.solve(qd.RandomNetwork(10.0, 1.0), **tiny(duration=30.0, step=0.1, initial=qd.Normal(0.0, 0.0)))
    assert np.all(found.arrays["state_correlation"] == 0.0)


@pytest.mark.slow
def test_a_coarse_quadrature_is_named() -> None:
    """The default serves tanh up to gain 3; beyond, the status tells, and the error covers what is off."""
    theory = qd.dmft.TwoTime(4.0, 0.2)
    qd.solve(qd.RandomNetwork(3.0, 0.0, 0.1), theory)
    found = qd.solve(qd.RandomNetwork(6.0), theory, throw=False)
    assert qd.Status(int(found.status)) is qd.Status.coarse_quadrature
    finer = qd.solve(qd.RandomNetwork(6.0), theory, solver=qd.dmft.Quadrature(nodes=160))
    assert np.max(np.abs(found.arrays["correlation"] - finer.arrays["correlation"])) < reached(found)


@pytest.mark.slow
def test_the_discretisation_is_reported_beside_each_quantity() -> None:
    arrays = qd.solve(MODEL, **tiny(richardson=True)).arrays
    for name in ("correlation", "response", "kinetic_energy", "mean_rate"):
        assert arrays[f"{name}_discretisation"].shape == arrays[name].shape
        assert arrays[f"{name}_discretisation_error"].shape == arrays[name].shape
    solution = qd.solve(MODEL, **tiny(richardson=True))
    assert solution["correlation_discretisation"].dims == ("time", "earlier_time")


@pytest.mark.slow
def test_forward_derivatives_pass_through_the_choice() -> None:
    def correlation(gain: Any) -> Any:
        return qd.solve(qd.RandomNetwork(gain, 0.5, 0.3), **tiny()).arrays["correlation"]

    with jax.enable_x64(True):
        slope = jax.device_get(jax.jacfwd(correlation)(0.9))
    difference = (correlation(0.9 + 1e-4) - correlation(0.9 - 1e-4)) / 2e-4
    np.testing.assert_allclose(slope, difference, atol=1e-6)


@pytest.mark.slow
def test_a_sweep_over_gains_has_two_times_on_its_axes() -> None:
    found = qd.sweep(MODEL, **tiny(), over={"gain": [0.5, 0.9]})
    assert found["correlation"].dims == ("gain", "time", "earlier_time")
    np.testing.assert_allclose(found["time"], 0.2 * np.arange(5))


def test_a_solution_prints_what_was_asked() -> None:
    text = repr(qd.solve(MODEL, **tiny()))
    assert "dmft.TwoTime(duration=0.8, step=0.2" in text
    assert "correlation" in text
