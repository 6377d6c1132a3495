"""The steady states of large random neural networks, solved three ways and laid side by side."""

from quenched.lazy import lazy_package

lazy_package(__name__)
