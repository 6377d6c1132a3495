"""What theory is compared with: networks of several sizes, extrapolated to infinitely many neurons."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from quenched.activations import AbstractActivation, Linear, ReLU, Tanh
from quenched.models import RandomNetwork, Uniform

# As in the authors' public code: symmetry and noise, states that begin between 0 and 1, Euler's scheme with step 0.1.
SYMMETRY, NOISE, STEP, START, SCHEME = 0.5, 0.1, 0.1, Uniform(0.0, 1.0), "euler"
# Linear and ReLU networks below their transition, above which they grow without bound; tanh above it.
ACTIVATIONS: dict[str, tuple[float, AbstractActivation]] = {
    "linear": (0.5, Linear()),
    "ReLU": (0.8, ReLU()),
    "tanh": (0.8, Tanh()),
}


def model_of(name: str) -> RandomNetwork:
    """The ensemble for one activation."""
    gain, activation = ACTIVATIONS[name]
    return RandomNetwork(gain, SYMMETRY, noise=NOISE, activation=activation)


def extrapolated(values: Mapping[int, tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    """Means and standard errors at each size, to the limit of a line in 1/N by weighted least squares, with its error."""
    sizes = np.array(list(values), float)
    means, errors = (np.array([each[place] for each in values.values()]) for place in (0, 1))
    weights = 1.0 / np.maximum(errors, 1e-12) ** 2
    inverse = (1.0 / sizes).reshape(-1, *[1] * (means.ndim - 1))
    total, first, second = weights.sum(0), (weights * inverse).sum(0), (weights * inverse**2).sum(0)
    determinant = total * second - first**2
    of_means = (second * (weights * means).sum(0) - first * (weights * inverse * means).sum(0)) / determinant
    return of_means, np.sqrt(second / determinant)
