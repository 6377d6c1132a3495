from quenched.layers.critical_initialisation import critical_initialisation
from quenched.layers.edge_of_chaos import edge_of_chaos
from quenched.layers.forward import Forward
from quenched.layers.initialisation import Initialisation
from quenched.layers.propagation import Propagation

__all__ = ["Forward", "Initialisation", "Propagation", "critical_initialisation", "edge_of_chaos"]
