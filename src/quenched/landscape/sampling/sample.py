"""Draws from exp(-E/T) of one landscape."""

from __future__ import annotations

import math
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from quenched import checks
from quenched.errors import raise_unsolved
from quenched.keys import read_key
from quenched.landscape.sampling.kernels import HMC
from quenched.landscape.sampling.ladder import Sampler, ladder_temperatures
from quenched.landscape.sampling.measure import OBSERVABLES, ChainDraws, all_finite, diagnosed, draw, estimated, pairs_of
from quenched.landscape.sampling.starts import read_starts, read_target, read_temperature
from quenched.landscape.sampling.target import Target
from quenched.landscape.sampling.warm_up import Warm, ladder_size, warm_up
from quenched.models.labels import in_order, named
from quenched.numerics.memory import KEY_BYTES, available_bytes
from quenched.numerics.threads import one_blas_thread
from quenched.numerics.work import keep_all
from quenched.precision import double_precision
from quenched.provenance import seed_of, stamp
from quenched.solution import labelled
from quenched.status import Status

if TYPE_CHECKING:
    import xarray as xr

    from quenched.solve import Progress

# Of R-hat, as Vehtari et al. 2021 advise, and of the effective draws.
LARGEST_R_HAT, FEWEST_EFFECTIVE = 1.01, 100
# Fewer could agree by chance, as Vehtari et al. say, and a jackknife over them would say little.
FEWEST_CHAINS = 4
_BLOCKS, _FEWEST_DRAWS = 20, 8


