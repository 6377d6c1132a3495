"""Averages over the fixed points of one network of any units, of each population."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from quenched.dynamics.network_function import NetworkFunction
from quenched.fixed_points.certificates import CLOSER
from quenched.fixed_points.collection import Catalogue
from quenched.models import Network
from quenched.models.populations import OverNeurons


def averages_of_units(network: Network, over: OverNeurons, catalogue: Catalogue, ended: Array) -> dict[str, Array]:
    """With the weight 1/|det F'| means and squares, with the index `correlation` and `integrated_response`, and counts."""
    roots, listed = catalogue.roots, catalogue.distinct
    function, unit = NetworkFunction(network), network.unit
    states = jnp.where(listed[:, None], roots.state, 0.0)
    first, rates = states[:, : network.size], jax.vmap(function.rate)(states)
    weight = jax.nn.softmax(jnp.where(listed, roots.log_weight, -jnp.inf))
    index = jnp.where(listed, roots.sign, 0.0)
    complete = (jnp.sum(index) == 1.0) & ended

    def weighted(values: Float[Array, "row neuron"]) -> Array:
        return jnp.tensordot(weight, over.of_each(values), 1)

    def total(values: Float[Array, "row neuron"]) -> Array:
        return jnp.where(complete, jnp.tensordot(index, over.of_each(values), 1), jnp.nan)

    responses = jax.lax.map(
        lambda row: jax.lax.cond(row[1], own_responses, lambda function, _: jnp.zeros(network.size), function, row[0]),
        (roots.state, listed),
    )
    arrays: dict[str, Any] = {
        "mean_state": weighted(first),
        "mean_rate": weighted(rates),
        "mean_square_state": weighted(first**2),
        "mean_square_rate": weighted(rates**2),
        "correlation": total(rates**2),
        "integrated_response": total(responses),
        "fixed_points": jnp.sum(listed).astype(float),
        "index_sum": jnp.sum(index),
        "completeness": complete.astype(float),
    }
    if unit.nonnegative:
        # Newton's steps may leave a tiny number where 0 is meant; closer than this are states one.
        arrays["surviving_fraction"] = weighted(1.0 * (first > unit.extinct_below(jnp.inf) + CLOSER))
    return arrays


def latent_averages(network: Network, loadings: Float[Array, "rank neuron"], catalogue: Catalogue) -> dict[str, Array]:
    """kappa_r = (1/N) sum_i n_i^r phi_i and its square, with the weight 1/|det F'|."""
    roots, listed = catalogue.roots, catalogue.distinct
    rates = jax.vmap(NetworkFunction(network).rate)(jnp.where(listed[:, None], roots.state, 0.0))
    weight, latents = jax.nn.softmax(jnp.where(listed, roots.log_weight, -jnp.inf)), rates @ loadings.T / network.size
    return {"latent": weight @ latents, "mean_square_latent": weight @ latents**2}


def own_responses(function: NetworkFunction, root: Float[Array, " number"]) -> Float[Array, " neuron"]:
    """d rate_i / d h_i at a fixed point: -rate' F'^-1 df/dh, of a map S' - 1 in place of F'."""
    network, unit = function.network, function.network.unit
    jacobian = function.jacobian(root) - (jnp.eye(len(root)) if unit.kind == "map" else 0.0)
    inverse = jnp.linalg.inv(jacobian).reshape(unit.state_size, network.size, unit.state_size, network.size)
    _, of_field, slope = function.slopes(root)
    return -jnp.einsum("vi,viwi,wi->i", slope, inverse, of_field)
