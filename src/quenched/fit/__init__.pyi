from quenched.fit.fit import fit
from quenched.fit.result import Fit

__all__ = ["Fit", "fit"]
