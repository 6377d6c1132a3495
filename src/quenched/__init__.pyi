from quenched import (
    activations,
    couplings,
    dmft,
    gaussian,
    landscape,
    layers,
    models,
    observables,
    papers,
    plots,
    replica,
    simulate,
    sweeps,
    units,
)
from quenched.about import about
from quenched.activations import Activation, Erf, Linear, ReLU, Sine, Tanh
from quenched.citation import cite
from quenched.errors import SolveError, StoppedSweepError
from quenched.fit.fit import fit
from quenched.fit.result import Fit
from quenched.models import FeedforwardNetwork, Network, Normal, Quantile, RandomNetwork, Sinusoid, Uniform
from quenched.numerics.self_consistency import Newton
from quenched.program_store import compile_cache
from quenched.reading import load
from quenched.solution import Solution
from quenched.solve import solve
from quenched.status import Status
from quenched.sweeps.sweep import sweep
from quenched.vocabulary import VOCABULARY

__all__ = [
    "VOCABULARY",
    "Activation",
    "Erf",
    "FeedforwardNetwork",
    "Fit",
    "Linear",
    "Network",
    "Newton",
    "Normal",
    "Quantile",
    "RandomNetwork",
    "ReLU",
    "Sine",
    "Sinusoid",
    "Solution",
    "SolveError",
    "Status",
    "StoppedSweepError",
    "Tanh",
    "Uniform",
    "about",
    "activations",
    "cite",
    "compile_cache",
    "couplings",
    "dmft",
    "fit",
    "gaussian",
    "landscape",
    "layers",
    "load",
    "models",
    "observables",
    "papers",
    "plots",
    "replica",
    "simulate",
    "solve",
    "sweep",
    "sweeps",
    "units",
]
