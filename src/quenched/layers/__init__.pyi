from quenched.layers.propagation import Propagation

__all__ = ["Propagation"]
