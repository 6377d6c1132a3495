"""What a model is fitted to: measured quantities with their errors, each by its name in the vocabulary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any, NamedTuple

import numpy as np
from scipy.linalg import block_diag

from quenched import checks
from quenched.fit.finite import Simulated
from quenched.fit.recording import Recording, is_recording, read_recording
from quenched.numerics.crossed_means import shrunk
from quenched.solution import Solution
from quenched.theory import Theory
from quenched.vocabulary import VOCABULARY, describe

_BESIDE = ("_error", "_covariance", "_discretisation", "_drift")
# By this the correlations of estimated errors are shrunk, so that differences between neighbouring lags are trusted no more
# than some three times as much as the values themselves.
_SHRINKAGE = 0.1
# Arguments of theories that say where they are asked, by the axis that results have.
_ASKED = {"lag": "lags", "frequency": "frequencies"}


class Measured(NamedTuple):
    """Quantities, one after another, and how uncertain they are."""

    quantities: tuple[str, ...]
    values: dict[str, np.ndarray]
    axes: dict[str, np.ndarray]
    """Where along an axis they were measured, where that is known."""
    covariance: np.ndarray
    """Of all numbers together."""
    trusted: np.ndarray
    """The covariance that weights are made of: as it is, or shrunk where it was estimated from few samples."""
    shift: np.ndarray
    """What finite networks have more than the theory; taken off before fitting."""
    recording: Recording | None
    simulated: Simulated | None = None
    """Networks that the covariance is from."""

    @property
    def flat(self) -> np.ndarray:
        """All numbers in one row, as of infinitely many neurons."""
        return np.concatenate([np.ravel(self.values[name]) for name in self.quantities]) - self.shift

    def against(self, simulated: Simulated, predicted: np.ndarray) -> Measured:
        """Less what finite networks have more than is predicted, and as uncertain as these networks differ."""
        covariance = self._share(len(simulated.rows)) * simulated.covariance
        return self._replace(
            covariance=covariance,
            trusted=shrunk(covariance, _SHRINKAGE),
            shift=simulated.mean - predicted,
            simulated=simulated,
        )

    def left_out(self) -> list[LeftOut]:
        """Each simulated network in place of the recording, against the others."""
        if self.simulated is None:
            return []
        found, share = [], self._share(len(self.simulated.rows))
        for place, row in enumerate(self.simulated.rows):
            others = self.simulated.without(place)
            # Of one network, less the mean of the others.
            deviation = (row - others.mean) * np.sqrt(share / (1.0 + 1.0 / len(others.rows)))
            found.append(LeftOut(deviation, shrunk(share * others.covariance, _SHRINKAGE)))
        return found

    def _share(self, simulated: int) -> float:
        """The variance of the mean of the recorded networks less that of the simulated, in units of that of one."""
        assert self.recording is not None
        return 1.0 / self.recording.networks + 1.0 / simulated


class LeftOut(NamedTuple):
    """What a recording would have been, and the weights that it would have been fitted with."""

    deviation: np.ndarray
    trusted: np.ndarray


def read_data(
    data: Any, quantities: Any, recorded: str, step: Any, theory: Theory, model: Any, first: bool = False
) -> Measured:
    """Quantities as given, or the autocorrelation of a recording at the lags of the theory."""
    if is_recording(data):
        if quantities is not None:
            raise ValueError(
                "Argument `quantities` chooses from measured quantities, but `data` is a recording: `recorded` says whether "
                'it is of "states" or of "rates".'
            )
        found = read_recording(data, recorded, step, getattr(theory, "lags", None), model, first)
        return _of_recording(found)
    if step is not None:
        raise ValueError("Argument `step` must be left out where `data` are measured quantities, and not a recording.")
    return _of_quantities(data, quantities)


def asked(theory: Theory, measured: Measured) -> Theory:
    """The theory, asked where the data are, and nowhere else."""
    named = {each.name for each in fields(theory)}
    wanted = {
        argument: measured.axes.get(axis, (0.0,))
        for axis, argument in _ASKED.items()
        if argument in named and (axis in measured.axes or not _has_axis(measured, axis))
    }
    return replace(theory, **wanted) if wanted else theory


def _has_axis(measured: Measured, axis: str) -> bool:
    """Whether a quantity is a function of it."""
    functions = [name for name in measured.quantities if np.ndim(measured.values[name])]
    return any(axis in dims for name in functions for dims in describe(name).dims)


def _of_recording(found: Recording) -> Measured:
    if not np.diagonal(found.covariance).min() > 0.0:
        raise ValueError(
            "Argument `data` must fluctuate in time, or from neuron to neuron, but is constant; fit measured quantities of "
            "a state at rest, with their errors."
        )
    return Measured(
        (found.quantity,),
        {found.quantity: found.values},
        {"lag": found.lags},
        found.covariance,
        shrunk(found.covariance, _SHRINKAGE),
        np.zeros(found.values.size),
        found,
    )


def _of_quantities(data: Any, quantities: Any) -> Measured:
    given = _variables(data)
    # In a mapping everything was put by hand; a dataset has whatever was measured.
    chosen = _chosen(given, quantities, by_hand=not isinstance(data, Solution) and not hasattr(data, "data_vars"))
    values: dict[str, np.ndarray] = {}
    axes: dict[str, np.ndarray] = {}
    parts = []
    for name in chosen:
        values[name] = _finite(name, given[name])
        parts.append(_covariance(name, given, values[name].size))
        for axis, places in _coordinates(given[name]).items():
            if axis in axes and not np.array_equal(axes[axis], places):
                raise ValueError(
                    f"Argument `data` must have all quantities at the same values of {axis!r}, but {name!r} is at others; "
                    "interpolate one of them, or leave it out."
                )
            axes[axis] = places
    covariance = block_diag(*parts)
    return Measured(tuple(chosen), values, axes, covariance, covariance, np.zeros(len(covariance)), None)


def _variables(data: Any) -> dict[str, Any]:
    if isinstance(data, Solution):
        data = data.to_dataset()
    if hasattr(data, "data_vars"):
        return {str(name): data[name] for name in data.data_vars}
    if isinstance(data, Mapping):
        return dict(data)
    raise TypeError(
        "Argument `data` must be a recording (time, neuron), an xarray.DataArray with the axis `time`, or measured "
        "quantities with their errors, a Dataset, a Solution or a mapping such as "
        f'{{"mean_square_rate": 0.35, "mean_square_rate_error": 0.01}}, but is {checks.shown(data)}.'
    )


def _chosen(given: Mapping[str, Any], quantities: Any, by_hand: bool) -> list[str]:
    """The quantities to fit: those asked for, or all that have an error."""
    names = [name for name in given if not name.endswith(_BESIDE)]
    if quantities is None:
        if by_hand:
            for name in names:
                checks.one_of("data", name, VOCABULARY)
        names = [name for name in names if name in VOCABULARY and ({f"{name}_error", f"{name}_covariance"} & given.keys())]
        if not names:
            raise ValueError(
                "Argument `data` must have a quantity with its error, `<name>` and `<name>_error`, but has "
                f"{', '.join(given) or 'nothing'}."
            )
        if len(names) > 1 and not by_hand:
            raise ValueError(
                f"Argument `quantities` must say which of {', '.join(names)} are fitted: errors of different quantities are "
                f'taken as independent, which those of one measurement seldom are; try quantities=["{names[0]}"].'
            )
        return names
    if isinstance(quantities, str):
        quantities = [quantities]
    if not isinstance(quantities, Sequence) or not quantities:
        raise TypeError(f"Argument `quantities` must be a list of names, but is {checks.shown(quantities)}.")
    return [checks.one_of("quantities", name, names) for name in quantities]


def _finite(name: str, values: Any) -> np.ndarray:
    array = checks.numbers(f"{name!r} in Argument `data`", _bare(values))
    if not np.isfinite(array).all():
        bad = int(np.sum(~np.isfinite(array)))
        raise ValueError(
            f"Argument `data` must be finite, but {bad} of {array.size} values of {name!r} are NaN or infinite; leave "
            "these out."
        )
    return array


def _covariance(name: str, given: Mapping[str, Any], size: int) -> np.ndarray:
    if f"{name}_covariance" in given:
        covariance = _finite(f"{name}_covariance", given[f"{name}_covariance"])
        if covariance.size != size**2:
            raise ValueError(
                f"Argument `data` must have '{name}_covariance' of shape ({size}, {size}), but it has {covariance.shape}."
            )
        covariance = covariance.reshape(size, size)
        if not np.allclose(covariance, covariance.T) or np.linalg.eigvalsh(covariance)[0] <= 0.0:
            raise ValueError(
                f"Argument `data` must have a covariance with positive eigenvalues, but '{name}_covariance' has none such; "
                "estimate it from more samples, or give errors."
            )
        return covariance
    if f"{name}_error" not in given:
        raise ValueError(
            f"Argument `data` must have '{name}_error' beside {name!r}, its standard error, but has none; without errors "
            "nothing says how far a fit may be off."
        )
    error = np.ravel(_finite(f"{name}_error", given[f"{name}_error"]))
    if error.size not in (1, size):
        raise ValueError(f"Argument `data` must have one '{name}_error' or {size} of them, but has {error.size}.")
    if not (error > 0.0).all():
        raise ValueError(
            f"Argument `data` must have errors above 0, but '{name}_error' is {error.min():g}; leave out what is exact, and "
            "make it a parameter of the model."
        )
    return np.diag(np.broadcast_to(error**2, size))


def _coordinates(values: Any) -> dict[str, np.ndarray]:
    """Of labelled arrays, where they are along those axes that are known."""
    if not hasattr(values, "dims"):
        return {}
    return {
        str(dim): np.asarray(values[dim].values, float)
        for dim in values.dims
        if dim in values.coords and values[dim].dtype.kind in "fiu"
    }


def _bare(values: Any) -> Any:
    """Without the attribute `units` that the package itself writes."""
    return values.values if hasattr(values, "dims") and hasattr(values, "values") else values
