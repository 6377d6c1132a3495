"""The Boltzmann measure exp(-E/T) of the speed landscape, sampled."""

from quenched.landscape.sampling.ensemble import Sampling
from quenched.landscape.sampling.kernels import HMC, Langevin
from quenched.landscape.sampling.ladder import ReplicaExchange
from quenched.landscape.sampling.sample import sample
from quenched.landscape.sampling.starts import anneal, langevin_starts

__all__ = ["HMC", "Langevin", "ReplicaExchange", "Sampling", "anneal", "langevin_starts", "sample"]
