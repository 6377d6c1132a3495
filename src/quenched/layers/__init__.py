"""Layers that are stacked: how far a signal and its gradient go, and the weights with which they go farthest."""

from quenched.lazy import lazy_package

lazy_package(__name__)
