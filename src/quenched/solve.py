"""The one verb."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array

from quenched import checks
from quenched.compiled import compiled
from quenched.keys import check_key, read_key
from quenched.models import AbstractModel, Network
from quenched.numerics.interrupts import results_in_hand
from quenched.numerics.memory import KEY_BYTES, available_bytes, refuse_what_does_not_fit, side_by_side
from quenched.numerics.statistics import RunningMean, mean_and_error
from quenched.numerics.work import keep_all, on_threads
from quenched.precision import double_precision, traced
from quenched.provenance import seed_of
from quenched.records import public_name
from quenched.solution import Solution
from quenched.status import Status
from quenched.theory import AbstractChoice, AbstractExperiment, AbstractTheory, Computed, Cost, Start, Theory
from quenched.vocabulary import describe

Progress = Callable[[int, int], None]


@double_precision
def solve(
    model: AbstractModel,
    theory: Theory,
    *,
    solver: Any = None,
    start: str | Mapping[str, Any] | Solution | None = None,
    key: int | Array | None = None,
    throw: bool = True,
    progress: Progress | None = None,
) -> Solution:
    """Solve `model` at the level of description `theory`.

    Arguments:
        model: what is random, a `qd.RandomNetwork`, or a `qd.FeedforwardNetwork`.
        theory: `qd.dmft.Static()`, `qd.replica.FiniteTemperature(...)`, ..., or an experiment in the same slot:
            `qd.simulate.Trajectories(...)`, `qd.landscape.FixedPoints(...)`.
        solver: how the equations are solved; changes nothing physical. Of some theories it chooses between sampling and not:
            `qd.dmft.Population()`, `qd.dmft.Quadrature()`.
        start: which branch: a name out of `theory.branches`, order parameters by name, or an earlier solution.
        key: seed of everything random, a whole number or a JAX key; the same key gives the same bits. 0 if left out.
        throw: raise SolveError, once the computation is over, unless it is solved. Under jit, grad and vmap nothing
            can be raised: look at `status`, or call `solution.check()` outside.
        progress: called with (samples done, samples in all) where there are any: networks of an experiment, scramblings of
            a sampled theory; with (parts done, parts in all) of the work of `qd.replica.OneStepRSB`.

    Returns:
        A `Solution`.

    Raises:
        TypeError: no model, no theory, a solver or a start of another kind, before any work.
        ValueError: a model or a branch that the theory does not cover, an unknown name of a branch, before any work.
        SolveError: not solved (`throw=True`); it carries the partial solution.
        MemoryError: the experiment would not fit into the memory there is.

    When it fails: the status, a name of `qd.Status`, says what went wrong, and its `advice` what to change; the docstring of
    each theory says which can come, and when. `throw=False` returns the solution as far as it came.

    Example:
        >>> import quenched as qd
        >>> solution = qd.solve(qd.RandomNetwork(gain=1.5), qd.dmft.Static())
        >>> print(f"{float(solution['correlation']):.6f}")
        0.352602
    """
    check_types(model, theory)
    throw, progress = checks.flag("throw", throw), checks.progress(progress)
    asked, (theory, solver, asked_of) = theory, chosen_way(theory, [model], solver)
    if isinstance(theory, AbstractTheory):
        branch = read_start(theory, [model], start)
        theory.check(model, solver, branch)
        needed = theory.bytes_per_point(solver, branch)
        refuse_what_does_not_fit(needed, type(theory).__name__, theory.memory_arguments)
    else:
        refuse_start(asked, start)
        theory.check(model, solver)
    check_key(key)
    began = time.perf_counter()
    if isinstance(theory, AbstractTheory):
        computed = _compute(model, theory, solver, branch, progress)
    else:
        computed = measure_ensemble(model, theory, solver, read_key(key), progress)
    coordinates = dict(theory.coordinates())
    wall_time = None
    if not traced(computed):
        # NumPy from here on: float64 stays float64 in a program that keeps JAX in 32 bits.
        computed = jax.device_get(computed)
        wall_time = time.perf_counter() - began
    arrays, status, residual, steps = computed
    name = theory.branch_name(branch) if isinstance(theory, AbstractTheory) else None
    kept = asked_of if isinstance(asked_of, eqx.Module) else None
    solution = Solution(model, asked, arrays, status, residual, steps, coordinates, seed_of(key), wall_time, name, kept)
    return solution.check() if throw and wall_time is not None else solution


def _compute(model: AbstractModel, theory: AbstractTheory, solver: Any, start: Start, progress: Progress | None) -> Computed:
    """In one program, or in parts where the theory has some and nothing is traced."""
    stages = None if traced(model, theory, start) else theory.stages(model, solver, start)
    if stages is None:
        return (_brief_theory_compiled if theory.brief else _theory_compiled)(model, theory, solver, start)
    while True:
        try:
            done = next(stages)
        except StopIteration as ended:
            computed: Computed = ended.value
            return computed
        if progress is not None:
            progress(*done)


def _solve_theory(model: AbstractModel, theory: AbstractTheory, solver: Any, start: Start) -> Computed:
    computed = theory.compute(model, solver, start)
    return computed._replace(status=jnp.where(theory.in_range(model), computed.status, Status.bad_input))


_theory_compiled = compiled()(_solve_theory)
_brief_theory_compiled = compiled(hurried=True)(_solve_theory)


@compiled()
def _samples_compiled(model: AbstractModel, theory: AbstractExperiment, solver: Any, keys: Array) -> Computed:
    measure = partial(theory.measure, model, solver)
    # A mapped loop keeps its branches: what a sample does not need is then not computed.
    return jax.vmap(measure)(keys) if theory.together == "batch" and not theory.alone else jax.lax.map(measure, keys)


def measure_ensemble(
    model: AbstractModel, theory: AbstractExperiment, solver: Any, key: Array, progress: Progress | None
) -> Computed:
    """Measure, and measure again more finely as long as the experiment asks for it; what was found last if that fails."""
    began = time.perf_counter()
    averaged, seconds = _measure_once(model, theory, solver, key, progress)
    while not traced(averaged) and averaged.status == Status.solved:
        finer = theory.refine(averaged, Cost(time.perf_counter() - began, seconds))
        if finer is None:
            break
        try:
            with results_in_hand(lambda: True):
                averaged, seconds = _measure_once(model, finer, solver, key, progress)
        except KeyboardInterrupt:
            return averaged._replace(status=jnp.asarray(Status.interrupted))
        except MemoryError:
            break
        theory = finer
    verdict = jnp.where(averaged.status == Status.solved, theory.verdict(averaged), averaged.status)
    return averaged._replace(status=jnp.where(theory.in_range(model), verdict, Status.bad_input))


def _measure_once(
    model: AbstractModel, theory: AbstractExperiment, solver: Any, key: Array, progress: Progress | None
) -> tuple[Computed, float]:
    """Measure every sample, a few at a time, and average; the error is the standard error over samples. And the seconds that
    took, compiling left out."""
    batch = samples_at_once(model, theory, solver)
    keys = jax.random.split(key, theory.samples)
    if traced(model, theory, keys):
        batches = keys.reshape(-1, batch)
        measured = jax.lax.map(partial(_samples_compiled, model, theory, solver), batches)
        averaged = _average(theory, jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), measured))
        return averaged._replace(arrays=theory.with_all_errors(averaged.arrays)), 0.0
    kept: list[Computed] = []
    running: dict[str, RunningMean] = {}
    first_done = 0.0

    def keep(part: Computed) -> None:
        nonlocal first_done
        for name in [name for name in part.arrays if _plainly_averaged(theory, name)]:
            # Taken out of the part, so that long arrays are not kept once for every sample.
            running.setdefault(name, RunningMean()).add(part.arrays.pop(name))
        kept.append(part)
        first_done = first_done or time.perf_counter()

    queue = [keys[first : first + batch] for first in range(0, theory.samples, batch)]
    tell = None if progress is None else lambda done: progress(done * batch, theory.samples)
    interrupted = keep_all(
        _measured(model, theory, solver, queue), keep, lambda: sum(part.status.shape[0] for part in kept) >= 2, tell
    )
    # The first batch was compiled too.
    seconds = (time.perf_counter() - first_done) * len(kept) / max(1, len(kept) - 1)
    averaged = _average(theory, jax.tree.map(lambda *leaves: jnp.concatenate(leaves), *kept))
    for name, mean in running.items():
        averaged.arrays[name], averaged.arrays[f"{name}_error"] = mean.mean_and_error()
    averaged = averaged._replace(arrays=theory.with_all_errors(averaged.arrays))
    return (averaged._replace(status=jnp.asarray(Status.interrupted)) if interrupted else averaged), seconds


def shapes_of_ensemble(model: AbstractModel, theory: AbstractExperiment, solver: Any, key: Array) -> Computed:
    """What `measure_ensemble` will return, as shapes and types."""
    keys = jax.random.split(key, theory.samples)[: samples_at_once(model, theory, solver)]
    batch = _samples_compiled.shape_of_result(model, theory, solver, keys)
    everything = jax.tree.map(lambda each: jax.ShapeDtypeStruct((theory.samples, *each.shape[1:]), each.dtype), batch)

    def average(measured: Computed) -> Computed:
        averaged = _average(theory, measured)
        return averaged._replace(arrays=theory.with_all_errors(averaged.arrays))

    return jax.eval_shape(average, everything)


def _measured(
    model: AbstractModel, theory: AbstractExperiment, solver: Any, batches: Sequence[Array]
) -> Generator[Computed, None, None]:
    """The batches, measured, in their order."""

    def run(keys: Array) -> Computed:
        return jax.device_get(_samples_compiled(model, theory, solver, keys))

    threads = 1
    if theory.together == "threads":
        threads = max(1, min(os.cpu_count() or 1, available_bytes() // theory.bytes_measuring(model, solver)))
    # No more than the threads work on: what is done but not averaged yet takes memory.
    return on_threads(run, batches, threads=threads, most_waiting=threads)


def _plainly_averaged(theory: AbstractExperiment, name: str) -> bool:
    return name not in theory.estimators and not any("network" in dims for dims in describe(name).dims)


def _average(theory: AbstractExperiment, measured: Computed) -> Computed:
    arrays: dict[str, Array] = {}
    for name, values in measured.arrays.items():
        if any("network" in dims for dims in describe(name).dims):
            arrays[name] = values
        else:
            estimate = theory.estimators.get(name, mean_and_error)
            arrays[name], error = estimate(values)
            if error is not None:
                arrays[f"{name}_error"] = error
    return Computed(arrays, jnp.max(measured.status), jnp.max(measured.residual), jnp.max(measured.steps))


_SAMPLES = "how many there are (`networks` or `scramblings`)"


def samples_at_once(model: AbstractModel, theory: AbstractExperiment, solver: Any) -> int:
    """The largest divisor of the number of samples whose batch fits; refuses what does not fit at all."""
    theory.check_memory(model, solver)
    needed = theory.bytes_measuring(model, solver)
    refuse_what_does_not_fit(KEY_BYTES * theory.samples, f"The random keys of {theory.samples} samples", _SAMPLES)
    return side_by_side(theory.samples, needed) if theory.together == "batch" and not theory.alone else 1


class Way(NamedTuple):
    """What is run."""

    theory: AbstractTheory | AbstractExperiment
    """The theory itself, or the way that it chooses."""
    solver: Any
    """That of the way."""
    asked: Any
    """What `solver` was or stood for: of a sampled way it is what the way was made with."""


def chosen_way(theory: Theory, models: Sequence[AbstractModel], solver: Any = None) -> Way:
    """The theory itself, or the way that it chooses for these models, with what solves it."""
    if not isinstance(theory, AbstractChoice):
        used = checked_solver(theory, solver)
        return Way(theory, used, used)
    asked = theory.checked_solver(models, solver)
    way = theory.choose(models, asked)
    return Way(way, asked if type(asked) in _solvers(way) else way.default_solver(), asked)


def refuse_start(theory: Theory, start: Any) -> None:
    """An experiment has no branches."""
    if start is not None:
        raise ValueError(f"Argument `start` chooses a branch of a theory; {type(theory).__name__} has none here.")


def read_start(
    theory: AbstractTheory, models: Sequence[AbstractModel], start: str | Mapping[str, Any] | Solution | None
) -> Start:
    """The branch and the order parameters that `start` stands for."""
    if isinstance(start, str):
        return Start(checks.one_of("start", start, theory.branches))
    if start is None:
        return Start(theory.default_branch(models, None))
    given = start.arrays if isinstance(start, Solution) else start
    if not isinstance(given, Mapping):
        raise TypeError(
            f"Argument `start` must be one of {', '.join(map(repr, theory.branches))}, a mapping of order parameters, "
            f"or a Solution, but is {checks.shown(start)}."
        )
    wanted = theory.order_parameters(models[0])
    missing = [name for name in wanted if name not in given]
    if missing:
        raise ValueError(f"Argument `start` must give {', '.join(wanted)}, but lacks {', '.join(missing)}.")
    values = {name: _order_parameter(name, given[name], shape) for name, shape in wanted.items()}
    return Start(theory.default_branch(models, values), values)


def _order_parameter(name: str, given: Any, shape: tuple[int, ...]) -> Array:
    what = f"start[{name!r}]"
    if not shape:
        return jnp.asarray(checks.number(what, given))
    return (
        given if isinstance(given, jax.core.Tracer) else jnp.asarray(checks.real_array(f"Argument `{what}`", given, shape))
    )


def check_types(model: Any, theory: Any) -> None:
    """Refuse what is no ensemble, what is no theory, and a model that the theory is not about."""
    check_model(model)
    check_theory(theory)
    check_covers(model, theory)


def check_covers(model: AbstractModel, theory: Theory) -> None:
    """Refuse a model that the theory is not about."""
    if not isinstance(model, theory.models):
        kinds = " or ".join(f"qd.{kind.__name__}" for kind in theory.models)
        raise TypeError(
            f"Argument `model` must be a {kinds} for {public_name(theory)}, but is {checks.shown(model)}.{model.instead}"
        )
    # Looked up on the class: Equinox makes a module of each method of an instance, which takes longer than the check.
    type(theory).covers(theory, model)


def check_model(model: Any) -> None:
    """Refuse what is no ensemble."""
    if isinstance(model, Network):
        raise TypeError(
            "Argument `model` must be an ensemble, qd.RandomNetwork(...), but is one qd.Network; for one network use "
            "qd.landscape.find_fixed_points(network) or qd.simulate.integrate(network, ...)."
        )
    if not isinstance(model, AbstractModel):
        raise TypeError(f"Argument `model` must be a qd.RandomNetwork, but is {checks.shown(model)}.")


def check_theory(theory: Any) -> None:
    """Refuse what is no theory."""
    if isinstance(theory, type):
        raise TypeError(f"Argument `theory` must be an instance: write {theory.__name__}(...), with parentheses.")
    if not isinstance(theory, AbstractTheory | AbstractExperiment | AbstractChoice):
        raise TypeError(f"Argument `theory` must be a theory such as qd.dmft.Static(), but is {checks.shown(theory)}.")


def checked_solver(theory: AbstractTheory | AbstractExperiment, solver: Any) -> Any:
    """The solver to use; refused where it is not of the theory's kind."""
    default = theory.default_solver()
    if solver is None:
        return default
    allowed = _solvers(theory)
    if type(solver) not in allowed:
        must = "left out" if default is None else f"a {' or '.join(kind.__name__ for kind in allowed)}"
        raise TypeError(f"Argument `solver` must be {must} for {type(theory).__name__}, but is {checks.shown(solver)}.")
    return solver


def _solvers(theory: AbstractTheory | AbstractExperiment) -> tuple[type, ...]:
    """The kinds of solver that it takes."""
    return theory.solvers if hasattr(theory, "solvers") else (type(theory.default_solver()),)
