"""Replica theory of the Boltzmann measure exp(-E/T) of the speed landscape."""

from quenched.lazy import lazy_package

lazy_package(__name__)
