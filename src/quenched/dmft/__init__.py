"""Dynamical mean-field theory: N to infinity, in real time."""

from quenched.dmft.static import Static

__all__ = ["Static"]
