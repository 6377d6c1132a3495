"""Networks in parts: tiles of couplings, weights that are recomputed or on several devices, matrices in float32."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import quenched as qd
from quenched.couplings import AbstractCouplings, Blocks, Elliptic, Field, LowRank, Rates, Redrawn, Sparse, tiles
from quenched.numerics import memory
from quenched.simulate import Trajectories
from quenched.simulate.holding import Holding, hold

SIDE = 16
GAIN, MEAN = [[1.0, 2.0], [0.5, 1.5]], [[3.0, -4.0], [2.0, -1.0]]
SYMMETRY = [[0.9, -0.5], [-0.5, 0.2]]
LAWS: dict[str, AbstractCouplings] = {
    "elliptic": Elliptic(1.5),
    "correlated": Elliptic(1.5, 0.4, mean=2.0),
    "blocks": Blocks((0.3, 0.7), GAIN, SYMMETRY, MEAN),
    "balanced": Blocks((0.3, 0.7), GAIN, SYMMETRY, MEAN, balanced_rows=True),
    "low rank": LowRank([[1.0, 0.5], [0.5, 2.0]], [1.0, 1.0]),
    "sparse": Sparse(7.0, Elliptic(1.5, 0.3)),
    "sum": Elliptic(1.0, -0.3) + LowRank([[1.0, 0.5], [0.5, 2.0]]),
    "sum of parts": Sparse(3.0, Elliptic(1.0)) + LowRank([[1.0, 0.5], [0.5, 2.0]]),
}


@pytest.fixture(autouse=True)
def small_tiles(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """So that networks of few neurons have many."""
    monkeypatch.setattr(tiles, "SIDE", SIDE)
    with jax.enable_x64(True):
        yield


def drawn(law: AbstractCouplings, size: int, key: Any) -> np.ndarray:
    """As a program draws it: outside of one XLA rounds gain/sqrt(N) otherwise."""
    weights = jax.jit(lambda law, key: law.draw(size, key))(law, key)
    return np.asarray(weights.todense() if hasattr(weights, "todense") else weights)


def test_couplings_in_tiles_have_the_variances_and_correlations_of_the_law(key: Any) -> None:
    """Within each tile, with its mirror image, and between tiles, where nothing is correlated."""
    size, symmetry, count = 6 * SIDE, 0.6, 200
    draw = jax.jit(lambda key: Elliptic(1.3, symmetry).draw(size, key))
    weights = np.stack([np.asarray(draw(each)) for each in jax.random.split(key, count)]) * np.sqrt(size) / 1.3
    boxes = weights.reshape(count, 6, SIDE, 6, SIDE).transpose(0, 1, 3, 2, 4)
    spread = 5 / np.sqrt(count * SIDE**2)
    for row, column in np.ndindex(6, 6):
        there, back = boxes[:, row, column], boxes[:, column, row].transpose(0, 2, 1)
        if row == column:
            off = ~np.eye(SIDE, dtype=bool)
            assert np.var(np.diagonal(there, axis1=1, axis2=2)) == pytest.approx(1 + symmetry, rel=8 / np.sqrt(count * SIDE))
            there, back = there[:, off], back[:, off]
        assert np.mean(there) == pytest.approx(0.0, abs=spread)
        assert np.var(there) == pytest.approx(1.0, rel=2 * spread)
        assert np.mean(there * back) == pytest.approx(symmetry, abs=2 * spread)
    for first, second in (((0, 1), (0, 2)), ((0, 1), (1, 2)), ((3, 3), (4, 4)), ((1, 4), (4, 2))):
        assert np.mean(boxes[:, *first] * boxes[:, *second]) == pytest.approx(0.0, abs=spread), (first, second)


def test_populations_in_tiles_have_the_moments_of_the_law(key: Any) -> None:
    size, count = 50, 800
    law = Blocks((0.3, 0.7), GAIN, SYMMETRY, MEAN)
    weights = np.asarray(jax.lax.map(lambda key: law.draw(size, key), jax.random.split(key, count)))
    population = np.repeat([0, 1], [15, 35])
    for a, b in np.ndindex(2, 2):
        places = np.argwhere((population[:, None] == a) & (population == b) & ~np.eye(size, dtype=bool))
        there, back = weights[:, places[:, 0], places[:, 1]], weights[:, places[:, 1], places[:, 0]]
        spread = 5 / np.sqrt(there.size / 2)
        assert size * there.mean() == pytest.approx(MEAN[a][b], abs=spread * GAIN[a][b] * np.sqrt(size))
        assert size * there.var() == pytest.approx(GAIN[a][b] ** 2, rel=2 * spread)
        assert np.corrcoef(there.ravel(), back.ravel())[0, 1] == pytest.approx(SYMMETRY[a][b], abs=spread)


def test_a_network_of_one_tile_takes_its_numbers_from_the_key_itself(key: Any) -> None:
    normals = np.asarray(jax.random.normal(key, (SIDE, SIDE)))
    np.testing.assert_allclose(drawn(Elliptic(1.5), SIDE, key), 1.5 / np.sqrt(SIDE) * normals, rtol=1e-15)
    assert not np.allclose(drawn(Elliptic(1.5), SIDE + 1, key)[:SIDE, :SIDE], 1.5 / np.sqrt(SIDE + 1) * normals)


def test_balanced_rows_add_up_to_their_mean(key: Any) -> None:
    size = 50
    law = LAWS["balanced"]
    rows = drawn(law, size, key).sum(axis=1)
    mean = np.asarray(MEAN)[np.repeat([0, 1], [15, 35])] @ [15 / size, 35 / size]
    np.testing.assert_allclose(rows, mean, atol=1e-13)


@pytest.mark.parametrize("name", ["elliptic", "correlated", "balanced"])
@pytest.mark.parametrize(("first", "count"), [(0, 50), (13, 20)])
def test_any_rows_drawn_alone_are_rows_of_the_network(name: str, first: int, count: int, key: Any) -> None:
    law = LAWS[name]
    rows = jax.jit(lambda law, key, first: tiles.rows_of(law, 50, key, first, count))(law, key, first)
    np.testing.assert_array_equal(np.asarray(rows), drawn(law, 50, key)[first : first + count])


@pytest.mark.parametrize(
    ("name", "size"),
    [("correlated", 50), ("balanced", 50), ("low rank", 50), ("sparse", 50), ("sum", 50), ("sum of parts", 50), ("sum", 12)],
)
def test_every_form_of_the_weights_is_the_same_network(name: str, size: int, key: Any) -> None:
    law, states = LAWS[name], jnp.asarray(np.random.default_rng(0).normal(size=(size, 3)))
    exact = drawn(law, size, key) @ np.asarray(states)
    most = np.abs(exact).max()
    for how, within in (
        (Holding(), 1e-14),
        (Holding("recomputed"), 1e-14),
        (Holding("stored", 1), 1e-14),
        (Holding(dtype="float32"), 1e-6),
        (Holding("recomputed", dtype="float32"), 1e-6),
    ):
        product = jax.jit(lambda law, key, how=how: hold(law, size, key, how) @ states)(law, key)
        np.testing.assert_allclose(product, exact, rtol=0, atol=within * most, err_msg=str(how))


def test_sparse_rows_longer_and_shorter_than_their_slots(key: Any) -> None:
    """A neuron without partners, one of all partners, and places that are listed twice."""
    from quenched.simulate.products import sparse_rows

    rows = np.array([5, 0, 0, 2, 2, 2, *[3] * 40, 0])
    columns = np.array([1, 4, 4, 0, 1, 2, *range(40), 3])
    values, size = np.random.default_rng(1).normal(size=len(rows)), 45
    dense = np.zeros((size, size))
    np.add.at(dense, (rows, columns), values)
    found = sparse_rows(jnp.asarray(values), jnp.asarray(rows), jnp.asarray(columns), size, 4, "float64")
    assert int(found.count) == 36
    np.testing.assert_allclose(found.todense(), dense, atol=1e-14)


UNITS = (qd.units.Leaky(), qd.units.Leaky(qd.ReLU()))
MODELS = {
    "correlated": qd.RandomNetwork(1.6, 0.4, noise=0.2),
    "balanced": qd.RandomNetwork(couplings=LAWS["balanced"], unit=UNITS, field=0.3),
    "sum": qd.RandomNetwork(couplings=LAWS["sum"]),
    "redrawn": qd.RandomNetwork(couplings=Redrawn(Elliptic(1.2, 0.5)), unit=qd.units.Discrete(), noise=0.1),
    "sparse": qd.RandomNetwork(couplings=LAWS["sparse"]),
}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] * (name in ("correlated", "sum", "sparse"))) for name in MODELS]
)
def test_recomputed_networks_do_what_stored_ones_do(name: str) -> None:
    model = MODELS[name]
    options: dict[str, Any] = {"duration": 4.0, "step": 1.0 if model.kind == "map" else 0.2, "trials": 2}
    stored = qd.solve(model, Trajectories(47, 2, **options), key=3)
    recomputed = qd.solve(model, Trajectories(47, 2, weights="recomputed", **options), key=3)
    assert stored.arrays.keys() == recomputed.arrays.keys()
    for each, values in stored.arrays.items():
        np.testing.assert_allclose(recomputed.arrays[each], values, rtol=1e-10, atol=1e-12, err_msg=each)


def test_a_matrix_in_float32_changes_a_short_run_by_its_rounding() -> None:
    model = qd.RandomNetwork(1.2, 0.3)
    over: dict[str, Any] = {"size": 47, "networks": 2, "duration": 4.0, "step": 0.2}
    exact = qd.solve(model, Trajectories(**over), key=1)
    away = {}
    for sums in ("float32", "float64"):
        found = qd.solve(model, Trajectories(dtype="float32", sums=sums, **over), key=1)
        away[sums] = max(abs(float(found[name] - exact[name])) for name in ("mean_square_rate", "kinetic_energy"))
    assert 0.0 < away["float64"] < 1e-7
    assert 0.0 < away["float32"] < 1e-6


CHILD = """
import json, sys
import jax, numpy as np, quenched as qd
from quenched.couplings import tiles, Elliptic, Blocks
from quenched.simulate.holding import Holding, hold
tiles.SIDE = 16
balanced = Blocks((0.3, 0.7), [[1.0, 2.0], [0.5, 1.5]], [[0.9, -0.5], [-0.5, 0.2]], 1.0, balanced_rows=True)
told = {"devices": jax.device_count(), "same": [], "shapes": [], "apart": []}
with jax.enable_x64(True):
    for law in (Elliptic(1.5, 0.4), balanced):
        key = jax.random.key(5)
        whole = jax.jit(lambda law, key: law.draw(50, key))(law, key)
        for devices in (3, 4):
            rows = jax.jit(lambda law, key: hold(law, 50, key, Holding("stored", devices)).rows)(law, key)
            told["same"].append(bool(np.all(np.asarray(rows)[:50] == np.asarray(whole))))
            told["shapes"].append(sorted({shard.data.shape for shard in rows.addressable_shards}))
