"""From data to the parameters of a model."""

from quenched.lazy import lazy_package

lazy_package(__name__)
