"""The ensemble of layers: fresh weights from each to the next."""

from __future__ import annotations

from typing import Any, ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Float

from quenched import checks
from quenched.activations import AbstractActivation, Tanh
from quenched.couplings import Elliptic, Redrawn
from quenched.models.base import AbstractModel
from quenched.models.random_network import RandomNetwork
from quenched.units import Discrete, Unit

Real = float | Float[Array, ""]


class FeedforwardNetwork(AbstractModel):
    """Ensemble of deep networks with random weights, of which the state of layer l + 1 follows from that of layer l:

        x' = W phi(x) + b,   Var W_ij = weight_std^2 / (width of the layer before),   Var b_i = bias_std^2,

    with weights and biases of its own in each layer. With residual connections x' = x + residual (W phi(x) + b). Dropout
    keeps each rate phi with probability `keep` and divides it by that.

    Of one input it is a recurrent map whose couplings are redrawn at every step: `network.recurrent`.

    Arguments:
        weight_std: sigma_w, at least 0: a weight has the standard deviation sigma_w/sqrt(width of the layer before).
        bias_std: sigma_b, the standard deviation of a bias, at least 0.
        activation: phi, tanh if left out.
        keep: probability with which dropout keeps a rate, above 0, at most 1; 1, without dropout, if left out.
        residual: the factor of the branch beside the identity; None without residual connections.

    Raises:
        ValueError: a number is out of range, or NaN.
        TypeError: no number, or no activation.

    Example:
        >>> import quenched as qd
        >>> float(qd.FeedforwardNetwork(1.5, 0.1).recurrent.noise)  # the biases
        0.1

    Source: Poole et al. 2016 (`poole2016`); dropout: Schoenholz et al. 2017 (`schoenholz2017`); residual connections: Yang &
    Schoenholz 2017 (`yang2017`).
    """

    equation: ClassVar[str] = (
        r"x^{l+1}_i = \sum_j W^l_{ij}\,\phi(x^l_j) + b^l_i,\quad "
        r"\mathrm{Var}\,W^l_{ij} = \frac{\sigma_w^2}{N},\quad \mathrm{Var}\,b^l_i = \sigma_b^2"
    )
    instead: ClassVar[str] = " Use qd.layers.Propagation, or the recurrent network that it is of one input, model.recurrent."

    time_axis: ClassVar[str] = "layer"

    weight_std: Real
    bias_std: Real
    activation: AbstractActivation
    keep: Real
    residual: Real | None

    def __init__(
        self,
        weight_std: Real,
        bias_std: Real = 0.0,
        activation: AbstractActivation | None = None,
        keep: Real = 1.0,
        residual: Real | None = None,
    ):
        self.weight_std = checks.number("weight_std", weight_std, low=0.0)
        self.bias_std = checks.number("bias_std", bias_std, low=0.0)
        self.activation = Discrete(activation).activation if activation is not None else Tanh()
        self.keep = checks.number("keep", keep, above=0.0, high=1.0)
        self.residual = None if residual is None else checks.number("residual", residual)

    @property
    def recurrent(self) -> RandomNetwork:
        """The map with redrawn couplings whose state at time l is that of layer l, of one input."""
        branch: Any = 1.0 if self.residual is None else self.residual
        couplings = Redrawn(Elliptic(abs(branch) * self.weight_std / jnp.sqrt(self.keep)))
        unit = Discrete(self.activation) if self.residual is None else Unit(lambda x, h: x + h, self.activation)
        return RandomNetwork(couplings=couplings, unit=unit, noise=abs(branch) * self.bias_std)

    def in_range(self) -> Array:
        sizes = jnp.asarray([self.weight_std, self.bias_std])
        inside = jnp.all(jnp.isfinite(sizes) & (sizes >= 0.0)) & (self.keep > 0.0) & (self.keep <= 1.0)
        return inside if self.residual is None else inside & jnp.isfinite(jnp.asarray(self.residual))
