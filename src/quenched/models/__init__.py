"""What is random, and one draw of it."""

from quenched.models.files import read_weights
from quenched.models.network import Network
from quenched.models.random_network import RandomNetwork, draw_couplings

__all__ = ["Network", "RandomNetwork", "draw_couplings", "read_weights"]
