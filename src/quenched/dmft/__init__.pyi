from quenched.dmft.static import Static
from quenched.dmft.stationary import Stationary
from quenched.dmft.stationary_filters import StationaryFilters
from quenched.dmft.stationary_gaussian import StationaryGaussian
from quenched.dmft.stationary_linear import StationaryLinear
from quenched.dmft.stationary_sampled import StationarySampled
from quenched.dmft.stationary_solvers import LateTimes, Ring, RingPopulation
from quenched.dmft.transitions import transitions
from quenched.dmft.two_time import TwoTime
from quenched.dmft.two_time_solvers import GrowingSteps, Population, Quadrature, ThinnedPopulation
from quenched.numerics.anderson import Anderson

__all__ = [
    "Anderson",
    "GrowingSteps",
    "LateTimes",
    "Population",
    "Quadrature",
    "Ring",
    "RingPopulation",
    "Static",
    "Stationary",
    "StationaryFilters",
    "StationaryGaussian",
    "StationaryLinear",
    "StationarySampled",
    "ThinnedPopulation",
    "TwoTime",
    "transitions",
]
