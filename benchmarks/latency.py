"""CPU time of a new process up to its first answer: with nothing kept, and with the compiled programs of an earlier process.

Beside it, what every program that uses JAX takes: its import and one addition, compiled. How long Python takes to
end is not counted: it looks through all that JAX has made, 0.1 to 0.2 s.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile

EMPTY = "import os, jax; jax.jit(lambda x: x + 1.0)(1.0); os._exit(0)"
SOLVE = "import os, quenched as qd; qd.solve(qd.RandomNetwork(1.5), {}); os._exit(0)"
THEORIES = (
    "qd.dmft.Static()",
    "qd.dmft.Stationary()",
    "qd.replica.FiniteTemperature(0.1)",
    "qd.replica.ZeroTemperature()",
    "qd.simulate.Trajectories(size=200, networks=8, duration=20, step=0.1)",
    "qd.dmft.TwoTime(duration=5, step=0.25)",
)
COMMANDS = ("--help", "sovle", "solve dmft.Statik --gain 1")


def cpu_seconds(program: str, folder: str, *arguments: str) -> float:
    """Of a new process, user and system."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = {**os.environ, "QUENCHED_CACHE_DIR": folder}
    command = [sys.executable, "-c", program, *arguments]
    subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        empty = min(cpu_seconds(EMPTY, folder) for _ in range(3))
        print(f"{'an empty JAX program':<72} {empty:5.2f} s")
        for theory in THEORIES:
            cold = cpu_seconds(SOLVE.format(theory), folder)
            warm = min(cpu_seconds(SOLVE.format(theory), folder) for _ in range(3))
            print(f"{theory:<72} {cold:5.2f} s first, {warm:5.2f} s then, {warm / empty:.1f} empty programs", flush=True)
        for command in COMMANDS:
            program = "import sys; from quenched.cli import run; run(sys.argv[1:])"
            seconds = min(cpu_seconds(program, folder, *command.split()) for _ in range(3))
            print(f"{'quenched ' + command:<72} {seconds:5.2f} s, {seconds / empty:.1f} empty programs")


if __name__ == "__main__":
    main()
