"""Models, theories and solutions as people see them: printed and in notebooks."""

from __future__ import annotations

from xml.etree import ElementTree

import jax
import numpy as np
import pytest

import quenched as qd
from quenched.records import Record, printed
from quenched.sweeps.registry import theories


def test_a_theory_prints_what_differs_from_its_defaults() -> None:
    assert repr(qd.dmft.Static()) == "dmft.Static()"
    theory = qd.dmft.TwoTime(5.0, initial=qd.Normal(0, 2), response=False)
    assert repr(theory) == "dmft.TwoTime(duration=5, initial=Normal(0, 2), response=False)"
    assert repr(qd.dmft.Stationary(lags=np.linspace(0, 8, 9))).startswith("dmft.Stationary(lags=(0, 1, ..., 8: 9 values)")


def test_a_model_prints_its_parameters() -> None:
    model = qd.RandomNetwork(np.float64(1.5), activation=qd.Erf())
    assert repr(model) == "RandomNetwork(gain=1.5, symmetry=0, noise=0, field=0, activation=erf)"
    assert repr(qd.Normal(np.float64(0.0))) == "Normal(mean=0, std=1)"


def test_no_numpy_name_leaks_into_attributes() -> None:
    theory = qd.dmft.TwoTime(1.0, step=0.5, initial=qd.Normal(np.float64(0.5)))
    attributes = qd.solve(qd.RandomNetwork(0.5, noise=0.1), theory).attributes()
    assert attributes["initial"] == "Normal(0.5, 1)"
    assert not any("np." in str(value) for value in attributes.values())


def test_a_traced_model_can_be_printed() -> None:
    seen = []

    def look(gain: jax.Array) -> jax.Array:
        seen.append(repr(qd.RandomNetwork(gain)))
        return gain

    with jax.enable_x64(True):
        jax.jit(look)(1.5)
    assert "gain=traced" in seen[0]


@pytest.mark.parametrize("value", [True, 3, "a", None, (1, 2), (1.0, 2.0)])
def test_plain_values_print_as_one_types_them(value: object) -> None:
    assert eval(printed(value)) == value


def test_a_network_says_what_it_is() -> None:
    weights = np.zeros((40, 40))
    weights[:, ::4] = np.random.default_rng(0).normal(size=(40, 10))
    strength = f"gain {np.sqrt(40 * weights.var()):.3g} = sqrt(N Var J)"
    assert repr(qd.Network(weights)) == f"Network(40 neurons, 25 % of the couplings, {strength}, activation=tanh)"
    from scipy.sparse import csr_array

    assert repr(qd.Network(csr_array(weights), field=1.0)) == repr(qd.Network(weights, field=1.0))


def test_every_theory_has_its_equation() -> None:
    public = {name: theory for name, theory in theories().items() if "Stationary" not in name or name.endswith("Stationary")}
    assert all(theory.equation for theory in public.values())


def test_notebooks_get_wellformed_html_with_equations_and_folded_arrays() -> None:
    solution = qd.solve(qd.RandomNetwork(1.5, noise=0.2), qd.dmft.TwoTime(1.0, step=0.5))
    page = solution._repr_html_()
    assert "<details>" in page
    assert qd.RandomNetwork.equation.split(",")[0].replace("&", "&amp;") in page
    assert r"\langle\gamma(t)\gamma(s)\rangle" in page
    numbers = qd.solve(qd.RandomNetwork(1.5), qd.dmft.Static())._repr_html_()
    cells = ["".join(cell.itertext()) for cell in ElementTree.fromstring(numbers).iter("td")]
    assert cells[cells.index("correlation") + 1] == "$C$"
    assert cells[cells.index("correlation") + 2] == "0.352602"
    # Columns stay apart: what stands beside a symbol has padding.
    name, _, value, meaning = next(row for row in ElementTree.fromstring(numbers).iter("tr") if row.findall("td"))
    assert all("padding" in cell.attrib["style"] for cell in (name, value, meaning))
    assert isinstance(solution.model, Record)
    page = qd.Network(np.eye(2))._repr_html_()
    assert qd.Network.equation in page
    assert "Network(2 neurons, " in page


def test_quantities_are_attributes() -> None:
    solution = qd.solve(qd.RandomNetwork(1.5), qd.dmft.Static())
    assert float(solution.correlation) == float(solution["correlation"])
    assert {"correlation", "integrated_response", "plot"} <= set(dir(solution))
    with pytest.raises(AttributeError, match=r"no attribute 'corelation'\. Did you mean 'correlation'\?"):
        _ = solution.corelation


def test_no_quantity_is_hidden_by_an_attribute_of_solutions() -> None:
    own = set(dir(qd.Solution)) | set(qd.Solution.__dataclass_fields__)
    assert own & set(qd.VOCABULARY) == {"status", "residual", "steps", "wall_time"}


def test_about_names_versions_and_devices() -> None:
    text = qd.about()
    assert jax.__version__ in text
    assert "cpu" in text
