"""The initial weights with which signals and gradients go deepest."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from quenched import checks
from quenched.activations import AbstractActivation
from quenched.compiled import compiled
from quenched.layers.edge_of_chaos import edges
from quenched.layers.initialisation import Initialisation
from quenched.layers.kept_lengths import Kept, kept_at, least_bad, smallest_bias
from quenched.layers.limits import depth_scale, fixed_overlap
from quenched.layers.maps import Maps
from quenched.models import FeedforwardNetwork
from quenched.numerics.self_consistency import Newton
from quenched.precision import double_precision

# The overlaps of states that vanish are those of such a length.
_SMALL = 1e-8
# Lengths that are looked at if none are named.
_SHORT, _LONG = 0.1, 10.0


@double_precision
def critical_initialisation(
    activation: AbstractActivation,
    bias_std: float = 0.0,
    keep: float = 1.0,
    *,
    lengths: tuple[float, float] | None = None,
    solver: Newton | None = None,
) -> Initialisation:
    """Weights at the edge of chaos, where neither signals nor gradients grow or shrink exponentially from layer to layer:

        chi_1 = sigma_w^2 <phi'^2>/keep = 1   at a stable fixed length   q* = sigma_w^2 <phi^2>/keep + sigma_b^2.

    Where there is no such point, the least bad weights: of those that keep a length within `lengths`, which are
    sigma_w^2 = keep (q - sigma_b^2)/<phi^2>, the ones with the longest depth scale, 1/|ln chi_1| of gradients, or
    1/ln(dq'/dq) of leaving an unstable length if that is shorter. With dropout no weights keep overlaps: then those at which
    gradients stay are taken, at a stable length; or the least bad ones, overlaps counted too.

    Arguments:
        activation: phi.
        bias_std: sigma_b, 0 or between 1e-8 and 500.
        keep: the probability with which dropout keeps a rate, above 0, at most 1.
        lengths: mean squares of states among which the least bad weights are looked for; 0.1 to 10 if left out, and to
            4 bias_std^2 if that is more.
        solver: `qd.Newton(nodes=...)`.

    Returns:
        `qd.layers.Initialisation`: `weight_std`, `bias_std`, `length`, depth scales, `critical`, a printed report; and
        initialisers for PyTorch, JAX and Keras.

    Raises:
        TypeError, ValueError: as `qd.layers.edge_of_chaos`; `keep` or `lengths` out of range; a phi that lets no signal
            pass; one whose edge two quadratures do not agree on.

    When it fails: the edge is that of infinite width. At width n keep the depth well below n.

    Source: Poole et al. 2016 (`poole2016`); Schoenholz et al. 2017 (`schoenholz2017`); Hayou, Doucet & Rousseau 2019
    (`hayou2019`).

    Example:
        >>> import quenched as qd
        >>> found = qd.layers.critical_initialisation(qd.ReLU())
        >>> print(f"{found.weight_std**2:.6f}", found.critical)
        2.000000 True
    """
    bias_std = float(checks.number("bias_std", bias_std, low=0.0))
    keep = float(checks.number("keep", keep, above=0.0, high=1.0))
    edge, left_out = edges(activation, bias_std, solver)
    if left_out:
        raise ValueError(f"Argument `activation`: its edge of chaos is not resolved: {left_out}")
    nodes = 2 * (Newton(nodes=48) if solver is None else solver).nodes
    low, high = _read_lengths(lengths, bias_std)
    branch = _steadiest(edge)
    if branch is not None:
        found = Kept(float(branch.fixed_length), float(branch.weight_std) ** 2, float(branch.length_slope), 1.0)
        error = float(branch.weight_std_error)
        critical_from: float | None = bias_std
    else:
        best = least_bad(activation, bias_std, keep, (low, high), nodes)
        if best is None:
            raise ValueError(f"Argument `activation` must let signals pass, but {activation.name} does not.")
        found, coarse = best, kept_at(activation, bias_std, best.length, nodes // 2)
        error = abs(np.sqrt(best.weight_variance) - np.sqrt(coarse.weight_variance))
        without_bias = _steadiest(edges(activation, 0.0, solver)[0])
        critical_from = smallest_bias(activation, nodes) if without_bias is None else 0.0
    weight_std = float(np.sqrt(keep * found.weight_variance))
    overlap, overlap_slope = 1.0, found.slope
    if keep < 1.0 or found.slope > 1.0:
        # Of a phi that keeps every length any will do.
        at = 1.0 if np.isnan(found.length) else max(found.length, _SMALL)
        network = FeedforwardNetwork(weight_std, bias_std, activation, keep)
        overlap, overlap_slope = map(float, _overlaps(network, jnp.asarray(at), nodes // 2))
    slopes = (found.length_slope, overlap_slope, found.slope)
    length_scale, overlap_scale, gradient_scale = (float(depth_scale(jnp.abs(jnp.asarray(each)))) for each in slopes)
    return Initialisation(
        activation=activation,
        weight_std=weight_std,
        weight_std_error=float(np.sqrt(keep) * error),
        bias_std=bias_std,
        keep=keep,
        critical=branch is not None and keep == 1.0,
        length=found.length,
        stable_length=branch is not None or found.length_slope < 1.0,
        fixed_overlap=overlap,
        slope=keep * found.slope,
        length_depth_scale=length_scale,
        overlap_depth_scale=overlap_scale,
        gradient_depth_scale=gradient_scale,
        critical_from=critical_from,
    )


def _steadiest(edge: Any) -> Any:
    """Of the branches with a stable length the one to which lengths come nearest in a layer; None where there is none."""
    stable = np.flatnonzero(np.isfinite(edge.weight_std.values) & (edge.stable_length.values == 1.0))
    return edge.isel(branch=stable[np.argmin(edge.length_slope.values[stable])]) if stable.size else None


@compiled(static=("nodes",), hurried=True)
def _overlaps(network: FeedforwardNetwork, length: Float[Array, ""], nodes: int) -> tuple[Array, Array]:
    """The fixed overlap at a length, and dq_ab'/dq_ab there."""
    maps = Maps(network, nodes)
    overlap = fixed_overlap(maps, length)
    return overlap, maps.product_slope(length, length * overlap)


def _read_lengths(lengths: Any, bias_std: float) -> tuple[float, float]:
    if lengths is None:
        return _SHORT, max(_LONG, 4.0 * bias_std**2)
    low, high = checks.real_array("Argument `lengths`", lengths, (2,))
    if not (0.0 < low < high and high > bias_std**2 and np.isfinite(high)):
        raise ValueError(
            "Argument `lengths` must be two mean squares (low, high), 0 < low < high, that reach beyond bias_std**2 = "
            f"{bias_std**2:g}, but is {checks.shown(lengths)}."
        )
    return float(low), float(high)
