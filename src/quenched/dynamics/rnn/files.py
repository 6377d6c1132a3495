"""Trained weights from files that cannot run code."""

from __future__ import annotations

import pickle  # for the name of an error: nothing is unpickled here
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from quenched import checks
from quenched.dynamics.flow_and_map import Map
from quenched.dynamics.rnn.arrays import from_arrays
from quenched.dynamics.rnn.keras import from_keras_layers, keras_layers
from quenched.dynamics.rnn.pytorch import from_torch

_INSTEAD = "save the weights alone: torch.save(model.state_dict(), 'weights.pt'), numpy.savez or safetensors"


def from_file(
    path: str | Path,
    cell: str | None = None,
    layer: int = 0,
    nonlinearity: str | None = None,
    *,
    prefix: str | None = None,
) -> Map:
    """The map h -> h' of a trained network in a file. Nothing is unpickled that could run code.

    Arguments:
        path: `.npz` (arrays under PyTorch's names); `.safetensors` (needs the package safetensors); `.pt` or `.pth`, a state
            dict or a checkpoint that has one (needs PyTorch, which reads it with weights_only=True); `.keras`, `.weights.h5`
            or an older `.h5` of Keras with a SimpleRNN, GRU or LSTM (needs h5py, not Keras).
        cell: "rnn", "gru" or "lstm", a check.
        layer: which layer of a stack of PyTorch's; Keras's layers have names, see `prefix`.
        nonlinearity: "tanh" or "relu" of an RNN. A whole model of Keras's knows it; of weights alone "tanh" is assumed.
        prefix: which module's weights, where there are several, or which layer of Keras's.

    Only the arrays of that layer are read: what else is in the file, settings or Python objects, stays where it is.

    Returns:
        `qd.landscape.Map`, as `qd.landscape.rnn.from_arrays`.

    Raises:
        FileNotFoundError: no such file.
        ImportError: the package that reads this format is missing.
        ValueError: another ending; a file that is not what its name says, or that only unpickling could read; and as
            `from_arrays`.

    Example:
        >>> import numpy as np, tempfile, pathlib, quenched as qd
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "weights.npz"
        >>> np.savez(path, weight_ih_l0=np.ones((6, 1)), weight_hh_l0=np.zeros((6, 2)))
        >>> qd.landscape.rnn.from_file(path, cell="gru").size
        2
    """
    path = checks.place("path", path)
    if not path.exists():
        raise FileNotFoundError(f"There is no file {str(path)!r}.")
    suffix = path.suffix.lower()
    if suffix in _KERAS:
        return _keras(path, cell, layer, nonlinearity, prefix)
    if suffix not in _READERS:
        endings = ", ".join([*_READERS, *_KERAS])
        hint = f" {_OTHERS[suffix]}; {_INSTEAD}." if suffix in _OTHERS else ""
        raise ValueError(f"The file must end in one of {endings}, but is {path.name!r}.{hint}")
    if suffix in (".pt", ".pth"):
        return from_torch(_torch(path), cell, layer, nonlinearity, prefix=prefix)
    with _READERS[suffix](path) as arrays:
        return from_arrays(arrays, cell, layer, nonlinearity or "tanh", prefix=prefix)


_KERAS = (".keras", ".h5", ".hdf5")
_OTHERS = {
    **dict.fromkeys((".pkl", ".pickle", ".joblib", ".ckpt", ".bin"), "A pickle can run code and is not read"),
    **dict.fromkeys((".pt2", ".ts", ".torchscript"), "A compiled program is not read"),
    **dict.fromkeys((".onnx", ".pb", ".tflite"), "A graph of operations does not say which cell it is"),
    ".msgpack": "Flax's parameters are read by qd.landscape.rnn.from_flax(cell, params)",
}


def _keras(path: Path, cell: str | None, layer: int, nonlinearity: str | None, prefix: str | None) -> Map:
    if layer:
        raise ValueError(
            f"Argument `layer` must be left out for a file of Keras's, whose layers `prefix` names, but is {layer}."
        )
    try:
        found = keras_layers(path)
    except (ImportError, MemoryError):
        raise
    except Exception as error:  # of a torn file every library has its own
        raise ValueError(f"{path.name!r} cannot be read as {path.suffix}: {str(error).rstrip('.')}.") from None
    return from_keras_layers(path, found, cell, nonlinearity, prefix)


