"""Averages over Gaussian fields."""

from quenched.gaussian.averages import average, pair_average

__all__ = ["average", "pair_average"]
