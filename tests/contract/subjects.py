"""What the contract is tested on: every theory and every experiment, once each. Adding one is one entry."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import quenched as qd
from quenched.dmft.stationary_late import StationaryLate
from quenched.dmft.two_time_gaussian import TwoTimeGaussian
from quenched.dmft.two_time_growing import TwoTimeGrowing
from quenched.dmft.two_time_parts import TwoTimeParts
from quenched.dmft.two_time_sampled import TwoTimeSampled
from quenched.dmft.two_time_thinned import TwoTimeThinned
from quenched.theory import Theory


@dataclass(frozen=True)
class Subject:
    """A theory or an experiment, where it works and where it fails."""

    theory: Theory
    gains: tuple[float, ...]
    failing: dict[str, Any]
    """Arguments of solve that end in a status other than solved."""
    parameters: dict[str, Any] = field(default_factory=dict)
    reverse: bool = True
    """Whether derivatives in reverse mode exist; not through loops that end when they like."""

    chain: bool = False
    """Whether a random choice, Metropolis's, depends on what went before: a last bit then leads to another sample of the
    same distribution, equal within its errors, and derivatives mean nothing."""

    slow_to_trace: bool = False
    """Whether what compiles it anew (jit, vmap, derivatives) is left to the slow tests: some ten seconds each."""

    slow: bool = False
    """Whether all of it is left to the slow tests."""

    branch: str = ""
    """Which of a theory's branches or ways, where several are subjects."""

    start: str | None = None
    """To ask for a branch by name."""

    solver: Any = None
    """Coarser than what is taken if left out, where that is fine enough at these gains."""

    ensemble: Any = qd.RandomNetwork
    parameter: str = "gain"
    """What `gains` are."""

    @property
    def name(self) -> str:
        return f"{type(self.theory).__name__} {self.branch}".strip()

    def model(self, gain: Any) -> Any:
        return self.ensemble(gain, **self.parameters)


TOO_FEW_STEPS = qd.Newton(max_steps=1)

# What `qd.dmft.TwoTime` chooses, without and with symmetry.
TWO_TIMES = qd.dmft.TwoTime(duration=1.0, step=0.25, initial=qd.Normal(0.2, 0.6))
FEW = qd.dmft.Population(trajectories=32, tangents=16, scramblings=3)
WITHOUT_SYMMETRY = TWO_TIMES.choose([qd.RandomNetwork(1.0, 0.0, 0.3)])
WITH_SYMMETRY = TWO_TIMES.choose([qd.RandomNetwork(1.0, 0.4, 0.3)], FEW)
assert isinstance(WITHOUT_SYMMETRY, TwoTimeGaussian)
assert isinstance(WITH_SYMMETRY, TwoTimeSampled)
ON_A_THINNED_PAST = qd.dmft.TwoTime(2.0, 0.25, times=[0.0, 0.5, 2.0], initial=qd.Normal(0.2, 0.6)).choose(
    [qd.RandomNetwork(1.0, 0.4, 0.3)], qd.dmft.ThinnedPopulation(knots=4, trajectories=64, tangents=16, populations=3)
)
assert isinstance(ON_A_THINNED_PAST, TwoTimeThinned)
BY_GROWING_STEPS = qd.dmft.TwoTime(4.0, 0.5, times=[0.0, 0.5, 4.0], initial=qd.Normal(0.2, 0.6)).choose(
    [qd.RandomNetwork(1.0, 0.4)], qd.dmft.GrowingSteps(growth=0.4, trajectories=64, tangents=16, populations=3)
)
assert isinstance(BY_GROWING_STEPS, TwoTimeGrowing)
SLOW_UNITS = qd.units.Leaky(time_constant=2.0)
OF_PARTS = TWO_TIMES.choose([qd.RandomNetwork(1.0, 0.4, 0.3, unit=SLOW_UNITS)], FEW)
assert isinstance(OF_PARTS, TwoTimeParts)
SOON = qd.dmft.LateTimes(settling=4.0, window=8.0, trajectories=32, tangents=16, scramblings=3, richardson=False)
AT_LATE_TIMES = qd.dmft.Stationary((0.0, 1.0), (0.0, 0.5)).choose([qd.RandomNetwork(1.0, 0.4, 0.3, unit=SLOW_UNITS)], SOON)
assert isinstance(AT_LATE_TIMES, StationaryLate)

