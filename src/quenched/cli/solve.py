"""quenched solve."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

import quenched as qd
from quenched.cli.checks import check_output, check_seed
from quenched.sweeps.registry import build_activation, build_theory


def solve(
    theory: str,
    /,
    *,
    gain: float | None = None,
    symmetry: float = 0.0,
    noise: float = 0.0,
    field: float = 0.0,
    activation: str = "tanh",
    start: str | None = None,
    seed: int = 0,
    output: Path | None = None,
    force: bool = False,
    **arguments: Annotated[str, Parameter(help="Arguments of the theory, such as --temperature 0.01 or --size 400.")],
) -> None:
    """Solve one model and print the solution.

    Example: quenched solve replica.FiniteTemperature --gain 1.2 --symmetry 0.5 --temperature 0.01

    Parameters
    ----------
    theory:
        One of those listed below.
    gain:
        Coupling scale g; must be given.
    symmetry:
        Correlation eta of J_ij and J_ji, from -1 to 1.
    noise:
        Strength sigma of white noise.
    field:
        Constant input b.
    activation:
        tanh, erf, relu or linear.
    start:
        Branch of the theory to follow.
    seed:
        Seed of everything random.
    output:
        File to write the solution to, .nc (netCDF) or .zarr.
    force:
        Replace the output if it exists.
    """
    check_output(output, force)
    check_seed(seed)
    flags = ("gain", "symmetry", "noise", "field", "activation", "start", "seed", "output", "force")
    chosen = build_theory(theory, {name.replace("-", "_"): _value(text) for name, text in arguments.items()}, also=flags)
    if gain is None:
        raise ValueError("--gain is missing, the coupling scale of the network.")
    model = qd.RandomNetwork(gain, symmetry, noise, field, build_activation(activation))
    from quenched.cli.progress import Reporter

    with Reporter(f"solving {theory}") as tell:
        solution = qd.solve(model, chosen, start=start, key=seed, throw=False, progress=tell)
    if output is not None:
        solution.save(output, force)
    print(solution)
    if output is not None:
        print(f"Written to {output}.")
    # Raised only now, so that what there is is shown and written.
    solution.check()


def _value(text: str) -> Any:
    """Numbers, true and false, lists and tables as in TOML; any other text is itself."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
