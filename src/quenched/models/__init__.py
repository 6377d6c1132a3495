"""What is random, and one draw of it."""

from quenched.models.files import read_weights
from quenched.models.initial import Initial, Normal, Uniform
from quenched.models.network import Network
from quenched.models.random_network import RandomNetwork, draw_couplings

__all__ = ["Initial", "Network", "Normal", "RandomNetwork", "Uniform", "draw_couplings", "read_weights"]
