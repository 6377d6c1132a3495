from quenched.plots.curves import curve, mark_transition
from quenched.plots.edge_of_chaos import edge_of_chaos
from quenched.plots.fit import fit
from quenched.plots.fixed_points import branches, connections, fixed_points
from quenched.plots.phase_diagram import phase_diagram
from quenched.plots.solution import solution
from quenched.plots.spectrum import spectrum

__all__ = [
    "branches",
    "connections",
    "curve",
    "edge_of_chaos",
    "fit",
    "fixed_points",
    "mark_transition",
    "phase_diagram",
    "solution",
    "spectrum",
]
