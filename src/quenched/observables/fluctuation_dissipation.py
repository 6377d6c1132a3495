"""Fluctuation against response: the parametric plot, the effective temperature, the violation of the theorem."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from quenched import checks
from quenched.citation import stored_keys
from quenched.observables.equilibrium import expectation, reference_temperature
from quenched.observables.parametric import Rows, Rule, integrated, magnified, response_bounds, secant, spectra
from quenched.solution import Solution, labelled

if TYPE_CHECKING:
    import xarray as xr


_NAMES = ("state_correlation", "state_response")


def fluctuation_dissipation(
    solution: Solution | xr.Dataset, *, temperature: float | None = None, frequencies: Any = None
) -> xr.Dataset:
    """How far correlation and response are from thermal.

    In equilibrium at the temperature T = sigma^2/2 of the noise they are tied together (fluctuation-dissipation theorem):

        R_x(t,s) = (1/T) dC_x(t,s)/ds,   integrated   T chi(t,s) = C_x(t,t) - C_x(t,s),   chi(t,s) = int_s^t R_x(t,u) du;

    in a stationary state, functions of the lag t - s:  R_x(tau) = -(1/T) dC_x/dtau,  T chi(tau) = C_x(0) - C_x(tau).
    A network is thermal only where its drift is minus a gradient: linear phi and symmetry 1 (or gain 0). For anything else
    the violation is the result.

    Arguments:
        solution: with `state_correlation` and `state_response` over (lag) or (time, earlier_time): a solution of
            `qd.dmft.TwoTime` or `qd.dmft.Stationary`, what `qd.observables.measure_response` returns of a finite
            network, or any `xarray.Dataset` with these names. Lags begin at 0 and increase; times are in equal steps.
        temperature: T to compare with; sigma^2/2 of the solution's `noise` if left out.
        frequencies: where `effective_temperature` is wanted, angular, at least 0 (lags only). If left out the solution's
            own, as far as its lags resolve them, or 64 from 0 to at most 10.

    Returns:
        Dataset, each with `_error`, over (lag), or over (time, earlier_time) with NaN where earlier is later:
        `parametric_response` chi, to be drawn against `state_correlation`, which comes along;
        `parametric_temperature`, minus the slope of that curve, -dC_x/dchi, between the neighbours on either side: T
        everywhere in equilibrium, without an error from the spacing;
        `fluctuation_dissipation_violation` V = (C_x(t,t) - C_x(t,s) - T chi(t,s)) / C_x(t,t): 0 in equilibrium, positive
        where the state fluctuates more than its response allows, left out at T = 0;
        `effective_temperature` (frequency), only from lags: omega C_x(omega) / (2 Im R_x(omega)) with
        f(omega) = int f(tau) exp(i omega tau) dtau, its limit at 0 included.
        The attribute `expected` says whether the theorem should hold, and why.

    Response at equal times: R_x(t,t) is read as 1, its value an instant after the kick; what is stored there is not used.
    Where the attribute `scheme` is "euler" the integral is the plain sum over the steps before t, exact for that discrete
    process.

    Errors: where single samples come along (`measure_response`), jackknife over them, correlations included. Otherwise a
    bound: the errors of C_x and R_x added as if fully correlated. Both contain the error of the integral over R_x: two
    splines compared for lags, the first correction to the trapezoidal rule for two times. `effective_temperature` contains
    an estimate of what lies beyond the last lag. They do not contain what the solution's own time step h breaks: a thermal
    network run by Heun's scheme has V = -(5/12) h^2 a^2 at long lags, by Euler's V = h a/2, a its rate of relaxation.

    When it fails: lags that end before C_x and R_x have decayed (`effective_temperature` at low frequency), a transient that
    is not over (two times: look at late t only).

    Raises:
        ValueError: names missing, dimensions other than these (select one point of a sweep first), lags that do not increase
            from 0, fewer than four of them, NaN over the lags, unequal steps, no noise known and no temperature given, bad
            frequencies.

    Source: Cugliandolo, Kurchan & Peliti 1997 (`cugliandolo1997`, effective temperature); Zou & Huang 2024 (`zou2024`, the
    theorem in these networks).

    Example:
        >>> import numpy as np, quenched as qd, xarray as xr
        >>> lag = np.linspace(0.0, 20.0, 401)  # independent neurons: C_x = T exp(-lag), R_x = exp(-lag)
        >>> neurons = {"state_correlation": ("lag", 0.5 * np.exp(-lag)), "state_response": ("lag", np.exp(-lag))}
        >>> found = qd.observables.fluctuation_dissipation(xr.Dataset(neurons, {"lag": lag}), temperature=0.5)
        >>> bool(abs(found.fluctuation_dissipation_violation).max() < 1e-9)
        True
    """
    import xarray as xr

    dataset = solution.to_dataset() if isinstance(solution, Solution) else solution
    checks.dataset("solution", dataset, "a theory or of qd.observables.measure_response, or a Solution")
    dims = _dimensions(dataset)
    known = reference_temperature(dataset.attrs, temperature)
    # Extrapolated to step 0 it is not Euler's discrete process any more.
    euler = dataset.attrs.get("scheme") == "euler" and str(dataset.attrs.get("richardson", False)) in ("False", "0")
    rule: Rule = "sum" if euler else "spline" if dims == ("lag",) else "trapezoid"
    if dims == ("lag",):
        found = _of_lags(dataset, known, rule, frequencies)
    elif frequencies is not None:
        raise ValueError("Argument `frequencies` must be left out for two times, which need not be stationary.")
    else:
        found = _of_two_times(dataset, known, rule)
    coordinates = {dim: dataset[dim].values for dim in dims} | found.pop("coordinates", {})
    carried = {name: dataset[name].values for name in ("state_correlation", "state_correlation_error") if name in dataset}
    variables = {}
    for name, values in (carried | found).items():
        _, values, attributes = labelled(name, values)
        over = ("frequency",) if name.startswith("effective_temperature") else dims
        variables[name] = (over, values, attributes)
    attributes = dict(dataset.attrs) | {"temperature": known, "expected": expectation(dataset.attrs)}
    papers = dict.fromkeys([*stored_keys(dataset.attrs), "cugliandolo1997", "zou2024"])
    return xr.Dataset(variables, coordinates, attributes | {"citations": " ".join(papers)})


def _dimensions(dataset: Any) -> tuple[str, ...]:
    missing = [name for name in _NAMES if name not in dataset]
    if missing:
        raise ValueError(
            f"Argument `solution` must hold {' and '.join(missing)}, but holds {', '.join(map(str, dataset))}; "
            "ask the theory for the response."
        )
    correlation, response = (tuple(map(str, dataset[name].dims)) for name in _NAMES)
    if correlation != response or correlation not in (("lag",), ("time", "earlier_time")):
        raise ValueError(
            "Argument `solution` must hold state_correlation and state_response over (lag) or (time, earlier_time), "
            f"but they have {correlation} and {response}; select one point of a sweep."
        )
    for dim in correlation:
        places = dataset[dim].values
        steps = np.diff(places)
        if places.size < 4 or places[0] != 0.0 or not np.all(steps > 0.0):
            raise ValueError(f"Argument `solution` must have at least four {dim}s that increase from 0, but has {places}.")
        if dim != "lag" and not np.allclose(steps, steps[0], rtol=1e-6):
            raise ValueError(f"Argument `solution` must have {dim}s in equal steps, but they differ.")
    return correlation


def _refuse_gaps(dataset: Any) -> None:
    """A spline through the lags has no place for what is no number; of two times only what is next to it is unknown."""
    sampled = [f"sampled_{name}" for name in _NAMES]
    beside = sampled if all(name in dataset for name in sampled) else [f"{name}_error" for name in _NAMES]
    for name in (*_NAMES, *(name for name in beside if name in dataset)):
        values = dataset[name].transpose(..., "lag").values
        known = ~np.isnan(values) if name.endswith("_error") else np.isfinite(values)
        if not known.all():
            place = tuple(np.argwhere(~known)[0])
            at = "".join(f", sample {number}" for number in place[:-1])
            raise ValueError(
                f"Argument `solution` must hold finite numbers, but {name} is {values[place]:g} at lag "
                f"{dataset['lag'].values[place[-1]]:g}{at}; leave out the lags from there, or what diverged."
            )


def _error(dataset: Any, name: str) -> np.ndarray:
    """The error that stands beside a quantity, 0 where none does."""
    given = f"{name}_error"
    return dataset[given].values if given in dataset else np.zeros(dataset[name].shape)


def _curves(lag: np.ndarray, correlation: Rows, response: Rows, temperature: float, rule: Rule) -> dict[str, np.ndarray]:
    """Everything that is a function of the lag, from rows of C_x and R_x."""
    chi, _ = integrated(lag, response, rule)
    lost = correlation[:, :1] - correlation
    curves = {"parametric_response": chi, "parametric_temperature": secant(chi, lost).slope}
    if temperature > 0.0:
        with np.errstate(divide="ignore", invalid="ignore"):  # NaN where a network starts from rest
            curves["fluctuation_dissipation_violation"] = (lost - temperature * chi) / correlation[:, :1]
    return curves


def _bounds(
    lag: np.ndarray, rows: dict[str, Rows], errors: dict[str, Rows], temperature: float, rule: Rule
) -> dict[str, np.ndarray]:
    """Bounds on the errors of `_curves`: everything that adds up, added up."""
    correlation, here = rows["state_correlation"], errors["state_correlation"]
    chi, quadrature = integrated(lag, rows["state_response"], rule)
    lost, lost_error = correlation[:, :1] - correlation, here + here[:, :1]
    lost_error[:, 0] = 0.0
    between = secant(chi, lost)

    def at(values: Rows, place: np.ndarray) -> np.ndarray:
        return np.take_along_axis(values, place, -1)

    chi_error, run_error = response_bounds(lag, errors["state_response"], rule, between)
    chi_error, run_error = (
        chi_error + quadrature,
        run_error + np.abs(at(quadrature, between.last) - at(quadrature, between.first)),
    )
    rise_error = at(here, between.first) + at(here, between.last)
    with np.errstate(divide="ignore", invalid="ignore"):
        slope_error = (rise_error + np.abs(between.slope) * run_error) / np.abs(between.run)
        bounds = {"parametric_response": chi_error, "parametric_temperature": slope_error}
        if temperature > 0.0:
            excess, start = lost - temperature * chi, correlation[:, :1]
            bounds["fluctuation_dissipation_violation"] = (
                lost_error + temperature * chi_error + np.abs(excess) * here[:, :1] / start
            ) / start
    return bounds


def _of_lags(dataset: Any, temperature: float, rule: Rule, frequencies: Any) -> dict[str, Any]:
    _refuse_gaps(dataset)
    lag = dataset["lag"].values
    rows = {name: dataset[name].values[None].astype(float) for name in _NAMES}
    omega = _frequencies(dataset, lag, frequencies)

    def everything(correlation: Rows, response: Rows) -> dict[str, np.ndarray]:
        fluctuation, dissipation, _ = spectra(lag, correlation, response, omega, rule)
        return _curves(lag, correlation, response, temperature, rule) | {"effective_temperature": fluctuation / dissipation}

    found = everything(rows["state_correlation"], rows["state_response"])
    if all(f"sampled_{name}" in dataset for name in _NAMES):
        samples = [dataset[f"sampled_{name}"].values for name in _NAMES]
        count = samples[0].shape[0]
        left_out = everything(*((np.sum(each, axis=0) - each) / (count - 1) for each in samples))
        spread = {name: np.sqrt((count - 1) * np.var(values, axis=0))[None] for name, values in left_out.items()}
        # What is not statistical remains.
        errors = {name: np.full((1, lag.size), _left_of_the_step(dataset, name, lag)) for name in _NAMES}
        if "kick_nonlinearity" in dataset:
            errors["state_response"] = np.hypot(errors["state_response"], dataset["kick_nonlinearity"].values)
    else:
        spread = {name: np.zeros_like(values) for name, values in found.items()}
        errors = {name: _error(dataset, name)[None] for name in _NAMES}
    bounds = _bounds(lag, rows, errors, temperature, rule)
    bounds["effective_temperature"] = _spectral_bound(lag, rows, errors, omega, rule)
    found |= {f"{name}_error": np.hypot(spread[name], bounds[name]) for name in bounds}
    return {name: values[0] for name, values in found.items()} | {"coordinates": {"frequency": omega}}


def _spectral_bound(
    lag: np.ndarray, rows: dict[str, Rows], errors: dict[str, Rows], omega: np.ndarray, rule: Rule
) -> np.ndarray:
    """Bound on the error of `effective_temperature`: of the input, of the splines, of what lies beyond the last lag."""
    both = rows["state_correlation"], rows["state_response"]
    fluctuation, dissipation, missing = spectra(lag, *both, omega, rule)
    coarse_fluctuation, coarse_dissipation, _ = spectra(lag, *both, omega, rule, coarser=2)
    nothing = np.zeros((1, lag.size))

    def fluctuating(rows: Rows) -> np.ndarray:
        return spectra(lag, rows, 0.0 * rows, omega, rule)[0]

    def responding(rows: Rows) -> np.ndarray:
        return spectra(lag, 0.0 * rows, rows, omega, rule, start=0.0)[1]

    temperature = fluctuation / dissipation
    # In equilibrium what is missing from one is missing from the other in the proportion T_eff.
    beyond = 2.0 * missing
    noise = magnified(responding, np.concatenate([nothing[:, :1], errors["state_response"][:, 1:]], axis=1))
    relative = (beyond + noise) / np.abs(dissipation)
    input_error = magnified(fluctuating, errors["state_correlation"]) / np.abs(dissipation)
    return input_error + np.abs(temperature) * relative + np.abs(temperature - coarse_fluctuation / coarse_dissipation)


def _left_of_the_step(dataset: Any, name: str, lag: np.ndarray) -> float:
    """What an extrapolation to step 0 leaves over, as it is in the errors of `measure_response`."""
    changed = f"{name}_discretisation"
    return float((lag[1] - lag[0]) * np.max(np.abs(dataset[changed].values))) if changed in dataset else 0.0


def _of_two_times(dataset: Any, temperature: float, rule: Rule) -> dict[str, Any]:
    time = dataset["time"].values
    count = time.size
    # Rows by lag: C(t, t - tau).
    position = np.arange(count)[:, None] - np.arange(count)

    def by_lag(values: np.ndarray) -> np.ndarray:
        return np.where(position >= 0, np.take_along_axis(values.astype(float), np.maximum(position, 0), 1), np.nan)

    rows = {name: by_lag(dataset[name].values) for name in _NAMES}
    errors = {name: by_lag(_error(dataset, name)) for name in _NAMES}
    found = _curves(time, rows["state_correlation"], rows["state_response"], temperature, rule)
    bounds = _bounds(time, rows, errors, temperature, rule)
    found |= {f"{name}_error": values for name, values in bounds.items()}
    # And back: lag t - s to earlier time s.
    return {name: by_lag(values) for name, values in found.items()}


def _frequencies(dataset: Any, lag: np.ndarray, frequencies: Any) -> np.ndarray:
    resolved = 0.5 * np.pi / np.max(np.diff(lag))
    if frequencies is None:
        if "frequency" in dataset.coords:
            own = dataset["frequency"].values
            return own[(own >= 0.0) & (own <= resolved)]
        return np.linspace(0.0, min(10.0, resolved), 64)
    omega = np.atleast_1d(checks.numbers("Argument `frequencies`", frequencies))
    if omega.ndim != 1 or not np.isfinite(omega).all() or np.any(omega < 0.0) or np.any(omega > resolved):
        raise ValueError(
            f"Argument `frequencies` must be a list of numbers between 0 and {resolved:g}, which the lags resolve, "
            f"but is {frequencies!r}; ask for lags in smaller steps."
        )
    return omega