model = qd.RandomNetwork(1.5, 0.4, noise=0.2)
for asked in (dict(), dict(devices="all"), dict(devices=3, weights="recomputed")):
    found = qd.solve(model, qd.simulate.Trajectories(50, 2, 2.0, 0.2, **asked), key=2)
    told["apart"].append([float(found[name]) for name in ("mean_square_state", "kinetic_energy", "mean_state_error")])
print(json.dumps(told))
"""


def test_the_network_does_not_depend_on_the_number_of_devices() -> None:
    """In a process whose processor counts as four devices: the last bit of the weights, and trajectories to rounding."""
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count=4"
    told = json.loads(run_python(CHILD, XLA_FLAGS=flags))
    assert told["devices"] == 4
    assert told["same"] == [True] * 4
    assert told["shapes"] == 2 * [[[17, 50]], [[13, 50]]]  # nobody has all rows
    np.testing.assert_allclose(told["apart"][1:], 2 * [told["apart"][0]], rtol=1e-10)


PROCESS = """
import sys
import jax
jax.config.update("jax_cpu_collectives_implementation", "gloo")
jax.distributed.initialize(sys.argv[1], 2, int(sys.argv[2]))
import quenched as qd
from quenched.couplings import tiles
tiles.SIDE = 16
model = qd.RandomNetwork(1.5, 0.4, noise=0.2)
asked = [dict(devices="all"), dict(devices="all", weights="recomputed"), dict()]
found = [qd.solve(model, qd.simulate.Trajectories(50, 2, 2.0, 0.2, **each), key=2) for each in asked]
try:
    qd.solve(model, qd.simulate.Trajectories(50, 2, 2.0, 0.2, devices=1))
