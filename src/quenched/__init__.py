"""The steady states of large random neural networks, solved three ways and laid side by side."""

from quenched import activations, dmft, gaussian, models, replica
from quenched.activations import Activation, Erf, Linear, ReLU, Tanh
from quenched.models import Network, RandomNetwork
from quenched.numerics.self_consistency import Newton
from quenched.solution import Solution
from quenched.solve import solve
from quenched.status import SolveError, Status
from quenched.vocabulary import VOCABULARY

__all__ = [
    "VOCABULARY", "Activation", "Erf", "Linear", "Network", "Newton", "RandomNetwork", "ReLU", "Solution", "SolveError",
    "Status", "Tanh", "activations", "dmft", "gaussian", "landscape", "models", "replica", "simulate", "solve",
]
