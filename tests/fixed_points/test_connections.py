"""Where saddles fall to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import networkx as nx
import numpy as np
import pytest
from scipy import integrate

import quenched as qd
from quenched.landscape import Flow, Map, connections, find_fixed_points


def test_each_arrow_is_a_trajectory_by_another_integrator() -> None:
    weights = 2.2 / np.sqrt(8) * np.random.default_rng(2).normal(size=(8, 8))
    weights = (weights + weights.T) / np.sqrt(2)
    network = qd.Network(weights)
    found = find_fixed_points(network, 200)
    graph = connections(network, found)
    assert graph.number_of_nodes() == found.sizes["fixed_point"]
    assert graph.number_of_edges() == 2 * int(found.unstable_directions.sum())
    for row in range(0, found.sizes["fixed_point"], 3):
        for _, head, known in graph.out_edges(row, data=True):
            # Symmetric: everything ends at rest, and the eigenvectors of F' are real.
            assert bool(found.stable[head])
            state = found.state.values[row]
            values, vectors = np.linalg.eig(weights / np.cosh(state) ** 2 - np.eye(8))
            order = np.argsort(-values.real)
            assert known["rate"] == pytest.approx(values.real[order[known["mode"]]], abs=1e-9)
            vector = vectors[:, order[known["mode"]]].real
            ends = [
                integrate.solve_ivp(
                    lambda _, x: weights @ np.tanh(x) - x, (0, 400), state + sign * 1e-4 * vector, method="LSODA", rtol=1e-9
                ).y[:, -1]
                for sign in (1, -1)
            ]
            assert min(np.max(np.abs(end - found.state.values[head])) for end in ends) < 1e-3


def test_a_cycle_is_elsewhere() -> None:
    """Van der Pol: the origin is unstable, and its trajectories end on the cycle."""
    flow = Flow(lambda x: jnp.array([x[1], (1 - x[0] ** 2) * x[1] - x[0]]), size=2)
    found = find_fixed_points(flow, 30)
    graph = connections(flow, found, duration=50.0)
    assert {head for _, head in graph.edges()} == {"elsewhere"}
    # A complex pair: along its real and its imaginary part, both ways.
    assert graph.number_of_edges() == 4


def test_maps_are_stepped() -> None:
    step = Map(lambda x: jnp.tanh(2.0 * x), size=1)
    found = find_fixed_points(step, 30)
    graph = connections(step, found)
    (saddle,) = np.flatnonzero(~found.stable.values)
    assert sorted((tail, head) for tail, head in graph.edges()) == [
        (saddle, node) for node in np.flatnonzero(found.stable.values)
    ]
    # From 1e-4 by a factor of 2 each step: some ln(1e4)/ln 2 = 13 of them, and then by the slope at the fixed point.
    assert all(12 <= known["time"] <= 25 for *_, known in graph.edges(data=True))


def test_one_that_runs_away_does_not_stop_the_others() -> None:
    flow = Flow(lambda x: x**2 - 1, size=1)
    found = find_fixed_points(flow, np.linspace(-3, 3, 20)[:, None], paths=0)
    graph = connections(flow, found)
    assert {(tail, head): end for tail, head, end in graph.edges(data="outcome")} == {
        (1, 0): "fixed_point",
        (1, "elsewhere"): "escaped",
    }
    assert not graph.graph["interrupted"]


def test_points_that_move_are_refused() -> None:
    driven = find_fixed_points(qd.Network(np.array([[0.0, 2.0], [2.0, 0.0]])), 20, inputs=[0.3, -0.1])
    with pytest.raises(ValueError, match="must be fixed points of `dynamics` under `inputs`, but point 0 moves at"):
        connections(qd.Network(np.array([[0.0, 2.0], [2.0, 0.0]])), driven, inputs=[0.0, 0.0])
    # Left out, the inputs are those that the points were found under.
    assert connections(qd.Network(np.array([[0.0, 2.0], [2.0, 0.0]])), driven).number_of_edges() == 2


def test_points_nearer_than_the_nudge_are_not_jumped_over() -> None:
    """Wells and barriers in turn, 5e-5 apart."""
    flow = Flow(lambda x: -jnp.sin(2e4 * np.pi * x), size=1)
    found = find_fixed_points(flow, 5e-5 * np.arange(-3.0, 4.0)[:, None] + 1e-6, paths=0, rounds=0)
    assert found.sizes["fixed_point"] == 7
    graph = connections(flow, found)
    places = found.state.values.ravel()
    for saddle in np.flatnonzero(~found.stable.values):
        heads = sorted(places[head] - places[saddle] for head in graph.successors(saddle) if head != "elsewhere")
        np.testing.assert_allclose(np.abs(heads), 5e-5, atol=1e-9)
    # Beyond the last barriers are wells that are not listed.
    assert sorted(end for _, _, end in graph.edges(data="outcome")) == ["at_rest"] * 2 + ["fixed_point"] * 6


def test_cycles_are_told_from_what_runs_away() -> None:
    def velocity(x: Any) -> Any:
        return jnp.array([x[0] - x[1], x[0] + x[1]]) - x * jnp.sum(x**2)

    flow = Flow(velocity, size=2)
    graph = connections(flow, find_fixed_points(flow, 5), duration=50.0)
    assert {end for _, _, end in graph.edges(data="outcome")} == {"out_of_time"}


def test_an_interruption_keeps_what_has_arrived() -> None:
    pair = qd.Network(np.array([[0.0, 2.0], [2.0, 0.3]]))
    found = find_fixed_points(pair, 20)

    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    assert 0 < connections(pair, found, progress=interrupt).number_of_edges() <= 2


def test_bad_input_is_refused() -> None:
    pair = qd.Network(np.array([[0.0, 2.0], [2.0, 0.0]]))
    found = find_fixed_points(pair, 20)
    with pytest.raises(ValueError, match="must have states of size 3, but has 2"):
        connections(qd.Network(np.eye(3)), found)
    with pytest.raises(TypeError, match="lacks stable, state, unstable_directions"):
        connections(pair, found[["outcome"]])
    with pytest.raises(ValueError, match="`duration` must be"):
        connections(pair, found, duration=0.0)


def test_the_graph_goes_into_files_and_comes_back(tmp_path: Path) -> None:
    """GraphML, GEXF and JSON: the same nodes, edges, numbers and words."""
    flow = Flow(lambda x: jnp.array([x[0] - x[0] ** 3, x[1]]), size=2)  # along x[1] everything runs away
    found = find_fixed_points(flow, 30)
    graph = connections(flow, found)
    assert {outcome for _, _, outcome in graph.edges(data="outcome")} == {"fixed_point", "escaped"}

    def told(of: nx.MultiDiGraph, name: str) -> set[tuple[str, ...]]:
        return {(str(tail), str(head), str(known["side"]), str(known[name])) for tail, head, known in of.edges(data=True)}

    nx.write_graphml(graph, tmp_path / "graph.graphml")
    nx.write_gexf(graph, tmp_path / "graph.gexf")
    (tmp_path / "graph.json").write_text(json.dumps(nx.node_link_data(graph)))
    assert "dynamic" not in (tmp_path / "graph.gexf").read_text()
    for again in (
        nx.read_graphml(tmp_path / "graph.graphml", force_multigraph=True),
        nx.read_gexf(tmp_path / "graph.gexf"),
        nx.node_link_graph(json.loads((tmp_path / "graph.json").read_text())),
    ):
        assert {str(node) for node in again} == {str(node) for node in graph}
        for name in ("mode", "rate", "time", "outcome"):
            assert told(again, name) == told(graph, name)
        stable = {str(node): bool(known["stable"]) for node, known in again.nodes(data=True) if "stable" in known}
        assert stable == {str(row): bool(value) for row, value in enumerate(found.stable.values)}
