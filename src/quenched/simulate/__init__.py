"""Finite networks in real time."""

from quenched.lazy import lazy_package

lazy_package(__name__)
