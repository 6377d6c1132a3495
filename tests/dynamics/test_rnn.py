"""Trained networks: every cell against its equations in NumPy and against the library that it comes from."""

from __future__ import annotations

import importlib.util
import itertools
import pickle
import zipfile
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import quenched as qd
from quenched.dynamics.read import read_dynamics
from quenched.landscape import Map, rnn

HIDDEN, INPUTS = 5, 3
BLOCKS = {"rnn": 1, "gru": 3, "lstm": 4}
FLIP_FLOP = Path(__file__).parent / "flip_flop_gru.npz"


def random_arrays(cell: str, seed: int = 0, hidden: int = HIDDEN, inputs: int = INPUTS) -> dict[str, Any]:
    random, rows = np.random.default_rng(seed), BLOCKS[cell] * hidden
    shapes = {"weight_ih_l0": (rows, inputs), "weight_hh_l0": (rows, hidden), "bias_ih_l0": (rows,), "bias_hh_l0": (rows,)}
    return {name: random.normal(size=shape) for name, shape in shapes.items()}


def random_state(cell: str, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    return random.normal(size=HIDDEN * (2 if cell == "lstm" else 1)), random.normal(size=INPUTS)


def sigmoid(x: Any) -> Any:
    return 1.0 / (1.0 + np.exp(-x))


def documented_step(cell: str, a: dict[str, Any], state: np.ndarray, inputs: np.ndarray) -> np.ndarray:
    """Unit by unit, as PyTorch's documentation has it."""
    hidden = a["weight_hh_l0"].shape[1]
    h, c = state[:hidden], state[hidden:]

    def sums(gate: int, unit: int) -> tuple[float, float]:
        row = gate * hidden + unit
        enter = sum(a["weight_ih_l0"][row, k] * inputs[k] for k in range(len(inputs))) + a["bias_ih_l0"][row]
        return enter, sum(a["weight_hh_l0"][row, k] * h[k] for k in range(hidden)) + a["bias_hh_l0"][row]

    new, memory = np.zeros(hidden), np.zeros(hidden)
    for j in range(hidden):
        if cell == "rnn":
            new[j] = np.tanh(sum(sums(0, j)))
        elif cell == "gru":
            r, z = sigmoid(sum(sums(0, j))), sigmoid(sum(sums(1, j)))
            enter, own = sums(2, j)
            new[j] = (1 - z) * np.tanh(enter + r * own) + z * h[j]
        else:
            i, f, o = (sigmoid(sum(sums(gate, j))) for gate in (0, 1, 3))
            memory[j] = f * c[j] + i * np.tanh(sum(sums(2, j)))
            new[j] = o * np.tanh(memory[j])
    return np.concatenate([new, memory]) if cell == "lstm" else new


@pytest.mark.parametrize("cell", BLOCKS)
def test_a_step_is_what_pytorch_documents(cell: str) -> None:
    arrays, (state, inputs) = random_arrays(cell), random_state(cell)
    found = rnn.from_arrays(arrays, cell=cell)
    assert isinstance(found, Map)
    assert found.size == state.size
    stepped = found.step(state, inputs)
    assert stepped.dtype == jnp.float64  # in a program that keeps JAX in 32 bits
    np.testing.assert_allclose(stepped, documented_step(cell, arrays, state, inputs), rtol=0, atol=1e-14)
    # Without inputs they are zero, and without biases these are.
    np.testing.assert_allclose(found.step(state), documented_step(cell, arrays, state, 0 * inputs), rtol=0, atol=1e-14)
    bare = {name: values for name, values in arrays.items() if "weight" in name}
    silent = arrays | {name: 0 * values for name, values in arrays.items() if "bias" in name}
    np.testing.assert_allclose(
        rnn.from_arrays(bare).step(state, inputs), documented_step(cell, silent, state, inputs), rtol=0, atol=1e-14
    )


def test_relu() -> None:
    arrays, (state, inputs) = random_arrays("rnn"), random_state("rnn")
    before = arrays["weight_ih_l0"] @ inputs + arrays["weight_hh_l0"] @ state + arrays["bias_ih_l0"] + arrays["bias_hh_l0"]
    assert np.min(before) < 0.0 < np.max(before)
    found = rnn.from_arrays(arrays, nonlinearity="relu").step(state, inputs)
    np.testing.assert_allclose(found, np.maximum(before, 0), rtol=0, atol=1e-14)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("name", ["RNN", "GRU", "LSTM"])
def test_pytorch_modules(name: str, bias: bool, tmp_path: Path) -> None:
    """Two layers of it, and its cell, step by step."""
    torch = pytest.importorskip("torch")
    torch.manual_seed(1)
    kwargs = {"nonlinearity": "relu"} if name == "RNN" else {}
    stack = getattr(torch.nn, name)(INPUTS, HIDDEN, num_layers=2, bias=bias, **kwargs).double()
    single = getattr(torch.nn, f"{name}Cell")(INPUTS, HIDDEN, bias=bias, **kwargs).double()
    model = torch.nn.ModuleDict({"recurrent": stack, "readout": torch.nn.Linear(HIDDEN, 2)})
    torch.save({"epoch": 3, "state_dict": model.state_dict()}, tmp_path / "model.pt")
    random = np.random.default_rng(2)
    inputs, h, c = random.normal(size=INPUTS), random.normal(size=(2, HIDDEN)), random.normal(size=(2, HIDDEN))
    tensors = [torch.tensor(values)[:, None] for values in (h, c)]
    own = (tensors[0], tensors[1]) if name == "LSTM" else tensors[0]
    with torch.no_grad():
        _, after = stack(torch.tensor(inputs)[None, None], own)
        once = single(
            torch.tensor(inputs), (torch.tensor(h[0]), torch.tensor(c[0])) if name == "LSTM" else torch.tensor(h[0])
        )
    wanted = torch.cat(after, dim=2) if name == "LSTM" else after
    states = np.concatenate([h, c], axis=1) if name == "LSTM" else h
    for layer in (0, 1):
        below = inputs if layer == 0 else wanted[0, 0, :HIDDEN].numpy()
        for found in (
            rnn.from_torch(model, layer=layer),
            rnn.from_torch(stack.state_dict(), layer=layer, **kwargs),
            rnn.from_file(tmp_path / "model.pt", cell=name.lower(), layer=layer, **kwargs),
        ):
            np.testing.assert_allclose(found.step(states[layer], below), wanted[layer, 0].numpy(), rtol=0, atol=1e-12)
    wanted_once = torch.cat(once) if name == "LSTM" else once
    np.testing.assert_allclose(rnn.from_torch(single).step(states[0], inputs), wanted_once.numpy(), rtol=0, atol=1e-12)


def test_pytorch_modules_that_are_refused(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    plain = torch.nn.GRU(2, 3)
    for module, message in (
        (torch.nn.GRU(2, 3, bidirectional=True), "bidirectional"),
        (torch.nn.LSTM(2, 3, proj_size=2), "projections"),
        (torch.nn.Linear(2, 3), "none inside"),
        (type("Other", (torch.nn.GRU,), {"forward": lambda self, x: x})(2, 3), "an? Other with a `forward` of its own"),
        (torch.nn.ModuleDict({"one": plain, "two": torch.nn.GRU(2, 3)}), "several inside, 'one', 'two'; choose one"),
        (torch.nn.utils.parametrizations.weight_norm(torch.nn.GRU(2, 3), "weight_hh_l0"), "Undo torch.nn.utils.parametrize"),
    ):
        with pytest.raises(ValueError, match=message):
            rnn.from_torch(module)
    assert rnn.from_torch(torch.nn.ModuleDict({"one": plain, "two": torch.nn.GRU(2, 4)}), prefix="two").size == 4
    assert rnn.from_torch(type("Same", (torch.nn.GRU,), {})(2, 3)).size == 3
    torch.save({"last": plain.state_dict(), "best": plain.state_dict()}, tmp_path / "two.pt")
    with pytest.raises(ValueError, match="holds several state dicts, 'last', 'best'"):
        rnn.from_file(tmp_path / "two.pt")
    with pytest.raises(ValueError, match="must be 'tanh', as the module's"):
        rnn.from_torch(torch.nn.RNN(2, 3), nonlinearity="relu")
    torch.save(plain, tmp_path / "whole.pt")
    with pytest.raises(ValueError, match=r"more than weights, which could run code; .*state_dict"):
        rnn.from_file(tmp_path / "whole.pt")
    cell: Any = rnn.from_torch(plain.bfloat16()).step
    assert cell.weight_hh.dtype == np.float64


def test_files(tmp_path: Path) -> None:
    arrays = random_arrays("gru")
    state, inputs = random_state("gru")
    wanted = rnn.from_arrays(arrays).step(state, inputs)
    np.savez(tmp_path / "good.npz", **{f"model.gru.{name}": values for name, values in arrays.items()}, readout=np.ones(3))
    np.testing.assert_array_equal(rnn.from_file(tmp_path / "good.npz").step(state, inputs), wanted)
    np.savez(tmp_path / "objects.npz", weight_hh_l0=np.array([{"a": 1}], dtype=object), weight_ih_l0=np.ones((1, 1)))
    (tmp_path / "torn.npz").write_bytes((tmp_path / "good.npz").read_bytes()[:300])
    (tmp_path / "weights.pkl").write_bytes(pickle.dumps(arrays))
    for name, message in (
        ("objects.npz", "Python objects, which could run code; save the weights alone"),
        ("torn.npz", "cannot be read as .npz"),
        ("weights.pkl", r"A pickle can run code and is not read; .*state_dict"),
    ):
        with pytest.raises(ValueError, match=message):
            rnn.from_file(tmp_path / name)
    with pytest.raises(FileNotFoundError, match="no file"):
        rnn.from_file(tmp_path / "absent.npz")


def test_only_the_weights_are_read_from_an_archive(tmp_path: Path) -> None:
    """Settings and None beside them are no trouble; among them they are refused, and nothing is unpickled."""
    arrays, (state, inputs) = random_arrays("gru"), random_state("gru")
    beside: dict[str, Any] = {
        "config": np.array({"rate": 0.1}, dtype=object),
        "best": np.array(None),
        "text": np.array("adam"),
    }
    np.savez(tmp_path / "MODEL.npz", **arrays, **beside)
    found = rnn.from_file((tmp_path / "MODEL.npz").rename(tmp_path / "MODEL.NPZ"))
    np.testing.assert_array_equal(found.step(state, inputs), rnn.from_arrays(arrays).step(state, inputs))
    np.savez(tmp_path / "among.npz", **(arrays | {"bias_hh_l0": np.array([None] * 15)}))
    with pytest.raises(ValueError, match="Python objects, which could run code; save the weights alone"):
        rnn.from_file(tmp_path / "among.npz")


def test_programs_are_no_weights(tmp_path: Path) -> None:
    """A TorchScript file is told by its folder of code, with PyTorch or without."""
    with zipfile.ZipFile(tmp_path / "model.pt", "w") as archive:
        archive.writestr("model/code/__torch__.py", "class Model(Module): pass")
        archive.writestr("model/data.pkl", b"")
    with pytest.raises(ValueError, match=r"is a TorchScript program.*torch\.jit\.load\(path\)\.state_dict\(\)"):
        rnn.from_file(tmp_path / "model.pt")
    for ending, message in (
        (".pt2", "compiled program is not read"),
        (".onnx", "does not say which cell"),
        (".ckpt", "pickle"),
    ):
        (tmp_path / f"model{ending}").write_bytes(b"")
        with pytest.raises(ValueError, match=rf"must end in one of .*\.keras.*{message}"):
            rnn.from_file(tmp_path / f"model{ending}")


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")  # of PyTorch, about TorchScript
def test_torchscript_and_tensors_of_every_kind(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    gru = torch.nn.GRU(2, 3)
    script = torch.jit.script(gru)
    torch.jit.save(script, tmp_path / "script.pt")
    with pytest.raises(ValueError, match="TorchScript program"):
        rnn.from_file(tmp_path / "script.pt")
    with pytest.raises(ValueError, match=r"compiled by TorchScript: give its state_dict\(\)"):
        rnn.from_torch(script)
    wanted: Any = rnn.from_torch(gru).step
    for given in (script.state_dict(), dict(gru.named_parameters())):  # the latter require gradients
        found: Any = rnn.from_torch(given).step
        np.testing.assert_array_equal(found.weight_hh, wanted.weight_hh)
    half: Any = rnn.from_torch(dict(torch.nn.GRU(2, 3).half().named_parameters())).step
    assert half.weight_hh.dtype == np.float64


def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("torch", "safetensors"):
        monkeypatch.setitem(__import__("sys").modules, name, None)
    for ending, package in ((".pt", "torch"), (".safetensors", "safetensors")):
        (tmp_path / f"weights{ending}").write_bytes(b"")
        with pytest.raises(ImportError, match=f"pip install {package}"):
            rnn.from_file(tmp_path / f"weights{ending}")


def test_safetensors(tmp_path: Path) -> None:
    safetensors = pytest.importorskip("safetensors.numpy")
    arrays, (state, inputs) = random_arrays("lstm"), random_state("lstm")
    safetensors.save_file(arrays, tmp_path / "weights.safetensors")
    found = rnn.from_file(tmp_path / "weights.safetensors", cell="lstm").step(state, inputs)
    np.testing.assert_array_equal(found, rnn.from_arrays(arrays).step(state, inputs))
    (tmp_path / "torn.safetensors").write_bytes(b"no header")
    with pytest.raises(ValueError, match=r"cannot be read as \.safetensors"):
        rnn.from_file(tmp_path / "torn.safetensors")


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("name", ["GRUCell", "LSTMCell"])
def test_equinox_cells(name: str, bias: bool) -> None:
    state, inputs = random_state(name.removesuffix("Cell").lower())
    with jax.enable_x64(True):
        cell = getattr(eqx.nn, name)(INPUTS, HIDDEN, use_bias=bias, key=jax.random.key(3))
        own = (jnp.asarray(state[:HIDDEN]), jnp.asarray(state[HIDDEN:])) if name == "LSTMCell" else jnp.asarray(state)
        after = cell(jnp.asarray(inputs), own)
        wanted = np.concatenate(after) if name == "LSTMCell" else after
    np.testing.assert_allclose(rnn.from_equinox(cell).step(state, inputs), wanted, rtol=0, atol=1e-14)


@pytest.mark.parametrize("library", ["linen", "nnx"])
@pytest.mark.parametrize("name", ["SimpleCell", "GRUCell", "LSTMCell", "OptimizedLSTMCell"])
def test_flax_cells(name: str, library: str) -> None:
    pytest.importorskip("flax")
    module = importlib.import_module(f"flax.{library}")
    lstm = "LSTM" in name
    state, inputs = random_state("lstm" if lstm else "gru")
    with jax.enable_x64(True):
        own = (jnp.asarray(state[HIDDEN:]), jnp.asarray(state[:HIDDEN])) if lstm else jnp.asarray(state)  # (c, h)
        options = {"param_dtype": jnp.float64, "dtype": jnp.float64, "bias_init": jax.nn.initializers.normal(1.0)}
        if library == "linen":
            cell = getattr(module, name)(HIDDEN, **options)
            params = cell.init(jax.random.key(4), own, jnp.asarray(inputs))
            after, found = cell.apply(params, own, jnp.asarray(inputs))[0], rnn.from_flax(cell, params)
        else:
            cell = getattr(module, name)(INPUTS, HIDDEN, rngs=module.Rngs(4), **options)
            after, found = cell(own, jnp.asarray(inputs))[0], rnn.from_flax(cell)
    wanted = np.concatenate([after[1], after[0]]) if lstm else after
    np.testing.assert_allclose(found.step(state, inputs), wanted, rtol=0, atol=1e-14)


def joined_step(kind: str, w: dict[str, np.ndarray], b: dict[str, np.ndarray], x: np.ndarray, state: np.ndarray) -> Any:
    """Haiku's and BrainState's equations, gate by gate, kernels (inputs and state, unit)."""
    h, c = state[:HIDDEN], state[HIDDEN:]
    joined = np.concatenate([x, h])
    if kind == "LSTM":
        i, g, f, o = (joined @ w[gate] + b[gate] for gate in "igfo")
        c = sigmoid(f + 1) * c + sigmoid(i) * np.tanh(g)
        return np.concatenate([sigmoid(o) * np.tanh(c), c])
    z, r = (sigmoid(joined @ w[gate] + b[gate]) for gate in "zr")
    return (1 - z) * h + z * np.tanh(np.concatenate([x, r * h]) @ w["n"] + b["n"])


def cell_of_brainstate(kind: str, **layers: tuple[np.ndarray, np.ndarray]) -> Any:
    """As brainstate.nn has it, without BrainState."""
    cell = type(kind, (), {"__module__": "brainstate.nn"})()
    cell.activation = jnp.tanh
    for name, (kernel, bias) in layers.items():
        weight = SimpleNamespace(value={"weight": kernel, "bias": bias})
        setattr(cell, name, SimpleNamespace(weight=weight, w_mask=None))
    return cell


def test_cells_whose_reset_comes_first() -> None:
    random = np.random.default_rng(6)
    state, inputs = random.normal(size=2 * HIDDEN), random.normal(size=INPUTS)
    w = {gate: random.normal(size=(INPUTS + HIDDEN, HIDDEN)) for gate in "igfozrn"}
    b = {gate: random.normal(size=HIDDEN) for gate in "igfozrn"}

    def joined(gates: str) -> tuple[np.ndarray, np.ndarray]:
        return np.concatenate([w[gate] for gate in gates], axis=1), np.concatenate([b[gate] for gate in gates])

    kernel, bias = joined("zrn")
    haiku_gru = {"gru": {"w_i": kernel[:INPUTS], "w_h": kernel[INPUTS:], "b": bias}, "linear": {"w": np.ones((2, 2))}}
    haiku_lstm = {"net/~/lstm/linear": dict(zip("wb", joined("igfo"), strict=True))}
    minimal = {**w, "z": w["r"]}, {**b, "z": b["r"]}
    for found, kind, values in (
        (rnn.from_haiku(haiku_gru), "GRU", (w, b)),
        (rnn.from_haiku(haiku_lstm), "LSTM", (w, b)),
        (rnn.from_brainstate(cell_of_brainstate("GRUCell", Wrz=joined("rz"), Wh=joined("n"))), "GRU", (w, b)),
        (rnn.from_brainstate(cell_of_brainstate("MGUCell", Wf=joined("r"), Wh=joined("n"))), "GRU", minimal),
        (rnn.from_brainstate(cell_of_brainstate("LSTMCell", W=joined("igfo"))), "LSTM", (w, b)),
    ):
        at = state[: found.size]
        np.testing.assert_allclose(found.step(at, inputs), joined_step(kind, *values, inputs, at), rtol=0, atol=1e-14)
        known: Any = found.step
        with jax.enable_x64(True):
            slopes = jax.jacfwd(lambda h, known=known: known(h, inputs))(jnp.asarray(at))
        np.testing.assert_allclose(known.jacobian(at, inputs), slopes, rtol=0, atol=1e-13)
    plain = rnn.from_brainstate(cell_of_brainstate("ValinaRNNCell", W=joined("n")))
    wanted = np.tanh(np.concatenate([inputs, state[:HIDDEN]]) @ w["n"] + b["n"])
    np.testing.assert_allclose(plain.step(state[:HIDDEN], inputs), wanted, rtol=0, atol=1e-14)
    vanilla = {
        "rnn/linear": {"w": w["n"][:INPUTS], "b": b["n"]},
        "rnn/linear_1": {"w": w["n"][INPUTS:], "b": b["z"]},
    }
    before = np.concatenate([inputs, state[:HIDDEN]]) @ w["n"] + b["n"] + b["z"]
    found = rnn.from_haiku(vanilla).step(state[:HIDDEN], inputs)
    np.testing.assert_allclose(found, np.maximum(before, 0), rtol=0, atol=1e-14)
    with pytest.raises(ValueError, match="holds several, 'gru', 'rnn'; choose one by `prefix`"):
        rnn.from_haiku(haiku_gru | vanilla)
    assert rnn.from_haiku(haiku_gru | haiku_lstm, prefix="net/~/lstm").size == 2 * HIDDEN
    with pytest.raises(TypeError, match=r"of brainstate\.nn, but is URLSTMCell"):
        rnn.from_brainstate(cell_of_brainstate("URLSTMCell"))


@pytest.mark.parametrize("name", ["ValinaRNNCell", "GRUCell", "MGUCell", "LSTMCell"])
def test_cells_of_brainstate(name: str) -> None:
    brainstate = pytest.importorskip("brainstate")
    with jax.enable_x64(True):
        cell = getattr(brainstate.nn, name)(INPUTS, HIDDEN, b_init=brainstate.nn.init.Normal(1.0))
        cell.init_state()
        state, inputs = random_state("lstm" if name == "LSTMCell" else "gru")
        cell.h.value = jnp.asarray(state[:HIDDEN])
        if name == "LSTMCell":
            cell.c.value = jnp.asarray(state[HIDDEN:])
        cell.update(jnp.asarray(inputs))
        wanted = np.concatenate([cell.h.value, cell.c.value]) if name == "LSTMCell" else np.asarray(cell.h.value)
    np.testing.assert_allclose(rnn.from_brainstate(cell).step(state, inputs), wanted, rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", ["VanillaRNN", "GRU", "LSTM"])
def test_cells_of_haiku(name: str) -> None:
    haiku = pytest.importorskip("haiku")
    state, inputs = random_state("lstm" if name == "LSTM" else "gru")
    halves = (jnp.asarray(state[:HIDDEN]), jnp.asarray(state[HIDDEN:]))
    carried: Any = haiku.LSTMState(*halves) if name == "LSTM" else halves[0]
    whole = haiku.without_apply_rng(haiku.transform(lambda x, at: getattr(haiku, name)(HIDDEN)(x, at)))
    params = whole.init(jax.random.key(1), jnp.asarray(inputs), carried)
    after = whole.apply(params, jnp.asarray(inputs), carried)[1]
    wanted = np.concatenate(after) if name == "LSTM" else after
    np.testing.assert_allclose(rnn.from_haiku(params).step(state, inputs), wanted, rtol=0, atol=1e-6)


def test_other_cells_are_refused() -> None:
    for function in (rnn.from_equinox, rnn.from_flax):
        with pytest.raises(TypeError, match="Argument `cell` must be"):
            function(qd.Tanh())
    linen = pytest.importorskip("flax.linen")
    for options, message in (({"gate_fn": jnp.tanh}, "sigmoid as its gate_fn"), ({"activation_fn": jnp.sin}, "tanh as its")):
        with pytest.raises(ValueError, match=message):
            rnn.from_flax(linen.GRUCell(3, **options), {})
    with pytest.raises(ValueError, match="residual"):
        rnn.from_flax(linen.SimpleCell(3, residual=True), {})
    with pytest.raises(ValueError, match="must hold 'ir' of a GRUCell"):
        rnn.from_flax(linen.GRUCell(3), {"params": {}})


GRU_ARRAYS = random_arrays("gru")
WEIGHT_IH, WEIGHT_HH = GRU_ARRAYS["weight_ih_l0"], GRU_ARRAYS["weight_hh_l0"]


@pytest.mark.parametrize(
    ("arrays", "options", "message"),
    [
        ({}, {}, "must hold 'weight_hh_l0', but holds nothing"),
        (GRU_ARRAYS, {"layer": 1}, "must hold 'weight_hh_l1', but holds 'weight_hh_l0'"),
        ({"weight_hh_l0": WEIGHT_HH}, {}, "must hold 'weight_ih_l0' beside"),
        (GRU_ARRAYS | {"weight_hh": WEIGHT_HH}, {}, "several networks: 'weight_hh_l0', 'weight_hh'; choose one by `prefix`"),
        (GRU_ARRAYS | {"bias": np.zeros(15)}, {}, "holds 'bias', but PyTorch's names are 'bias_ih_l0'"),
        (GRU_ARRAYS, {"cell": "lstm"}, r"\(4 x hidden, hidden\) of 'lstm', but has \(15, 5\), that of 'gru'"),
        (GRU_ARRAYS, {"cell": "grru"}, "Did you mean 'gru'"),
        (GRU_ARRAYS, {"nonlinearity": "relu"}, "`nonlinearity` is for an 'rnn'"),
        (GRU_ARRAYS | {"weight_hh_l0": np.ones((10, 5))}, {}, r"of 'rnn' or .* of 'gru' or .* of 'lstm', but has \(10, 5\)"),
        (GRU_ARRAYS | {"weight_ih_l0": WEIGHT_IH.T}, {}, r"must have shape \(15, any\), but has \(3, 15\)"),
        (GRU_ARRAYS | {"bias_hh_l0": np.zeros(5)}, {}, r"must have shape \(15,\), but has \(5,\)"),
        (GRU_ARRAYS | {"weight_hh_l0": WEIGHT_HH * np.nan}, {}, "must be finite"),
        (GRU_ARRAYS | {"weight_hh_l0_reverse": WEIGHT_HH}, {}, "bidirectional"),
        (GRU_ARRAYS | {"weight_hr_l0": WEIGHT_HH}, {}, "projections"),
        ({"parametrizations.weight_hh_l0.original0": WEIGHT_HH}, {}, "Undo torch.nn.utils.parametrize"),
    ],
)
def test_arrays_that_are_refused(arrays: dict[str, Any], options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        rnn.from_arrays(arrays, **options)


@pytest.mark.usefixtures("unchecked_types")
def test_what_is_not_arrays_is_refused() -> None:
    for wrong in (
        [1.0],
        {"weight_hh_l0": np.array([["a"]]), "weight_ih_l0": np.ones((1, 1))},
        GRU_ARRAYS | {"bias_ih_l0": 1j},
    ):
        with pytest.raises(TypeError, match="must"):
            rnn.from_arrays(wrong)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="must"):
            rnn.from_torch(wrong)
    gru = rnn.from_arrays(GRU_ARRAYS)
    with pytest.raises(ValueError, match=r"`state` must have shape \(5,\), but has \(2, 5\); use jax.vmap"):
        gru.step(np.ones((2, 5)))
    with pytest.raises(TypeError, match=r"`inputs` must have shape \(3,\)"):
        read_dynamics(gru, np.ones(4))


def test_an_lstm_without_recurrence_rests_where_algebra_says() -> None:
    """With W_hh = 0 the gates are constants: c = i g / (1 - f), h = o tanh(c), and the map's slopes are f and 0."""
    arrays = random_arrays("lstm") | {"weight_hh_l0": np.zeros((4 * HIDDEN, HIDDEN))}
    lstm = rnn.from_arrays(arrays)
    i, f, g, o = np.split(arrays["bias_ih_l0"] + arrays["bias_hh_l0"], 4)
    memory = sigmoid(i) * np.tanh(g) / (1 - sigmoid(f))
    state = np.concatenate([sigmoid(o) * np.tanh(memory), memory])
    np.testing.assert_allclose(lstm.step(state), state, rtol=0, atol=1e-14)
    with jax.enable_x64(True):
        slopes = np.linalg.eigvals(np.asarray(lstm.jacobian(jnp.asarray(state), None)) + np.eye(2 * HIDDEN))
    np.testing.assert_allclose(np.sort(slopes), np.sort(np.append(sigmoid(f), np.zeros(HIDDEN))), rtol=0, atol=1e-12)
    hidden, kept = rnn.split_state(state)
    np.testing.assert_array_equal(np.concatenate([hidden, kept]), state)
    np.testing.assert_array_equal(kept, memory)
    with pytest.raises(ValueError, match="even length"):
        rnn.split_state(np.ones(3))


def test_networks_of_one_shape_are_compiled_once() -> None:
    compiled = eqx.filter_jit(lambda dynamics, state: dynamics.step(state))
    traces = 0

    def counted(dynamics: Map, state: Any) -> Any:
        nonlocal traces
        traces += 1
        return dynamics.step(state)

    compiled = eqx.filter_jit(counted)
    with jax.enable_x64(True):
        found = [compiled(rnn.from_arrays(random_arrays("gru", seed)), jnp.ones(HIDDEN)) for seed in (0, 1)]
    assert traces == 1
    assert not np.allclose(found[0], found[1])


@pytest.mark.parametrize("form", ["rate", "current"])
def test_leaky_steps_and_continuous_time_are_one_network(form: str) -> None:
    random = np.random.default_rng(5)
    own, enter, bias = random.normal(size=(4, 4)) / 4, random.normal(size=(4, 2)), random.normal(size=4)
    state, inputs, tau = random.normal(size=4), random.normal(size=2), np.array([0.5, 1.0, 2.0, 3.0])
    drive = enter @ inputs + bias
    target = np.tanh(own @ state + drive) if form == "rate" else own @ np.tanh(state) + drive
    flow = rnn.continuous_time(own, enter, bias, time_constant=tau, form=form)
    np.testing.assert_allclose(flow.velocity(state, inputs), (target - state) / tau, rtol=0, atol=1e-14)
    step = rnn.leaky(own, enter, bias, leak=0.2 / tau, form=form)
    np.testing.assert_allclose(step.step(state, inputs), state + 0.2 * (target - state) / tau, rtol=0, atol=1e-14)
    for _ in range(800):
        state = np.asarray(step.step(state, inputs))
    np.testing.assert_allclose(flow.velocity(state, inputs), 0.0, rtol=0, atol=1e-14)


def test_forms_and_other_names_for_the_same_network() -> None:
    random = np.random.default_rng(6)
    own, bias, state = random.normal(size=(4, 4)), random.normal(size=4), random.normal(size=4)
    current = rnn.continuous_time(own, bias=bias, form="current").velocity(state)
    np.testing.assert_allclose(current, qd.Network(own, field=bias).velocity(state), rtol=0, atol=1e-14)
    vanilla = rnn.from_arrays({"weight_hh": own, "weight_ih": np.zeros((4, 1)), "bias_hh": bias}).step(state)
    np.testing.assert_allclose(rnn.leaky(own, bias=bias, leak=1.0).step(state), vanilla, rtol=0, atol=1e-14)
    # If h moves in the form "rate", W h + b moves in the form "current".
    moved = own @ np.asarray(rnn.continuous_time(own, bias=bias).velocity(state))
    np.testing.assert_allclose(
        rnn.continuous_time(own, bias=bias, form="current").velocity(own @ state + bias), moved, atol=1e-13
    )


def test_a_step_can_be_unstable_where_the_flow_is_stable() -> None:
    """A rotation of 1.5: mu = -1 +- 1.5 i in the flow; |1 + leak mu| is 1.5 at leak 1 and 0.618 at leak 0.2."""
    turning = 1.5 * np.array([[0.0, -1.0], [1.0, 0.0]])
    with jax.enable_x64(True):
        origin = jnp.zeros(2)
        flow = np.linalg.eigvals(np.asarray(rnn.continuous_time(turning).jacobian(origin, None)))
        np.testing.assert_allclose(flow.real, -1.0, atol=1e-14)
        for leak in (1.0, 0.2):
            step = np.eye(2) + np.asarray(rnn.leaky(turning, leak=leak).jacobian(origin, None))
            radius = np.abs(np.linalg.eigvals(step))
            np.testing.assert_allclose(radius, np.hypot(1 - leak, 1.5 * leak), rtol=1e-14)


@pytest.mark.usefixtures("unchecked_types")
@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"leak": 1.5}, ValueError, "`leak` must be at most 1"),
        ({"leak": 0.0}, ValueError, "`leak` must be greater than 0"),
        ({"leak": np.ones(3)}, ValueError, r"`leak` must have shape \(2,\)"),
        ({"leak": 0.5, "form": "rates"}, ValueError, "Did you mean 'rate'"),
        ({"leak": 0.5, "bias": np.ones(3)}, ValueError, r"`bias` must have shape \(2,\)"),
        ({"leak": 0.5, "weights": np.ones((2, 3))}, ValueError, r"`weights` must have shape \(2, 2\)"),
        ({"leak": 0.5, "activation": jnp.tanh}, TypeError, "wrap it as qd.Activation"),
    ],
)
def test_leaky_networks_that_are_refused(options: dict[str, Any], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        rnn.leaky(**{"weights": np.eye(2)} | options)


def flip_flop_script() -> ModuleType:
    path = Path(__file__).parents[2] / "examples" / "flip_flop.py"
    spec = importlib.util.spec_from_file_location("flip_flop", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_flip_flop_remembers() -> None:
    """In a sequence it has not seen, five times longer than those it was trained on."""
    pulses, bits = flip_flop_script().flip_flop_task(jax.random.key(99), trials=20, duration=300)
    gru, arrays = rnn.from_file(FLIP_FLOP, cell="gru"), np.load(FLIP_FLOP)

    def advance(state: Any, pulse: Any) -> tuple[Any, Any]:
        state = gru.step(state, pulse)
        return state, state

    with jax.enable_x64(True):
        runs = jax.vmap(lambda pulse: jax.lax.scan(advance, jnp.zeros(gru.size), pulse)[1])
        outputs = np.asarray(runs(jnp.asarray(pulses, float))) @ arrays["readout.weight"].T + arrays["readout.bias"]
    np.testing.assert_array_equal(np.sign(outputs), bits)
    assert np.max(np.abs(outputs - bits)) < 0.5


def test_the_flip_flop_has_a_fixed_point_on_every_face_of_a_cube() -> None:
    """8 stable states; between them Newton finds saddles with as many unstable directions as bits are undecided."""
    gru, arrays = rnn.from_file(FLIP_FLOP), np.load(FLIP_FLOP)
    patterns = np.array(list(itertools.product((-1.0, 0.0, 1.0), repeat=3)))
    undecided = np.sum(patterns == 0, axis=1)
    with jax.enable_x64(True):
        step = eqx.filter_jit(
            lambda state, pulse: jax.lax.fori_loop(0, 500, lambda _, x: gru.step(x), gru.step(state, pulse))
        )
        corners = np.array([step(jnp.zeros(gru.size), jnp.asarray(bits)) for bits in patterns[undecided == 0]])
        agree = np.all((patterns[:, None] == 0) | (patterns[:, None] == patterns[undecided == 0]), axis=2)
        states = jnp.asarray(agree @ corners / agree.sum(axis=1, keepdims=True))
        slopes = eqx.filter_jit(jax.vmap(lambda x: gru.jacobian(x, None)))
        residuals = eqx.filter_jit(jax.vmap(lambda x: gru.residual(x, None)))
        for _ in range(10):
            states = states - jnp.linalg.solve(slopes(states), residuals(states)[..., None])[..., 0]
        assert np.max(np.abs(residuals(states))) < 1e-14
        slope = np.asarray(slopes(states))
    unstable = np.sum(np.abs(np.linalg.eigvals(slope + np.eye(gru.size))) > 1, axis=1)
    np.testing.assert_array_equal(unstable, undecided)
    assert np.sum(np.sign(np.linalg.det(-slope))) == 1  # as of a complete list
    assert np.min(np.linalg.svd(slope, compute_uv=False)) > 0.1
    outputs = np.asarray(states) @ arrays["readout.weight"].T + arrays["readout.bias"]
    np.testing.assert_allclose(outputs, patterns, atol=0.15)


@pytest.mark.slow
def test_the_script_writes_what_can_be_read(tmp_path: Path) -> None:
    flip_flop_script().main([str(tmp_path / "short.npz"), "--hidden", "8", "--steps", "3"])
    found = rnn.from_file(tmp_path / "short.npz", cell="gru")
    step: Any = found.step
    assert (found.size, step.input_size) == (8, 3)


@pytest.mark.parametrize("make", [rnn.Elman, rnn.continuous_time, rnn.leaky])
def test_how_fast_the_jacobian_changes_is_bounded_and_the_bound_is_met(make: Any) -> None:
    """|S'(y) - S'(x)| <= L |y - x|: never broken, and for one neuron nearly met."""
    random = np.random.default_rng(0)
    if make is rnn.Elman:
        full = rnn.from_arrays(random_arrays("rnn", 0))
        single = rnn.from_arrays({"weight_ih": np.zeros((1, 1)), "weight_hh": np.array([[1.7]])})
        pairs = [(full, 1.0), (single, 1.7**2)]
    else:
        speed = {"leak": np.array([0.3, 0.2, 0.9])} if make is rnn.leaky else {"time_constant": np.array([3.0, 5.0, 0.9])}
        weights = random.normal(size=(3, 3))
        lone = {"leak": 0.5} if make is rnn.leaky else {"time_constant": 2.0}
        pairs = [(make(weights, form=form, **speed), 1.0) for form in ("rate", "current")]
        pairs += [(make([[1.7]], form=form, **lone), 0.5 * 1.7**power) for form, power in (("rate", 2), ("current", 1))]
    for dynamics, exact in pairs:
        jacobian = jax.jit(lambda x, d=dynamics: d.jacobian(x, None))
        with jax.enable_x64(True):
            bound, valid = dynamics.lipschitz(jnp.zeros(dynamics.size), None)
            assert np.isinf(valid)
            assert dynamics.bound == "activation"
            assert dynamics.bounded is True
            largest = 0.0
            for _ in range(300):
                x = random.normal(size=dynamics.size)
                y = x + 0.05 * random.normal(size=dynamics.size)
                change = np.max(np.sum(np.abs(np.asarray(jacobian(y) - jacobian(x))), axis=1))
                largest = max(largest, change / np.max(np.abs(y - x)))
            assert largest <= float(bound)
            if dynamics.size == 1:
                # max |tanh''| = 4/(3 sqrt 3)
                assert float(bound) == pytest.approx(exact * 4 / (3 * np.sqrt(3)), rel=1e-5)
                assert largest > 0.9 * float(bound)


def test_nothing_is_proven_across_a_kink() -> None:
    relu = rnn.from_arrays({"weight_ih": np.zeros((1, 1)), "weight_hh": [[0.5]], "bias_hh": [1.0]}, nonlinearity="relu")
    with jax.enable_x64(True):
        bound, valid = relu.lipschitz(jnp.array([3.0]), None)
    # The field is 1 + x/2, and zero at x = -2.
    assert (float(bound), float(valid)) == (0.0, 5.0)
    assert relu.bounded is False


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_indices_of_trained_networks_add_up_to_one(cell: str) -> None:
    for seed in range(2):
        arrays = {name: 1.5 * values for name, values in random_arrays(cell, seed).items()}
        found = qd.landscape.find_fixed_points(rnn.from_arrays(arrays), 40, inputs=np.zeros(INPUTS))
        # Far out, where gates saturate to rounding, states only seem to rest.
        assert found.attrs["index_sum_means"] == "1 if the list is complete"
        assert float(found.index_sum) == 1.0, seed
