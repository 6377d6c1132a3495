"""The Fokker-Planck operator on a grid: hops between neighbouring cells, at rates that know the potential exactly.

Between two centres a width h apart, with D = sigma^2/2 and work w = integral of F from one to the other, the flux of
dp/dt = -div(F p - D grad p) is, for a velocity and a flux that are constant in between,

    j = (D/h) (B(-w/D) p_here - B(w/D) p_there),     B(z) = z / (exp(z) - 1) .

It vanishes exactly where p is exp(-U/D), however wide the cells, and both coefficients are positive however small D.

Source: Scharfetter & Gummel 1969 (`scharfetter1969`); Chang & Cooper 1970.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from quenched.landscape.fokker_planck.grid import Grid

if TYPE_CHECKING:
    from scipy import sparse


class Hops(NamedTuple):
    """Rates over every face inside of the box, one array for each axis; none over the walls."""

    grid: Grid
    forward: list[np.ndarray]
    backward: list[np.ndarray]

    def rates(self) -> sparse.csr_array:
        """From cell (row) to cell (column)."""
        from scipy import sparse

        number = np.arange(self.grid.cells**self.grid.size).reshape(self.grid.shape)
        rows, columns, entries = [], [], []
        for axis, (forward, backward) in enumerate(zip(self.forward, self.backward, strict=True)):
            here, there = np.delete(number, -1, axis=axis).ravel(), np.delete(number, 0, axis=axis).ravel()
            rows += [here, there]
            columns += [there, here]
            entries += [forward.ravel(), backward.ravel()]
        index = (np.concatenate(rows), np.concatenate(columns))
        return sparse.csr_array((np.concatenate(entries), index), shape=(number.size, number.size))

    def one_way_fluxes(self, density: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
        """Probability per time and area that crosses each face forward, and backward."""
        fluxes = []
        for axis, (forward, backward) in enumerate(zip(self.forward, self.backward, strict=True)):
            here, there = np.delete(density, -1, axis=axis), np.delete(density, 0, axis=axis)
            width = self.grid.widths[axis]
            fluxes.append((width * forward * here, width * backward * there))
        return fluxes


def hops(grid: Grid, works: list[np.ndarray], diffusion: float) -> Hops:
    """The rates D/h^2 B(-w/D) forward and D/h^2 B(w/D) backward."""
    both = [_exponential_fit(each / diffusion) for each in works]
    scales = diffusion / grid.widths**2
    return Hops(
        grid,
        [scale * ahead for scale, (ahead, _) in zip(scales, both, strict=True)],
        [scale * back for scale, (_, back) in zip(scales, both, strict=True)],
    )


def generator(rates: sparse.csr_array) -> sparse.csr_array:
    """The operator on densities, dp/dt = L p: its columns sum to zero, so that no probability is lost."""
    from scipy import sparse

    return sparse.csr_array(rates.T - sparse.diags_array(rates.sum(axis=1)))


def _exponential_fit(work: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """B(-z) and B(z), without differences of large numbers."""
    size = np.abs(work)
    with np.errstate(over="ignore"):
        uphill = np.where(size > 0.0, size / np.expm1(np.where(size > 0.0, size, 1.0)), 1.0)
    downhill = size + uphill
    return np.where(work > 0.0, downhill, uphill), np.where(work > 0.0, uphill, downhill)
