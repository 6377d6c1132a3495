"""Many parameter values: on a grid, in a store, out of a file."""

from quenched.lazy import lazy_package

lazy_package(__name__)
