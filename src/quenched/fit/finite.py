"""What finite networks of the model do: how their autocorrelation differs from theory, and from network to network."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from quenched.fit.recording import Recording, correlation
from quenched.simulate.integrate import integrate

# Steps of flows are no longer than this, and runs settle for no less, in units of time of the model.
_STEP, _SETTLING = 0.125, 20.0


class Simulated(NamedTuple):
    """Autocorrelations of networks like the recorded ones."""

    rows: Float[np.ndarray, "network number"]

    @property
    def mean(self) -> Float[np.ndarray, " number"]:
        """Over networks."""
        return self.rows.mean(axis=0)

    @property
    def covariance(self) -> Float[np.ndarray, "number number"]:
        """Of one network."""
        return np.cov(self.rows.T).reshape(self.rows.shape[1], -1)

    def without(self, place: int) -> Simulated:
        """The others."""
        return Simulated(np.delete(self.rows, place, axis=0))


def simulate(model: Any, recording: Recording, networks: int, key: Array) -> Simulated:
    """Networks drawn anew, of the size of the recorded ones, run for as long and measured alike."""
    return Simulated(np.stack([np.ravel(_measured(model, recording, each)) for each in jax.random.split(key, networks)]))


def _measured(model: Any, recording: Recording, key: Array) -> np.ndarray:
    draw_key, run_key = jax.random.split(key)
    network = model.draw(recording.size, draw_key)
    finer = 1 if model.kind == "map" else int(np.ceil(recording.step / _STEP))
    settling = int(np.ceil(max(_SETTLING, 0.25 * recording.step * recording.times) / recording.step))
    run = integrate(
        network,
        recording.step * (settling + recording.times - 1),
        recording.step / finer,
        trials=recording.trials,
        noise=np.asarray(model.of_neurons(model.noise, recording.size)),
        key=run_key,
    )
    states = run.trajectory.values[settling * finer :: finer].transpose(1, 0, 2)
    if recording.quantity == "correlation":
        states = np.asarray(network.unit.rate(jnp.asarray(states)))
    return correlation(states, recording.whole_lags, recording.places)
