"""The figures of the two papers, computed anew."""

from quenched.lazy import lazy_package

lazy_package(__name__)
