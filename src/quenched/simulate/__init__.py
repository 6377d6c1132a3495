"""Finite networks in real time."""

from quenched.simulate.integrate import integrate
from quenched.simulate.trajectories import Trajectories

__all__ = ["Trajectories", "integrate"]
