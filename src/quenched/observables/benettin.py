"""Benettin's method: grow tangent vectors, make them orthonormal, take the logarithm of what was taken away, repeat."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Bool, Float

from quenched.activations import AbstractActivation
from quenched.observables.tangent import Bundle, Couplings, Span, advance

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
    runaway: Bool[np.ndarray, " network"]
    condition: float
    """The worst of the frames just before they were made orthonormal."""
    every: int
    """Steps between two orthonormalisations, in the end."""
    interrupted: bool


def follow(
    couplings: Couplings,
    activation: AbstractActivation,
    bundle: Bundle,
    schedule: Schedule,
    noise: float,
    tell: Callable[[], None],
) -> Growth:
    """Follow the bundle through the schedule.

    The interval between orthonormalisations is doubled before the counting begins, as long as the frame stays well
    conditioned, and halved, and the part done again, whenever it does not.
    """
    every = round(1.0 / schedule.step) if schedule.every is None else schedule.every
    every = max(1, min(every, schedule.per_block))
    longest = min(schedule.per_block, round(_LONGEST / schedule.step))
    kept: list[np.ndarray] = []
    worst, interrupted = 1.0, False
    try:
        for first, steps, counts in schedule.spans():
            while True:
                span = Span(first, steps, -(-steps // every))
                after, growth, conditions = advance(
                    couplings, activation, bundle, span, schedule.step, noise, schedule.scheme
                )
                condition = float(np.max(jax.device_get(conditions)))
                if condition <= _ILL_CONDITIONED or every == 1:
                    break
                every = max(1, min(every, steps) // 2)
            bundle = after
            if counts:
                worst = max(worst, condition)
                kept.append(jax.device_get(growth) / (steps * schedule.step))
            elif schedule.every is None and condition**2 < _ILL_CONDITIONED and 2 * every <= longest:
                # Twice the time squares the condition.
                every *= 2
            tell()
    except KeyboardInterrupt:
        if len(kept) < 2:
            raise
        interrupted = True
    return Growth(np.stack(kept, axis=1), jax.device_get(bundle.runaway), worst, every, interrupted)
