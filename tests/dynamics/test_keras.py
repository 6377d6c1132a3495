"""Keras's recurrent layers: files as Keras 3 and 2 write them, against the documented equations."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import quenched as qd
from quenched.landscape import rnn

h5py = pytest.importorskip("h5py")

UNITS, INPUTS = 4, 2
GATES = {"SimpleRNN": 1, "GRU": 3, "LSTM": 4}


def sigmoid(x: Any) -> Any:
    return 1.0 / (1.0 + np.exp(-x))


def random_weights(kind: str, reset_after: bool = True, bias: bool = True, seed: int = 0) -> list[np.ndarray]:
    random, width = np.random.default_rng(seed), GATES[kind] * UNITS
    shapes: list[tuple[int, ...]] = [(INPUTS, width), (UNITS, width)]
    shapes += [(2, width) if kind == "GRU" and reset_after else (width,)] if bias else []
    return [random.normal(size=shape) for shape in shapes]


def documented(
    kind: str, weights: list[np.ndarray], state: np.ndarray, x: np.ndarray, reset_after: bool = True
) -> np.ndarray:
    """Row vectors times kernels, gates z, r, h and i, f, c, o, as Keras documents them."""
    kernel, recurrent = weights[:2]
    bias = weights[2] if len(weights) > 2 else np.zeros(GATES[kind] * UNITS)
    h, c = state[:UNITS], state[UNITS:]
    if kind == "SimpleRNN":
        return np.tanh(x @ kernel + h @ recurrent + bias)
    if kind == "LSTM":
        i, f, new, o = np.split(x @ kernel + h @ recurrent + bias, 4)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(new)
        return np.concatenate([sigmoid(o) * np.tanh(c), c])
    enter, own = bias if bias.ndim == 2 else (bias, np.zeros_like(bias))
    (w_z, w_r, w_h), (u_z, u_r, u_h) = np.split(kernel, 3, axis=1), np.split(recurrent, 3, axis=1)
    (b_z, b_r, b_h), (d_z, d_r, d_h) = np.split(enter, 3), np.split(own, 3)
    z, r = sigmoid(x @ w_z + b_z + h @ u_z + d_z), sigmoid(x @ w_r + b_r + h @ u_r + d_r)
    inner = r * (h @ u_h + d_h) if reset_after else (r * h) @ u_h
    return z * h + (1 - z) * np.tanh(x @ w_h + b_h + inner)


def settings(kind: str, name: str, **options: Any) -> dict[str, Any]:
    own = {"name": name, "units": UNITS, "activation": "tanh", "recurrent_activation": "sigmoid", "reset_after": True}
    return {"class_name": kind, "config": own | options, "registered_name": None}


def model(*layers: dict[str, Any]) -> str:
    return json.dumps({"class_name": "Sequential", "config": {"name": "whole", "layers": list(layers)}})


def fill_new(file: Any, layers: dict[str, list[np.ndarray]], told: bool = True) -> None:
    """Numbers for names, and the layers counted; their own names in an attribute, of late."""
    for count, (name, weights) in enumerate(layers.items()):
        place = f"layers/gru_{count}" if told else f"layers/{name}"
        if told:
            file.create_group(f"{place}/vars").attrs["name"] = name
        for index, values in enumerate(weights):
            file[f"{place}/cell/vars/{index}"] = values.astype(np.float32)


def write(path: Path, layers: dict[str, list[np.ndarray]], config: str) -> Path:
    if path.name.endswith(".keras"):
        inner = io.BytesIO()
        with h5py.File(inner, "w") as file:
            fill_new(file, layers)
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("config.json", config)
            archive.writestr("model.weights.h5", inner.getvalue())
        return path
    with h5py.File(path, "w") as file:
        if path.name.endswith(".weights.h5"):
            fill_new(file, layers, told=False)
            return path
        file.attrs["model_config"] = config
        for name, weights in layers.items():
            for part, values in zip(("kernel:0", "recurrent_kernel:0", "bias:0"), weights, strict=False):
                file[f"model_weights/{name}/{name}/cell/{part}"] = values.astype(np.float32)
    return path


@pytest.mark.parametrize("ending", [".keras", ".H5", ".weights.h5"])
@pytest.mark.parametrize(
    ("kind", "reset_after", "bias"),
    [("SimpleRNN", True, True), ("LSTM", True, True), ("LSTM", True, False), ("GRU", True, True), ("GRU", False, True)],
)
def test_layers_step_as_keras_documents(tmp_path: Path, kind: str, reset_after: bool, bias: bool, ending: str) -> None:
    weights = random_weights(kind, reset_after, bias)
    config = model(settings(kind, "memory", reset_after=reset_after), settings("Dense", "readout"))
    found = rnn.from_file(write(tmp_path / f"model{ending}", {"memory": weights}, config))
    stored = [values.astype(np.float32).astype(float) for values in weights]
    random = np.random.default_rng(1)
    state, inputs = random.normal(size=found.size), random.normal(size=INPUTS)
    wanted = documented(kind, stored, state, inputs, reset_after)
    np.testing.assert_allclose(found.step(state, inputs), wanted, rtol=0, atol=1e-14)
    known: Any = found.step
    with jax.enable_x64(True):
        slopes = jax.jacfwd(lambda x: known(x, inputs))(jnp.asarray(state))
    np.testing.assert_allclose(known.jacobian(state, inputs), slopes, rtol=0, atol=1e-13)


@pytest.mark.parametrize("reset_after", [True, False])
def test_a_gru_without_bias_needs_its_settings(tmp_path: Path, reset_after: bool) -> None:
    weights, state = random_weights("GRU", bias=False), np.linspace(-1.0, 1.0, UNITS)
    config = model(settings("GRU", "memory", reset_after=reset_after))
    found = rnn.from_file(write(tmp_path / "model.keras", {"memory": weights}, config))
    stored = [values.astype(np.float32).astype(float) for values in weights]
    wanted = documented("GRU", stored, state, np.zeros(INPUTS), reset_after)
    np.testing.assert_allclose(found.step(state), wanted, rtol=0, atol=1e-14)
    with pytest.raises(ValueError, match="do not tell whether reset_after is True; save the whole model"):
        rnn.from_file(write(tmp_path / "model.weights.h5", {"memory": weights}, config))


def test_one_layer_of_several(tmp_path: Path) -> None:
    layers = {"below": random_weights("GRU"), "above": random_weights("GRU", seed=1)}
    wrapped = {"class_name": "RNN", "config": {"name": "above", "cell": settings("GRUCell", "cell")}}
    path = write(tmp_path / "model.keras", layers, model(settings("GRU", "below"), wrapped))
    with pytest.raises(ValueError, match="holds several, 'below', 'above'; choose one by `prefix`"):
        rnn.from_file(path)
    found: Any = rnn.from_file(path, prefix="above").step
    np.testing.assert_array_equal(found.weight_hh[:UNITS], layers["above"][1].astype(np.float32)[:, UNITS : 2 * UNITS].T)
    with pytest.raises(ValueError, match="must hold one SimpleRNN, GRU or LSTM called 'between', but holds none"):
        rnn.from_file(path, prefix="between")
    with pytest.raises(ValueError, match="`layer` must be left out"):
        rnn.from_file(path, layer=1)


def test_activations_are_read_and_others_refused(tmp_path: Path) -> None:
    weights = {"memory": random_weights("SimpleRNN")}
    path = tmp_path / "model.keras"
    found: Any = rnn.from_file(write(path, weights, model(settings("SimpleRNN", "memory", activation="relu")))).step
    assert isinstance(found.activation, qd.ReLU)
    with pytest.raises(ValueError, match="`nonlinearity` must be 'relu', as the layer's"):
        rnn.from_file(path, nonlinearity="tanh")
    gru = {"memory": random_weights("GRU")}
    for layer, message in (
        (
            settings("GRU", "memory", activation="elu"),
            "must have tanh as its activation, but has 'elu': write its step in JAX",
        ),
        (settings("GRU", "memory", recurrent_activation="hard_sigmoid"), "sigmoid as its recurrent_activation"),
        (settings("MyGRU", "memory"), "but is another: write its step"),
    ):
        with pytest.raises(ValueError, match=message):
            rnn.from_file(write(path, gru, model(layer)))
    with h5py.File(tmp_path / "both.weights.h5", "w") as file:
        for half in ("forward_layer", "backward_layer"):
            for index, values in enumerate(gru["memory"]):
                file[f"layers/bidirectional/{half}/cell/vars/{index}"] = values
    with pytest.raises(ValueError, match="bidirectional: its backward half"):
        rnn.from_file(tmp_path / "both.weights.h5")


@pytest.mark.parametrize("ending", ["keras", "h5"])
@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x89HDF\r\n\x1a\n"])
def test_torn_files_are_named(tmp_path: Path, ending: str, content: bytes) -> None:
    (tmp_path / f"model.{ending}").write_bytes(content)
    with pytest.raises(ValueError, match=rf"'model\.{ending}' cannot be read as \.{ending}"):
        rnn.from_file(tmp_path / f"model.{ending}")
