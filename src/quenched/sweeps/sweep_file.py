"""Sweeps out of a TOML file: several theories, one store, and figures of all."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from quenched import checks
from quenched.models import RandomNetwork
from quenched.outputs import check_store
from quenched.precision import double_precision
from quenched.sweeps.executors import Where, check_executor, connect, open_executor
from quenched.sweeps.grid import make_grid
from quenched.sweeps.lock import locked
from quenched.sweeps.parts import ARGUMENTS, LAYERED, build_layers, build_model, part_arguments
from quenched.sweeps.plan import Plan, make_plan
from quenched.sweeps.registry import FIGURES, build_solver, build_theory
from quenched.sweeps.store import claim, create_group, existing, remove
from quenched.sweeps.sweep import execute, interruption

if TYPE_CHECKING:
    import xarray as xr

    from quenched.models import AbstractModel
    from quenched.sweeps.file_schema import SweepFile, TheorySection
    from quenched.theory import Theory


class Job(NamedTuple):
    """Everything that a file asks for, checked."""

    title: str
    plans: dict[str, Plan]
    store: Path
    figures: dict[str, Path]
    workers: int | None
    scheduler: str | None


@double_precision
def read_job(path: str | Path, output: str | Path = ".", model: Mapping[str, Any] | None = None) -> Job:
    """Read a TOML file as `qd.sweeps.run_file` does and check all of it, computing nothing.

    Arguments:
        path, output, model: as of `qd.sweeps.run_file`.

    Returns:
        What the file asks for: `title`, `plans` (a sweep for each NAME), the path of the `store`, the paths of the
        `figures` by name, and how many `workers` or which `scheduler` shall compute it.

    Raises:
        ValueError: one line for each problem that the file has.
        TypeError: `path` or `output` is no path.
        FileNotFoundError: no such file.

    Example:
        >>> import pathlib, tempfile, quenched as qd
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "job.toml"
        >>> lines = ['title = "Rest"', "[over]", "gain = [0.5, 1.5]", "[theories.rest]", 'theory = "dmft.Static"']
        >>> _ = path.write_text("\\n".join([*lines, "[output]", 'store = "rest.zarr"']))
        >>> job = qd.sweeps.read_job(path)
        >>> job.title, list(job.plans), job.store.name
        ('Rest', ['rest'], 'rest.zarr')
    """
    from quenched.sweeps.file_schema import read_sweep_file

    path, folder = checks.place("path", path), checks.place("output", output)
    content = read_sweep_file(path)
    plans, problems = {}, []
    for name, section in content.theories.items():
        try:
            plans[name] = _plan(content, section, model or {})
        except (ValueError, TypeError) as error:
            problems.append(f"{path.name}: in [theories.{name}]: {error}")
    try:
        store = check_store(folder / content.output.store, "key `output.store`")
    except ValueError as error:
        problems.append(f"{path.name}: {error}")
    problems += [f"{path.name}: {problem}" for problem in _without_theory(content, plans, model or {})]
    problems += [f"{path.name}: key `output.figures`: {problem}" for problem in _wrong_figures(content, plans)]
    workers, scheduler = content.run.workers, content.run.scheduler
    if workers is not None and scheduler is not None:
        problems.append(f"{path.name}: keys `run.workers` and `run.scheduler` exclude each other; leave one out.")
    if problems:
        raise ValueError("\n".join(problems))
    figures = {name: folder / figure for name, figure in content.output.figures.items()}
    return Job(content.title, plans, store, figures, workers, scheduler)


@double_precision
def run_file(
    path: str | Path,
    *,
    resume: bool = False,
    force: bool = False,
    output: str | Path = ".",
    model: Mapping[str, Any] | None = None,
    progress: Callable[[str, int, int], None] | None = None,
    executor: Where = None,
    announce: Callable[[str], object] | None = None,
) -> xr.DataTree:
    """Run the sweeps of a TOML file, store them, and draw its figures.

    The file has the keys `title` and `seed`; [model] with what is not swept, its parts as tables: `couplings = { low_rank =
    { covariance = [[1.0, 2.0], [2.0, 5.0]] } }`, a list of which is a sum, `unit = { leaky = { time_constant = 2.0 } }` or
    `unit = "lotka_volterra"`, `field = { sinusoid = { ... } }`, of layered networks `weight_std`, `bias_std`, `activation`,
    `keep`, `residual`; [over] with lists or {start, stop, points}, by name or path;
    [theories.NAME] with `theory = "dmft.Static"`, its arguments, and where wanted `start`, an `over` that adds
    to or replaces parts of the common one, and a `solver` with its arguments, or by name where there are several, such as
    { population = { trajectories = 64 } }; [output] with `store` and, where wanted,
    `figures`, such as { edge_of_chaos = "edge.png" }: a name of `qd.plots` and where to write what it draws of all sweeps;
    where wanted [run] with `workers = 2`, a number of processes, or `scheduler = "10.0.0.1:8786"`, the address of Dask's.

    Arguments:
        path: the file.
        resume, force: what to do with a store that exists, as for `qd.sweep`.
        output: the folder that `store` and `figures` are in.
        model: parameters in place of those of the file, by name or path, such as {"couplings.first.gain": 1.5}.
        progress: called with (NAME, done, in all).
        executor: where points are computed, as for `qd.sweep`, in place of what the file says.
        announce: called with the address of the page that shows what the workers do.

    Returns:
        DataTree with one Dataset for each NAME; the store has one group for each.

    Raises:
        ValueError, TypeError, FileNotFoundError, FileExistsError, OSError: before any work.
        StoppedSweepError: as `qd.sweep`.
        KeyboardInterrupt: Ctrl-C; what was done is in the store.

    Example:
        >>> import pathlib, tempfile, quenched as qd
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> lines = ['title = "Rest"', "[over]", "gain = [0.5, 1.5]", "[theories.rest]", 'theory = "dmft.Static"']
        >>> _ = (folder / "job.toml").write_text("\\n".join([*lines, "[output]", 'store = "rest.zarr"']))
        >>> found = qd.sweeps.run_file(folder / "job.toml", output=folder)
        >>> found["rest"].correlation.values.round(6).tolist()
        [0.0, 0.352602]
    """
    import xarray as xr

    resume, force, progress = checks.flag("resume", resume), checks.flag("force", force), checks.progress(progress)
    executor, announce = check_executor(executor), announce or (lambda address: None)
    job = read_job(path, output, model)
    found = {}
    with ExitStack() as held:
        if executor is None:
            executor = held.enter_context(connect(job.scheduler)) if job.scheduler else check_executor(job.workers)
        _check_places(job, resume, force)
        held.enter_context(locked(job.store))
        plans = _claim_all(job, resume, force)
        workers = held.enter_context(open_executor(executor, announce, lambda text: print(text, file=sys.stderr)))
        if force and existing(job.store) is not None:
            remove(job.store)
        create_group(job.store, {"theories": list(job.plans)}, title=job.title)
        for name, (plan, continued) in plans.items():
            tell = None if progress is None else lambda done, units, name=name: progress(name, done, units)
            found[name] = execute(plan, job.store / name, continued, tell, workers)
            if stopped := interruption(found[name], job.store):
                raise KeyboardInterrupt(stopped)
    tree = xr.DataTree.from_dict(found)
    tree.attrs["title"] = job.title
    for name, place in job.figures.items():
        from quenched import plots

        getattr(plots, name)(tree).flat[0].figure.savefig(place, dpi=150)
    return tree


def _model(content: SweepFile, theory: Theory, over: Mapping[str, Any], changes: Mapping[str, Any]) -> AbstractModel:
    """The model of the file, of the kind that the theory is about; what a part must be given may be what is swept."""
    for name in changes:
        if name in over:
            raise ValueError(f"{name!r} is swept in the file, and not one value; change the list there.")
    settings, first = content.model.model_dump(), {name: values[0] for name, values in over.items() if len(values)}
    if RandomNetwork not in theory.models:
        own = {name: value for name, value in changes.items() if name in LAYERED}
        return build_layers({name: settings[name] for name in LAYERED}, own, first)
    settings = {name: settings[name] for name in ARGUMENTS}
    changes = {name: value for name, value in changes.items() if name in ARGUMENTS or name not in LAYERED}
    swept = {name: value for name, value in first.items() if name.rpartition(".")[2] in part_arguments()}
    if settings["couplings"] is None and settings["gain"] is None:
        settings["gain"] = 1.0
    return build_model(settings, changes, swept)


def _without_theory(content: SweepFile, plans: Mapping[str, Plan], changes: Mapping[str, Any]) -> Iterator[str]:
    """Parameters that belong to networks no theory of the file is about; not asked where a sweep is wrong itself."""
    if len(plans) < len(content.theories):
        return
    about = {"recurrent" if RandomNetwork in plan.theory.models else "layered" for plan in plans.values()}
    places = {**{name: f"key `model.{name}`" for name in content.model.model_fields_set}, **{n: f"--{n}" for n in changes}}
    for name, place in places.items():
        owners = {"layered"} if name in LAYERED else set()
        # All but the names of layered networks may be a path to a part.
        owners |= {"recurrent"} if name in ARGUMENTS or not owners else set()
        if not owners & about:
            yield f"{place} belongs to {owners.pop()} networks, which no theory of the file is about."


def _plan(content: SweepFile, section: TheorySection, changes: Mapping[str, Any]) -> Plan:
    over = {**content.over, **section.over}
    arguments = dict(section.model_extra or {})
    theory = build_theory(section.theory, arguments, also=type(section).model_fields)
    model = _model(content, theory, over, changes)
    # The solver that serves the whole grid, not the base values.
    models = make_grid(model, theory, over).models.records if section.solver else []
    return make_plan(model, theory, over, build_solver(theory, models, section.solver), section.start, content.seed)


def _wrong_figures(content: SweepFile, plans: dict[str, Plan]) -> Iterator[str]:
    """A figure that is none, and one that no sweep would be in; not asked where a sweep is wrong itself."""
    for name in content.output.figures:
        if name not in FIGURES:
            yield f"it must name some of {', '.join(FIGURES)}, but names {name!r}.{checks.nearest(name, FIGURES)}"
        elif len(plans) == len(content.theories) and not any(FIGURES[name] in plan.grid.axes for plan in plans.values()):
            yield f"{name!r} is a figure of sweeps over {FIGURES[name]!r}, but nothing is swept over it."


def _check_places(job: Job, resume: bool, force: bool) -> None:
    """Make sure that the results can be written, before anything is computed."""
    if resume and force:
        raise ValueError("--resume and --force exclude each other: continue the store, or replace it.")
    for wanted in (job.store.parent, *(place.parent for place in job.figures.values())):
        if not wanted.is_dir() or not os.access(wanted, os.W_OK):
            raise OSError(f"The folder {str(wanted)!r} does not exist or cannot be written; choose another by --output.")


def _claim_all(job: Job, resume: bool, force: bool) -> dict[str, tuple[Plan, bool]]:
    """Decide about every store, before anything is computed or removed."""
    stored = existing(job.store)
    continued = {name: claim(job.store / name, plan.definition, resume, force) for name, plan in job.plans.items()}
    if stored is not None and not force and (not resume or "theories" not in stored):
        holds = ", ".join(stored.get("theories", [stored.get("theory", "another sweep")]))
        raise FileExistsError(
            f"The store {str(job.store)!r} exists and holds {holds}: choose another, or replace it by --force."
        )
    return {name: (plan, continued[name]) for name, plan in job.plans.items()}
