from quenched.dynamics import rnn
from quenched.dynamics.flow_and_map import Flow, Map
from quenched.landscape.connections import connections
from quenched.landscape.continuation import continue_fixed_points
from quenched.landscape.energy import energy, energy_gradient
from quenched.landscape.find import find_fixed_points
from quenched.landscape.fixed_points import FixedPoints
from quenched.landscape.fokker_planck import stationary_density
from quenched.landscape.listing import eigenvalues
from quenched.landscape.paths import Homotopy
from quenched.landscape.sampling import HMC, Langevin, ReplicaExchange, Sampling, anneal, sample
from quenched.landscape.search import LevenbergMarquardt, Outcome

__all__ = [
    "HMC",
    "FixedPoints",
    "Flow",
    "Homotopy",
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
