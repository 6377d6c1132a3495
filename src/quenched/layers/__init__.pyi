from quenched.layers.edge_of_chaos import edge_of_chaos
from quenched.layers.propagation import Propagation

__all__ = ["Propagation", "edge_of_chaos"]
