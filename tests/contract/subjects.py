"""What the contract is tested on: every theory and every experiment, once each. Adding one is one entry."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import quenched as qd
from quenched.theory import Theory


@dataclass(frozen=True)
class Subject:
    """A theory or an experiment, where it works and where it fails."""

    theory: Theory
    gains: tuple[float, ...]
    failing: dict[str, Any]
    """Arguments of solve that end in a status other than solved."""
    parameters: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return type(self.theory).__name__

    def model(self, gain: Any) -> qd.RandomNetwork:
        return qd.RandomNetwork(gain, **self.parameters)


TOO_FEW_STEPS = qd.Newton(max_steps=1)

SUBJECTS = [
    Subject(
        qd.dmft.Static(),
        gains=(1.1, 1.3, 1.7),
        parameters={"symmetry": 0.2},
        failing={"model": qd.RandomNetwork(1.5, 0.5), "theory": qd.dmft.Static(), "start": "quiescent"},
    ),
    Subject(
        qd.replica.FiniteTemperature(0.05),
        gains=(0.5, 1.1, 1.7),
        parameters={"symmetry": 0.2},
        failing={
            "model": qd.RandomNetwork(1.5),
            "theory": qd.replica.FiniteTemperature(0.05),
            "solver": TOO_FEW_STEPS,
        },
    ),
    Subject(
        qd.replica.ZeroTemperature(),
        gains=(1.1, 1.3, 1.7),
        parameters={"symmetry": 0.2},
        failing={"model": qd.RandomNetwork(1.5), "theory": qd.replica.ZeroTemperature(), "solver": TOO_FEW_STEPS},
    ),
    Subject(
        qd.simulate.Trajectories(size=12, networks=4, duration=4.0, step=0.1),
        gains=(0.8, 1.3, 2.0),
        parameters={"symmetry": 0.2, "noise": 0.1, "field": 0.1},
        failing={
            "model": qd.RandomNetwork(1000.0, activation=qd.Linear()),
            "theory": qd.simulate.Trajectories(size=5, networks=2, duration=40.0, step=0.1),
        },
    ),
    Subject(
        qd.landscape.FixedPoints(size=6, networks=4, starts=16),
        gains=(0.5, 0.8, 1.3),
        parameters={"symmetry": 0.2, "field": 0.3},
        failing={
            "model": qd.RandomNetwork(1.5, field=0.5),
            "theory": qd.landscape.FixedPoints(size=6, networks=2, starts=4),
            "solver": qd.landscape.LevenbergMarquardt(max_steps=1),
        },
    ),
]
