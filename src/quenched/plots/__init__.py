"""Figures. These functions take datasets and return axes; they compute nothing."""

from quenched.lazy import lazy_package

lazy_package(__name__)
