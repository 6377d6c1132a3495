"""The function phi from state to rate: one file each."""

from quenched.activations.activation import AbstractActivation, Activation
from quenched.activations.activation import check_continuous as check_continuous
from quenched.activations.common import NAMES, common
from quenched.activations.erf import Erf
from quenched.activations.linear import Linear
from quenched.activations.relu import ReLU
from quenched.activations.sine import Sine
from quenched.activations.tanh import Tanh

__all__ = [
    "NAMES",
    "AbstractActivation",
    "Activation",
    "Erf",
    "Linear",
    "ReLU",
    "Sine",
    "Tanh",
    "common",
]
