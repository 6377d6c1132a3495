from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr
from matplotlib import rcParams
from matplotlib.lines import Line2D

import quenched as qd

GAINS = np.array([0.5, 1.0, 1.5])


def dataset(theory: str, symmetry: bool = True, **quantities: np.ndarray) -> xr.Dataset:
    """A sweep as it comes from qd.sweep, with numbers made up."""
    dims = ("symmetry", "gain") if symmetry else ("gain",)
    variables = {
        name: (dims, np.broadcast_to(values, (2, 3) if symmetry else 3).copy()) for name, values in quantities.items()
    }
    variables.setdefault("status", (dims, np.zeros((2, 3) if symmetry else 3, int)))
    coordinates = {"gain": ("gain", GAINS, {"symbol": "g"}), "critical_gain": ((), 1.0)}
    if symmetry:
        coordinates |= {
            "symmetry": ("symmetry", np.array([0.0, 0.5])),
            "critical_gain": ("symmetry", np.array([1.0, 2 / 3])),
        }
    found = xr.Dataset(variables, coordinates, {"theory": theory, "symmetry": 0.0})
    found["mean_square_rate"].attrs["symbol"] = r"\langle\phi^2\rangle"
    return found


RISING = np.array([0.0, 0.1, 0.4])
STATIC = dataset(
    "dmft.Static", mean_square_rate=RISING, integrated_response=1 - RISING, invertible=np.array([1.0, 1.0, 0.0])
)
REPLICA = dataset("replica.FiniteTemperature", mean_square_rate=RISING, local_response=1 - RISING).assign_attrs(
    temperature=0.01
)
COLDER = REPLICA.assign_attrs(temperature=0.001)
NETWORKS = dataset(
    "landscape.FixedPoints",
    mean_square_rate=RISING,
    mean_square_rate_error=np.array([0.0, 0.01, 0.02]),
    integrated_response=1 - RISING,
    integrated_response_error=0.1 * RISING,
    self_overlap=RISING,
    correlation=2 * RISING,
    correlation_error=0.1 * RISING,
    local_response=np.array([1.0, 30.0, 0.5]),
    local_response_error=0.1 * RISING,
).assign_attrs(size=60, networks=8)


def test_a_theory_is_a_line_and_dotted_where_it_is_not_invertible() -> None:
    axes = qd.plots.curve(STATIC.sel(symmetry=0.5), "mean_square_rate")
    solid, dotted = axes.lines
    np.testing.assert_array_equal(solid.get_xdata(), GAINS)
    np.testing.assert_array_equal(solid.get_ydata(), [0.0, 0.1, np.nan])
    np.testing.assert_array_equal(dotted.get_ydata(), [np.nan, 0.1, 0.4])
    assert dotted.get_linestyle() == ":"
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("$g$", r"$\langle\phi^2\rangle$")


def test_an_experiment_is_points_with_error_bars() -> None:
    axes = qd.plots.curve(NETWORKS.sel(symmetry=0.0), "mean_square_rate")
    (bars,) = axes.containers
    points, _, (segments,) = bars
    assert points.get_linestyle() == "None"
    heights = [segment[1, 1] - segment[0, 1] for segment in segments.get_segments()]
    np.testing.assert_allclose(heights, [0.0, 0.02, 0.04], atol=1e-15)


def test_points_that_are_not_solved_are_left_out() -> None:
    failed = REPLICA.sel(symmetry=0.0)
    failed["status"][1] = qd.Status.out_of_steps
    np.testing.assert_array_equal(qd.plots.curve(failed, "mean_square_rate").lines[0].get_ydata(), [0.0, np.nan, 0.4])


def test_a_quantity_that_cannot_be_drawn_is_refused() -> None:
    with pytest.raises(ValueError, match=r"no 'mean_square_rat'\. Did you mean 'mean_square_rate'"):
        qd.plots.curve(STATIC.sel(symmetry=0.0), "mean_square_rat")
    with pytest.raises(ValueError, match="must depend on 'gain' alone"):
        qd.plots.curve(STATIC, "mean_square_rate")


