from quenched.dynamics import rnn
from quenched.dynamics.flow_and_map import Flow, Map
from quenched.fixed_points.connections import connections
from quenched.fixed_points.continuation import continue_fixed_points
from quenched.fixed_points.descent import LevenbergMarquardt, Outcome
from quenched.fixed_points.describe import eigenvalues
from quenched.fixed_points.ensemble import FixedPoints
from quenched.fixed_points.find import find_fixed_points
from quenched.fixed_points.krylov import Krylov
from quenched.fixed_points.paths import Homotopy
from quenched.landscape.energy import energy, energy_gradient
from quenched.landscape.fokker_planck import stationary_density
from quenched.landscape.sampling import HMC, Langevin, ReplicaExchange, Sampling, anneal, sample

__all__ = [
    "HMC",
    "FixedPoints",
    "Flow",
    "Homotopy",
    "Krylov",
    "Langevin",
    "LevenbergMarquardt",
    "Map",
    "Outcome",
    "ReplicaExchange",
    "Sampling",
    "anneal",
    "connections",
    "continue_fixed_points",
    "eigenvalues",
    "energy",
    "energy_gradient",
    "find_fixed_points",
    "rnn",
    "sample",
    "stationary_density",
]
