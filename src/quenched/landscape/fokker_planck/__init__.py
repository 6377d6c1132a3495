"""The stationary density of one or two noisy variables, on a grid."""

from quenched.landscape.fokker_planck.stationary_density import stationary_density

__all__ = ["stationary_density"]
