"""What a fit found: parameters with their errors, and how well the model describes the data."""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from quenched.numerics.statistics import with_error
from quenched.records import one_line
from quenched.status import Status

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes


@dataclass(frozen=True, repr=False)
class Fit:
    """What `qd.fit` found. Printed it is a table of the parameters.

    Arguments:
        estimate: the parameters by name.
        error: their standard errors by name; infinite where the data say nothing.
        interval: from where to where each is within one error; of those in `profile` where the squares, the others fitted
            anew, are less than one error's worth above the least. It ends at a bound, or is infinite, where they never are.
        covariance: of the estimate, (parameter, other_parameter).
        profile: chi_square (value) of the parameters that are near a bound, or whose squares do not grow as their slopes
            say.
        model: the model with these parameters.
        theory: the theory that was fitted, as it was asked.
        chi_square: the weighted sum of squares that is left.
        degrees_of_freedom: what `chi_square` is on average if the model is right: numbers less parameters, and less of a
            recording, whose numbers are not independent.
        p_value: how often it would be larger; below 0.001 the model does not describe the data, and its errors mean little.
        status: a code of `qd.Status`.
        evaluations: how often the theory was solved, with its derivatives.
        told: what was warned of, as sentences.
        data: Dataset of what was fitted: `<name>`, `<name>_error` and `<name>_fitted`, to which of a recording what finite
            networks have in addition is added.
        outside_errors: what the errors leave out.

    Example:
        >>> import quenched as qd
        >>> data = {"correlation": 0.3526, "correlation_error": 0.002}
        >>> found = qd.fit(qd.RandomNetwork(gain=1.3), qd.dmft.Static(), data, ["gain"])
        >>> print(f"{found.estimate['gain']:.3f}, {found.status.name}")
        1.500, solved
    """

    estimate: dict[str, float]
    error: dict[str, float]
    interval: dict[str, tuple[float, float]]
    covariance: xr.DataArray
    profile: dict[str, xr.DataArray]
    model: Any
    theory: Any
    chi_square: float
    degrees_of_freedom: float
    p_value: float
    status: Status
    evaluations: int
    told: tuple[str, ...]
    data: xr.Dataset
    outside_errors: str

    def plot(self) -> dict[str, Axes]:
        """Draw the data with their errors, and what was fitted as lines, as `qd.plots.fit` does.

        Returns:
            The axes of each quantity, by its name.
        """
        from quenched.plots.fit import fit

        return fit(self)

    def __repr__(self) -> str:
        rows = [f"  {name:<24} {text}" for name, text in self._rows().items()]
        outside = [f"errors leave out {self.outside_errors}"] if self.outside_errors else []
        return "\n".join([one_line(self.model), one_line(self.theory), self._how_it_went(), *rows, *self.told, *outside])

    def _repr_html_(self) -> str:
        cells = "".join(
            f"<tr><td><code>{html.escape(name)}</code></td><td style='text-align:right'>{html.escape(text)}</td></tr>"
            for name, text in self._rows().items()
        )
        below = "".join(f"<p>{html.escape(line)}</p>" for line in self.told)
        return (
            f"<div><code>{html.escape(one_line(self.model))}</code><p>{html.escape(self._how_it_went())}</p>"
            f"<table><tbody>{cells}</tbody></table>{below}</div>"
        )

    def _how_it_went(self) -> str:
        return (
            f"status {self.status.name}, chi-square {self.chi_square:.4g} where {self.degrees_of_freedom:.4g} is expected "
            f"(p = {self.p_value:.2g}), {self.evaluations} evaluations"
        )

    def _rows(self) -> Mapping[str, str]:
        return {name: self._text(name) for name in self.estimate}

    def _text(self, name: str) -> str:
        text = with_error(self.estimate[name], self.error[name])
        if name not in self.profile:
            return text
        low, high = self.interval[name]
        return f"{text}, between {low:.4g} and {high:.4g}"
