"""What the page shows: each part is a function of the choice, computed by the package, and returns arrays to draw.

Each part is also a few lines of Python, the same ones, which "copy as Python" hands on.
"""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np

import quenched as qd
from quenched.explorer.choice import FAMILIES, FRACTIONS, Choice

Arrays = dict[str, Any]

SHOWN = 12
"""Neurons whose trajectories are drawn."""
LAGS = np.linspace(0.0, 10.0, 41)
GAINS = np.linspace(0.1, 4.0, 79)
REACH = 2.5
"""Half the width of the landscape that is drawn."""

HEAD = "import numpy as np\nimport quenched as qd\n\n"
CODE = {
    "trajectories": (
        "network = model.draw({size}, {seed})\n"
        "run = qd.simulate.integrate(network, 30.0, 0.1, noise={noise!r}, key={seed})\n"
        "x = run.trajectory.values[:, 0]  # (time, neuron)\n"
    ),
    "spectrum": "eigenvalues = np.linalg.eigvals(model.draw({size}, {seed}).dense_weights)\n",
    "networks": (
        "experiment = qd.simulate.Trajectories({size}, 4, duration=70.0, step=0.25, burn_in=30.0, record=True)\n"
        "found = qd.solve(model, experiment, key={seed}, throw=False)\n"
    ),
    "theory": ("lags = np.linspace(0.0, 10.0, 41)\ntheory = qd.solve(model, qd.dmft.Stationary(lags=lags), throw=False)\n"),
    "static": ("gains = np.linspace(0.1, 4.0, 79)\nstatic = qd.sweep(ensemble, qd.dmft.Static(), {{'gain': gains}})\n"),
    "replica": (
        "gains = np.linspace(0.1, 4.0, 79)\n"
        "replica = qd.sweep(ensemble, qd.replica.FiniteTemperature({temperature!r}), {{'gain': gains}})\n"
    ),
    "landscape": (
        "network = model.draw(2, {seed})\n"
        "points = qd.landscape.find_fixed_points(network)\n"
        "walkers = qd.landscape.sample(\n"
        "    network, {temperature!r}, chains=4, samples=250, record=True, key={seed}, throw=False\n"
        ")\n"
    ),
}


def code(part: str, choice: Choice) -> str:
    """What computes a part, to be pasted into a notebook."""
    body = CODE[part].format(**choice.as_dict())
    if "ensemble" in body:
        inner = choice.but(gain=1.0).code().replace("1.0", "gain", 1).replace("model = ", "return ")
        lines = "".join(f"    {line}\n" for line in inner.strip().split("\n"))
        return f"{HEAD}def ensemble(gain):\n{lines}\n{body}"
    return f"{HEAD}{choice.code()}\n{body}"


def run(part: str, choice: Choice) -> dict[str, Any]:
    """Run exactly what `code` hands on, and return its variables."""
    scope: dict[str, Any] = {}
    exec(compile(code(part, choice), f"<{part}>", "exec"), scope)
    return scope


def trajectories(choice: Choice) -> Arrays:
    """States of some neurons of one network, in time."""
    found = run("trajectories", choice)
    return {"time": found["run"].time.values, "states": found["x"][:, :SHOWN].T}


def spectrum(choice: Choice) -> Arrays:
    """Eigenvalues of its couplings, and the ellipse that holds those of the random part of infinitely many neurons."""
    values = run("spectrum", choice)["eigenvalues"]
    angle = np.linspace(0.0, 2.0 * np.pi, 181)
    across, along = choice.gain * (1 + choice.symmetry), choice.gain * (1 - choice.symmetry)
    return {"real": values.real, "imaginary": values.imag, "x": across * np.cos(angle), "y": along * np.sin(angle)}