@double_precision
def sample(
    dynamics: Any,
    temperature: float,
    *,
    inputs: Any = None,
    confinement: float = 0.0,
    solver: Sampler | None = None,
    chains: int = 8,
    samples: int = 2000,
    warm_up: int = 1000,
    thinning: int = 1,
    starts: Any = None,
    rate: Any = None,
    record: bool = False,
    key: int | Array | None = None,
    throw: bool = True,
    progress: Progress | None = None,
) -> xr.Dataset:
    """Draw from the Boltzmann measure of the speed landscape,

        exp(-E(x)/T),   E(x) = |F(x)|^2/2 + confinement |x|^2,

    F the velocity of a flow, or step(x) - x of a map. As T -> 0 each fixed point gets the weight 1/|det F'|.

    Arguments:
        dynamics: a `qd.Network`, `qd.landscape.Flow` or `qd.landscape.Map`.
        temperature: T, in units of velocity squared, greater than 0.
        inputs: constant inputs, (input).
        confinement: strength of the term c |x|^2 of E, at least 0; needed where F stays small far away.
        solver: `qd.landscape.HMC(...)`, the default, `qd.landscape.Langevin(...)`, or
            `qd.landscape.ReplicaExchange(...)` where barriers keep chains apart.
        chains: independent chains, at least 4, for their agreement is the proof; with replica exchange as many at each
            temperature.
        samples: draws of each chain that are kept, at least 8.
        warm_up: transitions before, at least 50: the first quarter cools from where E/N = T/2 at the starts.
        thinning: transitions before each draw that is kept, at least 1.
        starts: where the chains begin, (chain, neuron); Gaussian clouds of widths up to 2 if left out.
        rate: phi, a function of the state; that of a network, or the identity.
        record: whether to keep all states.
        key: seed, 0 if left out; the same key gives the same bits.
        throw: raise SolveError, once all is over, unless mixed.
        progress: called with (blocks done, blocks in all). Ctrl-C ends the run and keeps the draws that are there, unless
            the warm-up was not over; the status is then `interrupted`.

    Returns:
        Dataset, averages per neuron with `_error`: `energy`, `mean_square_state`, `mean_square_rate`, `mean_state`,
        `mean_rate`, `self_overlap` q = <phi^2>, `overlap` Q = <phi phi'> between chains, `self_response_overlap`
        r = -<F_i phi_i>/sqrt(T), `response_overlap` R = -<F_i phi_i'>/sqrt(T) between chains, `local_response`
        S = (r - R)/sqrt(T). All draws: `sampled_energy` (draw, chain), `sampled_overlap` (draw, pair), whose histogram
        is the distribution of overlaps; `chain_state` (chain, neuron) where the chains ended, or (draw, chain, neuron) if
        recorded.
        How well it went: `r_hat`, `sample_size` (observable), rank-normalised split R-hat and bulk effective sample size;
        `acceptance` (rung), `exchange_rate` (gap), `ladder_temperature` (rung); `status`.

        Errors are from effective sample sizes; of what compares chains (Q, R, S), by jackknife over the chains: use 8 or
        more. They hold if the chains have mixed, and do not contain the step of unadjusted Langevin dynamics (attribute
        `outside_errors`).

    When it fails: `not_mixed`: an R-hat above 1.01, or fewer than 100 effective draws, of E, x^2, phi^2, or one of four sums
    of the states with random signs, or a chain that never moved (R-hat infinite, no effective draw). An observable that is
    constant while the states move has R-hat 1 and error 0. Draw more, or use `ReplicaExchange`. `not_finite`: unadjusted
    Langevin of too long a step, or a `rate` that is no number; R-hat and effective draws are then NaN. Wells so narrow or so
    far apart that no chain was ever in them are seen by no diagnostic.

    Raises:
        TypeError: no dynamics, another solver, a `rate` that is no function, no number; before any work.
        ValueError: a temperature that is not above 0, a confinement below 0, too few chains, draws or transitions, starts or
            inputs of another shape, phi that jumps; before any work.
        MemoryError: the draws or the chains would not fit.
        SolveError: not mixed or not finite (`throw=True`); it carries the Dataset.

    Source: Qiu & Huang 2025 (`qiu2025`) for the measure; Vehtari et al. 2021 for the diagnostics.

    Example:
        >>> import numpy as np, quenched as qd
        >>> rest = qd.Network(np.zeros((3, 3)))  # F = -x: a Gaussian of variance T
        >>> found = qd.landscape.sample(rest, temperature=0.1)
        >>> bool(abs(found.mean_square_state - 0.1) < 5 * found.mean_square_state_error), float(found.r_hat.max()) < 1.01
        (True, True)
    """
    solver = HMC() if solver is None else solver
    if not isinstance(solver, Sampler):
        raise TypeError(
            f"Argument `solver` must be a qd.landscape.HMC, Langevin or ReplicaExchange, but is {checks.shown(solver)}."
        )
    temperature = read_temperature(temperature)
    confinement = checks.number("confinement", confinement, low=0.0)
    chains, samples = checks.count("chains", chains, low=FEWEST_CHAINS), checks.count("samples", samples, low=_FEWEST_DRAWS)
    before, thinning = checks.count("warm_up", warm_up, low=50), checks.count("thinning", thinning)
    record, throw, progress = checks.flag("record", record), checks.flag("throw", throw), checks.progress(progress)
    target = read_target(dynamics, inputs, confinement, rate)
    refuse_what_does_not_fit(solver, target.dynamics.size, chains, samples, record, before, thinning)
    start_key, warm_key, draw_key = jax.random.split(read_key(key), 3)
    starts = in_order("Argument `starts`", starts, getattr(dynamics, "names", None))
    states = read_starts(starts, target, chains, start_key)
    if len(states) != chains:
        raise ValueError(f"Argument `starts` must hold one state for each of {chains} chains, but holds {len(states)}.")
    with one_blas_thread():
        warm = _warm_up_compiled(solver, target, jnp.asarray(temperature), states, before, warm_key)
        block = math.ceil(samples / _BLOCKS)
        warm, draws, interrupted = _in_blocks(
            solver, target, jnp.asarray(temperature), warm, draw_key, (samples, block, thinning, record), progress
        )
        estimates, r_hat, sizes, finite = jax.device_get(_estimates_compiled(draws, jnp.asarray(temperature)))
    status = Status.interrupted if interrupted else judged(finite, r_hat, sizes)
    attributes = {
        "temperature": float(temperature),
        "confinement": float(confinement),
        "solver": repr(solver),
        "step": float(warm.tuning.step[0]),
        "leapfrogs": int(warm.tuning.leapfrogs),
        "thinning": thinning,
        "size": target.dynamics.size,
        "citations": "qiu2025",
    }
    if not solver.proposal().adjusted:
        attributes["outside_errors"] = "the step of unadjusted Langevin dynamics, O(step)"
    attributes |= stamp(seed_of(key))
    dataset = _dataset(estimates, r_hat, sizes, draws, warm, status, attributes)
    if throw:
        # What was interrupted is told by its status.
        raise_unsolved("landscape.sample", Status.solved if interrupted else status, "", dataset)
    return named(dataset, dynamics)


@eqx.filter_jit
def _warm_up_compiled(solver: Any, target: Target, temperature: Array, starts: Array, steps: int, key: Array) -> Warm:
    return warm_up(solver, target, temperature, starts, steps, key)


