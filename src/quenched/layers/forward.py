"""Deep networks of finite width, drawn and run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from quenched import checks
from quenched.activations import Linear, ReLU, check_continuous
from quenched.layers.inputs import inputs_of, read_overlap
from quenched.models import FeedforwardNetwork
from quenched.models.base import AbstractModel
from quenched.status import RUNAWAY, Status
from quenched.theory import AbstractExperiment, Computed, Estimator


def root_mean_square(values: Float[Array, "network layer"]) -> tuple[Array, Array]:
    """Of norms, and its standard error."""
    squares, count = values**2, len(values)
    mean, error = jnp.mean(squares, axis=0), jnp.std(squares, axis=0, ddof=1) / np.sqrt(count)
    root = jnp.sqrt(mean)
    return root, 0.5 * error / jnp.where(root > 0.0, root, 1.0)


def ratio_of_moments(values: Float[Array, "network layer"]) -> tuple[Array, Array]:
    """<q^2>/<q>^2, and its standard error by leaving one network out at a time."""
    count, total, squares = len(values), jnp.sum(values, axis=0), jnp.sum(values**2, axis=0)

    def ratio(number: int, total: Array, squares: Array) -> Array:
        return number * squares / total**2

    without = ratio(count - 1, total - values, squares - values**2)
    error = jnp.sqrt((count - 1) / count * jnp.sum((without - jnp.mean(without, axis=0)) ** 2, axis=0))
    return ratio(count, total, squares), error


class Forward(AbstractExperiment):
    """Draw networks of the ensemble, and send inputs forwards and a gradient backwards through them:

        x' = W phi(x) + b,   dL/dx = phi'(x) W^T dL/dx',   from one layer to the next.

    Arguments:
        width: neurons in each layer, at least 2.
        networks: independent networks, at least 2: the errors are standard errors over them.
        depth: how many layers the states of layer 0 go through, at least 1.
        length: q, the mean square of the inputs, above 0; all have exactly this one.
        overlap: q_ab/q of two inputs, between -1 and 1: one number, or one for each pair, (pair); None without a second
            input.

    Returns, over `layer` 0 ... depth, each with `_error`:
        `mean_square_state`, `overlap_coefficient` q_ab/sqrt(q_a q_b), `gradient_norm` of a random gradient by the states of
        the last layer; `length_fluctuation` <q^2>/<q>^2 over networks, see `exact_length_fluctuation`.

    The error does not contain what a finite width changes, O(depth/width): compare along widths. The mean of q over networks
    is that of infinite width at any width for ReLU and linear phi; its median is smaller, as the fluctuations tell. Where
    `length_fluctuation` is far above 1 few networks carry it, and its error is too small.

    Raises:
        ValueError: a width or a number of networks below 2, a depth below 1, a length that is not above 0, an overlap
            outside [-1, 1]; phi that jumps.
        TypeError: no number, or no whole number; a model that is no `qd.FeedforwardNetwork`.

    When it fails: `diverged`: states ran away (unbounded phi, large weight_std); use fewer layers or smaller weights.

    Source: Poole et al. 2016 (`poole2016`); fluctuations at a finite width: Hanin & Nica 2020 (`hanin2020`).

    Example:
        >>> import quenched as qd
        >>> model = qd.FeedforwardNetwork(1.0, activation=qd.Linear())  # each layer keeps the mean square on average
        >>> found = qd.solve(model, qd.layers.Forward(width=50, networks=16, depth=5))
        >>> bool(abs(found.mean_square_state[-1] - 1.0) < 4 * found.mean_square_state_error[-1])
        True
    """

    width: int = eqx.field(static=True)
    networks: int = eqx.field(static=True)
    depth: int = eqx.field(static=True)
    length: Any
    overlap: Any

    equation: ClassVar[str] = r"x^{l+1} = W^l\phi(x^l) + b^l"
    models: ClassVar[tuple[type[AbstractModel], ...]] = (FeedforwardNetwork,)
    citations: ClassVar[tuple[str, ...]] = ("poole2016", "hanin2020")
    together: ClassVar[Literal["batch", "threads", "never"]] = "batch"
    memory_arguments: ClassVar[str] = "`width` or `depth`"
    estimators: ClassVar[Mapping[str, Estimator]] = {
        "gradient_norm": root_mean_square,
        "length_fluctuation": ratio_of_moments,
    }

    def __init__(self, width: int, networks: int, depth: int, length: Any = 1.0, overlap: Any = None):
        self.width = checks.count("width", width, low=2)
        self.networks = checks.count("networks", networks, low=2)
        self.depth = checks.count("depth", depth)
        self.length = checks.number("length", length, above=0.0)
        self.overlap = read_overlap(overlap)

    def default_solver(self) -> None:
        return None

    def covers(self, model: FeedforwardNetwork) -> None:
        check_continuous(model.activation, "layers.Forward", "gradients do not see its jumps")

    def check(self, model: FeedforwardNetwork, solver: None) -> None:
        """Nothing beyond what it covers."""

    @property
    def samples(self) -> int:
        return self.networks

    def bytes_per_sample(self, solver: None) -> int:
        inputs = 1 + np.size([] if self.overlap is None else self.overlap)
        return 8 * (3 * self.width**2 + 4 * self.depth * inputs * self.width)

    def coordinates(self) -> Mapping[str, Any]:
        return {"layer": np.arange(self.depth + 1)}

    def outside_errors(self, model: FeedforwardNetwork) -> str:
        return "finite width, O(depth/width)"

    def measure(self, model: FeedforwardNetwork, solver: None, key: Key[Array, ""]) -> Computed:
        input_key, layer_key, gradient_key = jax.random.split(key, 3)
        overlaps = jnp.atleast_1d(jnp.asarray([] if self.overlap is None else self.overlap, float))
        first = inputs_of(jnp.asarray(self.length, float), overlaps, self.width, input_key)
        keys = jax.random.split(layer_key, self.depth)

        def forwards(states: Array, key: Array) -> tuple[Array, Array]:
            new = self._layer(model, key, states)
            return new, states

        last, below = jax.lax.scan(forwards, first, keys)
        states = jnp.concatenate([below, last[None]])

        def backwards(gradient: Array, at: tuple[Array, Array]) -> tuple[Array, Array]:
            # The layer is drawn again, which costs no memory.
            key, before = at
            _, pull = jax.vjp(lambda states: self._layer(model, key, states[None])[0], before)
            (new,) = pull(gradient)
            return new, jnp.linalg.norm(new)

        gradient = jax.random.normal(gradient_key, (self.width,))
        _, norms = jax.lax.scan(backwards, gradient, (keys, below[:, 0]), reverse=True)
        products = jnp.einsum("lin,ljn->lij", states, states) / self.width
        lengths = jnp.diagonal(products, axis1=1, axis2=2)
        arrays = {
            "mean_square_state": lengths[:, 0],
            "gradient_norm": jnp.append(norms / jnp.linalg.norm(gradient), 1.0),
            "length_fluctuation": lengths[:, 0],
        }
        if self.overlap is not None:
            each = products[:, 0, 1:] / jnp.sqrt(lengths[:, :1] * lengths[:, 1:])
            arrays["overlap_coefficient"] = each.T if jnp.ndim(self.overlap) else each[:, 0]
        bounded = jnp.all(jnp.isfinite(lengths) & (lengths < RUNAWAY))
        return Computed(arrays, jnp.where(bounded, Status.solved, Status.diverged), jnp.zeros(()), jnp.asarray(self.depth))

    def exact_length_fluctuation(self, model: FeedforwardNetwork) -> Float[np.ndarray, " layer"] | None:
        """<q^2>/<q>^2 over all networks of this width, where it is known exactly.

        It is (1 + s/width)^layer with s = 5 for ReLU and s = 2 for linear phi, without bias, dropout and residual
        connections.

        Arguments:
            model: the `qd.FeedforwardNetwork`.

        Returns:
            The ratio of each layer, (layer); None for other networks.
        """
        if model.residual is not None or model.bias_std != 0.0 or model.keep != 1.0:
            return None
        # <|phi|^4>/<|phi|^2>^2 - 1 of one layer, times the width.
        spread = {ReLU: 5.0, Linear: 2.0}.get(type(model.activation))
        if spread is None:
            return None
        return (1.0 + spread / self.width) ** np.arange(self.depth + 1)

    def _layer(self, model: FeedforwardNetwork, key: Array, states: Float[Array, "input neuron"]) -> Array:
        """The next layer's states. Inputs share weights and biases, and drop neurons of their own."""
        weight_key, bias_key, drop_key = jax.random.split(key, 3)
        weights = model.weight_std / np.sqrt(self.width) * jax.random.normal(weight_key, (self.width, self.width))
        bias = model.bias_std * jax.random.normal(bias_key, (self.width,))
        kept = jax.random.uniform(drop_key, (len(states), self.width)) < model.keep
        received = (model.activation(states) * kept / model.keep) @ weights.T + bias
        return received if model.residual is None else states + model.residual * received
