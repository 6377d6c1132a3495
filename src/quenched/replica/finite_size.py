"""The average of Z over couplings, exactly, for networks of any size: what the theory becomes at finite N."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jax.numpy as jnp
import numpy as np

from quenched import checks
from quenched.models import RandomNetwork
from quenched.precision import double_precision
from quenched.replica.annealed_fourier import any_size
from quenched.replica.annealed_small import small
from quenched.replica.finite_temperature import FiniteTemperature
from quenched.replica.zero_overlap import check_no_noise, check_odd_without_field
from quenched.theory import one_population

if TYPE_CHECKING:
    import xarray as xr

_NAME = "replica.finite_size"
# Up to this size all choices of nodes are summed, of so many nodes and, for the error, of fewer.
_SMALL, _NODES, _FEWER = 6, {2: 120, 3: 80, 4: 40, 5: 28, 6: 22}, 0.85
# Beyond, by Fourier integrals, with so much finer steps for the value than for its error.
_FINE = 1.4
# Where the largest phi^2 is looked for.
_FAR = 1e3


@double_precision
def finite_size(model: RandomNetwork, sizes: Any, temperature: Any) -> xr.Dataset:
    """E[Z] of networks of N neurons and q with this weight, E[Z q]/E[Z], q = |phi|^2/N; Z = integral of exp(-E/T) over x.

    Given x, the velocity F is Gaussian over the couplings, so E[Z] is an integral over x that depends on |phi|^2, |x|^2 and
    x.phi alone. For N up to 6 it is summed as it stands; beyond, at symmetry 0, it is an integral over q of the density of a
    sum of N independent numbers. The couplings to oneself are those of `model.draw`.

    As N grows both tend to what `qd.replica.FiniteTemperature` gives on its branch without overlaps. At finite N they
    are averages in which a network counts as much as its Z is large. The average of <phi^2> over networks is another number:
    `qd.landscape.Sampling`.

    Arguments:
        model: odd, bounded phi; no field, no noise.
        sizes: N, whole numbers from 2 on, one or (size); above 6 at symmetry 0 only.
        temperature: T, in units of velocity squared, greater than 0.

    Returns:
        Dataset with the dimension `size`: `free_energy`, -(T/N) ln E[Z], and `self_overlap`, each with `_error`, the change
        against coarser steps.

    Limits: T to 0 at fixed N: E[Z]/(2 pi T)^(N/2) is the average of the sum of 1/|det F'| over fixed points, which grows as
    ln(1/T) because 1/|det F'| of the origin has no mean; `self_overlap` then tends to 0.

    Raises:
        ValueError: a field, noise, phi not odd or unbounded; a symmetry with sizes above 6; numbers out of range.
        TypeError: another model than a `qd.RandomNetwork`, no whole numbers.

    Source: Qiu & Huang 2025 (`qiu2025`) for the measure. Derived in quenched's documentation.

    Example:
        >>> import quenched as qd
        >>> found = qd.replica.finite_size(qd.RandomNetwork(1.3), [4, 50, 400], temperature=0.1)
        >>> found.self_overlap.values.round(5).tolist()
        [0.30035, 0.30634, 0.31047]
    """
    import xarray as xr

    from quenched.solution import labelled, parameters

    if not isinstance(model, RandomNetwork):
        raise TypeError(f"Argument `model` must be a qd.RandomNetwork, but is {checks.shown(model)}.")
    one_population(model, _NAME)
    check_odd_without_field(model, _NAME)
    check_no_noise(model, _NAME)
    phi = model.activation
    if not phi.bounded:
        raise ValueError(f"Argument `activation` must be bounded for {_NAME}, but {phi.name} is not: E[Z] may be infinite.")
    theory = FiniteTemperature(temperature)
    counts = _sizes(sizes, float(model.symmetry))

    def rate(x: np.ndarray) -> np.ndarray:
        return np.asarray(phi(jnp.asarray(x)))

    largest = float(np.max(rate(np.sinh(np.linspace(0.0, np.arcsinh(_FAR), 4001))) ** 2))
    g, gamma, T = float(model.gain), float(model.symmetry), float(theory.temperature)

    def both(size: int) -> np.ndarray:
        """(fine or coarse, quantity)."""
        if size <= _SMALL:
            nodes = (_NODES[size], round(_FEWER * _NODES[size]))
            return np.array([small(rate, g, gamma, T, size, largest, each) for each in nodes])
        return np.array([any_size(rate, g, T, size, largest, fineness) for fineness in (_FINE, 1.0)])

    found = np.array([both(size) for size in counts])
    found[..., 0] *= -T
    arrays: dict[str, Any] = {}
    for place, name in enumerate(("free_energy", "self_overlap")):
        arrays[name] = labelled(name, found[:, 0, place], ("size",))
        arrays[f"{name}_error"] = labelled(f"{name}_error", np.abs(found[:, 0, place] - found[:, 1, place]), ("size",))
    attributes = {**parameters(model, theory, theory, None), "theory": _NAME, "citations": "qiu2025"}
    return xr.Dataset(arrays, coords={"size": counts}, attrs=attributes)


def _sizes(sizes: Any, symmetry: float) -> list[int]:
    given = np.atleast_1d(np.asarray(sizes, dtype=object))
    if given.ndim != 1 or given.size == 0:
        raise ValueError(f"Argument `sizes` must hold at least one size, but is {checks.shown(sizes)}.")
    counts = [checks.count("sizes", each, low=2) for each in given]
    if symmetry != 0.0 and max(counts) > _SMALL:
        raise ValueError(
            f"Argument `sizes` must be at most {_SMALL} with a symmetry, but holds {max(counts)}: the integral for larger "
            "networks is without."
        )
    return counts
