"""What is computed from a solution or a network, whatever it came from."""

from quenched.lazy import lazy_package

lazy_package(__name__)
