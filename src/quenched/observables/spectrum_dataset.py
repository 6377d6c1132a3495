"""What is told of a spectrum: eigenvalues, boundary, outliers and status of each state, with labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from quenched.couplings.base import AbstractCouplings
from quenched.dmft.spectrum import Theory
from quenched.observables.eigenvalues import Eigenvalues
from quenched.observables.moments import EffectiveLaw
from quenched.provenance import stamp
from quenched.solution import labelled
from quenched.status import Status

if TYPE_CHECKING:
    import xarray as xr

_OUTSIDE = "what a finite number of neurons changes"
_CITATIONS = "sommers1988 ahmadian2015 tao2013 orourke2014"


class What(NamedTuple):
    """What has these eigenvalues."""

    matrix: str
    """"couplings" or "Jacobian"."""
    kind: str
    law: AbstractCouplings | None = None
    whole: bool = True
    """Whether all eigenvalues of a matrix are known."""


class Found(NamedTuple):
    """For each state, in one row."""

    leading: tuple[tuple[str, int], ...]
    values: list[Eigenvalues]
    theories: list[Theory]
    effective: EffectiveLaw | None


def dataset_of(found: Found, what: What) -> tuple[xr.Dataset, str]:
    """All of it, and why it is not solved."""
    import xarray as xr

    dims, lengths = tuple(name for name, _ in found.leading), tuple(length for _, length in found.leading)
    columns = _of_values(found, what.kind, what.whole) if found.values else {}
    columns |= _of_theories(found.theories) if found.theories else {}
    statuses, reason = _statuses(found)
    columns["status"] = np.array(statuses, np.int32)
    variables = {}
    for name, rows in columns.items():
        values = rows.reshape((*lengths, *rows.shape[1:]))
        variables[name] = labelled(name, values, dims)
        if variables[name][2]["units"] == "1/time" and (what.matrix == "couplings" or what.kind == "map"):
            variables[name][2]["units"] = "1"
    if found.effective is not None:
        for name, (value, error) in zip(_EFFECTIVE, found.effective, strict=True):
            variables |= {name: labelled(name, value), f"{name}_error": labelled(f"{name}_error", error)}
    attributes: dict[str, Any] = {"matrix": what.matrix, "kind": what.kind}
    if found.theories:
        attributes |= {"couplings": str(what.law), "outside_errors": _OUTSIDE, "citations": _CITATIONS}
    return xr.Dataset(variables, attrs=attributes | stamp(None)), reason


_EFFECTIVE = ("effective_gain", "effective_symmetry", "effective_mean")


def _of_values(found: Found, kind: str, whole: bool) -> dict[str, np.ndarray]:
    values = np.stack([each.values for each in found.values])
    columns = {
        "eigenvalue_real": values.real,
        "eigenvalue_imag": values.imag,
        "eigenvalue_residual": np.stack([each.residuals for each in found.values]),
    }
    # Some eigenvalues tell the largest of what they were chosen by.
    if whole or kind == "flow":
        columns["largest_real_part"] = np.max(values.real, axis=1, initial=-np.inf, where=np.isfinite(values.real))
    if whole or kind == "map":
        columns["largest_modulus"] = np.max(np.abs(values), axis=1, initial=0.0, where=np.isfinite(values.real))
    return columns


def _of_theories(theories: Sequence[Theory]) -> dict[str, np.ndarray]:
    def padded(each: Sequence[np.ndarray]) -> np.ndarray:
        """Of different numbers of pieces or outliers, NaN where there are fewer."""
        most = max(map(len, each))
        return np.stack([np.concatenate([one, np.full((most - len(one), *one.shape[1:]), np.nan)]) for one in each])

    boundary, outliers = padded([each.boundary for each in theories]), padded([each.outliers.places for each in theories])
    columns = {
        "boundary_real": boundary.real,
        "boundary_imag": boundary.imag,
        "boundary_error": padded([each.boundary_error for each in theories]),
        "outlier_real": outliers.real,
        "outlier_imag": outliers.imag,
        "outlier_error": padded([each.outliers.errors for each in theories]),
        "outlier_count": np.array([each.expected for each in theories]),
    }
    for name in ("rightmost_edge", "bulk_radius"):
        pairs = np.array([getattr(each, name) for each in theories])
        columns |= {name: pairs[:, 0], f"{name}_error": pairs[:, 1]}
    return columns


def _statuses(found: Found) -> tuple[list[Status], str]:
    """Of each state, and what to do about the first that is not solved."""
    fine = [Status.solved] * max(len(found.theories), len(found.values))
    of_theories = [each.status for each in found.theories] or fine
    of_values = [Status.solved if each.complete else Status.out_of_steps for each in found.values] or fine
    statuses = [max(pair) for pair in zip(of_theories, of_values, strict=True)]
    reason = ""
    for theory, values in zip(of_theories, of_values, strict=True):
        if values != Status.solved:
            reason = (
                "not all eigenvalues that were asked for have converged, as where they lie close together; ask for fewer, "
                "or for all of them without `rightmost`."
            )
        elif theory == Status.out_of_steps:
            reason = "a curve around the bulk did not close; raise `nodes`, or leave the theory out by `theory=False`."
        elif theory == Status.coarse_quadrature:
            reason = "two quadratures disagree; raise `nodes`, or see a network's own eigenvalues."
        elif theory == Status.imprecise:
            reason = "`outlier_count`, counted along the boundary, is not the number of outliers that were found."
    return statuses, reason
