"""The same calls on another commit and on this tree, in turn: compile time and run time apart, as ratios.

    .venv/bin/python benchmarks/before_after.py c2ae236 [--rounds 2]

The other commit is checked out into a temporary worktree of its own. Each round runs each side in a new process without a
store of compiled programs; the best of the rounds counts.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
# Elliptic couplings and leaky units, which both sides of a change of shape know.
MEASURED = """
import json, time
import numpy as np
import quenched as qd

CASES = {
    "Static": (qd.dmft.Static(), qd.RandomNetwork(1.5, 0.3), 30),
    "Stationary": (qd.dmft.Stationary(), qd.RandomNetwork(1.5), 30),
    "FiniteTemperature": (qd.replica.FiniteTemperature(0.1), qd.RandomNetwork(1.2, 0.5), 30),
    "TwoTime": (qd.dmft.TwoTime(10.0, 0.1), qd.RandomNetwork(1.5, 0.3), 3),
    "Trajectories": (qd.simulate.Trajectories(size=500, networks=4, duration=20, step=0.1), qd.RandomNetwork(1.5, 0.3), 5),
}
found = {}
for name, (theory, model, repeats) in CASES.items():
    taken = []
    for _ in range(repeats + 1):
        began = time.perf_counter()
        qd.solve(model, theory, throw=False)
        taken.append(time.perf_counter() - began)
    found[name] = [taken[0] - min(taken), min(taken)]
gains = np.linspace(1.05, 2.0, 300)
taken = []
for _ in range(6):
    began = time.perf_counter()
    qd.sweep(qd.RandomNetwork(1.5, 0.3), qd.dmft.Static(), {"gain": gains})
    taken.append(time.perf_counter() - began)
found["sweep of 300"] = [taken[0] - min(taken), min(taken)]
print(json.dumps(found))
"""


def measure(tree: Path) -> dict[str, list[float]]:
    """Seconds to compile, and of one more run, of each case."""
    environment = {**os.environ, "PYTHONPATH": str(tree / "src"), "QUENCHED_CACHE": "0"}
    done = subprocess.run([sys.executable, "-c", MEASURED], env=environment, capture_output=True, text=True, check=True)
    found: dict[str, list[float]] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("commit")
    parser.add_argument("--rounds", type=int, default=2)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        other = Path(folder) / "other"
        subprocess.run(["git", "worktree", "add", "--quiet", "--detach", other, given.commit], cwd=ROOT, check=True)
        try:
            rounds = [(measure(other), measure(ROOT)) for _ in range(given.rounds)]
        finally:
            subprocess.run(["git", "worktree", "remove", "--force", other], cwd=ROOT, check=True)
    print(f"{'':<18} {'compile, s':>20} {'ratio':>6} {'one more, s':>22} {'ratio':>6}")
    for name in rounds[0][0]:
        before, after = ([min(each[side][name][part] for each in rounds) for part in (0, 1)] for side in (0, 1))
        print(
            f"{name:<18} {before[0]:>9.2f} ->{after[0]:>8.2f} {after[0] / before[0]:>6.2f} "
            f"{before[1]:>10.4f} ->{after[1]:>9.4f} {after[1] / before[1]:>6.2f}"
        )


if __name__ == "__main__":
    main()
