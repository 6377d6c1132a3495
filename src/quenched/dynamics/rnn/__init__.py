"""Trained recurrent networks as maps and flows, by PyTorch's conventions."""

from quenched.dynamics.rnn.arrays import from_arrays
from quenched.dynamics.rnn.cells import GRU, LSTM, Elman, split_state
from quenched.dynamics.rnn.files import from_file
from quenched.dynamics.rnn.jax_cells import from_equinox, from_flax
from quenched.dynamics.rnn.joined import from_brainstate, from_haiku
from quenched.dynamics.rnn.leaky import continuous_time, leaky
from quenched.dynamics.rnn.pytorch import from_torch

__all__ = [
    "GRU",
    "LSTM",
    "Elman",
    "continuous_time",
    "from_arrays",
    "from_brainstate",
    "from_equinox",
    "from_file",
    "from_flax",
    "from_haiku",
    "from_torch",
    "leaky",
    "split_state",
]
