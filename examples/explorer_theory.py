"""Solves mean-field theory over the gain and writes the table that the page `docs/explorer.md` draws.

The network is that of the page without a field, phi = tanh. Two sweeps:

- static DMFT without noise, for 21 symmetries: fixed points;
- stationary DMFT at symmetry 0, for 11 strengths of the noise: a network in time.

Their points lie densely at the edge of stability, g = 1/(1 + symmetry), where everything bends. The page interpolates
between them; the same sweeps halfway between the points say by how much that errs.

    python examples/explorer_theory.py docs/static/explorer/theory.js

takes some 2 minutes of one core. The table is an assignment in JavaScript: a page opened as a file can load no JSON.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import quenched as qd

MOST = 3.0
"""The largest gain of the page."""
POINTS, EDGE = 60, 24
"""Intervals between gains, and how many of them lie below the edge of stability, where it is below the largest gain."""
SYMMETRIES = tuple(round(-1 + tenth / 10, 1) for tenth in range(21))
NOISES = tuple(tenth / 10 for tenth in range(11))
HEAD = "(globalThis.explorer ??= {}).THEORY = "
# What the page calls them, and the package.
STATIC = {"fluctuation": "mean_square_rate", "response": "integrated_response"}
STATIONARY = {"fluctuation": "mean_square_rate", "response": "response"}


def edge_of(symmetry: float) -> int:
    """The number of the point that is the edge of stability, or the last where the largest gain is below it."""
    return EDGE if (1.0 + symmetry) * MOST > 1.0 else POINTS


def gain_at(point: float, symmetry: float) -> float:
    """The gain of a point: its distance from the edge is quadratic in that of the numbers."""
    edge = edge_of(symmetry)
    critical = 1.0 / (1.0 + symmetry) if edge < POINTS else MOST
    if point <= edge:
        return critical * (1.0 - (1.0 - point / edge) ** 2)
    return critical + (MOST - critical) * ((point - edge) / (POINTS - edge)) ** 2


def static(points: Sequence[float], symmetries: Sequence[float] = SYMMETRIES) -> Any:
    """Fixed points, over (symmetry, point)."""

    def model(symmetry: float, point: float) -> qd.RandomNetwork:
        return qd.RandomNetwork(gain_at(point, symmetry), symmetry)

    return qd.sweep(model, qd.dmft.Static(), {"symmetry": symmetries, "point": points}, throw=True)


def stationary(points: Sequence[float], noises: Sequence[float] = NOISES) -> Any:
    """A network in time at symmetry 0, over (noise, point). A pulse of field raises the rate by `response` at lag 0, which
    decays with the leak time, 1: `response` is the integrated response too."""

    def model(noise: float, point: float) -> qd.RandomNetwork:
        return qd.RandomNetwork(gain_at(point, 0.0), noise=noise)

    theory = qd.dmft.Stationary(lags=(0.0,), frequencies=(0.0,))
    return qd.sweep(model, theory, {"noise": noises, "point": points}, throw=True).isel(lag=0)


def interpolation_errors(values: np.ndarray, between: np.ndarray, edges: Sequence[int]) -> list[float]:
    """For each row of (row, point): how far the page's cubic is from the values halfway between the points, at most.

    The cubic goes through the four points around, at an end of a smooth piece through its last four.
    """
    found = []
    for row, halfway, edge in zip(values, between, edges, strict=True):
        differences = []
        for low, high in ((0, edge), (edge, POINTS)):
            for point in range(low, high):
                first = min(max(point - 1, low), high - 3)
                weights = {0: (5, 15, -5, 1), 1: (-1, 9, 9, -1), 2: (1, -5, 15, 5)}[point - first]
                differences.append(abs(row[first : first + 4] @ np.array(weights) / 16 - halfway[point]))
        found.append(float(max(differences)))
    return found


def rounded(values: Any, digits: int = 10) -> Any:
    """Lists of numbers with fewer digits: the solvers' errors are below 1e-11."""
    if np.ndim(values):
        return [rounded(each, digits) for each in np.asarray(values)]
    return float(f"{float(values):.{digits}g}")


def columns(found: Any, halfway: Any, names: Mapping[str, str], edges: Sequence[int]) -> dict[str, Any]:
    """Of one sweep, by the page's names: values, the largest error of the solver, and for each row that of interpolation."""
    return {
        ours: {
            "values": rounded(found[name]),
            "solver_error": rounded(found[f"{name}_error"].max(), 2),
            "interpolation_error": rounded(interpolation_errors(found[name].values, halfway[name].values, edges), 2),
        }
        for ours, name in names.items()
    }


def table() -> dict[str, Any]:
    """Everything the page knows of theory."""
    points, halves = np.arange(POINTS + 1.0), np.arange(POINTS) + 0.5
    fixed, in_time = static(points), stationary(points)
    edges = [edge_of(symmetry) for symmetry in SYMMETRIES]
    # A mean square of rates is their correlation at equal times, at rest at all times.
    first = {"symmetry": SYMMETRIES, "edge": edges, "gain": rounded(fixed.gain), "invertible": rounded(fixed.invertible)}
    second = {"noise": NOISES, "edge": EDGE, "gain": rounded(in_time.gain.isel(noise=0))}
    return {
        "static": first | columns(fixed, static(halves), STATIC, edges),
        "stationary": second | columns(in_time, stationary(halves), STATIONARY, [EDGE] * len(NOISES)),
    }


def read(path: Path) -> dict[str, Any]:
    """The table in a file that `main` wrote."""
    found: dict[str, Any] = json.loads(path.read_text().split(HEAD)[1].removesuffix(";\n"))
    return found


def main(arguments: list[str] | None = None) -> None:
    """Write the table."""
    parser = argparse.ArgumentParser(description="Write the theory that the explorer draws.")
    parser.add_argument("path", type=Path, help="where to write the table")
    path = parser.parse_args(arguments).path
    text = json.dumps(table(), separators=(",", ":"))
    path.write_text(f"// Written by: python examples/explorer_theory.py {path.as_posix()}\n{HEAD}{text};\n")
    print(f"table written to {path}")


if __name__ == "__main__":
    main()
