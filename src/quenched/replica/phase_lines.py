"""Which branch is the stable one, and where that changes along the gains."""

from __future__ import annotations

import numpy as np

# Solutions that are one.
_SAME = 1e-6


def choose(found: dict[str, np.ndarray], there: np.ndarray) -> np.ndarray:
    """The place of the branch to believe: of the stable ones without overlap and the ordered one that of smallest free
    energy; -1 where there is none."""
    stands = there & (found["replicon_eigenvalue"] > 0.0)
    stands[:, 2] = there[:, 2]
    # Both ways may lead to one solution.
    same = np.abs(found["self_overlap"][:, 0] - found["self_overlap"][:, 1]) < _SAME
    stands[:, 1] &= ~(same & there[:, 0])
    free = np.where(stands, found["free_energy"], np.inf)
    return np.where(stands.any(axis=1), np.argmin(free, axis=1), -1)


def crossings(
    gains: np.ndarray, found: dict[str, np.ndarray], there: np.ndarray
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """The smallest gain at which each is crossed, and its error."""
    free, q = found["free_energy"], found["self_overlap"]
    both = there[:, 0] & there[:, 1] & (np.abs(q[:, 0] - q[:, 1]) > _SAME)
    values = {
        # The branch that comes from small gains loses its stability, or ends before it does.
        "almeida_thouless_gain": np.where(there[:, 0], -found["replicon_eigenvalue"][:, 0], np.nan),
        "first_order_gain": np.where(both, free[:, 0] - free[:, 1], np.nan),
    }
    crossed = {}
    for name, of in values.items():
        pairs = np.full((2, len(of)), np.nan)
        for line, each in enumerate(of):
            rising = np.flatnonzero((each[:-1] < 0.0) & (each[1:] >= 0.0))
            if rising.size:
                left = int(rising[0])
                pairs[:, line] = _crossing(gains, each, left)
                if _jumps(q[line, 0], left):
                    pairs[1, line] = gains[left + 1] - gains[left]
        crossed[name] = (pairs[0], pairs[1])
    return crossed


def _jumps(q: np.ndarray, left: int) -> bool:
    """Whether the branch is another one beyond `left`: ln q changes by more than ln 2 and three times as much as before."""
    before, after = np.abs(np.diff(np.log(q[[max(left - 1, 0), left, left + 1]])))
    return bool(after > np.log(2.0) + 3.0 * np.nan_to_num(before))


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
