"""quenched solve."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

import quenched as qd
from quenched.cli.checks import check_output, check_seed
from quenched.cli.options import read_options, read_value
from quenched.sweeps.parts import ARGUMENTS, build_layers, build_model, part_arguments
from quenched.sweeps.registry import build_solver, build_theory, ensembles, full_name, theory_arguments

_OTHERS = (
    "Arguments of the theory, such as --temperature 0.01 or --size 400, and other parameters of the model, by name or path: "
    "--mean -2, --couplings.first.gain 1.5."
)
_FLAGS = ("start", "solver", "seed", "output", "force")


def solve(
    theory: str,
    /,
    *,
    gain: str | None = None,
    symmetry: str | None = None,
    noise: str = "0",
    field: str = "0",
    activation: str | None = None,
    couplings: str | None = None,
    unit: str | None = None,
    start: str | None = None,
    solver: str | None = None,
    seed: int = 0,
    output: Path | None = None,
    force: bool = False,
    **arguments: Annotated[str, Parameter(help=_OTHERS)],
) -> None:
    """Solve one model and print the solution.

    Example: quenched solve replica.FiniteTemperature --gain 1.2 --symmetry 0.5 --temperature 0.01

    Example: quenched solve layers.Propagation --weight-std 1.5 --activation gelu --depth 50

    Example: quenched solve dmft.Static --couplings elliptic --gain 0.5 --mean -2 --unit lotka_volterra

    Parameters
    ----------
    theory:
        One of those listed below.
    gain:
        Coupling scale g; must be given, unless couplings are.
    symmetry:
        Correlation eta of J_ij and J_ji, from -1 to 1.
    noise:
        Strength sigma of white noise.
    field:
        Constant input b, or '{ sinusoid = { amplitude = 0.5, angular_frequency = 1.0 } }'. Of several populations noise and
        field may be lists.
    activation:
        Such as tanh, relu or gelu; tanh if left out.
    couplings:
        Another law of the couplings, as a table: '{ blocks = { fractions = [0.8, 0.2], gain = [[1, 2], [1, 1]] } }'; a list
        of such tables is a sum.
    unit:
        What a neuron does, by its word, or as a table: '{ leaky = { time_constant = 2.0 } }'; a list of one for each
        population.
    start:
        Branch of the theory to follow.
    solver:
        Arguments of its solver, as a table: '{ nodes = 64 }'; by name where there are several:
        '{ population = { trajectories = 64 } }'.
    seed:
        Seed of everything random.
    output:
        File to write the solution to, .nc (netCDF) or .zarr.
    force:
        Replace the output if it exists.
    """
    check_output(output, force)
    check_seed(seed)
    given = (gain, symmetry, noise, field, activation, couplings, unit)
    settings = {name: read_value(text) for name, text in zip(ARGUMENTS, given, strict=True) if text is not None}
    for name in ("gain", "symmetry", "noise", "field"):
        if isinstance(settings.get(name), str):
            raise TypeError(f"--{name} must be a number, a list or a table, but is {settings[name]!r}.")
    theory, options = full_name(theory), read_options(arguments)
    # By its path, or by the last word of it while no argument of the theory has that name.
    changes = {name: value for name, value in options.items() if _of_model(name, theory)}
    of_theory = {name: value for name, value in options.items() if name not in changes}
    chosen = build_theory(theory, of_theory, also=[*ARGUMENTS, *_FLAGS, *part_arguments()])
    if qd.RandomNetwork in chosen.models:
        if gain is None and couplings is None:
            raise ValueError("--gain is missing, the coupling scale of the network.")
        model: Any = build_model(settings, changes)
    else:
        for name in [name for name in ("noise", "field") if settings[name] == 0]:
            del settings[name]  # which layers do not have
        model = build_layers(settings, changes)
    method = {} if solver is None else read_value(solver)
    if not isinstance(method, dict):
        raise TypeError(f"--solver must be a table, such as '{{ nodes = 64 }}', but is {method!r}.")
    used = build_solver(chosen, [model], method)
    from quenched.cli.progress import Reporter

    with Reporter(f"solving {theory}") as tell:
        solution = qd.solve(model, chosen, solver=used, start=start, key=seed, throw=False, progress=tell)
    if output is not None:
        solution.save(output, force)
    print(solution)
    if output is not None:
        print(f"Written to {output}.")
    # Raised only now, so that what there is is shown and written.
    solution.check()


def _of_model(name: str, theory: str) -> bool:
    if name in theory_arguments(theory):
        return False
    if qd.RandomNetwork in ensembles(theory):
        return name.rpartition(".")[2] in part_arguments()
    return name in inspect.signature(qd.FeedforwardNetwork).parameters
