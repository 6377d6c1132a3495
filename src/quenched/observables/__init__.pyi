from quenched.observables.attractor import kaplan_yorke_dimension
from quenched.observables.dimension import dimension
from quenched.observables.fluctuation_dissipation import fluctuation_dissipation
from quenched.observables.lyapunov import lyapunov_spectrum
from quenched.observables.response import measure_response
from quenched.observables.spectrum import spectrum

__all__ = [
    "dimension",
    "fluctuation_dissipation",
    "kaplan_yorke_dimension",
    "lyapunov_spectrum",
    "measure_response",
    "spectrum",
]
