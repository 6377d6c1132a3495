"""quenched init."""

from __future__ import annotations

import quenched as qd
from quenched.sweeps.registry import build_activation


def init(
    activation: str,
    /,
    *,
    bias_std: float = 0.0,
    keep: float = 1.0,
    depth: int | None = None,
    lengths: tuple[float, float] | None = None,
) -> None:
    """Print the initial weights of a deep network with which signals and gradients go deepest.

    Example: quenched init gelu --bias-std 0.2 --depth 50

    Parameters
    ----------
    activation:
        Such as tanh, relu or gelu.
    bias_std:
        Standard deviation of the biases.
    keep:
        Probability with which dropout keeps a rate.
    depth:
        Tell what so many layers do to inputs and gradients.
    lengths:
        Where there are no critical weights, mean squares of states among which the least bad are looked for: 0.1 to 10,
        or to 4 bias_std^2, if left out.
    """
    phi = build_activation(activation)
    if depth is not None and depth < 1:
        raise ValueError(f"--depth must be at least 1, but is {depth}.")
    print(qd.layers.critical_initialisation(phi, bias_std, keep, lengths=lengths).report(depth))
