from quenched.dmft.static import Static
from quenched.dmft.stationary import Stationary
from quenched.dmft.stationary_filters import StationaryFilters
from quenched.dmft.stationary_gaussian import StationaryGaussian
from quenched.dmft.stationary_linear import StationaryLinear
from quenched.dmft.stationary_sampled import StationarySampled
from quenched.dmft.transitions import transitions
from quenched.dmft.two_time import TwoTime
from quenched.dmft.two_time_gaussian import Quadrature
from quenched.numerics.anderson import Anderson

__all__ = [
    "Anderson",
    "Quadrature",
    "Static",
    "Stationary",
    "StationaryFilters",
    "StationaryGaussian",
    "StationaryLinear",
    "StationarySampled",
    "TwoTime",
    "transitions",
]