@eqx.filter_jit
def _block_compiled(
    solver: Any, target: Target, temperature: Array, warm: Warm, key: Array, draws: int, thinning: int, record: bool
) -> tuple[Warm, ChainDraws]:
    return draw(solver.proposal(), target, temperature, warm, key, draws, thinning, record)


@jax.jit
def _estimates_compiled(draws: ChainDraws, temperature: Array) -> tuple[dict[str, Array], Array, Array, Array]:
    return estimated(draws, temperature), *diagnosed(draws), all_finite(draws)


def _in_blocks(
    solver: Sampler,
    target: Target,
    temperature: Array,
    warm: Warm,
    key: Array,
    plan: tuple[int, int, int, bool],
    progress: Progress | None,
) -> tuple[Warm, ChainDraws, bool]:
    """Block by block, each of the same shape: to show progress, and to keep what is there when interrupted."""
    samples, block, thinning, record = plan
    blocks = math.ceil(samples / block)
    kept: list[ChainDraws] = []

    def parts() -> Generator[ChainDraws, None, None]:
        nonlocal warm
        for block_key in jax.random.split(key, blocks):
            # At once to the host, where long runs belong.
            warm, draws = _block_compiled(solver, target, temperature, warm, block_key, block, thinning, record)
            yield jax.device_get(draws)

    tell = None if progress is None else lambda done: progress(done, blocks)
    interrupted = keep_all(parts(), kept.append, lambda: len(kept) * block >= _FEWEST_DRAWS, tell)
    return warm, jax.tree.map(lambda *leaves: np.concatenate(leaves)[:samples], *kept), interrupted


def judged(finite: Any, r_hat: Any, sizes: Any) -> Status:
    """How the run went."""
    if not finite:
        return Status.not_finite
    mixed = np.all(r_hat <= LARGEST_R_HAT) and np.all(sizes >= FEWEST_EFFECTIVE)
    return Status.solved if mixed else Status.not_mixed


def bytes_needed(solver: Sampler, size: int, chains: int, samples: int, record: bool, before: int, thinning: int = 1) -> int:
    """Memory of a run: states and momenta, covariances, draws; keys of the transitions before, and what is noted of those
    between two draws."""
    rungs = ladder_size(solver, size)
    kept = 3 * samples * (chains * (chains + 10) + 3 * rungs + (chains * size if record else 0))
    in_between = max(KEY_BYTES * before, thinning * (KEY_BYTES + 8 * 3 * rungs + chains))
    return 8 * (12 * rungs * chains * size + 4 * rungs * size**2 + kept) + in_between


def refuse_what_does_not_fit(
    solver: Sampler, size: int, chains: int, samples: int, record: bool, before: int, thinning: int
) -> None:
    """Refuse what is larger than the memory there is."""
    needed = bytes_needed(solver, size, chains, samples, record, before, thinning)
    if needed > available_bytes():
        raise MemoryError(
            f"{chains} chains of {size} neurons and {samples} draws of each need about {needed / 2**30:.1f} GiB, more than "
            "is free; lower `chains`, `samples`, `warm_up` or `thinning`, or the solver's `rungs`."
        )


def _dataset(
    estimates: dict[str, Any],
    r_hat: Any,
    sizes: Any,
    draws: ChainDraws,
    warm: Warm,
    status: Status,
    attributes: dict[str, Any],
) -> xr.Dataset:
    import xarray as xr

    turns = draws.exchange_turn.sum(axis=0)
    arrays = dict(estimates) | {
        "sampled_energy": draws.energy,
        "sampled_overlap": draws.overlap,
        "chain_state": warm.chains.state[0] if draws.state is None else draws.state,
        "r_hat": r_hat,
        "sample_size": sizes,
        "acceptance": draws.acceptance.mean(axis=0),
        "ladder_temperature": np.asarray(ladder_temperatures(attributes["temperature"], warm.gaps)),
        "exchange_rate": draws.exchange_rate.sum(axis=0) / np.maximum(turns, 1.0),
        "status": np.asarray(int(status)),
    }
    variables = {name: labelled(name, values) for name, values in arrays.items()}
    first, second = pairs_of(draws.energy.shape[1])
    coordinates = {
        "observable": list(OBSERVABLES),
        "first_chain": ("pair", first),
        "second_chain": ("pair", second),
    }
    return xr.Dataset(variables, coordinates, attributes)
