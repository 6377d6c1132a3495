"""Eigenvalues of couplings and Jacobians, of given networks and of infinitely many neurons."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jax.numpy as jnp
import numpy as np

from quenched import checks
from quenched.couplings.base import AbstractCouplings
from quenched.dmft.outliers import MeanField
from quenched.dmft.spectrum import of_couplings, of_rest, plain, spectrum_of
from quenched.dmft.static import Static
from quenched.dmft.static_populations import Unknowns
from quenched.errors import raise_unsolved
from quenched.fixed_points.describe import eigenvalues
from quenched.models import RandomNetwork
from quenched.numerics.quadrature import check_nodes
from quenched.observables.eigenvalues import Eigenvalues
from quenched.observables.spectrum_dataset import Found, What, dataset_of
from quenched.observables.spectrum_of_given import Options, of_given, refuse_given, refuse_redrawn
from quenched.precision import double_precision, traced
from quenched.records import public_name
from quenched.solution import Solution
from quenched.status import Status

if TYPE_CHECKING:
    import xarray as xr

# Fewer points would leave a curve's turns out.
_FEWEST_POINTS = 32


@double_precision
def spectrum(
    dynamics: Any,
    at: Any = None,
    *,
    inputs: Any = None,
    couplings: AbstractCouplings | None = None,
    rightmost: int | None = None,
    theory: bool = True,
    points: int = 256,
    nodes: int = 48,
    throw: bool = True,
) -> xr.Dataset:
    """Eigenvalues z of couplings J or of the Jacobian of a network, and where they are for infinitely many neurons.

    For many neurons they fill a bulk, beside which some stand alone. With T_a(z) the answer of a neuron of population a to
    a small input that grows as exp(z t) (1/z for J itself, phi'/(1 + z) for leaky units, of maps z^step in place of
    exp(z t)) the bulk ends where

        <chi>_a = < T_a/(1 - kappa_a T_a) >,   kappa_a = memory of <chi>,
        1 = spectral radius of d covariance_a/dC_b <|chi_b|^2>,

    and an outlier is where a small change of means, mean squares, responses and latents keeps itself up: of blocks without
    symmetry det(1 - M_ab f_b <chi_b>) = 0.

    Arguments:
        dynamics: what has eigenvalues:
            a `qd.RandomNetwork`, or couplings: of J, by theory alone;
            a `qd.Solution` of `qd.dmft.Static`: of the Jacobian there, the leak included, by theory alone;
            a `qd.Network`: of its J, or of its Jacobian where `at` says;
            a `qd.landscape.Flow` or `Map`: of its Jacobian where `at` says;
            the Dataset of `qd.landscape.find_fixed_points`: those that it holds.
        at: states of a network, flow or map, (neuron) or (point, neuron), or labelled with `neuron` last or first, such as
            `found.state` or the trajectory of `qd.simulate.integrate`.
        inputs: constant inputs, (input) or (point, input), as of `qd.landscape.find_fixed_points`.
        couplings: of a network, the law whose theory stands beside its eigenvalues; its neurons are those of one population
            after another. If left out the elliptic law whose gain, symmetry and mean are those of the weights themselves.
        rightmost: only so many eigenvalues, those that grow fastest, by products of the matrix with vectors: for large
            and sparse networks. All of them if left out, from a dense matrix.
        theory: whether to compute it beside the eigenvalues of a network, for each state; some seconds for the first.
        points: on each curve of the boundary, at least 32.
        nodes: quadrature nodes on each piece of an integral over neurons, as of `qd.Newton`; twice as many give the answer,
            and the change its error.
        throw: raise SolveError if the status is not `solved`.

    Returns:
        Dataset. By theory: `boundary_real` and `boundary_imag` (piece, point), closed curves around the pieces of the bulk
        and its holes, a piece that is a point being that point, with `boundary_error`; `rightmost_edge`, the largest real
        part of the bulk, and `bulk_radius`, its largest modulus, each with `_error`; `outlier_real` and `outlier_imag`
        (outlier), the rightmost first, with `outlier_error`; `outlier_count`, how many there must be by the argument
        principle, NaN where pieces overlap and it is not known; and `status`. Errors are from two quadratures and rounding.

        Of matrices: `eigenvalue_real` and `eigenvalue_imag` (mode), the fastest growing first: of couplings and flows by
        their real parts, of maps by their moduli; `eigenvalue_residual`, how much the matrix would have to change for
        them to be exact; `largest_real_part` and `largest_modulus` (where it is known). States add their axes before.
        Of a network also `effective_gain`, `effective_symmetry` and `effective_mean` of its weights, each with its standard
        error over pairs, which the errors of the theory then contain. What J_ii have beyond the law's
        counts as the neurons' own.

        What N changes is in no error: a network's rightmost eigenvalue scatters about the edge, and outliers by N^(-1/2).

    When it fails: `out_of_steps`, a curve did not close, or not all eigenvalues converged; `coarse_quadrature`, as where
    neurons differ in their own eigenvalues and the bulk comes near these (species): raise `nodes`; `imprecise`, fewer
    outliers were found than there are.

    Raises:
        TypeError: what is given has no eigenvalues; no numbers.
        ValueError: states of another size, or missing, or given where there are none; couplings that are drawn anew at every
            step; a solution that is not solved or not of rest, or whose neurons have several states for one field.
        MemoryError: a matrix would not fit.
        SolveError: `throw=True`; it carries the Dataset.

    Source: Sommers et al. 1988 (`sommers1988`); blocks: Aljadeff, Stern & Sharpee 2015; slopes that differ without symmetry:
    Ahmadian, Fumarola & Miller 2015 (`ahmadian2015`); outliers: Tao 2013 (`tao2013`), O'Rourke & Renfrew 2014
    (`orourke2014`); in general docs/derivations/spectrum.md.

    Example:
        >>> import quenched as qd
        >>> both = qd.couplings.Elliptic(0.8, 0.5) + qd.couplings.LowRank([[1.0, 1.5], [1.5, 4.0]])
        >>> found = qd.observables.spectrum(both)
        >>> print(f"{float(found.rightmost_edge):.3f} {float(found.outlier_real[0]):.3f}")  # 0.8 (1 + 0.5), 1.5 + 0.32/1.5
        1.200 1.713
    """
    options = Options(
        checks.count("points", points, low=_FEWEST_POINTS),
        check_nodes("nodes", nodes),
        None if rightmost is None else checks.count("rightmost", rightmost),
        checks.flag("theory", theory),
    )
    throw = checks.flag("throw", throw)
    if traced(dynamics, at):
        raise TypeError("qd.observables.spectrum works on the host: call it outside of jit, grad and vmap.")
    if hasattr(dynamics, "data_vars"):
        refuse_given("a dataset of fixed points", at=at, inputs=inputs, couplings=couplings, rightmost=rightmost)
        return _of_fixed_points(dynamics)
    if isinstance(dynamics, RandomNetwork | AbstractCouplings | Solution):
        refuse_given("infinitely many neurons", at=at, inputs=inputs, couplings=couplings, rightmost=rightmost)
        state, finer, what = _of_infinitely_many(dynamics, options.nodes)
        found = Found((), [], [spectrum_of(state, finer, (), options.points)], None)
        dataset, reason = dataset_of(found, what)
    else:
        dataset, reason = of_given(dynamics, at, inputs, couplings, options)
    if throw:
        raise_unsolved("spectrum", dataset.status.values, "states", dataset, reason)
    return dataset


def _of_infinitely_many(given: Any, nodes: int) -> tuple[MeanField, MeanField, What]:
    if isinstance(given, Solution):
        model = given.model
        unknowns = _at_rest(given)
        return (
            of_rest(model, unknowns, nodes),
            of_rest(model, unknowns, 2 * nodes),
            What("Jacobian", model.kind, model.couplings),
        )
    couplings = given.couplings if isinstance(given, RandomNetwork) else given
    refuse_redrawn(couplings)
    state = of_couplings(couplings, plain(len(couplings.population_fractions)))
    return state, state, What("couplings", "flow", couplings)


def _at_rest(solution: Solution) -> Unknowns:
    """The order parameters of a solution of the static theory."""
    if not isinstance(solution.theory, Static):
        raise ValueError(
            "Argument `dynamics` must be a solution at rest, of qd.dmft.Static, but is one of "
            f"{public_name(solution.theory)}; for a network give qd.observables.spectrum(network, at=states)."
        )
    if np.ndim(solution.status) or int(solution.status) != Status.solved:
        raise ValueError(
            "Argument `dynamics` must be one solution that is solved, but has the status "
            f"{checks.shown(np.asarray(solution.status).tolist())}; solve it again from another `start`."
        )
    model, arrays = solution.model, solution.arrays
    if any(unit.jumps for unit in model.units):
        raise ValueError(
            "Argument `dynamics` must be a solution of units without jumps, but the rate jumps: the Jacobian is infinite."
        )
    if not float(arrays["invertible"]):
        raise ValueError(
            "Argument `dynamics` must be a solution in which a neuron has one state for each field, but `invertible` is 0: "
            "the Jacobian of such a state is not known to the theory; give a network, with `at=` its fixed points."
        )
    ones = jnp.ones(model.populations)
    mean, correlation, response = (
        jnp.asarray(arrays[name]) * ones for name in ("mean_rate", "correlation", "integrated_response")
    )
    return Unknowns(mean, correlation, response, jnp.asarray(arrays.get("latent", np.zeros(0))))


def _of_fixed_points(found: Any) -> xr.Dataset:
    """What a list of fixed points holds."""
    values = eigenvalues(found).values
    residual = np.asarray(found["eigenvalue_residual"]) if "eigenvalue_residual" in found else np.full(values.shape, np.nan)
    leading = (("fixed_point", len(values)),) if values.ndim == 2 else ()
    rows = [
        Eigenvalues(each, own, bool(np.isfinite(each).all()))
        for each, own in zip(np.atleast_2d(values), np.atleast_2d(residual), strict=True)
    ]
    kind, size = str(found.attrs.get("kind", "flow")), found.attrs.get("size", found.sizes.get("neuron"))
    whole = values.shape[-1] == size
    return dataset_of(Found(leading, rows, [], None), What("Jacobian", kind, whole=whole))[0]
