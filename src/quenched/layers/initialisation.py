"""Initial weights: what they are, what becomes of signals under them, and how frameworks are given them."""

from __future__ import annotations

import html
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Array

from quenched import checks
from quenched.activations import AbstractActivation
from quenched.layers import frameworks
from quenched.layers.propagation import Propagation
from quenched.models import FeedforwardNetwork
from quenched.numerics.statistics import with_error

# Depth scales after which Schoenholz et al. (2017) could no longer train networks.
_TRAINED = 6.0
# Overlaps of inputs whose fate the report tells.
_OVERLAPS = (0.0, 0.5, 0.9)


@dataclass(frozen=True, repr=False)
class Initialisation:
    """What `qd.layers.critical_initialisation` found. Printed it is a report; `report(depth)` says what a depth does.

    Arguments:
        activation: phi.
        weight_std: sigma_w; the variance of a weight is sigma_w^2/fan_in.
        weight_std_error: its error, the difference of two quadratures.
        bias_std: sigma_b, the standard deviation of a bias.
        keep: the probability with which dropout keeps a rate.
        critical: whether neither differences of inputs nor gradients grow or shrink exponentially.
        length: q*, the mean square of the states that stays; 0 where it falls as a power of the layer, NaN where every one
            stays.
        stable_length: whether lengths beside it do not leave it.
        fixed_overlap: c*, the overlap coefficient that many layers lead inputs that differ to.
        slope: chi_1, the growth of the square of a small difference from layer to layer.
        length_depth_scale: layers in which the distance of a length from q* falls to 1/e; negative where it grows.
        overlap_depth_scale: layers in which the distance of overlaps from the fixed one falls to 1/e; infinite at the edge
            of chaos.
        gradient_depth_scale: layers in which the square of a gradient falls to 1/e; negative where it grows.
        critical_from: the smallest bias_std with a critical point, None where there is none.

    Example:
        >>> import jax, quenched as qd
        >>> found = qd.layers.critical_initialisation(qd.Erf(), bias_std=0.2)
        >>> weights = found.jax()(jax.random.key(0), (400, 300))
        >>> print(f"{float(weights.std() * 400**0.5 / found.weight_std):.2f}")
        1.00
    """

    activation: AbstractActivation
    weight_std: float
    weight_std_error: float
    bias_std: float
    keep: float
    critical: bool
    length: float
    stable_length: bool
    fixed_overlap: float
    slope: float
    length_depth_scale: float
    overlap_depth_scale: float
    gradient_depth_scale: float
    critical_from: float | None

    @property
    def network(self) -> FeedforwardNetwork:
        """The ensemble that these weights are of, for `qd.solve`."""
        return FeedforwardNetwork(self.weight_std, self.bias_std, self.activation, self.keep)

    @property
    def layers(self) -> float:
        """For how many layers a signal survives: 6 of the shortest depth scale.

        Infinite at a critical point, where the width is the limit.

        Source: Schoenholz et al. 2017 (`schoenholz2017`).
        """
        scales = [self.overlap_depth_scale, self.gradient_depth_scale]
        if not self.stable_length:
            scales.append(self.length_depth_scale)
        return _TRAINED * min(map(abs, scales))

    @property
    def input_mean_square(self) -> float:
        """That of the inputs with which states have the length from the first layer on: (q* - sigma_b^2)/sigma_w^2."""
        return (self.length - self.bias_std**2) / self.weight_std**2

    def propagation(self, depth: int, overlap: Any = None) -> Any:
        """The `qd.layers.Propagation` of inputs of this length, solved; of length 1 where there is none or it vanishes.

        Arguments:
            depth: how many layers.
            overlap: of two inputs at layer 0, between -1 and 1, one number or several; None without a second input.

        Returns:
            The `qd.Solution`, also where it is not solved.
        """
        from quenched.solve import solve

        start = self.length if self.length > 0.0 else 1.0
        return solve(self.network, Propagation(depth, start, overlap), throw=False)

    def torch_(self, module: Any, generator: Any = None) -> Any:
        """Draw the weights and biases of a PyTorch module anew, in place.

        Weights are normal of variance sigma_w^2/fan_in, biases normal of standard deviation sigma_b, in all `nn.Linear` and
        `nn.Conv1d` to `nn.Conv3d`.

        Arguments:
            module: an `nn.Module`, or one of these layers.
            generator: a `torch.Generator`; PyTorch's own if left out.

        Returns:
            The module.

        Raises:
            TypeError: not a module.
            ValueError: no such layer in it; one whose weights are not there yet (lazy, on the device "meta") or are made of
                others (weight norm). Warns of what else has parameters, which stay as they are.

        Example:
            >>> import pytest, quenched as qd
            >>> torch = pytest.importorskip("torch")
            >>> model = torch.nn.Sequential(torch.nn.Linear(64, 500), torch.nn.Tanh(), torch.nn.Linear(500, 10))
            >>> found = qd.layers.critical_initialisation(qd.Tanh(), bias_std=0.2)
            >>> weights = found.torch_(model)[0].weight
            >>> print(f"{weights.std().item() * 64**0.5 / found.weight_std:.1f}")
            1.0
        """
        return frameworks.set_torch(module, self.weight_std, self.bias_std, generator)

    def jax(self, bias: bool = False, in_axis: Any = -2, out_axis: Any = -1) -> Callable[..., Array]:
        """An initializer `(key, shape, dtype)`, as `jax.nn.initializers` has them, for Flax, Haiku and one's own.

        Arguments:
            bias: whether it is that of biases; otherwise of weights.
            in_axis, out_axis: axes of the shape, as of `jax.nn.initializers.variance_scaling`; the others are a receptive
                field. (-1, -2) for weights that are stored as (out, in).

        Returns:
            The initializer.

        Raises:
            TypeError: `bias` that is not True or False.
        """
        return frameworks.of_jax(self.weight_std, self.bias_std, checks.flag("bias", bias), in_axis, out_axis)

    def keras(self, bias: bool = False, seed: int | None = None) -> Any:
        """An initializer of Keras: for `kernel_initializer`, or with `bias=True` for `bias_initializer`.

        Arguments:
            bias: whether it is that of biases; otherwise of weights.
            seed: of the random numbers; Keras's own if left out.

        Returns:
            A `keras.initializers.Initializer`.

        Raises:
            ImportError: Keras is missing.
            TypeError: `bias` that is not True or False.
        """
        return frameworks.of_keras(self.weight_std, self.bias_std, checks.flag("bias", bias), seed)

    def report(self, depth: int | None = None) -> str:
        """What the printed form says, and what so many layers do to inputs and gradients.

        Arguments:
            depth: how many layers; nothing is said of them if left out.

        Returns:
            Some lines of text, to be printed.

        Raises:
            TypeError, ValueError: a depth that is no whole number above 0.
        """
        if depth is not None:
            depth = checks.count("depth", depth)
        return "\n".join([*self._numbers(), *self._verdict(), *([] if depth is None else self._after(depth))])

    def __repr__(self) -> str:
        return self.report()

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(self.report())}</pre>"

    def _numbers(self) -> list[str]:
        rows = {
            "weight_std": f"{with_error(self.weight_std, self.weight_std_error)}, "
            f"weights of variance {self.weight_std**2:.6g}/fan_in",
            "bias_std": f"{self.bias_std:g}",
            "length": self._length(),
            "length_depth_scale": _layers(self.length_depth_scale, "lengths come nearer to it", "lengths leave it"),
            "overlap_depth_scale": _layers(self.overlap_depth_scale, "differences of inputs are lost", "they grow"),
            "gradient_depth_scale": _layers(self.gradient_depth_scale, "gradients shrink", "gradients grow"),
        }
        dropout = f", dropout that keeps {self.keep:g}" if self.keep < 1.0 else ""
        title = f"Initial weights for {self.activation.name}, bias_std {self.bias_std:g}{dropout}"
        return [title, *(f"  {name:<22} {text}" for name, text in rows.items())]

    def _length(self) -> str:
        if np.isnan(self.length):
            return "every mean square of the states stays as it is"
        if self.length == 0.0:
            return "0: the mean square of the states falls as a power of the layer, or stays where it is small"
        return f"{self.length:.6g}, the mean square of the states; at once for inputs of {self.input_mean_square:.4g}"

    def _verdict(self) -> list[str]:
        if self.critical:
            return [
                "Critical: neither differences of inputs nor gradients grow or shrink exponentially.",
                "The width is the limit: keep the depth well below it.",
            ]
        survives = f"A signal survives for some {self.layers:.0f} layers, 6 of the shortest depth scale."
        unstable = [] if self.stable_length else ["The length is unstable: give inputs just that mean square."]
        return [*self._why_not_critical(), survives, *unstable]

    def _why_not_critical(self) -> list[str]:
        what = "critical point" if self.keep == 1.0 else "stable length at which gradients stay"
        with_dropout = [] if self.keep == 1.0 else ["No critical point: with dropout two copies of an input part."]
        if self.critical_from == self.bias_std:
            return [*with_dropout, "Gradients stay at these weights."]
        where = "any bias_std" if self.critical_from is None else f"bias_std {self.bias_std:g}"
        lines = [*with_dropout, f"No {what} at {where}: these are the least bad weights."]
        if self.critical_from is not None:
            smallest = f"The smallest bias_std with one is {self.critical_from:.4g}."
            lines.append("At bias_std 0 there is one." if self.critical_from == 0.0 else smallest)
        return lines

    def _after(self, depth: int) -> list[str]:
        arrays = self.propagation(depth, _OVERLAPS).arrays
        fates = ", ".join(
            f"{start:g} -> {end:.3g}" for start, end in zip(_OVERLAPS, arrays["overlap_coefficient"][:, -1], strict=True)
        )
        first, last = arrays["mean_square_state"][[0, -1]]
        rows = {
            "mean square": f"{first:.4g} -> {last:.4g}",
            "overlap of two inputs": fates,
            "gradient at the first": f"{arrays['gradient_norm'][0]:.4g} of that at the last layer",
        }
        return [f"After {depth} layers", *(f"  {name:<22} {text}" for name, text in rows.items())]


def _layers(scale: float, falling: str, growing: str) -> str:
    """A depth scale, and what happens within it."""
    if not np.isfinite(scale):
        return "infinite" if np.isinf(scale) else "unknown"
    return f"{scale:.4g} layers: {falling if scale > 0.0 else growing}"
