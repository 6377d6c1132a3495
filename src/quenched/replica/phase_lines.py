"""Which branch is the stable one, and where that changes along the gains."""

from __future__ import annotations

import numpy as np

# Solutions that are one.
_SAME = 1e-6


def choose(found: dict[str, np.ndarray], there: np.ndarray) -> np.ndarray:
    """The place of the branch to believe."""
    free = np.where(there, found["free_energy"], np.inf)
    # A branch that gives way to the ordered one does not stand for itself.
    unstable = (found["replicon_eigenvalue"] < 0.0) & there
    unstable[:, 2] = False
    gives_way = unstable & there[:, 2:3]
    standing = np.where(gives_way, np.inf, free)
    # Both ways may lead to one solution.
    same = np.abs(found["self_overlap"][:, 0] - found["self_overlap"][:, 1]) < _SAME
    standing[:, 1] = np.where(same & there[:, 0], np.inf, standing[:, 1])
    # Where nothing gives way the ordered branch stands for nothing.
    standing[:, 2] = np.where(gives_way[:, :2].any(axis=1), free[:, 2], np.inf)
    chosen = np.argmin(standing, axis=1)
    return np.where(np.isfinite(standing).any(axis=1), chosen, -1)


def crossings(
    gains: np.ndarray, found: dict[str, np.ndarray], there: np.ndarray, chosen: np.ndarray
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """The smallest gain at which each is crossed, and its error."""
    lines = chosen.shape[0]
    crossed = {name: np.full((2, lines), np.nan) for name in ("almeida_thouless_gain", "first_order_gain")}
    free, q = found["free_energy"], found["self_overlap"]
    eigenvalue = np.where(there, found["replicon_eigenvalue"], np.nan)
    for line in range(lines):
        for left, (before, after) in enumerate(zip(chosen[line, :-1], chosen[line, 1:], strict=True)):
            if min(before, after) < 0:
                continue
            both = there[line, before] & there[line, after]
            apart = np.abs(q[line, after] - q[line, before]) > _SAME
            difference = np.where(both & apart, free[line, before] - free[line, after], np.nan)
            # Without overlap, on the branch that is left or that gives way.
            name, values = "first_order_gain", difference
            if not (difference[left] < 0.0 <= difference[left + 1]):
                name, values = "almeida_thouless_gain", -eigenvalue[line, min(before, 1)]
            if np.isnan(crossed[name][0, line]) and values[left] < 0.0 <= values[left + 1]:
                crossed[name][:, line] = _crossing(gains, values, left)
    return {name: (pair[0], pair[1]) for name, pair in crossed.items()}


def _crossing(gains: np.ndarray, values: np.ndarray, left: int) -> tuple[float, float]:
    """Where values rise through 0 between `left` and the next, by the polynomial through four of them, and how far that
    is from the straight line's."""
    near = np.arange(max(left - 1, 0), min(left + 3, gains.size))
    near = near[np.isfinite(values[near])]
    straight = gains[left] - values[left] * (gains[left + 1] - gains[left]) / (values[left + 1] - values[left])
    middle = gains[near].mean()
    polynomial = np.polynomial.Polynomial.fit(gains[near], values[near], near.size - 1)
    roots = polynomial.roots()
    real = roots.real[(np.abs(roots.imag) < 1e-12 * middle) & (roots.real >= gains[left]) & (roots.real <= gains[left + 1])]
    if real.size == 0:
        return float(straight), float(gains[left + 1] - gains[left])
    best = real[np.argmin(np.abs(real - straight))]
    return float(best), float(abs(best - straight))