def networks(choice: Choice) -> Arrays:
    """C(tau) of four networks, averaged over neurons and time, with the standard error over networks."""
    found = run("networks", choice)["found"]
    _refuse_unsolved(found)
    states = found["trajectory"].values[:, :, 0]
    rates = np.asarray(choice.model().activation(jnp.asarray(states)))
    steps = round(LAGS[-1] / 0.25)
    late = rates[:, :-steps]
    products = [np.mean(late * rates[:, lag : lag + late.shape[1]], axis=(1, 2)) for lag in range(steps + 1)]
    values = np.array(products)
    return {"lag": LAGS, "value": values.mean(axis=1), "error": values.std(axis=1, ddof=1) / np.sqrt(values.shape[1])}


def theory(choice: Choice) -> Arrays:
    """C(tau) of stationary mean-field theory, with its error."""
    found = run("theory", choice)["theory"]
    _refuse_unsolved(found)
    value, error = found["correlation"].values, found["correlation_error"].values
    if choice.family == FAMILIES[1]:
        value, error = np.tensordot(FRACTIONS, value, 1), np.tensordot(FRACTIONS, error, 1)
    return {"lag": LAGS, "value": value, "error": error}


def static(choice: Choice) -> Arrays:
    """<phi^2> of static mean-field theory against the gain, and at the gain chosen."""
    _refuse_noise(choice)
    return _along_gains(choice, run("static", choice)["static"], "mean_square_rate")


def replica(choice: Choice) -> Arrays:
    """q of the measure exp(-E/T) against the gain, and at the gain chosen."""
    if choice.family != FAMILIES[0]:
        raise ValueError("Replica theory covers one population without a low rank; choose that family.")
    _refuse_noise(choice)
    return _along_gains(choice, run("replica", choice)["replica"], "self_overlap")


def _refuse_noise(choice: Choice) -> None:
    if choice.noise > 0.0:
        raise ValueError("Order parameters are those of networks at rest: set the noise to 0.")


def _refuse_unsolved(found: qd.Solution) -> None:
    status = qd.Status(int(found.status))
    if status is not qd.Status.solved:
        raise ValueError(f"{status.name}: {status.advice}")


def _along_gains(choice: Choice, found: Any, name: str) -> Arrays:
    values = np.where(found.status.values == 0, found[name].values.T, np.nan).T
    if choice.family == FAMILIES[1]:
        axis = found[name].dims.index("population")
        values = np.tensordot(values, FRACTIONS, (axis, 0))
    solved = np.isfinite(values)
    if not solved.any():
        raise ValueError("No gain of the curve was solved.")
    here = np.interp(choice.gain, GAINS[solved], values[solved])
    return {"gain": GAINS, "value": values, "marker": (choice.gain, here)}


def landscape(choice: Choice) -> Arrays:
    """E of a network of two neurons, its fixed points, and walkers that sample exp(-E/T)."""
    if choice.family != FAMILIES[0]:
        raise ValueError("The landscape is drawn for one population; choose that family.")
    found = run("landscape", choice)
    network, points, walkers = (found[name] for name in ("network", "points", "walkers"))
    side = np.linspace(-REACH, REACH, 81)
    first, second = np.meshgrid(side, side)
    states = np.stack([first.ravel(), second.ravel()])
    weights, phi = np.asarray(network.dense_weights), network.activation
    speeds = -states + weights @ np.asarray(phi(jnp.asarray(states)))
    energy = (0.5 * (speeds**2).sum(axis=0)).reshape(first.shape)
    unstable = points.unstable_directions.values
    draws = walkers["chain_state"].values.reshape(-1, 2)
    return {
        "energy": np.log10(energy + 1e-6),
        "x": points.state.values[:, 0],
        "y": points.state.values[:, 1],
        "stable": unstable == 0,
        "walkers": draws,
    }


PARTS = {
    "one network": (trajectories, spectrum),
    "correlation": (networks, theory),
    "order parameters": (static, replica),
    "landscape of two neurons": (landscape,),
}
"""Views, and what each needs."""
