"""quenched sweep."""

from __future__ import annotations

import shlex
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.console import Console

import quenched as qd
from quenched.cli import interrupts
from quenched.cli.checks import check_input
from quenched.cli.options import read_options
from quenched.sweeps.parts import ARGUMENTS, LAYERED, part_arguments
from quenched.words import nearest

_OTHERS = (
    "Parameters of the model in place of those of the file, by name or path: --symmetry 0.5, --couplings.first.gain 1.5."
)

_OPTIONS = ("resume", "force", "output", "workers", "scheduler", "quiet")


def sweep(
    file: Path,
    /,
    *,
    resume: bool = False,
    force: bool = False,
    output: Path = Path(),
    workers: int | None = None,
    scheduler: str | None = None,
    quiet: Annotated[bool, Parameter(name=("--quiet", "-q"))] = False,
    **parameters: Annotated[str, Parameter(help=_OTHERS)],
) -> int:
    """Run the sweeps of a TOML file, store the results and draw the figures.

    Example: quenched sweep examples/edge_of_chaos.toml

    Parameters
    ----------
    file:
        What to compute.
    resume:
        Continue an interrupted run: compute only what its store lacks.
    force:
        Replace the store.
    output:
        Folder that the store and the figures go into.
    workers:
        So many processes of this machine compute the points.
    scheduler:
        Address of a Dask scheduler, such as 127.0.0.1:8786, whose workers compute the points.
    quiet:
        Show no progress.
    """
    check_input(file, "file")
    from quenched.cli.progress import Reporter
    from quenched.cli.tables import print_near_transition, print_statuses
    from quenched.sweeps.executors import connect

    console = Console()
    model = read_options(parameters)
    for name in model:
        if name.rpartition(".")[2] not in (known := {*ARGUMENTS, *LAYERED, *part_arguments()}):
            raise ValueError(f"There is no option `{name}`.{nearest(name, [*known, *_OPTIONS])}")
    if workers is not None and scheduler is not None:
        raise ValueError("Options --workers and --scheduler exclude each other: processes of this machine, or Dask's.")
    if workers is not None and workers < 1:
        raise ValueError(f"Option --workers must be at least 1, but is {workers}.")
    job = qd.sweeps.read_job(file, output, model)
    total, done = sum(plan.units for plan in job.plans.values()), dict.fromkeys(job.plans, 0)

    words = ["quenched", "sweep", str(file), "--resume", *([] if output == Path() else ["--output", str(output)])]
    words += [] if workers is None else ["--workers", str(workers)]
    words += [] if scheduler is None else ["--scheduler", scheduler]
    words += [word for name, text in parameters.items() for word in (f"--{name.replace(':', '.')}", text)]
    again = f"Continue with: {shlex.join(words)}"
    interrupts.line = f"Interrupted. {again}"
    try:
        with (
            nullcontext() if scheduler is None else connect(scheduler) as client,
            Reporter("sweep", quiet=quiet) as report,
        ):

            def tell(name: str, points: int, _: int) -> None:
                done[name] = points
                report(sum(done.values()), total, name)

            tree = qd.sweeps.run_file(
                file,
                resume=resume,
                force=force,
                output=output,
                model=model,
                progress=tell,
                executor=workers if client is None else client,
                announce=lambda address: report.note(f"Dask's dashboard: {address}"),
            )
    except KeyboardInterrupt as stopped:
        raise KeyboardInterrupt(f"{stopped or 'Interrupted.'} {again}") from None
    if job.title:
        console.print(job.title, style="bold", highlight=False)
    found = {name: node.to_dataset() for name, node in tree.children.items()}
    print_near_transition(found, console)
    solved = print_statuses(found, console)
    console.print(f"store  {job.store}", soft_wrap=True, highlight=False)
    for place in job.figures.values():
        console.print(f"figure {place}", soft_wrap=True, highlight=False)
    return 0 if solved else 1
