"""Trained weights from files that cannot run code."""

from __future__ import annotations

import pickle  # for the name of an error: nothing is unpickled here
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from quenched.landscape.dynamics import Map
from quenched.landscape.rnn.arrays import from_arrays
from quenched.landscape.rnn.pytorch import from_torch

_INSTEAD = "save the weights alone: torch.save(model.state_dict(), 'weights.pt'), numpy.savez or safetensors"


def from_file(
    path: str | Path,
    cell: str | None = None,
    layer: int = 0,
    nonlinearity: str = "tanh",
    *,
    prefix: str | None = None,
) -> Map:
    """The map h -> h' of a trained network in a file. Nothing is unpickled that could run code.

    Arguments:
        path: `.npz` (arrays under PyTorch's names); `.safetensors` (needs the package safetensors); `.pt` or `.pth`, a state
            dict or a checkpoint that has one (needs PyTorch, which reads it with weights_only=True).
        cell, layer, nonlinearity, prefix: as `qd.landscape.rnn.from_arrays`.

    Returns:
        `qd.landscape.Map`, as `qd.landscape.rnn.from_arrays`.

    Raises:
        FileNotFoundError: no such file. ImportError: the package that reads this format is missing.
        ValueError: another ending; a file that is not what its name says, or that only unpickling could read; and as
            `from_arrays`.

    Example:
        >>> import numpy as np, tempfile, pathlib, quenched as qd
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "weights.npz"
        >>> np.savez(path, weight_ih_l0=np.ones((6, 1)), weight_hh_l0=np.zeros((6, 2)))
        >>> qd.landscape.rnn.from_file(path, cell="gru").size
        2
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"There is no file {str(path)!r}.")
    if path.suffix not in _READERS:
        pickled = path.suffix in (".pkl", ".pickle", ".joblib", ".ckpt", ".bin")
        hint = f" A pickle can run code and is not read; {_INSTEAD}." if pickled else ""
        raise ValueError(f"The file must end in one of {', '.join(_READERS)}, but is {path.name!r}.{hint}")
    arrays = _READERS[path.suffix](path)
    if path.suffix in (".pt", ".pth"):
        return from_torch(arrays, cell, layer, nonlinearity, prefix=prefix)
    return from_arrays(arrays, cell, layer, nonlinearity, prefix=prefix)


def _npz(path: Path) -> Mapping[str, Any]:
    try:
        with path.open("rb") as file:
            archive = np.load(file, allow_pickle=False)
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise ValueError("it is a single array")
            return {name: archive[name] for name in archive.files}
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        objects = "pickle" in str(error) or "Object arrays" in str(error)
        why = f"it holds Python objects, which could run code; {_INSTEAD}" if objects else str(error).rstrip(".")
        raise ValueError(f"{path.name!r} cannot be read as .npz: {why}.") from None


def _safetensors(path: Path) -> Mapping[str, Any]:
    try:
        from safetensors import SafetensorError
        from safetensors.numpy import load_file
    except ImportError:
        raise ImportError("Reading .safetensors needs the package safetensors: pip install safetensors.") from None
    try:
        loaded: Mapping[str, Any] = load_file(path)
    except (SafetensorError, OSError) as error:
        raise ValueError(f"{path.name!r} cannot be read as .safetensors: {error}.") from None
    return loaded


def _torch(path: Path) -> Mapping[str, Any]:
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


_READERS = {".npz": _npz, ".safetensors": _safetensors, ".pt": _torch, ".pth": _torch}
