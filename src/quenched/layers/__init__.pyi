from quenched.layers.edge_of_chaos import edge_of_chaos
from quenched.layers.forward import Forward
from quenched.layers.propagation import Propagation

__all__ = ["Forward", "Propagation", "edge_of_chaos"]