except ValueError as error:
    assert 'must be "all" where there are 2 processes' in str(error)
print(*[float(each["mean_square_state"]) for each in found], jax.local_device_count(), jax.device_count())
"""


@pytest.mark.slow
def test_two_processes_share_one_network() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        place = f"127.0.0.1:{free.getsockname()[1]}"
    began = [
        subprocess.Popen([sys.executable, "-c", PROCESS, place, str(each)], stdout=subprocess.PIPE, text=True)
        for each in range(2)
    ]
    told = [[float(word) for word in each.communicate(timeout=300)[0].split()[-5:]] for each in began]
    for first, second, alone, local, everywhere in told:
        assert (local, everywhere) == (1, 2)
        np.testing.assert_allclose([first, second], alone, rtol=1e-10)
    assert told[0][:2] == told[1][:2]


def run_python(code: str, **environment: str) -> str:
    ended = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | environment, capture_output=True, text=True, timeout=300
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


@pytest.mark.slow
@pytest.mark.parametrize("symmetry", [-0.5, 0.5])
def test_recomputed_networks_at_rest_in_a_field_meet_static_dmft_along_sizes(symmetry: float) -> None:
    model = qd.RandomNetwork(0.8, symmetry, field=0.5)
    theory, sizes = qd.solve(model, qd.dmft.Static()), np.array([24, 48, 96])
    found = [
        qd.solve(model, Trajectories(int(n), 2400 // int(n), 20.0, 0.25, burn_in=18.0, weights="recomputed"), key=int(n))
        for n in sizes
    ]
    for name in ("mean_square_rate", "mean_rate"):
        values = np.array([float(each[name]) for each in found])
        errors = np.array([float(each[f"{name}_error"]) for each in found])
        design = np.stack([np.ones(3), 1.0 / sizes], axis=1) / errors[:, None]
        covariance = np.linalg.inv(design.T @ design)
        limit, error = (covariance @ design.T @ (values / errors))[0], np.sqrt(covariance[0, 0])
        assert error < 0.05 * abs(limit)
        assert abs(limit - float(theory[name])) < 3.5 * error, name


GIB = 2**30


def test_what_does_not_fit_is_refused_with_what_would(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiles, "SIDE", 1024)
    monkeypatch.setattr(memory, "available_bytes", lambda: 6 * GIB)
    asked = Trajectories(30_000, 2, 1.0)
    with pytest.raises(MemoryError, match=r"needs about 7\.\d\d GiB at once, but 6 GiB are free") as refused:
        qd.solve(qd.RandomNetwork(1.0), asked)
    said = str(refused.value)
    assert '`dtype="float32"` would need 4.1' in said
    assert "GiB and fits; " in said
    assert '`weights="recomputed"` would need 0.0' in said
    assert "lower `size`" in said
    told = asked.memory(qd.RandomNetwork(1.0))
    assert told["as asked"] == pytest.approx(8 * 30_000**2 / GIB, rel=0.15)
    assert told['dtype="float32"'] == pytest.approx(4 * 30_000**2 / GIB, rel=0.25)
    assert told['weights="recomputed"'] < 0.1
    assert list(Trajectories(30_000, 2, 1.0).memory(MODELS["sparse"])) == ["as asked"]


def test_networks_without_a_matrix_fit_where_one_would_not() -> None:
    """A matrix of 100 000 neurons would take 75 GiB."""
    couplings = Sparse(5, Elliptic(1.0)) + LowRank([[1.0, 2.0], [2.0, 5.0]])
    found = qd.solve(qd.RandomNetwork(couplings=couplings), Trajectories(100_000, 2, 0.4, 0.2))
    assert 0.0 < float(found["mean_square_state_error"]) < 0.02


class Own(AbstractCouplings):
    """Couplings of a user's: uniform ones."""

    def field(self, rates: Rates) -> Field:
        return Elliptic(1.0).field(rates)

    def draw(self, size: int, key: Any) -> Any:
        return jax.random.uniform(key, (size, size), minval=-1.0) * jnp.sqrt(3.0 / size)

    def in_range(self) -> Any:
        return jnp.asarray(True)


