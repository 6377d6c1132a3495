"""Lyapunov exponents of finite networks, and of infinitely many neurons."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import TYPE_CHECKING, Any

import jax
import numpy as np
from jaxtyping import Array

from quenched import checks
from quenched.activations import check_continuous
from quenched.dynamics.base import AbstractDynamics
from quenched.errors import raise_unsolved
from quenched.keys import read_key
from quenched.models import Network, RandomNetwork
from quenched.numerics.memory import available_bytes, refuse_what_does_not_fit, side_by_side
from quenched.numerics.threads import one_blas_thread
from quenched.numerics.work import keep_all
from quenched.observables.benettin import Growth, Schedule, follow
from quenched.observables.entries import bytes_of_entries
from quenched.observables.networks import Networks, read_networks, read_states
from quenched.observables.spectra import average, of_networks, unmeasured
from quenched.observables.tangent import Couplings, begin
from quenched.precision import double_precision
from quenched.provenance import seed_of, stamp
from quenched.records import printed
from quenched.simulate.integrate import check_step, count_steps
from quenched.simulate.refusals import check_run
from quenched.simulate.schemes import SCHEMES
from quenched.solution import Solution, labelled
from quenched.solve import Progress
from quenched.status import Status
from quenched.units.base import AbstractUnit
from quenched.units.leaky import Leaky
from quenched.units.with_activation import UnitWithActivation

if TYPE_CHECKING:
    import xarray as xr


# Of what is kept of one, without its numbers.
_BYTES_OF_A_BLOCK = 1000


@double_precision
def lyapunov_spectrum(
    dynamics: Network | Sequence[Network] | RandomNetwork | AbstractDynamics | Solution,
    duration: float | None = None,
    step: float | None = None,
    *,
    exponents: int | None = None,
    size: int | None = None,
    networks: int | None = None,
    burn_in: float | None = None,
    noise: Any = None,
    field: Callable[[Any], Any] | None = None,
    inputs: Any = None,
    initial: Any = None,
    scheme: str = "second_order",
    orthonormalise: int | None = None,
    blocks: int = 32,
    key: int | Array | None = None,
    throw: bool = True,
    progress: Progress | None = None,
) -> xr.Dataset:
    """Lyapunov exponents of networks, dx = (-x + J phi(x) + b) dt + sigma dW, finite or of infinitely many neurons.

    Along the trajectory a frame of tangent vectors v obeys

        dv/dt = F'(x(t)) v = -v + J (phi'(x) v),

    and is made orthonormal time and again, V = Q R; lambda_i is the time average of ln R_ii (Benettin et al. 1980). Neurons
    that drive each other, directly or not, make a block with a frame of its own: the exponents are those of all blocks, and
    exact where a neuron is alone, as all are in a feed-forward network. The tangents are advanced by the exact derivative of
    the scheme, so that the exponents are those of the discrete map: for Euler on a linear network ln|1 + step mu|/step, mu
    the eigenvalues of J - 1. Those of the flow differ by O(step^2), for Euler by O(step).

    Any unit: of maps the exponents are per step, and ln|mu| of a linear network; of neurons with several variables there are
    as many for each. A network that is driven, by `field` or by its model's, has exponents along what the drive makes of it:
    all negative where it forgets its initial state and follows the drive (the echo-state property). So has a flow or a map
    with `inputs`; its derivatives are taken by JAX, in the unit of time of its function.

    Of infinitely many neurons at symmetry 0 the part F of all exponents below a rate follows from the average over couplings
    of the determinant of d/dt + 1 + rate - J phi'(x(t)), along trajectories of the stationary theory: give its solution.

    Arguments:
        dynamics: a `qd.Network`; a list of them, of one size and activation; a `qd.RandomNetwork` to draw from; a
            `qd.landscape.Flow` or `Map`, of any function, such as a trained network of `qd.landscape.rnn`; or a Solution of
            `qd.dmft.Stationary` at symmetry 0, of one population with `Elliptic` couplings, of neurons dx/dt = -x + h or
            maps x' = h. With a Solution all other arguments but `key`, `throw` and `progress` are left out.
        duration, step: length of the run, which networks need, and time step, in units of the leak time; the duration a
            multiple of the step. The step is 0.1 if left out, and 1 of maps.
        exponents: how many, the largest; all N, times the variables of a state, if left out. A step costs as the product of
            J with exponents + 1 vectors; sparse weights stay sparse.
        size, networks: with a `qd.RandomNetwork`, N and how many to draw, at least 2.
        burn_in: time before averaging begins, in which the trajectory settles and the frame turns into place; a quarter of
            the duration if left out. What remains of the rest after whole blocks is added to it.
        noise: sigma, one number or one for each neuron; with a `qd.RandomNetwork` its own.
        field: a function of the time, added to the field of given networks: one number, or one for each neuron.
        inputs: of a flow or a map, what its function receives beside the state: (input), the same for all time; (step,
            input), a row for each step; or a function of the time.
        initial: `qd.Normal`, `qd.Uniform`, a quantile function, or states (neuron) or (network, neuron); `qd.Normal(0, 1)`
            if left out, `qd.Uniform(0, 1)` of abundances; of several variables a tuple, or states one variable after
            another. At `np.zeros(N)`, for odd phi and no noise, these are the exponents of the state of rest.
        scheme: "second_order" (Heun) or "euler".
        orthonormalise: at most this many steps between two QR decompositions. If left out, as many as a leak time holds, up
            to ten times that where the frame stays well conditioned. Shortened by itself where its condition exceeds 1e6.
        blocks: of time, for the error; at least 16.
        key: seed of networks, initial states, noise and frames, 0 if left out.
        throw: raise SolveError, once all is over, if a network diverged or its exponents are not finite.
        progress: called with (blocks done, blocks in all), those of the burn-in too. Ctrl-C ends the run and keeps the
            networks that are done, or of the first ones the blocks that are; the status is then `interrupted`.

    Returns:
        Dataset, each with `_error`: `lyapunov_exponent` (mode), in decreasing order; `lyapunov_dimension`
        (Kaplan-Yorke) and `entropy_rate` (sum of the positive exponents), NaN where more exponents are needed for them; and
        `status`. Of a list of networks all have the axis `network`; of an ensemble they are averages over it. Attributes:
        the time averaged over, the steps between orthonormalisations, the worst `condition` of the frame, the largest
        `amplification` of a rounding error, parameters, seed.

        The error of one network is that of a time average, memory taken into account, what an approach like 1/t leaves, and
        what rounding does, followed along the run; infinite where rounding decides. That of an ensemble is the standard
        error over networks, and not less than what the time averages alone make. It contains neither a burn-in in which the
        frame hardly turned, nor what the step changes, nor, for the limit of many neurons, O(1/N). The dimension jumps from
        0 to 1 where the largest exponent crosses zero: its error is at least 1 as long as that exponent is within two errors
        of zero.

        Of a Solution: `lyapunov_exponent` (fraction), at the middles of a hundred equal parts of all exponents, the largest
        first; `lyapunov_dimension` and `entropy_rate` per neuron. The error is that of four independent sets of
        trajectories, together with the whole differences to half the window and to twice the step of their ring of time, and
        with that of the largest exponent. Where slopes are constant, or independent at all times, nothing is sampled, and
        the error is that of quadrature.

    When it fails: status `diverged`, the state grows without bound (linear networks above their transition: begin at zero).
    `not_finite`, growth below rounding even in a single step, such as Euler's of length 1 with silent neurons. `imprecise`,
    weights so far from normal that rounding makes another network of them, such as a long chain in another basis: exponents
    with an infinite error are not known. Ask for fewer `exponents`; write as zeros what is zero but for rounding. Of a
    Solution: `imprecise`, the error of the dimension is more than a quarter of its value, near a transition; `out_of_steps`.

    Raises:
        TypeError: no network, or another thing in the list; networks without a duration; no number, or no function of the
            time; before any work.
        ValueError: networks of different sizes or units; `size` and `networks` missing with a `qd.RandomNetwork`, or given
            with networks; a duration that is no multiple of the step, a burn-in as long as the duration, more blocks than
            steps, more exponents than variables; a step that is too long for the units; phi that jumps; a Solution of
            another theory or model, or with arguments of networks; before any work.
        MemoryError: a network would not fit.
        SolveError: a network diverged, or its exponents are not finite (`throw=True`); it carries the Dataset.

    Source: Benettin et al. 1980 (`benettin1980`); Kaplan & Yorke 1979 (`kaplan1979`); for these networks Engelken, Wolf &
    Abbott 2023 (`engelken2023`).

    Example:
        >>> import numpy as np, quenched as qd
        >>> network = qd.Network(np.diag([0.5, 0.2]), qd.Linear())
        >>> found = qd.observables.lyapunov_spectrum(network, duration=100, step=0.05)
        >>> found.lyapunov_exponent.values.round(3).tolist()
        [-0.5, -0.8]
        >>> maps = qd.RandomNetwork(couplings=qd.couplings.Elliptic(2.0), unit=qd.units.Discrete())
        >>> found = qd.observables.lyapunov_spectrum(qd.solve(maps, qd.dmft.Stationary()))
        >>> print(f"{found.lyapunov_dimension.item():.3f}, {found.entropy_rate.item():.4f}")
        0.258, 0.0107
    """
    throw, progress = checks.flag("throw", throw), checks.progress(progress)
    if isinstance(dynamics, Solution):
        given = [duration, step, exponents, size, networks, burn_in, noise, field, inputs, initial, orthonormalise]
        if any(each is not None for each in given) or (scheme, blocks) != ("second_order", 32):
            raise ValueError(
                "Arguments other than `key`, `throw` and `progress` must be left out with a Solution, whose exponents are "
                "those of infinitely many neurons."
            )
        return _of_solution(dynamics, key, throw, progress)
    if duration is None:
        raise TypeError("Argument `duration` must be given with networks.")
    draw_key, start_key, frame_key, noise_key = jax.random.split(read_key(key), 4)
    batch = read_networks(dynamics, size, networks, noise, field, draw_key, inputs)
    step = check_step((1.0 if batch.moving.kind == "map" else 0.1) if step is None else step)
    if batch.units:
        check_run(batch.units, step, batch.noise)
    elif batch.moving.kind == "map" and step != 1.0:
        raise ValueError(f"Argument `step` must be 1 for a map, whose time counts steps, but is {step:g}.")
    total = count_steps(duration, step)
    if batch.steps_given is not None and batch.steps_given < total:
        raise ValueError(
            f"Argument `inputs` must have a row for each of the {total} steps of `duration`, but has {batch.steps_given}."
        )
    before = total // 4 if burn_in is None else count_steps(burn_in, step, "burn_in")
    if before >= total:
        raise ValueError(f"Argument `burn_in` must be shorter than `duration` = {duration:g}, but is {burn_in:g}.")
    blocks = checks.count("blocks", blocks, low=16)
    if blocks > total - before:
        raise ValueError(
            f"Argument `blocks` must be at most the number of steps after the burn-in, {total - before}, but is {blocks}."
        )
    per_block = (total - before) // blocks
    every = None if orthonormalise is None else checks.count("orthonormalise", orthonormalise)
    scheme = checks.one_of("scheme", scheme, SCHEMES)
    schedule = Schedule(step, total - blocks * per_block, blocks, per_block, every, scheme)

    for unit in batch.units:
        if unit.jumps and isinstance(unit, UnitWithActivation):
            jumps = "the smallest difference becomes one of the jump's size there"
            check_continuous(unit.activation, "observables.lyapunov_spectrum", jumps)
    wanted = batch.state_size if exponents is None else checks.count("exponents", exponents)
    if wanted > batch.state_size:
        what = "the number of neurons" + (", times their variables" if batch.state_size > batch.size else "")
        raise ValueError(f"Argument `exponents` must be at most {what}, {batch.state_size}, but is {wanted}.")
    states = read_states(initial, batch, start_key)
    with one_blas_thread():
        growths = _measure(batch, states, wanted, schedule, (frame_key, noise_key), progress)
    dataset = _dataset(batch, wanted, growths, schedule, key)
    if throw:
        # What was interrupted is told by its status.
        stopped = np.isin(dataset.status.values, (Status.interrupted, Status.not_run))
        raise_unsolved("lyapunov_spectrum", np.where(stopped, Status.solved, dataset.status.values), "networks", dataset)
    return dataset


def _of_solution(solution: Solution, key: int | Array | None, throw: bool, progress: Progress | None) -> xr.Dataset:
    from quenched.observables.spectrum_of_theory import spectrum_of_theory

    dataset = spectrum_of_theory(solution, key, progress)
    if throw:
        reason = "the error of the dimension is more than a quarter of its value, or the iteration did not end."
        raise_unsolved("lyapunov_spectrum", dataset.status.values, "points", dataset, reason)
    return dataset


def _measure(
    batch: Networks,
    states: Array,
    exponents: int,
    schedule: Schedule,
    keys: tuple[Array, Array],
    progress: Progress | None,
) -> list[Growth]:
    """Group by group. Groups that an interruption did not let end are left out, except the first."""
    together = _at_once(batch, exponents, schedule.blocks)
    frame_keys, noise_keys = (jax.random.split(key, batch.number) for key in keys)
    done, parts = 0, schedule.parts * (batch.number // together)

    def tell() -> None:
        nonlocal done
        done += 1
        if progress is not None:
            progress(done, parts)

    growths: list[Growth] = []
    enough = 2 if batch.kind == "ensemble" else 1

    def groups() -> Generator[Growth, None, None]:
        for first in range(0, batch.number, together):
            chosen = slice(first, first + together)
            couplings = batch.couplings(chosen, noise_keys, exponents)
            _refuse_many_blocks(couplings, exponents, batch.state_size)
            bundle = begin(states[chosen], couplings.blocks.layout, exponents, frame_keys[chosen])
            growth = follow(couplings, batch.moving, bundle, schedule, batch.noise, tell, batch.fresh)
            if not (growth.interrupted and growths):
                yield growth
            if growth.interrupted:
                raise KeyboardInterrupt

    keep_all(groups(), growths.append, lambda: len(growths) * together >= enough)
    return growths


def _described(batch: Networks) -> dict[str, Any]:
    """Activation, units or kind, and the noise, as they are told with the result."""
    found: dict[str, Any] = {"noise": float(batch.noise) if np.ndim(batch.noise) == 0 else printed(np.asarray(batch.noise))}
    if not isinstance(batch.moving, AbstractUnit):
        return {"kind": batch.moving.kind} | found
    activation = getattr(batch.moving, "activation", None)
    usual = isinstance(batch.moving, Leaky) and batch.moving.usual
    described = {} if activation is None else {"activation": activation.name}
    return described | ({} if usual else {"unit": ", ".join(map(printed, batch.units))}) | found


def _at_once(batch: Networks, exponents: int, blocks: int) -> int:
    """The largest divisor of the number of networks whose batch fits into the memory for one."""
    what = f"The {exponents} exponents of {batch.number} networks in {blocks} blocks"
    kept = blocks * (_BYTES_OF_A_BLOCK + 3 * 8 * batch.number * exponents)
    refuse_what_does_not_fit(kept, what, "`blocks`, `exponents` or `networks`")
    dense = batch.entries is None
    rows = exponents + 2 if batch.fresh is not None else 0
    weights = 8 * 3 * batch.size**2 if batch.entries is None else bytes_of_entries(batch.entries, rows)
    needed = weights + 8 * 10 * (exponents + 1) * batch.state_size
    if needed > available_bytes():
        raise MemoryError(
            f"{exponents} tangent vectors of {batch.size} neurons and their {'dense' if dense else 'sparse'} weights need "
            f"about {needed / 2**30:.1f} GiB, more than is free; lower `exponents` or the size."
        )
    return side_by_side(batch.number, needed)


def _refuse_many_blocks(couplings: Couplings, exponents: int, numbers: int) -> None:
    """Of many small blocks each has vectors of its own, as long as a whole state while they are made orthonormal."""
    modes = couplings.blocks.layout.block_of_mode.shape[-1]
    what = f"The {exponents} largest exponents of every group of neurons that drive each other, {modes} in all,"
    refuse_what_does_not_fit(8 * modes * (6 * numbers + 6 * modes), what, "`exponents`, or give the groups one by one")


def _dataset(batch: Networks, exponents: int, growths: list[Growth], schedule: Schedule, key: Any) -> xr.Dataset:
    import xarray as xr

    found = [each for growth in growths for each in of_networks(growth, exponents, schedule, exponents == batch.state_size)]
    leading: tuple[str, ...] = ("network",) if batch.kind == "several" else ()
    status: Any
    if batch.kind == "ensemble":
        arrays, status = average(found), max(each.status for each in found)
        if status == Status.solved and len(found) < batch.number:
            status = Status.interrupted
    else:
        found += [unmeasured(exponents, Status.not_run)] * (batch.number - len(found))
        arrays = {name: np.stack([each.arrays[name] for each in found]) for name in found[0].arrays}
        status = np.array([each.status for each in found])
        if batch.kind == "one":
            arrays, status = {name: values[0] for name, values in arrays.items()}, status[0]
    variables = {name: labelled(name, values, leading) for name, values in arrays.items()}
    variables["status"] = labelled("status", np.int32(status), leading)
    attributes: dict[str, Any] = {
        **batch.parameters,
        "size": batch.size,
        "networks": sum(len(growth.rates) for growth in growths),
        **_described(batch),
        "scheme": schedule.scheme,
        "step": schedule.step,
        "burn_in": schedule.before * schedule.step,
        "time_averaged": growths[0].rates.shape[1] * schedule.per_block * schedule.step,
        "orthonormalised_every": min(growth.every for growth in growths),
        "condition": max(growth.condition for growth in growths),
        "amplification": max(float(np.max(growth.amplified)) for growth in growths),
        "citations": "benettin1980 kaplan1979 engelken2023 geyer1992",
        **stamp(seed_of(key)),
    }
    return xr.Dataset(variables, attrs=attributes)
