"""Every stored quantity once: name, symbol, dimensions, meaning.

Axes are the same words in type annotations, in xarray and in prose. A quantity's dimensions are a choice of tuples, told
apart by their length: a correlation may be a number, a function of the lag, or of two times. Averages over the neurons of
each population have the axis `population` before these, where there are several.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

AXES = (
    "neuron",
    "variable",
    "population",
    "rank",
    "time",
    "layer",
    "earlier_time",
    "lag",
    "frequency",
    "network",
    "trial",
    "start",
    "fixed_point",
    "slow_point",
    "uncertified_point",
    "path",
    "direction",
    "condition",
    "input",
    "branch",
    "side",
    "point",
    "event",
    "mode",
    "fraction",
    "sample",
    "draw",
    "chain",
    "pair",
    "rung",
    "gap",
    "observable",
    "x",
    "y",
    "component",
    "piece",
    "outlier",
)


@dataclass(frozen=True)
class Quantity:
    """One stored quantity."""

    name: str
    symbol: str
    meaning: str
    dims: tuple[tuple[str, ...], ...] = ((),)
    units: str = "1"
    of_neurons: bool = False
    """Whether it is an average over the neurons of a population."""

    def dims_for(self, rank: int, populations: int = 1, time: str = "time") -> tuple[str, ...]:
        """The names of the axes of an array with `rank` of them, of a network of so many populations; `time` may have
        another name."""
        if self.of_neurons and populations > 1:
            return ("population", *self.dims_for(rank - 1, 1, time))
        for dims in self.dims:
            if len(dims) == rank:
                return tuple(time if axis == "time" else axis for axis in dims)
        raise ValueError(f"{self.name} has dimensions {self.dims}, none of length {rank}.")


_NUMBER: tuple[tuple[str, ...], ...] = ((),)
_IN_TIME: tuple[tuple[str, ...], ...] = ((), ("time",))
_TWO_TIMES: tuple[tuple[str, ...], ...] = ((), ("lag",), ("time", "earlier_time"))
_PER_FIXED_POINT: tuple[tuple[str, ...], ...] = (("fixed_point",),)
_PER_UNCERTIFIED_POINT: tuple[tuple[str, ...], ...] = (("uncertified_point",),)
_ON_A_GRID: tuple[tuple[str, ...], ...] = (("x",), ("x", "y"))

_QUANTITIES = (
    # averages over neurons
    Quantity("mean_state", "m_x", "average of the state x", _IN_TIME, of_neurons=True),
    Quantity("mean_rate", r"m_\phi", "average of the rate phi(x)", _IN_TIME, of_neurons=True),
    Quantity("mean_square_state", r"\langle x^2\rangle", "average of x^2", _IN_TIME, of_neurons=True),
    Quantity("mean_square_rate", r"\langle\phi^2\rangle", "average of phi(x)^2", _IN_TIME, of_neurons=True),
    Quantity(
        "state_correlation", r"C_x = \Delta", "average of x(t) x(t'), the raw second moment", _TWO_TIMES, of_neurons=True
    ),
    Quantity(
        "correlation",
        "C",
        "average of phi(x(t)) phi(x(t')), the raw second moment; without dimensions, at rest",
        _TWO_TIMES,
        of_neurons=True,
    ),
    Quantity("state_response", "R_x", "d<x(t)>/db(s), b a field added to dx/dt", _TWO_TIMES[1:], of_neurons=True),
    Quantity("response", "R", "d<phi(x(t))>/db(s), b a field added to dx/dt", _TWO_TIMES[1:], of_neurons=True),
    Quantity(
        "integrated_response",
        r"R_\mathrm{int}",
        "the response integrated over the past: d<phi>/db of a state at rest, or of a field since the earlier time",
        ((), ("time", "earlier_time")),
        of_neurons=True,
    ),
    Quantity(
        "kinetic_energy",
        r"\langle F^2\rangle/2",
        "half the mean square drift velocity per neuron",
        _IN_TIME,
        of_neurons=True,
    ),
    Quantity("lyapunov_exponent", r"\lambda_\mathrm{max}", "growth rate of a small difference", ((), ("mode",)), "1/time"),
    Quantity(
        "log_perturbation",
        r"\frac{1}{2}\ln\langle\delta^2\rangle",
        "logarithm of the size of small random changes of all states, which is 1 at first",
        (("time",),),
    ),
    Quantity("lyapunov_dimension", "D_\\mathrm{KY}", "Kaplan-Yorke dimension of the attractor"),
    Quantity("state_dimension", "D_x", "participation ratio of the covariance of states over time, per neuron"),
    Quantity("rate_dimension", r"D_\phi", "participation ratio of the covariance of rates over time, per neuron"),
    Quantity("entropy_rate", "h", "sum of the positive Lyapunov exponents", units="1/time"),
    Quantity(
        "power_spectrum",
        r"S_x(\omega)",
        "Fourier transform of the state correlation over the lag",
        (("frequency",),),
        of_neurons=True,
    ),
    Quantity(
        "rate_spectrum",
        r"S_\phi(\omega)",
        "Fourier transform of the correlation over the lag",
        (("frequency",),),
        of_neurons=True,
    ),
    Quantity(
        "effective_temperature",
        r"T_\mathrm{eff}",
        "omega C_x(omega) / (2 Im R_x(omega)): the temperature where fluctuation and response are thermal",
        ((), ("frequency",), ("lag",)),
        "1/time",
    ),
    Quantity(
        "parametric_response",
        r"\chi",
        "the state response integrated from earlier_time to time, or up to the lag; C_x falls linearly with it if thermal",
        _TWO_TIMES[1:],
        "time",
    ),
    Quantity(
        "parametric_temperature",
        r"-\mathrm{d}C_x/\mathrm{d}\chi",
        "minus the slope of the state correlation against the parametric response; noise^2/2 if thermal",
        _TWO_TIMES[1:],
        "1/time",
    ),
    Quantity(
        "fluctuation_dissipation_violation",
        "V",
        "(C_x(t,t) - C_x(t,s) - T chi(t,s)) / C_x(t,t): how much more the state fluctuates than is thermal at T = noise^2/2",
        _TWO_TIMES[1:],
    ),
    Quantity("sampled_state_correlation", "C_x", "state_correlation of each sample", (("sample", "lag"),), of_neurons=True),
    Quantity("sampled_state_response", "R_x", "state_response of each sample", (("sample", "lag"),), of_neurons=True),
    Quantity(
        "kick_nonlinearity", r"\delta R_x", "what the finite size of the kicks may change in state_response", (("lag",),)
    ),
    Quantity(
        "latent",
        r"\kappa",
        "(1/N) sum_i n_i phi(x_i) of each term m n^T/N of a low-rank part",
        (("rank",), ("rank", "time"), ("rank", "lag"), ("rank", "time", "earlier_time")),
    ),
    Quantity(
        "mean_square_latent",
        r"\langle\kappa^2\rangle",
        "average of kappa^2 over networks, whose signs of kappa are arbitrary where loadings have no mean",
        (("rank",), ("rank", "time")),
    ),
    Quantity(
        "periodic_square_state",
        r"\langle x^2\rangle_\mathrm{per}",
        "part of <x^2> - <x>^2 that follows a sinusoid, the same in two copies of a network",
        of_neurons=True,
    ),
    Quantity(
        "chaotic_square_state",
        r"\langle x^2\rangle_\mathrm{ch}",
        "part of <x^2> - <x>^2 that is forgotten, of chaos and of noise: 0 where a drive silences chaos",
        of_neurons=True,
    ),
    Quantity("surviving_fraction", r"\varphi", "fraction of the species that do not die out", _IN_TIME, of_neurons=True),
    Quantity(
        "outlier",
        r"\max\mathrm{Re}\,\lambda",
        "largest real part by which a small change of means and latents grows; the state is unstable to them above 0",
        units="1/time",
    ),
    # layers
    Quantity(
        "overlap_coefficient",
        "c",
        "correlation coefficient of the states of two inputs, q_ab/q",
        (("layer",), ("pair", "layer")),
    ),
    Quantity(
        "gradient_norm",
        r"|\partial L/\partial x^l|",
        "root mean square of the gradient by the states of a layer, over that by the states of the last",
        (("layer",),),
    ),
    Quantity(
        "length_fluctuation",
        r"\langle q^2\rangle/\langle q\rangle^2",
        "of mean square states over networks of finite width",
        (("layer",),),
    ),
    Quantity("weight_std", r"\sigma_w", "root of N times the variance of the weights, N the width before", (("branch",),)),
    Quantity("length_slope", r"\mathrm{d}q'/\mathrm{d}q", "slope of the map of lengths at the fixed one", (("branch",),)),
    Quantity("stable_length", "-", "1 where lengths come nearer to the fixed one, 0 where they leave it", (("branch",),)),
    Quantity(
        "fixed_length",
        "q^*",
        "mean square state that many layers lead to; infinite where it grows without bound",
        ((), ("branch",)),
    ),
    Quantity("fixed_overlap", "c^*", "overlap coefficient that many layers lead inputs that differ to; 1 in order"),
    Quantity("slope", r"\chi_1", "growth of the square of a small difference from layer to layer, at the fixed length"),
    Quantity(
        "chaotic", "-", "1 in chaos, where small differences grow; 0 in order; NaN at the edge and where there is no slope"
    ),
    Quantity("length_depth_scale", r"\xi_q", "layers in which a length comes nearer to the fixed one by 1/e", units="layer"),
    Quantity(
        "overlap_depth_scale",
        r"\xi_c",
        "layers within which overlaps come nearer to the fixed one by 1/e; infinite at the edge of chaos",
        units="layer",
    ),
    Quantity(
        "gradient_depth_scale",
        r"\xi_\nabla",
        "layers within which the square of a gradient falls to 1/e; negative where it grows, infinite where it does neither",
        units="layer",
    ),
    # one neuron added to a network
    Quantity(
        "cavity_field_correlation",
        r"\langle\gamma\gamma'\rangle/g^2",
        "covariance of the field that an added neuron receives from a network it does not act on, over gain^2",
        (("time", "earlier_time"),),
    ),
    Quantity(
        "memory_kernel",
        "K",
        "response of the field of an added neuron to its own earlier rate, through the others; g^2 eta R as N grows",
        (("time", "earlier_time"),),
    ),
    Quantity(
        "mean_square_memory",
        r"\langle m^2\rangle",
        "mean square of the memory field: what an added neuron's own past adds to its field",
        _IN_TIME[1:],
    ),
    Quantity(
        "memory_residual",
        r"\langle(m-\hat m)^2\rangle",
        "mean square difference between the memory field and g^2 eta int R phi(x_0) with the network's own R; falls as 1/N",
        _IN_TIME[1:],
    ),
    Quantity(
        "cavity_field_kurtosis",
        r"\langle\gamma^4\rangle/\langle\gamma^2\rangle^2-3",
        "excess kurtosis of the cavity field over added neurons and networks; 0 if Gaussian",
        _IN_TIME[1:],
    ),
    Quantity(
        "cavity_field",
        r"\gamma(t)",
        "field of each added neuron from the network it does not act on",
        (("network", "time", "trial"),),
    ),
    Quantity("memory_field", "m(t)", "field of each added neuron, less the cavity field", (("network", "time", "trial"),)),
    Quantity(
        "predicted_memory_field",
        r"\hat m(t)",
        "g^2 eta int R(t,s) phi(x_0(s)) ds for each added neuron",
        (("network", "time", "trial"),),
    ),
    Quantity(
        "undecayed",
        "C(P/2)/C(0)",
        "what is left of the correlation at the end of the window P, but for what never decays; small if P is long enough",
    ),
    Quantity(
        "drift",
        r"\delta C(\tau)/C(0)",
        "change of C from the first half of the late times to the second, over C(0); small if they are late enough",
        (("lag",),),
        of_neurons=True,
    ),
    Quantity("trajectories", "M", "trajectories of each population that was sampled"),
    Quantity("scramblings", "-", "independent populations that were averaged"),
    Quantity("conditioning", r"\min d_n/C_{nn}", "smallest relative pivot of the factorised correlation of the field"),
    Quantity("instability_gain", "g_s", "gain at which a small difference begins to grow locally: g^2 <phi'^2> = 1"),
    Quantity("chaos_gain", "g_c", "gain at which the largest Lyapunov exponent crosses zero"),
    Quantity("local_instability", r"g^2\langle\phi'^2\rangle", "above 1 a small difference grows locally"),
    Quantity("critical_gain", "g_c", "gain at which the state of rest loses stability"),
    # the Boltzmann measure of the speed landscape
    Quantity("self_overlap", "q", "<phi^2> within one replica"),
    Quantity("overlap", "Q", "<phi phi'> across replicas"),
    Quantity("self_response_overlap", "r", "<i x-hat phi> within one replica, r = S sqrt(T) + R"),
    Quantity("response_overlap", "R", "<i x-hat phi> across replicas"),
    Quantity("local_response", "S", "d<phi_i>/df_i, f added to the velocity inside E; S = (r - R)/sqrt(T)"),
    Quantity("conjugate_overlap", r"V/g^2", "-<x-hat x-hat'> across replicas, at least 0"),
    Quantity(
        "conjugate_self_overlap", r"V/g^2-D", "-<x-hat^2> within one replica; E/N = T/2 + (T^2/2) times that + c <x^2>"
    ),
    Quantity("spread_exponent", "p", "q - Q vanishes as T^p at low temperature; 0 where it does not"),
    Quantity("spread_prefactor", r"\lim T^{-p}(q-Q)", "prefactor of q - Q at low temperature"),
    Quantity("scaled_self_response_overlap", r"\lim r/\sqrt{T}", "r over sqrt(T) at low temperature, S + tau"),
    Quantity("scaled_response_overlap", r"\lim R/\sqrt{T}", "R over sqrt(T) at low temperature, tau"),
    Quantity("energy_per_temperature", r"\lim E/NT", "energy over temperature, per neuron, at low temperature"),
    Quantity(
        "chosen_branch", "-", "place in `branch` of the stable branch of smallest free energy; -1 where none was found"
    ),
    Quantity("frozen_gain", r"g_q", "gain at which q becomes positive at zero temperature, symmetry >= 0"),
    Quantity("almeida_thouless_gain", r"g_{AT}", "gain at which replica symmetry breaks"),
    Quantity("first_order_gain", r"g_1", "gain at which two branches have equal free energies"),
    Quantity("breaking_parameter", "m", "replicas of a group, where replica symmetry breaks; 0 < m < 1"),
    Quantity("overlap_within", "Q_1", "<phi phi'> across replicas of one group"),
    Quantity("overlap_between", "Q_0", "<phi phi'> across replicas of different groups"),
    Quantity("response_overlap_within", "R_1", "<i x-hat phi> across replicas of one group"),
    Quantity("conjugate_overlap_within", r"V_1/g^2", "-<x-hat x-hat'> across replicas of one group"),
    Quantity("replicon_eigenvalue", r"1-\Lambda", "negative where replica symmetry breaks"),
    Quantity("zero_overlap_eigenvalue", r"1-\Lambda_0", "negative where an overlap of replicas grows from zero"),
    Quantity("energy", "E/N", "average of E = |velocity|^2/2 + confinement |x|^2, per neuron"),
    Quantity("free_energy", "F/N", "-T ln Z / N with Z the integral of exp(-E/T) over x, averaged over couplings"),
    Quantity("entropy", "S/N", "(E - F)/(N T)"),
    # how many fixed points large networks have
    Quantity(
        "annealed_complexity",
        r"\Sigma_1",
        "lim (1/N) ln of the number of fixed points, averaged over couplings; 0 where x = 0 is alone",
    ),
    Quantity(
        "dominating_complexity",
        r"\Sigma_0",
        "lim (1/N) ln of the number of fixed points that dominate exp(-E/T) as T goes to 0",
    ),
    Quantity("annealed_log_determinant", r"L_1", "(1/N) ln|det F'| at the fixed points of annealed_complexity"),
    Quantity("dominating_log_determinant", r"L_0", "(1/N) ln|det F'| at the fixed points of dominating_complexity"),
    Quantity("annealed_mean_square_rate", r"q_1", "<phi^2> at the fixed points of annealed_complexity"),
    Quantity("dominating_mean_square_rate", r"q_0", "<phi^2> at the fixed points of dominating_complexity"),
    # verdicts
    Quantity("invertible", r"1-\kappa\phi' > 0", "1 where each neuron has one state for each field, 0 where several"),
    Quantity("invertibility_margin", r"\min_x 1-\kappa\phi'(x)", "positive while x(field) is single-valued"),
    Quantity(
        "stability_margin",
        r"1-g^2\langle\chi^2\rangle",
        "positive where fixed points of this kind are stable on average; chi = phi'/(1 - kappa phi')",
    ),
    # fixed points of finite networks
    Quantity("state", "x", "the state of every neuron", (("neuron",), ("fixed_point", "neuron"))),
    Quantity(
        "certificate", "h", "Newton-Kantorovich number; a root is proven nearby where it is below 1/2", _PER_FIXED_POINT
    ),
    Quantity("radius", "r", "no other fixed point is closer than this in every neuron", _PER_FIXED_POINT),
    Quantity(
        "stable",
        r"\mathrm{Re}\,\lambda<0",
        "whether every eigenvalue decays: negative real part for a flow, inside the unit circle for a map",
        _PER_FIXED_POINT,
    ),
    Quantity("unstable_directions", "n_+", "number of growing eigenvalues", ((), *_PER_FIXED_POINT)),
    Quantity(
        "marginal_directions", "n_0", "number of eigenvalues on the border of stability within rounding", _PER_FIXED_POINT
    ),
    Quantity("index", r"\mathrm{sign}\det(-F')", "topological index of a fixed point", _PER_FIXED_POINT),
    Quantity(
        "eigenvalue_real",
        r"\mathrm{Re}\,\lambda",
        "real parts of the eigenvalues of F' at a fixed point of a flow, of S' of a map; at another state; of couplings J",
        (("mode",), ("fixed_point", "mode")),
        "1/time",
    ),
    Quantity(
        "eigenvalue_imag", r"\mathrm{Im}\,\lambda", "their imaginary parts", (("mode",), ("fixed_point", "mode")), "1/time"
    ),
    Quantity(
        "unstable_modes",
        "v",
        "unit vectors along up to three growing eigenvectors, the fastest first; of a complex pair real and imaginary part",
        (("fixed_point", "direction", "neuron"),),
    ),
    Quantity("log_weight", r"-\ln|\det F'|", "log weight of a fixed point in exp(-E/T) as T goes to 0", _PER_FIXED_POINT),
    Quantity("starts_reaching", "n", "how many starts ended at this fixed point", _PER_FIXED_POINT),
    Quantity("certified", "-", "whether a root is proven next to the state", _PER_FIXED_POINT),
    Quantity(
        "estimated_distance",
        r"|F|/\sigma_{\min}",
        "how far the root is from the state, to first order; of all numbers together",
        _PER_FIXED_POINT,
    ),
    Quantity(
        "smallest_singular_value",
        r"\sigma_{\min}",
        "estimate, from above, of the smallest singular value of F' at a fixed point",
        _PER_FIXED_POINT,
    ),
    Quantity("at_kink", "-", "whether F' jumps at a fixed point, whose stability it then does not tell", _PER_FIXED_POINT),
    Quantity(
        "eigenvalue_residual",
        r"|F'v-\lambda v|",
        "how much F', or J, would have to change for the eigenvalue to be exact",
        (("mode",), ("fixed_point", "mode")),
        "1/time",
    ),
    # spectra
    Quantity("largest_real_part", r"\max\mathrm{Re}\,\lambda", "of the eigenvalues of a matrix", units="1/time"),
    Quantity("largest_modulus", r"\max|\lambda|", "of the eigenvalues of a matrix", units="1/time"),
    Quantity(
        "boundary_real",
        r"\mathrm{Re}\,z",
        "real parts of points on closed curves around the bulk of eigenvalues of infinitely many neurons",
        (("piece", "point"),),
        "1/time",
    ),
    Quantity("boundary_imag", r"\mathrm{Im}\,z", "their imaginary parts", (("piece", "point"),), "1/time"),
    Quantity("boundary_error", r"\delta z", "how far a point of the boundary may be off", (("piece", "point"),), "1/time"),
    Quantity("rightmost_edge", r"\max\mathrm{Re}\,z", "largest real part of the bulk of eigenvalues", units="1/time"),
    Quantity("bulk_radius", r"\max|z|", "largest modulus of the bulk of eigenvalues", units="1/time"),
    Quantity(
        "outlier_real",
        r"\mathrm{Re}\,z",
        "real parts of eigenvalues outside of the bulk, of infinitely many neurons",
        (("outlier",),),
        "1/time",
    ),
    Quantity("outlier_imag", r"\mathrm{Im}\,z", "their imaginary parts", (("outlier",),), "1/time"),
    Quantity("outlier_error", r"\delta z", "how far an outlier may be off", (("outlier",),), "1/time"),
    Quantity("outlier_count", "n", "number of outliers by the argument principle; NaN where it is not known"),
    Quantity("effective_gain", "g", "root of N times the variance of weights between different neurons"),
    Quantity("effective_symmetry", r"\eta", "correlation of the weights J_ij and J_ji between different neurons"),
    Quantity("effective_mean", "M", "N times the mean of weights between different neurons"),
    Quantity("condition", "-", "which of the inputs a fixed point belongs to", _PER_FIXED_POINT),
    Quantity("inputs", "u", "constant inputs, each set once", (("condition", "input"),)),
    Quantity("smallest_period", "k", "after how many steps of the map the state returns", _PER_FIXED_POINT),
    Quantity("outcome", "-", "how each start ended, a code of Outcome", (("start",),)),
    Quantity("path_outcome", "-", "how the path from each start ended, a code of Outcome", (("path",),)),
    Quantity("path_points", "n", "how many times each path passed a certified fixed point", (("path",),)),
    Quantity("end_state", "x", "where the search from each start ended", (("start", "neuron"),)),
    Quantity("end_speed", r"\max_i|F_i|", "largest velocity where the search from each start ended", (("start",),)),
    Quantity("uncertified_state", "x", "roots to rounding that have no certificate", (("uncertified_point", "neuron"),)),
    Quantity("uncertified_residual", "-", "largest velocity left at a root without a certificate", _PER_UNCERTIFIED_POINT),
    Quantity(
        "on_kink",
        "-",
        "whether F' or F jumps at a root without a certificate",
        _PER_UNCERTIFIED_POINT,
    ),
    Quantity(
        "flat_directions",
        "n_0",
        "number of singular values of F' that are zero at a root without a certificate; on a kink those of one side",
        _PER_UNCERTIFIED_POINT,
    ),
    Quantity(
        "uncertified_starts_reaching", "n", "how many starts ended at a root without a certificate", _PER_UNCERTIFIED_POINT
    ),
    Quantity(
        "uncertified_condition", "-", "which of the inputs a root without a certificate belongs to", _PER_UNCERTIFIED_POINT
    ),
    Quantity("slow_state", "x", "minima of the speed where it is not zero: ghosts", (("slow_point", "neuron"),)),
    Quantity("slow_condition", "-", "which of the inputs a slow point belongs to", (("slow_point",),)),
    # fixed points along a parameter
    Quantity("parameter", "p", "the parameter that was varied", (("branch", "point"),)),
    Quantity("branch_state", "x", "fixed points along a branch", (("branch", "point", "neuron"),)),
    Quantity(
        "branch_unstable_directions",
        "n_+",
        "number of growing eigenvalues along a branch, NaN at events and on kinks",
        (("branch", "point"),),
    ),
    Quantity("branch_end", "-", "how each branch ended on either side of its start", (("branch", "side"),)),
    Quantity(
        "event_kind", "-", "what happens to a branch: fold, branch_point, hopf, flip, degenerate or kink", (("event",),)
    ),
    Quantity("event_parameter", "p", "the parameter at an event", (("event",),)),
    Quantity("event_state", "x", "the fixed point at an event", (("event", "neuron"),)),
    Quantity("event_branch", "-", "the branch that an event is on", (("event",),)),
    Quantity("fixed_points", "n_*", "number of distinct fixed points found in a network"),
    Quantity("uncertified_points", "n", "number of distinct roots found in a network that could not be certified"),
    Quantity(
        "index_sum",
        r"\sum\mathrm{sign}\det(-F')",
        "1 for bounded phi if the list of fixed points is complete",
        ((), ("condition",)),
    ),
    Quantity(
        "completeness",
        "-",
        "fraction of networks with index sum 1 and every search ended; necessary for a complete list",
    ),
    Quantity("convergence", "-", "fraction of starts that ended at a fixed point"),
    # one or two noisy variables on a grid
    Quantity("density", "p", "stationary probability density of dx = F dt + sigma dW", _ON_A_GRID),
    Quantity(
        "current",
        "j",
        "stationary probability current F p - (sigma^2/2) grad p",
        (("component", "x"), ("component", "x", "y")),
        "1/time",
    ),
    Quantity("boltzmann_density", r"\mathrm{e}^{-E/T}/Z", "density of the measure exp(-E/T) of the speed", _ON_A_GRID),
    Quantity("divergence_from_boltzmann", "d_1", "total variation distance of the stationary density from exp(-E/T)/Z"),
    Quantity("wall_probability", "P_w", "stationary probability in the cells at the walls of the box"),
    Quantity("boltzmann_wall_probability", "-", "probability under exp(-E/T) in the cells at the walls of the box"),
    Quantity("entropy_production", r"\dot S", "int j.j/(D p) dx, D = sigma^2/2; zero in equilibrium", units="1/time"),
    # draws from exp(-E/T)
    Quantity("sampled_energy", "E/N", "energy of every draw, per neuron", (("draw", "chain"),)),
    Quantity("sampled_overlap", "Q", "(1/N) sum phi_i phi_i' of each pair of chains at every draw", (("draw", "pair"),)),
    Quantity(
        "chain_state", "x", "where the chains ended; or every draw", (("chain", "neuron"), ("draw", "chain", "neuron"))
    ),
    Quantity("r_hat", r"\hat R", "rank-normalised split R-hat; of several, the largest", ((), ("observable",))),
    Quantity("sample_size", "ESS", "bulk effective number of draws; of several, the smallest", ((), ("observable",))),
    Quantity("acceptance", "-", "fraction of moves accepted", ((), ("rung",))),
    Quantity("ladder_temperature", "T", "temperatures that exchange their chains, that asked for first", (("rung",),)),
    Quantity("exchange_rate", "-", "mean probability that neighbouring temperatures trade", (("gap",),)),
    # kept trajectories
    Quantity("trajectory", "x(t)", "states in time", (("time", "trial", "neuron"), ("network", "time", "trial", "neuron"))),
    Quantity(
        "state_trajectory",
        "x(t)",
        "all variables of the states in time",
        (("variable", "time", "trial", "neuron"), ("network", "variable", "time", "trial", "neuron")),
    ),
    # how the numerics went
    Quantity("status", "-", "a code of Status; 0 is solved"),
    Quantity(
        "residual",
        "-",
        "largest residual of the equations; the largest velocity left at a fixed point",
        ((), *_PER_FIXED_POINT),
    ),
    Quantity("steps", "-", "iterations taken"),
    Quantity("wall_time", "-", "how long one point of a sweep took; of points side by side their share", units="s"),
    Quantity("version", "-", "which of its attribute `versions` computed the point; -1 for none"),
    Quantity("point_key", "-", "seed of the random numbers of a point, as qd.solve takes it", (("key_word",),)),
)

VOCABULARY: dict[str, Quantity] = {quantity.name: quantity for quantity in _QUANTITIES}


_BESIDE = (
    ("_error", r"\delta", "estimated error of"),
    ("_discretisation", r"\Delta_h", "Richardson's correction for the finite time step, included in"),
    ("_drift", r"\Delta_t", "change, from the first half of the late times to the second, of"),
)


def describe(name: str) -> Quantity:
    """The vocabulary's entry for a name, and for what may stand beside it: `<name>_error`, `<name>_discretisation`."""
    if name in VOCABULARY:
        return VOCABULARY[name]
    for suffix, symbol, meaning in _BESIDE:
        base = name.removesuffix(suffix)
        if base != name:
            of = describe(base)
            return Quantity(name, rf"{symbol} {of.symbol}", f"{meaning} {base}", of.dims, of.units, of.of_neurons)
    raise KeyError(f"{name!r} is not in the vocabulary.")


def of_one_population(arrays: dict[str, Any]) -> dict[str, Any]:
    """The arrays of a network of one population, without that axis, which averages over neurons have first."""
    return {name: values[0] if describe(name).of_neurons else values for name, values in arrays.items()}
