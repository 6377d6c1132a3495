"""Trained recurrent networks as maps and flows, by PyTorch's conventions."""

from quenched.landscape.rnn.arrays import from_arrays
from quenched.landscape.rnn.cells import GRU, LSTM, Elman, split_state
from quenched.landscape.rnn.files import from_file
from quenched.landscape.rnn.jax_cells import from_equinox, from_flax
from quenched.landscape.rnn.joined import from_brainstate, from_haiku
from quenched.landscape.rnn.leaky import continuous_time, leaky
from quenched.landscape.rnn.pytorch import from_torch

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
