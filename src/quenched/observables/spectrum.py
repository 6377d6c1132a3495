"""Eigenvalues of couplings and Jacobians, of given networks and of infinitely many neurons."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from quenched import checks
from quenched.couplings.base import AbstractCouplings, population_of_neurons
from quenched.dmft.bulk import Neurons
from quenched.dmft.outliers import MeanField
from quenched.dmft.spectrum import Theory, of_couplings, of_rest, plain, spectrum_of
from quenched.dmft.static import Static
from quenched.dmft.static_populations import Unknowns
from quenched.dynamics.base import AbstractDynamics
from quenched.dynamics.network_function import NetworkFunction
from quenched.dynamics.read import read_dynamics
from quenched.errors import raise_unsolved
from quenched.fixed_points.describe import eigenvalues
from quenched.models import Network, RandomNetwork
from quenched.models.labels import in_order
from quenched.numerics.quadrature import check_nodes
from quenched.observables.eigenvalues import Eigenvalues, of_states, of_weights, refuse_matrix
from quenched.observables.moments import EffectiveLaw, effective_law
from quenched.precision import double_precision, traced
from quenched.provenance import stamp
from quenched.records import public_name
from quenched.solution import Solution, labelled
from quenched.status import Status
from quenched.units.base import AtRest

if TYPE_CHECKING:
    import xarray as xr

_OUTSIDE = "what a finite number of neurons changes"
_CITATIONS = "sommers1988 ahmadian2015 tao2013 orourke2014"
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
    options = _Options(
        checks.count("points", points, low=_FEWEST_POINTS),
        check_nodes("nodes", nodes),
        None if rightmost is None else checks.count("rightmost", rightmost),
        checks.flag("theory", theory),
    )
    throw = checks.flag("throw", throw)
    if traced(dynamics, at):
        raise TypeError("qd.observables.spectrum works on the host: call it outside of jit, grad and vmap.")
    if hasattr(dynamics, "data_vars"):
        _refuse_given("a dataset of fixed points", at=at, inputs=inputs, couplings=couplings, rightmost=rightmost)
        return _of_fixed_points(dynamics)
    if isinstance(dynamics, RandomNetwork | AbstractCouplings | Solution):
        _refuse_given("infinitely many neurons", at=at, inputs=inputs, couplings=couplings, rightmost=rightmost)
        state, finer, what = _of_infinitely_many(dynamics, options.nodes)
        found = _Found((), [], [spectrum_of(state, finer, (), options.points)], None)
        dataset, reason = _dataset(found, what)
    else:
        dataset, reason = _of_given(dynamics, at, inputs, couplings, options)
    if throw:
        raise_unsolved("spectrum", dataset.status.values, "states", dataset, reason)
    return dataset


class _Options(NamedTuple):
    points: int
    nodes: int
    rightmost: int | None
    theory: bool


class _What(NamedTuple):
    """What has these eigenvalues."""

    matrix: str
    """"couplings" or "Jacobian"."""
    kind: str
    law: AbstractCouplings | None = None
    whole: bool = True
    """Whether all eigenvalues of a matrix are known."""


class _States(NamedTuple):
    """Where the matrix is taken; None of couplings, which are the same everywhere."""

    leading: tuple[tuple[str, int], ...]
    """Names and lengths of the axes of the states."""
    states: list[Any]
    inputs: list[Any]


class _Found(NamedTuple):
    """For each state, in one row."""

    leading: tuple[tuple[str, int], ...]
    values: list[Eigenvalues]
    theories: list[Theory]
    effective: EffectiveLaw | None


def _refuse_given(what: str, **given: Any) -> None:
    for name, value in given.items():
        if value is not None:
            raise ValueError(f"Argument `{name}` must be left out with {what}, but is {checks.shown(value)}.")


def _refuse_redrawn(couplings: AbstractCouplings) -> None:
    if couplings.redrawn:
        raise ValueError(
            "Argument `couplings` must stay the same for qd.observables.spectrum, but is couplings.Redrawn: a matrix that "
            "changes at every step has no eigenvalues of its own; give the couplings of one step, `.couplings` of it."
        )


def _of_infinitely_many(given: Any, nodes: int) -> tuple[MeanField, MeanField, _What]:
    if isinstance(given, Solution):
        model = given.model
        unknowns = _at_rest(given)
        return (
            of_rest(model, unknowns, nodes),
            of_rest(model, unknowns, 2 * nodes),
            _What("Jacobian", model.kind, model.couplings),
        )
    couplings = given.couplings if isinstance(given, RandomNetwork) else given
    _refuse_redrawn(couplings)
    state = of_couplings(couplings, plain(len(couplings.population_fractions)))
    return state, state, _What("couplings", "flow", couplings)


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


def _of_given(dynamics: Any, at: Any, inputs: Any, couplings: Any, options: _Options) -> tuple[xr.Dataset, str]:
    """Of a network, a flow or a map."""
    if not isinstance(dynamics, Network | AbstractDynamics):
        raise TypeError(
            "Argument `dynamics` must be a qd.RandomNetwork, couplings, a qd.Solution of qd.dmft.Static, a qd.Network, "
            "qd.landscape.Flow or qd.landscape.Map, or the Dataset of qd.landscape.find_fixed_points, but is "
            f"{checks.shown(dynamics)}{'; make it qd.Network(weights)' if hasattr(dynamics, 'shape') else ''}."
        )
    network = dynamics if isinstance(dynamics, Network) else None
    if couplings is not None:
        _check_law(couplings, network)
    if at is None:
        if network is None:
            raise ValueError("Argument `at` must be given with a flow or a map: the state, or states, of the Jacobian.")
        _refuse_given("the couplings of a network", inputs=inputs)
        states = _States((), [None], [None])
        _check_count(options, network.size)
        if options.rightmost is None:
            refuse_matrix(network.size)
        values, what = [of_weights(network.weights, options.rightmost)], _What("couplings", "flow")
    else:
        moving, states = _read_states(dynamics, at, inputs)
        _check_count(options, moving.size)
        values = of_states(moving, states.states, states.inputs, options.rightmost)
        what = _What("Jacobian", moving.kind)
    what = what._replace(whole=options.rightmost is None)
    if network is None:
        return _dataset(_Found(states.leading, values, [], None), what)
    effective = effective_law(_host(network.weights))
    law = effective.couplings if couplings is None else couplings
    others = effective.one_error_away if couplings is None else []
    theories, own = [], _self_couplings(network, effective)
    if options.theory:
        for state, given in zip(states.states, states.inputs, strict=True):
            neurons = _neurons(network, state, given, law, own)
            whole = of_couplings(law, neurons)
            theories.append(spectrum_of(whole, whole, [of_couplings(each, neurons) for each in others], options.points))
    return _dataset(_Found(states.leading, values, theories, effective), what._replace(law=law))


def _read_states(dynamics: Network | AbstractDynamics, at: Any, inputs: Any) -> tuple[AbstractDynamics, _States]:
    """What moves, and its states with the inputs of each."""
    names = dynamics.names if isinstance(dynamics, Network) else None
    moving, given = read_dynamics(dynamics, inputs)
    leading, states = _states(at if hasattr(at, "dims") else in_order("Argument `at`", at, names), moving.size)
    if given is None:
        return moving, _States(leading, list(states), [None] * len(states))
    rows = np.atleast_2d(np.asarray(given))
    if len(rows) not in (1, len(states)):
        raise ValueError(f"Argument `inputs` must be one row for each of the {len(states)} states, but has {len(rows)}.")
    return moving, _States(leading, list(states), list(np.broadcast_to(rows, (len(states), rows.shape[1]))))


def _check_law(couplings: Any, network: Network | None) -> None:
    if not isinstance(couplings, AbstractCouplings):
        raise TypeError(
            f"Argument `couplings` must be couplings such as qd.couplings.Elliptic(1.5), but is {checks.shown(couplings)}."
        )
    if network is None:
        raise ValueError("Argument `couplings` must be left out with a flow or a map, of which no law is known.")
    _refuse_redrawn(couplings)


def _check_count(options: _Options, size: int) -> None:
    if options.rightmost is not None and options.rightmost > size:
        raise ValueError(
            f"Argument `rightmost` must be at most the number of eigenvalues, {size}, but is {options.rightmost}."
        )


def _states(at: Any, size: int) -> tuple[tuple[tuple[str, int], ...], np.ndarray]:
    """Names and lengths of the axes before the neurons, and the states in rows."""
    dims = tuple(map(str, getattr(at, "dims", ())))
    if "neuron" in dims:
        at = at.transpose(..., "neuron")
        dims = tuple(each for each in dims if each != "neuron")
    states = checks.numbers("Argument `at`", at)
    if not dims and states.ndim == 2:
        dims = ("point",)
    if states.shape[-1:] != (size,) or states.ndim != len(dims) + 1 or not states.size:
        raise ValueError(
            f"Argument `at` must be states of {size} numbers, ({size},) or (any, {size}), or labelled with an axis "
            f"`neuron`, but has shape {states.shape}."
        )
    if not np.isfinite(states).all():
        raise ValueError("Argument `at` must be finite, but holds NaN or infinity.")
    return tuple(zip(dims, states.shape[:-1], strict=True)), states.reshape(-1, size)


def _host(weights: Any) -> Any:
    """NumPy's or SciPy's."""
    if not hasattr(weights, "todense"):
        return np.asarray(weights)
    from scipy.sparse import coo_array

    rows, columns = np.asarray(weights.indices).T
    return coo_array((np.asarray(weights.data), (rows, columns)), shape=weights.shape).tocsr()


def _self_couplings(network: Network, effective: EffectiveLaw) -> Float[np.ndarray, " neuron"]:
    """What neurons send to themselves beyond what the law draws there: of mean M/N and variance g^2 (1 + eta)/N."""
    own, (gain, symmetry, mean) = np.asarray(_host(network.weights).diagonal()), (each[0] for each in effective)
    variance = float(np.var(own))
    share = 1.0 - gain**2 * (1.0 + symmetry) / network.size / variance if variance > 0.0 else 0.0
    return np.mean(own) - mean / network.size + np.sqrt(max(share, 0.0)) * (own - np.mean(own))


def _neurons(network: Network, state: Any, inputs: Any, law: AbstractCouplings, own: np.ndarray) -> list[Neurons]:
    """The neurons of each population of the law, at a state, with what each of them sends to itself."""
    if state is None:
        linear = AtRest(jnp.ones((1, network.size)), jnp.zeros((1, network.size)))
    else:
        function = NetworkFunction(network.unnamed)
        parted = (
            jnp.asarray(state) if network.unit.state_size == 1 else jnp.asarray(state).reshape(network.unit.state_size, -1)
        )
        linear = network.unit.linearised(parted, function.received(jnp.asarray(state), inputs))
    numerator = np.asarray(linear.numerator)
    denominator = np.asarray(linear.denominator) - own * numerator
    population = np.asarray(population_of_neurons(law.population_fractions, network.size))
    found = []
    for index in range(len(law.population_fractions)):
        here = np.concatenate([numerator, denominator])[:, population == index]
        if not here.shape[1]:
            here = np.concatenate([numerator, denominator])[:, :1]
        different, counts = np.unique(here, axis=1, return_counts=True)
        parts = np.split(different, 2)
        found.append(Neurons(AtRest(*map(jnp.asarray, parts)), jnp.asarray(counts / counts.sum())))
    return found


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
    return _dataset(_Found(leading, rows, [], None), _What("Jacobian", kind, whole=whole))[0]


def _dataset(found: _Found, what: _What) -> tuple[xr.Dataset, str]:
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


def _of_values(found: _Found, kind: str, whole: bool) -> dict[str, np.ndarray]:
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


def _statuses(found: _Found) -> tuple[list[Status], str]:
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
