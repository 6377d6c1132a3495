"""Benettin's method: grow tangent vectors, make them orthonormal, take the logarithm of what was taken away, repeat."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Bool, Float

from quenched.couplings import AbstractCouplings
from quenched.dynamics.base import AbstractDynamics
from quenched.observables.tangent import Bundle, Couplings, Span, TangentGrowth, advance
from quenched.status import RUNAWAY
from quenched.units.base import AbstractUnit

# A frame of this condition has lost six digits of its smallest growth: it is made orthonormal more often.
_ILL_CONDITIONED = 1e6
# No interval is longer than this time, nor need it be: its end costs little beside it.
_LONGEST = 10.0


class Schedule(NamedTuple):
    """How many steps, and when what happens."""

    step: float
    before: int
    """Steps that are not counted."""
    blocks: int
    per_block: int
    every: int | None
    """Steps from one orthonormalisation to the next, at most; None where the length is to be found."""
    scheme: str

    @property
    def parts(self) -> int:
        """How many parts there are, each of at most a block, counted or not."""
        return -(-self.before // self.per_block) + self.blocks

    def spans(self) -> Iterator[tuple[int, int, bool]]:
        """First step, number of steps and whether it counts, of each part."""
        uncounted = self.parts - self.blocks
        for part in range(uncounted):
            first, last = part * self.before // uncounted, (part + 1) * self.before // uncounted
            yield first, last - first, False
        for block in range(self.blocks):
            yield self.before + block * self.per_block, self.per_block, True


class Growth(NamedTuple):
    """What was measured."""

    rates: Float[np.ndarray, "network block mode"]
    """Of the modes of all blocks, then of the neurons that are alone."""
    there: Bool[np.ndarray, "network mode"]
    """Which of these there are."""
    runaway: Bool[np.ndarray, " network"]
    rounding: Float[np.ndarray, "network mode"]
    """How much a rate changes by perturbations of size one in every interval, to first order."""
    amplified: Float[np.ndarray, "network mode"]
    """How large such perturbations became."""
    condition: float
    """The worst of the frames just before they were made orthonormal."""
    every: int
    """Steps between two orthonormalisations, in the end."""
    interrupted: bool


def follow(
    couplings: Couplings,
    moving: AbstractUnit | AbstractDynamics,
    bundle: Bundle,
    schedule: Schedule,
    noise: Any,
    tell: Callable[[], None],
    fresh: AbstractCouplings | None = None,
) -> Growth:
    """Follow the bundle through the schedule.

    The interval between orthonormalisations is doubled before the counting begins, as long as the frame stays well
    conditioned, and halved, and the part done again, whenever it does not.
    """
    every = round(1.0 / schedule.step) if schedule.every is None else schedule.every
    every = max(1, min(every, schedule.per_block))
    longest = min(schedule.per_block, round(_LONGEST / schedule.step))
    kept: list[TangentGrowth] = []
    worst, interrupted, push, pushed = 1.0, False, bundle.turn, 0
    try:
        for first, steps, counts in schedule.spans():
            while True:
                span = Span(first, steps, -(-steps // every))
                after, measured = advance(couplings, moving, bundle, span, schedule.step, noise, schedule.scheme, fresh)
                condition = float(np.max(jax.device_get(measured.condition)))
                if condition <= _ILL_CONDITIONED or every == 1:
                    break
                every = max(1, min(every, steps) // 2)
            bundle = after
            if first + steps >= 2 * pushed:
                # Each new push is given as long as there was before it.
                pushed = first + steps
                bundle = bundle._replace(turn=bundle.turn._replace(outside=push.outside, share=push.share))
            if counts:
                worst = max(worst, condition)
                kept.append(jax.device_get(measured))
            elif schedule.every is None and condition**2 < _ILL_CONDITIONED and 2 * every <= longest:
                # Twice the time squares the condition.
                every *= 2
            tell()
    except KeyboardInterrupt:
        if len(kept) < 2:
            raise
        interrupted = True
    time = schedule.per_block * schedule.step
    effects = [measured.effect for measured in kept]
    layout = couplings.blocks.layout
    # The end decides: a feed-forward chain may pass through any size on its way to rest.
    runaway = bundle.runaway | ~(np.mean(jax.device_get(bundle.state) ** 2, axis=1) < RUNAWAY)
    return Growth(
        np.stack([measured.growth for measured in kept], axis=1) / time,
        np.concatenate([layout.block_of_mode >= 0, layout.alone], axis=1),
        jax.device_get(runaway),
        np.mean([effect.growth for effect in effects], axis=0) / time,
        np.max([effect.largest for effect in effects], axis=0),
        worst,
        every,
        interrupted,
    )
