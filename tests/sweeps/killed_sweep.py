"""A sweep in a process of its own, to be killed: `python killed_sweep.py STORE none|NUMBER|ADDRESS`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
from distributed import Client

import quenched as qd

MODEL = qd.RandomNetwork(gain=1.0, symmetry=0.2)
THEORY = qd.simulate.Trajectories(size=100, networks=4, duration=300.0)
OVER = {"gain": np.linspace(0.5, 1.5, 40)}


def sweep(store: Path | None = None, **options: Any) -> Any:
    return qd.sweep(MODEL, THEORY, OVER, key=3, store=store, **options)


if __name__ == "__main__":
    place, where = sys.argv[1:]
    executor: Any = None if where == "none" else int(where) if where.isdigit() else Client(where)
    sweep(Path(place), executor=executor, resume=True, progress=lambda done, total: print(done, total, flush=True))