SUBJECTS = [
    Subject(
        qd.dmft.Static(),
        gains=(1.1, 1.3, 1.7),
        slow_to_trace=True,
        parameters={"symmetry": 0.2},
        failing={"model": qd.RandomNetwork(1.5, 0.5), "theory": qd.dmft.Static(), "start": "quiescent"},
    ),
    Subject(
        qd.replica.FiniteTemperature(0.05),
        gains=(0.5, 1.1, 1.7),
        slow_to_trace=True,
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
        slow_to_trace=True,
        parameters={"symmetry": 0.2},
        failing={"model": qd.RandomNetwork(1.5), "theory": qd.replica.ZeroTemperature(), "solver": TOO_FEW_STEPS},
    ),
    Subject(
        qd.replica.FiniteTemperature(0.05),
        gains=(0.5, 1.1, 1.7),
        slow_to_trace=True,
        parameters={"symmetry": 0.2, "field": 0.3},
        failing={
            "model": qd.RandomNetwork(1.5, field=0.3),
            "theory": qd.replica.FiniteTemperature(0.05),
            "solver": qd.Newton(max_steps=1, nodes=20),
        },
        branch="ordered",
        solver=qd.Newton(nodes=20),
    ),
    Subject(
        qd.replica.ZeroTemperature(),
        gains=(0.5, 0.8, 1.7),
        slow_to_trace=True,
        slow=True,
        parameters={"symmetry": 0.2, "field": 0.3},
        failing={
            "model": qd.RandomNetwork(1.5, field=0.3),
            "theory": qd.replica.ZeroTemperature(),
            "solver": TOO_FEW_STEPS,
        },
        branch="ordered",
    ),
    Subject(
        qd.replica.OneStepRSB(0.2),
        gains=(3.0, 3.1, 3.3),
        slow_to_trace=True,
        slow=True,
        parameters={"symmetry": -0.5},
        failing={"model": qd.RandomNetwork(1.5), "theory": qd.replica.OneStepRSB(0.05), "start": "groups"},
        start="groups",
    ),
    Subject(
        qd.simulate.Trajectories(size=12, networks=4, duration=4.0, step=0.1),
        gains=(0.8, 1.3, 2.0),
        slow_to_trace=True,
        parameters={"symmetry": 0.2, "noise": 0.1, "field": 0.1},
        failing={
            "model": qd.RandomNetwork(1000.0, activation=qd.Linear()),
            "theory": qd.simulate.Trajectories(size=5, networks=2, duration=40.0, step=0.1),
        },
    ),
    Subject(
        qd.simulate.Trajectories(size=12, networks=4, duration=4.0, step=0.1, times=[0.0, 1.0, 4.0], response=True),
        branch="at times",
        gains=(0.8, 1.3, 2.0),
        slow_to_trace=True,
        parameters={"symmetry": 0.2, "noise": 0.1, "field": 0.1},
        failing={
            "model": qd.RandomNetwork(1000.0, activation=qd.Linear()),
            "theory": qd.simulate.Trajectories(size=5, networks=2, duration=40.0, step=0.1, times=4),
        },
    ),
    Subject(
        qd.simulate.Cavity(size=8, networks=4, duration=1.0, step=0.25, added=2, probes=2, scheme="euler"),
        gains=(0.6, 0.8, 1.3),
        slow_to_trace=True,
        parameters={"symmetry": 0.4, "noise": 0.3, "field": 0.1},
        failing={
            "model": qd.RandomNetwork(1000.0, activation=qd.Linear()),
            "theory": qd.simulate.Cavity(size=5, networks=2, duration=1.5, step=0.25, added=2, probes=2),
        },
    ),
    Subject(
        qd.landscape.FixedPoints(size=6, networks=4, starts=16),
        gains=(0.5, 0.8, 1.3),
        slow_to_trace=True,
        parameters={"symmetry": 0.2, "field": 0.3},
        failing={
            "model": qd.RandomNetwork(1.5, field=0.5),
            "theory": qd.landscape.FixedPoints(size=6, networks=2, starts=4),
            "solver": qd.landscape.LevenbergMarquardt(max_steps=1),
        },
    ),
    Subject(
        qd.landscape.Sampling(size=4, networks=8, temperature=0.5, chains=4, draws=1500, warm_up=400),
        gains=(0.5, 0.8, 1.0),
        slow_to_trace=True,
        chain=True,
        parameters={"symmetry": 0.2},
        failing={
            "model": qd.RandomNetwork(3.0),
            "theory": qd.landscape.Sampling(size=4, networks=2, temperature=1e-3, chains=4, draws=8, warm_up=50),
        },
    ),
    Subject(
        qd.dmft.StationaryGaussian((0.0, 1.0), (0.0, 0.5), centred=True),
        gains=(0.9, 1.3, 1.7),
        slow_to_trace=True,
        parameters={"noise": 0.3},
        failing={
            # So steep that the quadrature is too coarse.
            "model": qd.RandomNetwork(100.0, noise=0.3),
            "theory": qd.dmft.StationaryGaussian((0.0, 1.0), (0.0, 0.5), centred=True),
        },
    ),
    Subject(
        qd.dmft.StationaryFilters((0.0, 1.0), (0.0, 0.5), step=0.5, window=32.0),
        gains=(0.5, 0.7, 0.9),
        slow_to_trace=True,
        parameters={"noise": 0.3},
        failing={
            # Chaotic, for longer than the window.
            "model": qd.RandomNetwork(1.5, noise=0.3),
            "theory": qd.dmft.StationaryFilters((0.0, 1.0), (0.0, 0.5), step=0.5, window=32.0),
        },
    ),
    Subject(
        qd.dmft.StationaryLinear((0.0, 1.0), (0.0, 0.5)),
        gains=(0.3, 0.5, 0.7),
        parameters={"symmetry": 0.2, "noise": 0.3, "field": 0.1, "activation": qd.Linear()},
        failing={
            "model": qd.RandomNetwork(0.9, 0.2, activation=qd.Linear()),
            "theory": qd.dmft.StationaryLinear((0.0, 1.0), (0.0, 0.5)),
        },
    ),
    Subject(
        qd.dmft.StationarySampled((0.0, 1.0), (0.0, 0.5), step=0.25, window=64.0, trajectories=8, scramblings=4),
        gains=(0.3, 0.5, 0.6),
        slow_to_trace=True,
        parameters={"symmetry": 0.5, "noise": 0.5},
        failing={
            # Slow, for longer than the window.
            "model": qd.RandomNetwork(1.0, 0.5, 0.5),
            "theory": qd.dmft.StationarySampled(
                (0.0, 1.0), (0.0, 0.5), step=0.25, window=64.0, trajectories=8, scramblings=4
            ),
        },
    ),
    Subject(
        WITHOUT_SYMMETRY,
        gains=(0.8, 1.3, 2.0),
        slow_to_trace=True,
        parameters={"noise": 0.3, "field": 0.1},
        failing={
            "model": qd.RandomNetwork(2.0),
            "theory": WITHOUT_SYMMETRY,
            "solver": qd.dmft.Quadrature(nodes=8),
        },
    ),
    Subject(
        WITH_SYMMETRY,
        gains=(0.8, 1.3, 2.0),
        parameters={"symmetry": 0.4, "noise": 0.3, "field": 0.1},
        failing={"model": qd.RandomNetwork(1e9, 0.4, 0.3, activation=qd.Linear()), "theory": WITH_SYMMETRY},
        reverse=False,
        slow_to_trace=True,
    ),
    Subject(
        ON_A_THINNED_PAST,
        gains=(0.8, 1.3, 2.0),
        parameters={"symmetry": 0.4, "noise": 0.3, "field": 0.1},
        failing={"model": qd.RandomNetwork(1e9, 0.4, 0.3, activation=qd.Linear()), "theory": ON_A_THINNED_PAST},
        reverse=False,
        slow_to_trace=True,
    ),
    Subject(
        BY_GROWING_STEPS,
        gains=(0.8, 1.0, 1.2),
        parameters={"symmetry": 0.4, "field": 0.1},
        failing={"model": qd.RandomNetwork(1e9, 0.4, activation=qd.Linear()), "theory": BY_GROWING_STEPS},
        reverse=False,
        slow_to_trace=True,
    ),
    Subject(
        OF_PARTS,
        gains=(0.8, 1.3, 2.0),
        parameters={"symmetry": 0.4, "noise": 0.3, "field": 0.1, "unit": SLOW_UNITS},
        failing={
            "model": qd.RandomNetwork(1e9, 0.4, 0.3, unit=qd.units.Leaky(qd.Linear(), time_constant=2.0)),
            "theory": OF_PARTS,
        },
        reverse=False,
        slow_to_trace=True,
    ),
    Subject(
        AT_LATE_TIMES,
        gains=(0.2, 0.3, 0.4),
        parameters={"symmetry": 0.4, "noise": 0.5, "unit": SLOW_UNITS},
        failing={
            "model": qd.RandomNetwork(1e9, 0.4, 0.3, unit=qd.units.Leaky(qd.Linear(), time_constant=2.0)),
            "theory": AT_LATE_TIMES,
        },
        reverse=False,
        slow_to_trace=True,
    ),
    Subject(
        qd.layers.Propagation(4, overlap=0.4),
        gains=(1.3, 1.8, 2.2),
        ensemble=qd.FeedforwardNetwork,
        parameter="weight_std",
        slow_to_trace=True,
        parameters={"bias_std": 0.3},
        failing={
            "model": qd.FeedforwardNetwork(100.0, activation=qd.ReLU()),
            "theory": qd.layers.Propagation(10),
        },
    ),
    Subject(
        qd.layers.Forward(12, 4, 3, overlap=0.4),
        gains=(1.3, 1.8, 2.2),
        ensemble=qd.FeedforwardNetwork,
        parameter="weight_std",
        slow_to_trace=True,
        parameters={"bias_std": 0.3},
        failing={
            "model": qd.FeedforwardNetwork(100.0, activation=qd.ReLU()),
            "theory": qd.layers.Forward(12, 2, 10),
        },
    ),
]
