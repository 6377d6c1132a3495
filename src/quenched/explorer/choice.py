"""What the sliders choose, and the model that it stands for."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

import quenched as qd
from quenched import checks

ACTIVATIONS = {"tanh": "qd.Tanh()", "erf": "qd.Erf()", "relu": "qd.ReLU()", "linear": "qd.Linear()"}
FAMILIES = ("one population", "excitatory and inhibitory", "low rank")

# Of the second family: fractions, and means of the couplings from (column) to (row). Of the third: covariance of the
# loadings m and n, whose entry off the diagonal is the eigenvalue that stands out.
FRACTIONS = (0.8, 0.2)
MEANS = ((3.0, -10.0), (3.0, -10.0))
LOADINGS = ((1.0, 1.5), (1.5, 4.0))
FIELD = 0.5
"""Input of both populations of the second family."""


@dataclass(frozen=True)
class Choice:
    """One setting of all sliders. Each is checked, since it may come from a link."""

    family: str = FAMILIES[0]
    activation: str = "tanh"
    gain: float = 1.5
    symmetry: float = 0.0
    noise: float = 0.0
    temperature: float = 0.05
    size: int = 100
    seed: int = 0

    def __post_init__(self) -> None:
        checks.one_of("family", self.family, FAMILIES)
        checks.one_of("activation", self.activation, ACTIVATIONS)
        checks.number("gain", self.gain, low=0.0, high=4.0)
        checks.number("symmetry", self.symmetry, low=-1.0, high=1.0)
        checks.number("noise", self.noise, low=0.0, high=2.0)
        checks.number("temperature", self.temperature, low=0.001, high=1.0)
        checks.count("size", self.size, low=10)
        checks.count("seed", self.seed, low=0)

    def but(self, **changes: Any) -> Choice:
        """The same with some parameters changed."""
        return replace(self, **changes)

    def as_dict(self) -> dict[str, Any]:
        """Every parameter by its name."""
        return asdict(self)

    def model(self) -> qd.RandomNetwork:
        """The ensemble."""
        scope: dict[str, Any] = {"qd": qd}
        exec(self.code(), scope)
        model: qd.RandomNetwork = scope["model"]
        return model

    def code(self) -> str:
        """The ensemble as one would type it."""
        gain, symmetry, noise, phi = self.gain, self.symmetry, self.noise, ACTIVATIONS[self.activation]
        if self.family == FAMILIES[0]:
            return f"model = qd.RandomNetwork({gain!r}, {symmetry!r}, noise={noise!r}, activation={phi})\n"
        if self.family == FAMILIES[1]:
            couplings = f"qd.couplings.Blocks({FRACTIONS}, {gain!r}, symmetry={symmetry!r}, mean={MEANS})"
            field = f", field={FIELD}"
        else:
            couplings = f"qd.couplings.Elliptic({gain!r}, {symmetry!r}) + qd.couplings.LowRank({LOADINGS})"
            field = ""
        model = f"qd.RandomNetwork(couplings=couplings, unit=qd.units.Leaky({phi}), noise={noise!r}{field})"
        return f"couplings = {couplings}\nmodel = {model}\n"
