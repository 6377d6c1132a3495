"""The gated recurrent unit as Cho et al. 2014 have it, with the reset before the product."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from quenched.dynamics.rnn.cells import GRU, State


class ResetFirstGRU(GRU):
    """As `GRU`, rows in the order r, z, n, but

        n = tanh(W_in u + b_in + W_hn (r h) + b_hn):

    Keras with reset_after=False, Haiku and BrainState.
    """

    def next_state(self, state: State, drive: Float[Array, " row"]) -> Float[Array, " neuron"]:
        update, _, new = self._gates(state, drive)
        return (1.0 - update) * new + update * state

    def slope(self, state: State, drive: Float[Array, " row"]) -> Float[Array, "neuron neuron"]:
        update, reset, new = self._gates(state, drive)
        by_reset, by_update, by_new = jnp.split(jnp.asarray(self.weight_hh), 3)
        # d(r h)/dh = diag(r) + diag(h r (1 - r)) W_hr.
        inner = by_new * reset + by_new @ ((state * reset * (1.0 - reset))[:, None] * by_reset)
        return (
            ((1.0 - update) * (1.0 - new**2))[:, None] * inner
            + ((state - new) * update * (1.0 - update))[:, None] * by_update
            + jnp.diag(update)
        )

    def _gates(self, state: State, drive: Float[Array, " row"]) -> tuple[Array, Array, Array]:
        """z, r, n."""
        reset_in, update_in, new_in = jnp.split(drive + self.bias_hh, 3)
        by_reset, by_update, by_new = jnp.split(jnp.asarray(self.weight_hh), 3)
        reset, update = jax.nn.sigmoid(reset_in + by_reset @ state), jax.nn.sigmoid(update_in + by_update @ state)
        return update, reset, jnp.tanh(new_in + by_new @ (reset * state))
