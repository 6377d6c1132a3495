"""Figures. These functions take datasets and return axes; they compute nothing."""

from quenched.plots.curves import curve, mark_transition
from quenched.plots.edge_of_chaos import edge_of_chaos

__all__ = ["curve", "edge_of_chaos", "mark_transition"]