def test_couplings_that_draw_no_parts_are_refused_by_name_and_stored_otherwise() -> None:
    for model in (qd.RandomNetwork(couplings=Own()), qd.RandomNetwork(couplings=Own() + Elliptic(1.0))):
        with pytest.raises(ValueError, match=r"Argument `weights` must be left out for Own, .* it is 'recomputed'"):
            qd.solve(model, Trajectories(47, 2, 1.0, weights="recomputed"))
        with pytest.raises(ValueError, match=r"Argument `devices` must be left out for Own, .* it is 1"):
            qd.solve(model, Trajectories(47, 2, 1.0, devices=1))
    found = [
        qd.solve(qd.RandomNetwork(couplings=Own()), Trajectories(47, 2, 1.0, dtype=each)) for each in ("float64", "float32")
    ]
    assert float(found[0]["mean_rate"]) == pytest.approx(float(found[1]["mean_rate"]), abs=1e-7)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"weights": "store"}, ValueError, "`weights` must be one of 'stored', 'recomputed', but is 'store'. Did you mean"),
        ({"devices": 0}, ValueError, "`devices` must be at least 1, but is 0"),
        ({"devices": "every"}, ValueError, "`devices` must be one of 'all', but is 'every'"),
        ({"devices": 1.5}, TypeError, "`devices` must be a whole number, but is 1.5"),
        ({"dtype": "float16"}, ValueError, "`dtype` must be one of 'float64', 'float32', but is 'float16'"),
        ({"sums": "float32"}, ValueError, '`sums` must be "float64" with `dtype="float64"`, but is "float32"'),
        ({"dtype": "float32", "sums": "long"}, ValueError, "`sums` must be one of 'float64', 'float32', but is 'long'"),
        ({"devices": 1000}, ValueError, "`devices` must be at most [0-9]+, as many as JAX has here, but is 1000.*XLA_FLAGS"),
    ],
)
def test_bad_arguments(arguments: Any, error: type[Exception], message: str, unchecked_types: None) -> None:
    with pytest.raises(error, match=message):
        qd.solve(qd.RandomNetwork(1.0), Trajectories(20, 2, 1.0, **arguments))
