"""The table of exactly known answers: name, what is computed, the value, its source.

Values come from `closed_forms.py`, never from the package. Difficulty: "easy" where everything is of order one, "hard" where
an honest method may struggle: near the transition, strong coupling, very low temperature, strong (anti)symmetry.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import log, pi
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

import closed_forms as exact
import quenched as qd
from quenched.activations import AbstractActivation
from quenched.theory import AbstractTheory

Average = Callable[[], Array]


@dataclass(frozen=True)
class Case:
    """One theory, one model, one number."""

    name: str
    theory: AbstractTheory
    model: qd.RandomNetwork
    quantity: str
    value: float
    source: str
    difficulty: str = "easy"
    start: str | None = None


@dataclass(frozen=True)
class AverageCase:
    """One Gaussian average."""

    name: str
    average: Average
    value: float
    source: str
    difficulty: str = "easy"


@dataclass(frozen=True)
class LayerCase:
    """One number of deep networks, computed with its error."""

    name: str
    number: Callable[[], tuple[float, float]]
    value: float
    source: str
    difficulty: str = "easy"


def rest_cases() -> list[Case]:
    points = [(0.5, 0.0), (0.9, 0.0), (0.7, 0.2), (0.6, 0.5), (0.45, 1.0), (0.9, -0.5), (1.5, -1.0), (5.0, -1.0)]
    return [
        Case(
            f"static-rest-{activation.name}-g{gain}-eta{symmetry}",
            qd.dmft.Static(),
            qd.RandomNetwork(gain, symmetry, activation=activation),
            "integrated_response",
            exact.rest_response(gain, symmetry),
            "linear response of the state of rest: R = 1/(1 - g^2 eta R) (Zou & Huang 2024)",
            "hard" if gain > 1 else "easy",
        )
        for activation in (qd.Tanh(), qd.Linear())
        for gain, symmetry in points
    ]


def static_active_cases() -> list[Case]:
    cases = []
    squares = {"tanh": (exact.tanh_square, exact.tanh_slope), "erf": (exact.erf_square, exact.erf_slope)}
    for activation in (qd.Tanh(), qd.Erf()):
        square, slope = squares[activation.name]
        for gain in (1.02, 1.2, 1.5, 3.0, 20.0):
            correlation = exact.self_consistent(square, gain)
            values = {"correlation": correlation, "integrated_response": slope(gain**2 * correlation)}
            values["mean_square_state"] = gain**2 * correlation
            cases += [
                Case(
                    f"static-{activation.name}-g{gain}-{quantity}",
                    qd.dmft.Static(),
                    qd.RandomNetwork(gain, activation=activation),
                    quantity,
                    value,
                    "eta = 0: x ~ N(0, g^2 C), C = <phi^2>, R = <phi'> (Sompolinsky, Crisanti & Sommers 1988)",
                    "easy" if 1.1 < gain < 10 else "hard",
                )
                for quantity, value in values.items()
            ]
    return cases


def static_field_cases() -> list[Case]:
    cases = []
    for gain, symmetry, field in [(0.5, 0.0, 0.3), (0.6, 0.5, 1.0), (1.2, -0.7, 0.2)]:
        response = exact.rest_response(gain, symmetry)
        values = {
            "integrated_response": response,
            "correlation": (response * field) ** 2 / (1 - (gain * response) ** 2),
            "mean_state": response * field,
        }
        cases += [
            Case(
                f"static-linear-g{gain}-eta{symmetry}-b{field}-{quantity}",
                qd.dmft.Static(),
                qd.RandomNetwork(gain, symmetry, field=field, activation=qd.Linear()),
                quantity,
                value,
                "linear phi: x = R (b + g sqrt(C) z), so C = R^2 (b^2 + g^2 C)",
            )
            for quantity, value in values.items()
        ]
    for gain, field in [(1.0, 0.5), (0.7, 0.2)]:
        square = partial(_relu_square, field)
        correlation = exact.self_consistent(square, gain, most=10.0)
        rate, _, slope = exact.relu_moments(field, gain**2 * correlation)
        values = {"correlation": correlation, "mean_rate": rate, "integrated_response": slope}
        cases += [
            Case(
                f"static-relu-g{gain}-b{field}-{quantity}",
                qd.dmft.Static(),
                qd.RandomNetwork(gain, field=field, activation=qd.ReLU()),
                quantity,
                value,
                "eta = 0: moments of a rectified Gaussian of mean b and variance g^2 C",
            )
            for quantity, value in values.items()
        ]
    return cases


def _relu_square(field: float, variance: float) -> float:
    return exact.relu_moments(field, variance)[1]


def replica_gaussian_cases() -> list[Case]:
    cases = []
    squares = {"tanh": (exact.tanh_square, exact.tanh_slope), "erf": (exact.erf_square, exact.erf_slope)}
    for activation in (qd.Tanh(), qd.Erf()):
        square, slope = squares[activation.name]
        for gain, temperature in [(0.5, 0.01), (1.0, 1e-4), (1.5, 1.0), (1.5, 1e-6), (4.0, 0.1), (10.0, 10.0)]:
            overlap = exact.self_consistent(square, gain, temperature)
            values = {
                "self_overlap": overlap,
                "local_response": slope(temperature + gain**2 * overlap),
                "mean_square_state": temperature + gain**2 * overlap,
                "energy": temperature / 2,
                "free_energy": -temperature * log(2 * pi * temperature) / 2,
                "entropy": 0.5 + log(2 * pi * temperature) / 2,
            }
            cases += [
                Case(
                    f"replica-{activation.name}-g{gain}-T{temperature}-{quantity}",
                    qd.replica.FiniteTemperature(temperature),
                    qd.RandomNetwork(gain, activation=activation),
                    quantity,
                    value,
                    "gamma = 0: e ~ N(0, T) whatever phi, x ~ N(0, T + g^2 q) (Qiu & Huang 2025, minimal form)",
                    "hard" if temperature < 1e-3 or gain == 10.0 else "easy",
                )
                for quantity, value in values.items()
            ]
    return cases


def replica_linear_cases() -> list[Case]:
    cases = []
    for gain, symmetry, temperature in [
        (0.5, 0.0, 0.3), (0.6, 0.5, 0.01), (0.45, 1.0, 2.0), (0.9, -0.5, 1e-3), (1.5, -1.0, 0.1), (0.66, 0.5, 1e-6),
    ]:  # fmt: skip
        response = exact.rest_response(gain, symmetry)
        values = {
            "local_response": response,
            "self_overlap": exact.linear_self_overlap(gain, symmetry, temperature),
            "mean_square_state": exact.linear_self_overlap(gain, symmetry, temperature),
            "energy": temperature / 2,
            "free_energy": exact.linear_free_energy(gain, symmetry, temperature),
        }
        cases += [
            Case(
                f"replica-linear-g{gain}-eta{symmetry}-T{temperature}-{quantity}",
                qd.replica.FiniteTemperature(temperature),
                qd.RandomNetwork(gain, symmetry, activation=qd.Linear()),
                quantity,
                value,
                "linear phi: a Gaussian measure, Z = (2 pi T)^(N/2)/|det(1 - J)|, elliptic law",
                "hard" if temperature < 1e-3 or symmetry == -1.0 else "easy",
            )
            for quantity, value in values.items()
        ]
    return cases


def zero_temperature_cases() -> list[Case]:
    cases = []
    # Below g_c = 1/(1 + gamma), and between it and 1/sqrt(1 + gamma).
    for gain, symmetry in [(0.5, 0.0), (0.6, 0.5), (0.7, 0.2), (0.75, 0.5), (0.88, 0.2), (0.6, 1.0)]:
        between = gain * (1 + symmetry) > 1
        response = 1 / (gain**2 * (1 + symmetry)) if between else exact.rest_response(gain, symmetry)
        source = "T to 0 between the lines: T/a = 1 - g^2 <phi^2>/a at q = 0" if between else "state of rest"
        for quantity, value in {"local_response": response, "self_overlap": 0.0}.items():
            cases.append(
                Case(
                    f"zero-temperature-tanh-g{gain}-eta{symmetry}-{quantity}",
                    qd.replica.ZeroTemperature(),
                    qd.RandomNetwork(gain, symmetry),
                    quantity,
                    value,
                    source,
                    "hard" if between else "easy",
                )
            )
    for gain in (1.1, 1.5, 5.0):
        overlap = exact.self_consistent(exact.erf_square, gain)
        for quantity, value in {"self_overlap": overlap, "local_response": exact.erf_slope(gain**2 * overlap)}.items():
            cases.append(
                Case(
                    f"zero-temperature-erf-g{gain}-{quantity}",
                    qd.replica.ZeroTemperature(),
                    qd.RandomNetwork(gain, activation=qd.Erf()),
                    quantity,
                    value,
                    "gamma = 0, T = 0: x ~ N(0, g^2 q), q = <phi^2>",
                )
            )
    return cases


def average_cases() -> list[AverageCase]:
    erf, relu = qd.Erf(), qd.ReLU()
    cases = []
    for variance in (0.0, 1e-6, 0.3, 1.0, 10.0, 100.0):
        cases += [
            AverageCase(
                f"average-erf-square-v{variance}",
                partial(qd.gaussian.average, lambda x: erf(x) ** 2, 0.0, variance),
                exact.erf_square(variance),
                "(2/pi) asin(u/(1 + u)), u = pi v/2 (Williams 1997)",
                "hard" if variance > 50 else "easy",
            ),
            AverageCase(
                f"average-erf-slope-v{variance}",
                partial(qd.gaussian.average, erf.slope, 0.0, variance),
                exact.erf_slope(variance),
                "a Gaussian integral: 1/sqrt(1 + pi v/2)",
                "hard" if variance > 50 else "easy",
            ),
        ]
    for first, second in [(1.0, 1.0), (0.2, 3.0), (100.0, 100.0), (1e-4, 50.0)]:
        for correlation in (-1.0, -0.5, 0.0, 0.3, 0.999, 1.0):
            covariance = correlation * float(np.sqrt(first * second))
            label, hard = f"v{first}-{second}-rho{correlation}", "hard" if first > 50 or abs(correlation) > 0.99 else "easy"
            cases += [
                AverageCase(
                    f"pair-erf-{label}",
                    partial(qd.gaussian.pair_average, erf, erf, (0.0, 0.0), (first, second), covariance),
                    exact.erf_pair(first, second, covariance),
                    "(2/pi) asin((pi c/2)/sqrt((1 + pi v/2)(1 + pi w/2))) (Williams 1997)",
                    hard,
                ),
                AverageCase(
                    f"pair-relu-{label}",
                    partial(
                        qd.gaussian.pair_average, relu, relu, (0.0, 0.0), (first, second), covariance, breakpoints=(0.0,)
                    ),
                    exact.relu_pair(first, second, covariance),
                    "arc-cosine kernel of degree 1 (Cho & Saul 2009)",
                    hard,
                ),
            ]
    for mean, variance in [(0.0, 1.0), (1.3, 4.0), (-2.0, 100.0)]:
        cases.append(
            AverageCase(
                f"average-square-m{mean}-v{variance}",
                partial(qd.gaussian.average, jnp.square, mean, variance),
                mean**2 + variance,
                "second moment of a Gaussian",
            )
        )
    return cases


def _of_edge(activation: AbstractActivation, bias_variance: float, quantity: str) -> tuple[float, float]:
    found = qd.layers.critical_initialisation(activation, float(np.sqrt(bias_variance)))
    assert found.critical
    return {"weight_std": found.weight_std, "length": found.length}[quantity], found.weight_std_error


def _after(network: qd.FeedforwardNetwork, theory: Any, quantity: str) -> tuple[float, float]:
    arrays = qd.solve(network, theory, key=3).arrays
    return float(arrays[quantity][-1]), float(arrays[f"{quantity}_error"][-1])


def layer_cases() -> list[LayerCase]:
    cases = []
    averages = {"tanh": (exact.tanh_square, exact.tanh_slope_square), "erf": (exact.erf_square, exact.erf_slope_square)}
    for activation in (qd.Tanh(), qd.Erf()):
        # 1.76 for tanh at 0.05: Schoenholz et al. 2017.
        for bias_variance in (0.05, 1.0):
            values = exact.edge_of_layers(*averages[activation.name], bias_variance)
            cases += [
                LayerCase(
                    f"edge-{activation.name}-b{bias_variance}-{quantity}",
                    partial(_of_edge, activation, bias_variance, quantity),
                    value,
                    "sigma_w^2 <phi'^2> = 1 at q = sigma_w^2 <phi^2> + sigma_b^2 (Poole et al. 2016)",
                )
                for quantity, value in zip(("weight_std", "length"), values, strict=True)
            ]
    kernels: list[tuple[AbstractActivation, exact.Kernel, float, float]] = [
        (qd.ReLU(), exact.relu_pair, 2.0, 0.0),
        (qd.Erf(), exact.erf_pair, 3.0, 0.04),
    ]
    for phi, kernel, weights, bias in kernels:
        network = qd.FeedforwardNetwork(weights**0.5, bias**0.5, phi)
        for overlap in (-0.5, 0.999):
            length, after = exact.through_layers(kernel, weights, bias, overlap, 20)
            cases += [
                LayerCase(
                    f"layers-{phi.name}-c{overlap}-{quantity}",
                    partial(_after, network, qd.layers.Propagation(20, overlap=overlap), quantity),
                    value,
                    "20 layers by the arc-cosine and arcsine kernels (Cho & Saul 2009; Williams 1997)",
                    "hard" if overlap > 0.9 else "easy",
                )
                for quantity, value in (("mean_square_state", length), ("overlap_coefficient", after))
            ]
    return cases


def width_cases() -> list[LayerCase]:
    """Of networks of finite width, with standard errors."""
    networks = {
        5.0: qd.FeedforwardNetwork(2.0**0.5, activation=qd.ReLU()),
        2.0: qd.FeedforwardNetwork(1.0, 0.0, qd.Linear()),
    }
    return [
        LayerCase(
            f"width-{network.activation.name}-n{width}",
            partial(_after, network, qd.layers.Forward(width, 60_000 // width, 4), "length_fluctuation"),
            (1 + spread / width) ** 4,
            "<q^2>/<q>^2 = (1 + s/n)^l, s = 5 for ReLU and 2 for linear phi (Hanin & Nica 2020)",
            "hard",
        )
        for spread, network in networks.items()
        for width in (20, 50)
    ]


CASES: list[Case] = [
    *rest_cases(),
    *static_active_cases(),
    *static_field_cases(),
    *replica_gaussian_cases(),
    *replica_linear_cases(),
    *zero_temperature_cases(),
]
AVERAGE_CASES: list[AverageCase] = average_cases()
LAYER_CASES: list[LayerCase] = layer_cases()
WIDTH_CASES: list[LayerCase] = width_cases()
