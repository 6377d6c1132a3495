"""From starts to the list of distinct, certified fixed points of one network."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key

from quenched.landscape.certificates import Root, examine, first_of_each, largest_curvature, refine, same_root
from quenched.landscape.search import Found, Outcome
from quenched.models import Network

# Half of the default starts have followed the dynamics for this long.
_SETTLING_STEPS, _SETTLING_STEP = 50, 0.2


class Catalogue(NamedTuple):
    """Fixed points of one network.

    Rows of `roots`: one a start, and one a mirror image of it; only those marked distinct are filled.
    """

    roots: Root
    distinct: Bool[Array, " row"]
    ended: Float[Array, "start neuron"]
    outcome: Int[Array, " start"]
    steps: Int[Array, ""]


def default_starts(network: Network, count: int, key: Key[Array, ""]) -> Float[Array, "start neuron"]:
    """The origin, Gaussian clouds of widths up to 2, and states on the network's own trajectories."""
    width_key, cloud_key = jax.random.split(key)
    widths = jax.random.uniform(width_key, (count, 1), maxval=2.0)
    cloud = widths * jax.random.normal(cloud_key, (count, network.size))
    velocity = jax.vmap(network.velocity)
    moved = jax.lax.fori_loop(0, _SETTLING_STEPS, lambda _, x: x + _SETTLING_STEP * velocity(x), cloud)
    on_trajectory = (jnp.arange(count) % 2 == 0)[:, None] & jnp.all(jnp.isfinite(moved), axis=1, keepdims=True)
    return jnp.where(on_trajectory, moved, cloud).at[0].set(0.0)


def certify(network: Network, found: Found) -> Catalogue:
    """Certify what the search found, and keep one of each.

    For odd phi without field -x is a fixed point whenever x is, so the mirror images are added without a search.
    """
    reached = found.outcome == Outcome.fixed_point
    refined = jax.lax.map(partial(refine, network), found.state)
    # Only one of each is worth an inverse Jacobian.
    candidate = first_of_each(refined, reached & jnp.all(jnp.isfinite(refined), axis=1))
    inspect = partial(examine, network, jax.lax.stop_gradient(largest_curvature(network.activation)))
    shapes = jax.eval_shape(inspect, refined[0])
    unknown = jax.tree.map(lambda leaf: jnp.full(leaf.shape, jnp.inf), shapes)
    roots = jax.lax.map(lambda row: jax.lax.cond(row[1], inspect, lambda _: unknown, row[0]), (refined, candidate))
    # A singular or unproven root is not listed as a fixed point.
    proven = candidate & (roots.certificate < 0.5)
    proven_for = jax.lax.map(lambda state: jnp.any(proven & same_root(refined, state)), refined)
    outcome = jnp.where(reached & ~proven_for, Outcome.stalled, found.outcome)
    mirrored = jnp.all(network.field == 0.0) & network.activation.odd
    images = roots._replace(state=-roots.state, weight_response=-roots.weight_response)
    both = jax.tree.map(lambda root, image: jnp.concatenate([root, image]), roots, images)
    distinct = first_of_each(both.state, jnp.concatenate([proven, proven & mirrored]))
    return Catalogue(both, distinct, refined, outcome, found.steps)