class _Archive(Mapping[str, Any]):
    """The arrays of an .npz, each read when it is asked for."""

    def __init__(self, path: Path):
        self.path, self.file = path, path.open("rb")
        try:
            self.archive: Any = np.load(self.file, allow_pickle=False)
            if not isinstance(self.archive, np.lib.npyio.NpzFile):
                raise ValueError("it is a single array")
        except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
            self.file.close()
            raise _unreadable(path, error) from None

    def __enter__(self) -> _Archive:
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()

    def __getitem__(self, name: str) -> Any:
        try:
            return self.archive[name]
        except (ValueError, OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
            raise _unreadable(self.path, error) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self.archive.files)

    def __len__(self) -> int:
        return len(self.archive.files)


def _unreadable(path: Path, error: Exception) -> ValueError:
    objects = "pickle" in str(error) or "Object arrays" in str(error)
    why = f"it holds Python objects, which could run code; {_INSTEAD}" if objects else str(error).rstrip(".")
    return ValueError(f"{path.name!r} cannot be read as .npz: {why}.")


@contextmanager
def _safetensors(path: Path) -> Iterator[Mapping[str, Any]]:
    try:
        from safetensors import SafetensorError
        from safetensors.numpy import load_file
    except ImportError:
        raise ImportError("Reading .safetensors needs the package safetensors: pip install safetensors.") from None
    try:
        loaded: Mapping[str, Any] = load_file(path)
    except (SafetensorError, OSError) as error:
        raise ValueError(f"{path.name!r} cannot be read as .safetensors: {error}.") from None
    yield loaded


def _torch(path: Path) -> Mapping[str, Any]:
    if _is_torchscript(path):
        raise ValueError(
            f"{path.name!r} is a TorchScript program, not weights; "
            "torch.save(torch.jit.load(path).state_dict(), 'weights.pt') takes them out."
        )
    try:
        import torch
    except ImportError:
        raise ImportError(f"Reading {path.suffix} needs PyTorch: pip install torch; or save the weights as .npz.") from None
    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:  # PyTorch's own message tells how to run the code
        raise ValueError(f"{path.name!r} holds more than weights, which could run code; {_INSTEAD}.") from None
    except (RuntimeError, ValueError, OSError, EOFError) as error:
        why = str(error).partition("\n")[0].rstrip(".")
        raise ValueError(f"{path.name!r} cannot be read as {path.suffix}: {why}; {_INSTEAD}.") from None
    return _state_dict(path, loaded)


def _is_torchscript(path: Path) -> bool:
    """By the folder of code in it."""
    return zipfile.is_zipfile(path) and any("/code/" in name for name in zipfile.ZipFile(path).namelist())


def _state_dict(path: Path, loaded: Any) -> Mapping[str, Any]:
    """What was saved, or the one state dict in a checkpoint that also holds the optimiser and the like."""
    inside = dict(loaded) if isinstance(loaded, Mapping) else {}
    candidates = {"": loaded} if any("weight_hh" in str(name) for name in inside) else inside
    found = {
        name: each
        for name, each in candidates.items()
        if isinstance(each, Mapping) and any("weight_hh" in str(key) for key in each)
    }
    if len(found) > 1:
        raise ValueError(
            f"{path.name!r} holds several state dicts, {', '.join(map(repr, found))}; read it by torch.load(path, "
            "weights_only=True) and give one of them to qd.landscape.rnn.from_torch."
        )
    for each in found.values():
        only: Mapping[str, Any] = each
        return only
    raise ValueError(
        f"{path.name!r} must hold a state dict with a 'weight_hh_l0', but holds {type(loaded).__name__}; {_INSTEAD}."
    )


_READERS: dict[str, Any] = {".npz": _Archive, ".safetensors": _safetensors, ".pt": _torch, ".pth": _torch}
