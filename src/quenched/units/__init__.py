"""What one neuron does with its input."""

from quenched.units.adaptive import Adaptive
from quenched.units.base import AbstractUnit
from quenched.units.discrete import Discrete
from quenched.units.leaky import Leaky
from quenched.units.lotka_volterra import LotkaVolterra
from quenched.units.mixed import Mixed
from quenched.units.reservoir import Reservoir
from quenched.units.unit import Unit

__all__ = ["AbstractUnit", "Adaptive", "Discrete", "Leaky", "LotkaVolterra", "Mixed", "Reservoir", "Unit"]
