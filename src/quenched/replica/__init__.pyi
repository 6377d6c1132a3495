from quenched.replica.complexity import complexity
from quenched.replica.finite_size import finite_size
from quenched.replica.finite_temperature import FiniteTemperature
from quenched.replica.one_step import OneStepRSB
from quenched.replica.phase_diagram import phase_diagram
from quenched.replica.zero_temperature import ZeroTemperature

__all__ = ["FiniteTemperature", "OneStepRSB", "ZeroTemperature", "complexity", "finite_size", "phase_diagram"]
