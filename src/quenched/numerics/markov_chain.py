"""The stationary distribution of a chain of hops, by elimination without a single subtraction.

Cells are taken out one after the other. Whoever would have hopped there goes straight on to where it would have led:
q_ij becomes q_ij + q_ik q_kj / sum_j q_kj. All terms are positive, so that each probability has nearly all its digits,
however unlike they are and however rare the passages between attractors. A general LU decomposition has lost them when a
passage is rarer than 1e-16.

Source: Grassmann, Taksar & Heyman 1985; O'Cinneide 1993 (errors).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from scipy import sparse

# Probabilities are scaled anew, and the scale kept as a logarithm, before they leave this range.
_LARGE = 1e6
_CUT_OFF = (
    "The noise is too small for these cells: between two neighbours exp(-work/D) is below 1e-300, and nothing leads from "
    "one part of the box to another. Use more `cells`, a smaller `box` or a larger `noise`."
)


def bytes_needed(cells: int, width: int) -> int:
    """Of the band matrix, and its work space."""
    return 8 * (cells + width) * (2 * width + 1) + 40 * cells


def log_probabilities(rates: sparse.csr_array) -> np.ndarray:
    """Logarithms of the stationary probabilities, the largest 0, from rates (from, to) between at least two cells.

    Raises:
        FloatingPointError: a hop that is needed is rarer than float64 can say.
    """
    entries = rates.tocoo()
    cells = rates.shape[0]
    width = int(np.max(np.abs(entries.col - entries.row)))
    # Row i, place width + j - i holds q_ij; rows of zeros follow, lest the last windows end outside.
    band = np.zeros((cells + width, 2 * width + 1))
    band[entries.row, width + entries.col - entries.row] = entries.data
    leaving = _eliminate(band, cells, width)
    return _go_back(band, leaving, width)


def _into(flat: np.ndarray, cell: int, width: int) -> np.ndarray:
    """q_ik for i = k + 1 ... k + width: one step down and one to the left each."""
    first = (cell + 1) * (2 * width + 1) + width - 1
    return flat[first : first + 2 * width * width : 2 * width]


def _eliminate(band: np.ndarray, cells: int, width: int) -> np.ndarray:
    flat = band.reshape(-1)
    leaving = np.ones(cells)
    for cell in range(cells - 1):
        out = band[cell, width + 1 :]
        leaving[cell] = out.sum()
        if leaving[cell] < np.finfo(float).tiny:
            raise FloatingPointError(_CUT_OFF)
        first = (cell + 1) * (2 * width + 1) + width
        window = flat[first : first + 2 * width * width].reshape(width, 2 * width)[:, :width]
        window += _into(flat, cell, width)[:, None] * (out / leaving[cell])
    return leaving


def _go_back(band: np.ndarray, leaving: np.ndarray, width: int) -> np.ndarray:
    flat, cells = band.reshape(-1), len(leaving)
    scaled, logarithms = np.zeros(cells + width), np.zeros(cells)
    scaled[cells - 1] = 1.0
    scale = 0.0
    for cell in range(cells - 2, -1, -1):
        scaled[cell] = _into(flat, cell, width) @ scaled[cell + 1 : cell + 1 + width] / leaving[cell]
        with np.errstate(divide="ignore"):
            logarithms[cell] = np.log(scaled[cell]) + scale
        if not 1.0 / _LARGE < scaled[cell] < _LARGE:
            window = scaled[cell : cell + width]
            largest = window.max()
            if not 0.0 < largest < np.inf:
                raise FloatingPointError(_CUT_OFF)
            window /= largest
            scale += np.log(largest)
    return logarithms - logarithms.max()
