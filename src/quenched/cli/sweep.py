"""quenched sweep."""

from __future__ import annotations

import shlex
from pathlib import Path

from rich.console import Console

import quenched as qd
from quenched.cli import interrupts
from quenched.cli.checks import check_input


def sweep(file: Path, /, *, resume: bool = False, force: bool = False, output: Path = Path()) -> int:
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
    """
    check_input(file, "file")
    from quenched.cli.progress import Reporter
    from quenched.cli.tables import print_near_transition, print_statuses

    console = Console()
    job = qd.sweeps.read_job(file, output)
    total, done = sum(plan.units for plan in job.plans.values()), dict.fromkeys(job.plans, 0)

    words = ["quenched", "sweep", str(file), "--resume", *([] if output == Path() else ["--output", str(output)])]
    again = f"Continue with: {shlex.join(words)}"
    interrupts.line = f"Interrupted. {again}"
    try:
        with Reporter("sweep") as report:

            def tell(name: str, points: int, _: int) -> None:
                done[name] = points
                report(sum(done.values()), total, name)

            tree = qd.sweeps.run_file(file, resume=resume, force=force, output=output, progress=tell)
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
