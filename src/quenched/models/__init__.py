"""What is random, and one draw of it."""

from quenched.models.base import AbstractModel
from quenched.models.drive import Drive, Sinusoid
from quenched.models.feedforward_network import FeedforwardNetwork
from quenched.models.files import read_weights
from quenched.models.initial import AbstractInitial, Normal, Quantile, Uniform
from quenched.models.initial import read_initial as read_initial
from quenched.models.network import Network
from quenched.models.random_network import RandomNetwork

__all__ = [
    "AbstractInitial",
    "AbstractModel",
    "Drive",
    "FeedforwardNetwork",
    "Network",
    "Normal",
    "Quantile",
    "RandomNetwork",
    "Sinusoid",
    "Uniform",
    "read_weights",
]
