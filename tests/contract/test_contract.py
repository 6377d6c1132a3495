"""What every theory and every experiment promises, whatever it computes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from subjects import SUBJECTS, Subject

import quenched as qd
from quenched.citation import BIBTEX
from quenched.solve import _brief_theory_compiled, _samples_compiled, _theory_compiled
from quenched.theory import AbstractExperiment

pytestmark = pytest.mark.parametrize(
    "subject",
    [pytest.param(each, marks=pytest.mark.slow) if each.slow else each for each in SUBJECTS],
    ids=lambda subject: subject.name,
)

# Counts and verdicts: piecewise constant in the gain.
COUNTED = {"fixed_points", "index_sum", "completeness", "convergence", "invertible", "chaotic"}


def solve(subject: Subject, gain: Any, **options: Any) -> qd.Solution:
    return qd.solve(subject.model(gain), subject.theory, start=subject.start, solver=subject.solver, **options)


_SOLVED: dict[tuple[str, int], qd.Solution] = {}


def solved(subject: Subject, key: int = 7) -> qd.Solution:
    """At the first gain, once for all tests that look at it only."""
    if (subject.name, key) not in _SOLVED:
        _SOLVED[subject.name, key] = solve(subject, subject.gains[0], key=key)
    return _SOLVED[subject.name, key]


def values(subject: Subject) -> Callable[[Any], dict[str, Any]]:
    """The observables as a function of gain, without their errors."""

    def observables(gain: Any) -> dict[str, Any]:
        arrays = solve(subject, gain).arrays
        return {name: array for name, array in arrays.items() if not name.endswith("_error")}

    return observables


def test_names_and_dimensions_are_in_the_vocabulary(subject: Subject) -> None:
    dataset = solved(subject).to_dataset()
    for name, variable in dataset.items():
        base = str(name).removesuffix("_error").removesuffix("_discretisation")
        assert base in qd.VOCABULARY
        # Layers follow each other as steps of time do.
        dims = tuple("time" if dim == "layer" and "time" in str(qd.VOCABULARY[base].dims) else dim for dim in variable.dims)
        assert dims in qd.VOCABULARY[base].dims
        assert variable.dtype in (np.float64, np.int64, np.int32)


def test_every_error_stands_beside_its_value(subject: Subject) -> None:
    arrays = solved(subject).arrays
    errors = {name for name in arrays if name.endswith("_error")}
    assert errors
    assert {name.removesuffix("_error") for name in errors} <= arrays.keys()
    for name in errors:
        # Of what is not known, NaN, there is no error either.
        assert np.all((arrays[name] >= 0) | np.isnan(arrays[name.removesuffix("_error")])), name


def test_citations_are_known(subject: Subject) -> None:
    assert subject.theory.citations
    assert set(subject.theory.citations) <= BIBTEX.keys()


def test_jit_changes_nothing(subject: Subject) -> None:
    gain = subject.gains[1]
    plain = solve(subject, gain)
    with jax.enable_x64(True):
        compiled = jax.jit(lambda gain: solve(subject, gain))(gain)
    assert compiled.check() is compiled
    assert compiled.arrays.keys() == plain.arrays.keys()
    for name, array in plain.arrays.items():
        # Fused differently, sums differ in their last bits, which the condition of the equations multiplies.
        if not (subject.chain and another_sample(name, compiled.arrays, plain.arrays)):
            np.testing.assert_allclose(compiled.arrays[name], array, rtol=1e-10, atol=1e-12, err_msg=name)


def another_sample(name: str, one: Any, other: Any) -> bool:
    """Equal within the errors, or something that is only known of a run: how well it went, and the errors themselves."""
    error = f"{name}_error"
    if error not in other:
        return name.endswith("_error") or name in ("r_hat", "sample_size")
    off = np.abs(np.asarray(one[name]) - np.asarray(other[name]))
    return bool(np.all(off <= 6.0 * np.hypot(np.asarray(other[error]), 1e-3)))


def test_vmap_is_the_loop(subject: Subject) -> None:
    with jax.enable_x64(True):
        batched = jax.vmap(values(subject))(jnp.asarray(subject.gains))
    for index, gain in enumerate(subject.gains):
        alone = solve(subject, gain).arrays
        for name, array in values(subject)(gain).items():
            if subject.chain and another_sample(name, {key: rows[index] for key, rows in batched.items()}, alone):
                continue
            np.testing.assert_allclose(batched[name][index], array, rtol=1e-9, atol=1e-11, err_msg=f"{name} at {gain}")


def test_gradients_in_both_modes_are_the_finite_difference(subject: Subject) -> None:
    if subject.chain:
        # Metropolis's choice jumps where the parameter moves: the derivative of a run is not that of the average.
        pytest.skip("a random choice depends on the parameter")
    gain, step = subject.gains[1], 2e-3
    at = {shift: values(subject)(gain + shift * step) for shift in (-2, -1, 1, 2)}
    with jax.enable_x64(True):
        forward = jax.device_get(jax.jacfwd(values(subject))(gain))
        if subject.reverse:
            reverse = jax.device_get(jax.jacrev(values(subject))(gain))
        else:
            reverse = forward
            with pytest.raises(ValueError, match="Reverse-mode differentiation does not work"):
                jax.jacrev(values(subject))(gain)
    for name in forward.keys() & COUNTED:
        assert forward[name] == reverse[name] == 0.0
    for name in forward.keys() - COUNTED:
        # Fourth order: truncation step^4 = 2e-11 times a fifth derivative of up to 1e3 near the transition.
        difference = (at[-2][name] - 8 * at[-1][name] + 8 * at[1][name] - at[2][name]) / (12 * step)
        np.testing.assert_allclose(forward[name], difference, rtol=1e-6, atol=1e-7, err_msg=name)
        np.testing.assert_allclose(reverse[name], forward[name], rtol=1e-9, atol=1e-10, err_msg=name)
    assert any(np.any(np.abs(slope) > 1e-3) for slope in forward.values())


def test_a_failure_raises_with_what_there_is_or_returns_it(subject: Subject) -> None:
    quiet = qd.solve(**subject.failing, throw=False)
    assert int(quiet.status) != qd.Status.solved
    status = qd.Status(int(quiet.status))
    with pytest.raises(qd.SolveError, match=status.name) as raised:
        qd.solve(**subject.failing, throw=True)
    partial = raised.value.solution
    assert isinstance(partial, qd.Solution)
    assert partial.arrays.keys() == quiet.arrays.keys()
    assert status.name in repr(quiet)


def test_the_same_key_gives_the_same_bits(subject: Subject) -> None:
    first, again, other = solved(subject), solve(subject, subject.gains[0], key=7), solved(subject, 11)
    for name, array in first.arrays.items():
        np.testing.assert_array_equal(array, again.arrays[name], err_msg=name)
    differs = any(not np.array_equal(array, other.arrays[name]) for name, array in first.arrays.items())
    assert differs == isinstance(subject.theory, AbstractExperiment)


def test_a_seed_and_its_key_are_the_same(subject: Subject) -> None:
    seeded, keyed = solved(subject), solve(subject, subject.gains[0], key=jax.random.key(7))
    for name, array in seeded.arrays.items():
        np.testing.assert_array_equal(array, keyed.arrays[name], err_msg=name)


def test_another_gain_compiles_nothing(subject: Subject) -> None:
    solve(subject, subject.gains[0])
    before = len(_theory_compiled), len(_brief_theory_compiled), len(_samples_compiled)
    for gain in subject.gains[1:]:
        solve(subject, gain)
    assert (len(_theory_compiled), len(_brief_theory_compiled), len(_samples_compiled)) == before


def test_a_program_in_32_bits_stays_so(subject: Subject) -> None:
    assert not jax.config.read("jax_enable_x64")
    solution = solve(subject, subject.gains[0])
    assert not jax.config.read("jax_enable_x64")
    assert jnp.ones(1).dtype == jnp.float32
    assert all(array.dtype == np.float64 for array in solution.arrays.values())


def test_tracing_in_32_bits_is_refused_with_what_to_do(subject: Subject) -> None:
    with pytest.raises(RuntimeError, match=r"float64.*enable_x64"):
        jax.jit(lambda gain: solve(subject, gain).residual)(subject.gains[0])


def test_a_solution_prints_its_model_theory_and_numbers(subject: Subject) -> None:
    solution = solved(subject)
    text = repr(solution)
    assert f"{subject.parameter}={subject.gains[0]:g}" in text
    assert type(subject.theory).__name__ in text
    assert "status solved" in text
    assert all(name in text for name in solution.arrays if not name.endswith(("_error", "_discretisation")))


def test_a_dataset_names_its_origin(subject: Subject) -> None:
    attributes = solved(subject, 11).to_dataset().attrs
    assert attributes[subject.parameter] == subject.gains[0]
    assert attributes["theory"].endswith(type(subject.theory).__name__)
    assert attributes["seed"] == 11
    assert {"quenched_version", "jax_version", "wall_time_seconds", "activation"} <= attributes.keys()


@pytest.mark.usefixtures("unchecked_types")
@pytest.mark.parametrize("wrong", ["branch", "solver", "model", "class"])
def test_wrong_arguments_of_solve_are_refused_before_any_work(subject: Subject, wrong: str) -> None:
    model: Any = subject.model(subject.gains[0])
    theory: Any = type(subject.theory)
    if wrong == "branch":
        with pytest.raises(ValueError, match="Argument `start`"):
            qd.solve(model, subject.theory, start="no such branch")
    elif wrong == "solver":
        with pytest.raises(TypeError, match=r"Argument `solver` must be .* but is"):
            qd.solve(model, subject.theory, solver="fast")
    elif wrong == "model":
        with pytest.raises(TypeError, match=r"Argument `model` must be an ensemble"):
            qd.solve(qd.RandomNetwork(1.0).draw(4, 0), subject.theory)  # type: ignore[arg-type]
    else:
        with pytest.raises(TypeError, match=rf"write {type(subject.theory).__name__}\(\.\.\.\)"):
            qd.solve(model, theory)
