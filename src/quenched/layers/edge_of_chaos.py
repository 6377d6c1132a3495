"""The curve along which small differences neither grow nor shrink."""

from __future__ import annotations

import warnings
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from quenched import checks
from quenched.activations import AbstractActivation, check_continuous
from quenched.compiled import compiled
from quenched.layers.edge import edge, is_free_of_scale, ladder, turns
from quenched.numerics.self_consistency import Newton
from quenched.precision import double_precision, traced

# Two quadratures that differ by more, in units of 1 + the value, are of no branch.
_COARSE = 1e-6
# Branches beside that of vanishing states, where the bias is traced and they cannot be counted.
_MOST = 4
# Biases whose fixed lengths are among those that are looked at, and with which they are not lost in rounding.
_SMALLEST, _LARGEST = 1e-8, 500.0
_ROUNDING = 4.0 * np.finfo(float).eps


@double_precision
def edge_of_chaos(activation: AbstractActivation, bias_std: Any = 0.0, *, solver: Newton | None = None) -> Any:
    """Where chi_1 = sigma_w^2 <phi'^2> = 1 at the fixed length q* = sigma_w^2 <phi^2> + sigma_b^2. Both are known of each q,

        sigma_w^2 = 1/<phi'^2>,   sigma_b^2 = q - <phi^2>/<phi'^2>,

    so that the branches at one bias are the roots of the second. All are found between lengths of 1e-10 and 1e6, but for
    two whose lengths are within 13 % of each other.

    Arguments:
        activation: phi.
        bias_std: sigma_b, one number or several, 0 or between 1e-8 and 500.
        solver: `qd.Newton(nodes=...)`.

    Returns:
        Dataset over `branch`, and before that over `bias_std` where there are several: `weight_std`, `fixed_length`,
        `length_slope` dq'/dq, each with `_error`, the difference of two quadratures, and `stable_length`, 0 where lengths
        leave the fixed one, 1 where they do not. Branch 0 is that of states that vanish, which needs phi(0) = 0
        and no bias; the others come by increasing length. NaN where there is no such branch. Of phi that is a multiple of x
        on either side of 0 (ReLU) every length is fixed: `weight_std` on branch 0, and `fixed_length` is NaN.
        Under JAX transformations, which xarray does not go through, a dict of arrays, with up to 4 branches besides the
        first; with derivatives by `bias_std` of any order (not at 0, where they are infinite).

    Raises:
        TypeError, ValueError: no activation, one that jumps, or a bias below 0.

    When it fails: a branch whose two quadratures differ by more than 1e-6 is left out, with a warning; name the places where
    a derivative of phi jumps in `breakpoints`, or raise `nodes`.

    Source: Poole et al. 2016 (`poole2016`); Hayou, Doucet & Rousseau 2019 (`hayou2019`).

    Example:
        >>> import quenched as qd
        >>> found = qd.layers.edge_of_chaos(qd.Tanh(), bias_std=0.05**0.5)
        >>> print(f"{float(found.weight_std[1]) ** 2:.4f}")
        1.7610
    """
    found, left_out = edges(activation, bias_std, solver)
    if left_out:
        warnings.warn(f"edge_of_chaos left out branches: {left_out}", stacklevel=3)
    return found


def edges(activation: AbstractActivation, bias_std: Any, solver: Newton | None) -> tuple[Any, str]:
    """`edge_of_chaos`, and why branches were left out, empty where none were."""
    if not isinstance(activation, AbstractActivation):
        raise TypeError(
            f"Argument `activation` must be an activation such as qd.Tanh(), but is {checks.shown(activation)}; wrap a "
            "function of your own in qd.Activation(function)."
        )
    check_continuous(activation, "layers.edge_of_chaos", "chi_1 is infinite for any weights")
    used = Newton(nodes=48) if solver is None else solver
    if not isinstance(used, Newton):
        raise TypeError(f"Argument `solver` must be a qd.Newton, but is {checks.shown(used)}.")
    given = bias_std if traced(bias_std) else _biases(bias_std)
    with jax.ensure_compile_time_eval():
        steps = _ladder(activation, used.nodes)
    biases, free = jnp.atleast_1d(jnp.asarray(given, float)), is_free_of_scale(np.asarray(steps))
    roots = _MOST if traced(biases) else max(1, int(_roots(steps, biases)))
    arrays, missing = _branches(activation, biases, steps, roots, used.nodes, free)
    if jnp.ndim(given) == 0:
        arrays = {name: values[0] for name, values in arrays.items()}
    if traced(arrays):
        return arrays, ""
    why = ""
    if count := int(jnp.sum(missing)):
        why = (
            f"two quadratures of {count} differ; name the places where a derivative of {activation.name} jumps in "
            "`breakpoints`, or raise `solver=qd.Newton(nodes=...)`."
        )
    return _dataset(activation, np.asarray(given), jax.device_get(arrays)), why


_ladder = compiled(static=("nodes",), hurried=True)(ladder)


@jax.jit
def _roots(steps: Float[Array, " step"], biases: Float[Array, " bias"]) -> Array:
    """How many there are at most at one bias."""
    return jnp.max(jax.vmap(lambda bias: jnp.sum(turns(steps, bias**2)))(biases))


@compiled(static=("roots", "nodes", "free"), hurried=True)
def _branches(
    phi: AbstractActivation,
    biases: Float[Array, " bias"],
    steps: Float[Array, " step"],
    roots: int,
    nodes: int,
    free: bool,
) -> tuple[dict[str, Float[Array, "bias branch"]], Bool[Array, "bias branch"]]:
    """All at all biases, with errors, and which are left out."""
    found, differences, there = jax.vmap(lambda bias: edge(phi, bias, steps, roots, nodes, free))(biases)
    arrays = found._asdict()
    for name, difference in differences._asdict().items():
        if name != "stable_length":
            rounding = _ROUNDING * jnp.abs(jax.lax.stop_gradient(arrays[name]))
            arrays[f"{name}_error"] = difference + rounding
    believed = arrays["weight_std_error"] < _COARSE * (1.0 + arrays["weight_std"])
    return {name: jnp.where(believed, values, jnp.nan) for name, values in arrays.items()}, there & ~believed


def _biases(given: Any) -> Any:
    if np.ndim(given) == 0:
        return _bias("bias_std", given)
    values = checks.real_array("Argument `bias_std`", given, (None,))
    return np.asarray([_bias(f"bias_std[{place}]", float(value)) for place, value in enumerate(values)])


def _bias(name: str, given: Any) -> float:
    value = float(checks.number(name, given, low=0.0, high=_LARGEST))
    if 0.0 < value < _SMALLEST:
        raise ValueError(
            f"Argument `{name}` must be 0, or at least {_SMALLEST:g}: the edge beside {value:g} is that at 0, to rounding."
        )
    return value


def _dataset(activation: AbstractActivation, biases: np.ndarray, arrays: dict[str, Any]) -> Any:
    import xarray as xr

    from quenched.provenance import stamp
    from quenched.solution import labelled

    leading = ("bias_std",) if biases.ndim else ()
    variables = {name: labelled(name, values, leading) for name, values in arrays.items()}
    attributes = {"activation": activation.name, "citations": "poole2016 hayou2019", **stamp()}
    return xr.Dataset(variables, {"bias_std": biases}, attributes)
