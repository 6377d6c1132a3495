"""What one neuron does with its input."""

from quenched.units.base import AbstractUnit
from quenched.units.leaky import Leaky

__all__ = ["AbstractUnit", "Leaky"]
