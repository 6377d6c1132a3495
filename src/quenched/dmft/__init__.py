"""Dynamical mean-field theory: N to infinity, in real time."""

from quenched.dmft.static import Static
from quenched.dmft.two_time import TwoTime
from quenched.dmft.two_time_gaussian import Quadrature

__all__ = ["Quadrature", "Static", "TwoTime"]
