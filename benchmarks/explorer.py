"""Seconds from a slider's move to the arrays of each part of `quenched explore`, once compiled.

A median below 0.3 s is wanted. What the browser takes to draw them is not measured.
"""

from __future__ import annotations

import time
from statistics import median

from quenched.explorer import views
from quenched.explorer.choice import Choice

MOVES = 9


def main() -> None:
    print(f"{'part':<16} {'median':>8} {'longest':>8}   seconds, over {MOVES} moves of the gain")
    for part in [each for parts in views.PARTS.values() for each in parts]:
        taken = []
        for move in range(MOVES + 1):
            began = time.perf_counter()
            part(Choice(gain=1.2 + 0.1 * move))
            taken.append(time.perf_counter() - began)
        moved = taken[1:]  # the first compiles
        print(f"{part.__name__:<16} {median(moved):8.3f} {max(moved):8.3f}", flush=True)


if __name__ == "__main__":
    main()