def test_markers_go_with_the_line_of_their_colour() -> None:
    moving = dataset("simulate.Trajectories", mean_square_rate=RISING, mean_square_rate_error=0.1 * RISING)
    sweeps = {
        "in_time": dataset("dmft.Stationary", mean_square_rate=RISING),
        "moving": moving.assign_attrs(size=400, networks=8),
        "networks": NETWORKS,
        "static": STATIC,
        "replica": REPLICA,
    }
    axes = qd.plots.edge_of_chaos(sweeps)
    assert axes.shape == (3, 2)
    assert [each.get_title("left") for each in axes[0]] == [r"symmetry $\eta = 0$", r"symmetry $\eta = 0.5$"]
    by_index, by_weight = {"static DMFT", "fixed points, $N = 60$"}, {"replica, $T = 0.01$", "fixed points, $N = 60$"}
    for upper, middle, lower in axes.T:
        assert [set(each) for each in by_colour(upper)] == [
            by_index,
            by_weight,
            {"stationary DMFT", "trajectories, $N = 400$"},
        ]
        assert [each["fixed points, $N = 60$"] for each in by_colour(upper)[:2]] == [(2 * RISING).tolist(), RISING.tolist()]
        assert [set(each) for each in by_colour(middle)] == [by_index]
        assert [set(each) for each in by_colour(lower)] == [by_weight]
    for column, critical in zip(axes.T, (1.0, 2 / 3), strict=True):
        for each in column:
            marked = [line for line in each.lines if line.get_label() == "_g_c"]
            assert [line.get_xdata()[0] for line in marked] == [critical]
            assert "$g_c$" in [text.get_text() for text in each.texts]
    (legend,) = axes[0, 0].figure.legends
    assert [text.get_text() for text in legend.get_texts()] == [
        *(qd.plots.style.ENSEMBLES["index"], "static DMFT", "fixed points, $N = 60$"),
        *(qd.plots.style.ENSEMBLES["weight"], "replica, $T = 0.01$", "fixed points, $N = 60$"),
        *(qd.plots.style.ENSEMBLES["time"], "stationary DMFT", "trajectories, $N = 400$"),
    ]


def test_fixed_points_by_weight_give_way_to_what_is_sampled() -> None:
    errors: dict[str, Any] = {f"{name}_error": 0.1 * RISING for name in ("mean_square_rate", "local_response")}
    found = dataset("landscape.Sampling", mean_square_rate=RISING, self_overlap=RISING, local_response=1 - RISING, **errors)
    sampled = found.assign_attrs(size=200, networks=3, temperature=0.1)
    axes = qd.plots.edge_of_chaos({"networks": NETWORKS, "replica": REPLICA, "sampled": sampled})
    points = "sampled, $T = 0.1$, $N = 200$"
    for upper, middle, lower in axes.T:
        assert [set(each) for each in by_colour(upper)] == [{"fixed points, $N = 60$"}, {"replica, $T = 0.01$", points}]
        assert [set(each) for each in by_colour(middle)] == [{"fixed points, $N = 60$"}]
        assert [set(each) for each in by_colour(lower)] == [{"replica, $T = 0.01$", points}]


def by_colour(axes: Any) -> list[dict[str, list[float]]]:
    """Names and values of what has the colour of static DMFT, of replica theory, of a network in time."""
    found: dict[str, dict[str, list[float]]] = {"#56B4E9": {}, "#D55E00": {}, "#000000": {}}
    for handle, name in zip(*axes.get_legend_handles_labels(), strict=True):
        line = handle if isinstance(handle, Line2D) else handle[0]
        found[str(line.get_color())][name] = np.asarray(line.get_ydata()).tolist()
    return [each for each in found.values() if each]


def test_a_curve_that_lies_on_another_lets_it_be_seen() -> None:
    axes = qd.plots.edge_of_chaos({"static": STATIC, "replica": REPLICA}, ["mean_square_rate"])
    assert axes.shape == (1, 2)
    below, above = (line for line in axes[0, 0].lines if not line.get_label().startswith("_"))
    assert below.get_linewidth() > 2 * above.get_linewidth()
    alone = qd.plots.curve(STATIC.sel(symmetry=0.5), "mean_square_rate").lines[0]
    assert alone.get_linewidth() == rcParams["lines.linewidth"]


