"""The speed of the dynamics as an energy, and its ground states: the fixed points."""

from quenched.lazy import lazy_package

lazy_package(__name__)
