"""A theory in closed form, quick to compile, that fails above a gain of 2."""

from __future__ import annotations

import os
import signal
from functools import partial
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

import quenched as qd
from quenched.status import Status
from quenched.theory import AbstractTheory, Computed, Start


def assert_same_bits(one: xr.Dataset, other: xr.Dataset) -> None:
    """All but how long it took."""
    xr.testing.assert_identical(one.drop_vars("wall_time"), other.drop_vars("wall_time"))


class Parabola(AbstractTheory):
    temperature: Any

    branches: ClassVar[tuple[str, ...]] = ("only",)
    unknowns: ClassVar[tuple[str, ...]] = ("energy",)
    citations: ClassVar[tuple[str, ...]] = ("zou2024",)
    traces: ClassVar[list[int]] = []

    def __init__(self, temperature: Any = 1.0):
        self.temperature = qd.checks.number("temperature", temperature, above=0.0)

    def default_solver(self) -> None:
        return None

    def check(self, model: qd.RandomNetwork, solver: None, start: Start) -> None:
        """Everything is covered."""

    def coordinates(self) -> dict[str, Any]:
        return {}

    def compute(self, model: qd.RandomNetwork, solver: Any, start: Start) -> Computed:
        self.traces.append(1)
        energy = jnp.sin(model.gain) * self.temperature + model.symmetry
        status = jnp.where(model.gain > 2.0, Status.out_of_steps, Status.solved)
        return Computed({"energy": energy}, status, jnp.zeros(()), jnp.asarray(1))


class Lagged(Parabola):
    """One that also has a quantity with an axis of its own, which is stored point by point."""

    def coordinates(self) -> dict[str, Any]:
        return {"lag": np.arange(3.0)}

    def compute(self, model: qd.RandomNetwork, solver: Any, start: Start) -> Computed:
        found = super().compute(model, solver, start)
        correlation = jnp.exp(-jnp.arange(3.0)) * model.gain
        return found._replace(arrays={**found.arrays, "correlation": correlation})


class Fragile(Parabola):
    """One that cannot be computed at a gain of 1, nor near it: an error, or the end of the process."""

    kills: bool = eqx.field(static=True)

    def __init__(self, kills: bool = False):
        super().__init__()
        self.kills = kills

    def compute(self, model: qd.RandomNetwork, solver: Any, start: Start) -> Computed:
        found = super().compute(model, solver, start)
        energy = partial(_energy_or_not, kills=self.kills)
        told = jax.pure_callback(energy, jax.ShapeDtypeStruct((), float), model.gain, vmap_method="expand_dims")
        return found._replace(arrays={"energy": told})


def _energy_or_not(gain: Any, kills: bool) -> np.ndarray:
    if np.any(np.abs(np.asarray(gain) - 1.0) < 1e-9):
        if kills:
            os.kill(os.getpid(), signal.SIGKILL)
        raise RuntimeError("the bridge is out")
    return np.sin(np.asarray(gain))
