from quenched.simulate.cavity import Cavity
from quenched.simulate.integrate import integrate
from quenched.simulate.trajectories import Trajectories

__all__ = ["Cavity", "Trajectories", "integrate"]