def test_a_point_beyond_the_scale_of_the_theories_is_marked_at_the_edge() -> None:
    lower = qd.plots.edge_of_chaos({"replica": REPLICA, "networks": NETWORKS})[2, 0]
    low, high = lower.get_ylim()
    assert high == pytest.approx(1.6)
    (triangle,) = [line for line in lower.lines if line.get_marker() == "^"]
    assert (triangle.get_xdata().tolist(), triangle.get_ydata().tolist()) == ([1.0], [high])
    assert low < 0


def test_a_sweep_over_the_gain_alone_makes_one_column() -> None:
    one = dataset("dmft.Static", symmetry=False, mean_square_rate=RISING, integrated_response=RISING)
    assert qd.plots.edge_of_chaos({"static": one}).shape == (2, 1)
    with pytest.raises(ValueError, match="`quantities` must name some of"):
        qd.plots.edge_of_chaos({"static": one}, ["local_response"])
    with pytest.raises(ValueError, match="at least one sweep over 'gain'"):
        qd.plots.edge_of_chaos({"static": one.isel(gain=0)})


def test_descriptions_differ_in_more_than_colour() -> None:
    looks = qd.plots.style.styles({"static": STATIC, "replica": REPLICA, "colder": COLDER, "networks": NETWORKS})
    assert len({look["color"] for look in looks.values()}) == 2
    assert len({(look["linestyle"], look.get("marker"), look.get("linewidth")) for look in looks.values()}) == 4


def test_a_solution_is_drawn_with_its_errors_by_kind() -> None:
    numbers = qd.solve(qd.RandomNetwork(1.5), qd.simulate.Trajectories(size=10, networks=3, duration=1.0))
    axes = numbers.plot()["mean_square_rate"]
    ticks = [label.get_text() for label in axes.get_yticklabels()]
    place = axes.get_yticks()[next(row for row, text in enumerate(ticks) if text.startswith("mean square rate"))]
    (bars,) = axes.containers
    at = list(bars[0].get_ydata()).index(place)
    assert bars[0].get_xdata()[at] == numbers.arrays["mean_square_rate"]
    ends = bars[2][0].get_segments()[at][:, 0]
    np.testing.assert_allclose(ends[1] - ends[0], 2 * numbers.arrays["mean_square_rate_error"])


def test_functions_of_the_time_are_curves_and_of_two_times_maps() -> None:
    solution = qd.solve(qd.RandomNetwork(0.5, noise=0.2), qd.dmft.TwoTime(1.0, step=0.25))
    drawn = solution.plot()
    assert drawn["mean_square_state"] is drawn["mean_square_rate"]
    assert drawn["correlation"] is not drawn["state_correlation"]
    assert drawn["mean_square_state"].get_xlabel() == "time"
    assert solution.plot("mean_rate")["mean_rate"].get_ylabel() == r"$m_\phi$"
    both = solution.plot("mean_square_state", "mean_square_rate")["mean_square_rate"]
    assert both.get_ylabel() == r"$\langle x^2\rangle$, $\langle\phi^2\rangle$"
    (response,) = drawn["response"].collections
    shown: np.ndarray = np.ma.filled(np.ma.asarray(response.get_array()), np.nan)
    np.testing.assert_array_equal(np.isnan(shown).reshape(5, 5), np.triu(np.ones((5, 5), bool), 1))
    one = solution.plot("correlation")
    assert list(one) == ["correlation"]
    with pytest.raises(ValueError, match="Did you mean 'correlation'"):
        solution.plot("corelation")


@pytest.mark.slow
def test_each_population_is_a_curve_of_its_own() -> None:
    couplings = qd.couplings.Blocks((0.8, 0.2), [[1.2, 1.0], [0.8, 1.1]])
    model = qd.RandomNetwork(couplings=couplings, noise=0.3)
    solution = qd.solve(model, qd.dmft.Stationary(lags=(0.0, 1.0, 2.0), frequencies=(0.0, 1.0)))
    axes = solution.plot("correlation")["correlation"]
    labels = [line.get_label() for line in axes.get_lines()]
    assert labels == [r"$C,\ \mathrm{population}\ 0$", r"$C,\ \mathrm{population}\ 1$"]
    assert axes.get_ylabel() == "$C$"
    drawn = np.asarray(axes.get_lines()[1].get_ydata(), dtype=float)
    np.testing.assert_allclose(drawn, solution.correlation.isel(population=1))
