"""Weights from files, and the files that are refused."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import io, sparse

import quenched as qd
from quenched.models import read_weights

WEIGHTS = np.array([[0.5, 2.0, 0.0], [0.0, -1.0, 0.3], [1.5, 0.0, 0.1]])


def dense(matrix: Any) -> np.ndarray:
    return matrix.toarray() if sparse.issparse(matrix) else np.asarray(matrix)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    np.save(tmp_path / "plain.npy", WEIGHTS)
    np.savez(tmp_path / "one.npz", weights=WEIGHTS, names=np.array(["a", "b", "c"]))
    np.savez(tmp_path / "two.npz", magnitude=np.abs(WEIGHTS), sign=np.sign(WEIGHTS), wrong=np.ones((2, 2)))
    sparse.save_npz(tmp_path / "sparse.npz", sparse.csr_matrix(WEIGHTS))
    np.savetxt(tmp_path / "bare.csv", WEIGHTS, delimiter=",")
    np.savetxt(tmp_path / "header.csv", WEIGHTS, delimiter=",", header="a,b,c", comments="")
    io.mmwrite(tmp_path / "matrix.mtx", sparse.coo_matrix(WEIGHTS))
    return tmp_path


@pytest.mark.parametrize("name", ["plain.npy", "one.npz", "sparse.npz", "bare.csv", "header.csv", "matrix.mtx"])
def test_every_format_gives_the_same_weights(folder: Path, name: str) -> None:
    np.testing.assert_array_equal(dense(read_weights(folder / name)), WEIGHTS)
    np.testing.assert_array_equal(dense(read_weights(str(folder / name), transpose=True)), WEIGHTS.T)
    assert qd.Network.from_file(folder / name).size == 3


def test_signs_kept_apart_are_put_back(folder: Path) -> None:
    np.testing.assert_array_equal(read_weights(folder / "two.npz", array="magnitude", sign="sign"), WEIGHTS)


@pytest.mark.parametrize("name", ["plain.npy", "sparse.npz"])
def test_a_gain_sets_the_variance(folder: Path, name: str) -> None:
    scaled = dense(read_weights(folder / name, gain=1.5))
    assert 3 * np.var(scaled) == pytest.approx(1.5**2, rel=1e-14)
    np.testing.assert_allclose(scaled / scaled[0, 0], WEIGHTS / WEIGHTS[0, 0])


def test_missing_file(folder: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"There is no file .*nowhere\.npy"):
        read_weights(folder / "nowhere.npy")


@pytest.mark.parametrize("suffix", [".pkl", ".pickle", ".pt", ".joblib"])
def test_formats_that_unpickle_are_not_read(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"weights{suffix}"
    path.write_bytes(pickle.dumps(WEIGHTS))
    with pytest.raises(ValueError, match=r"must end in one of \.npy, .*they can run code"):
        read_weights(path)


class Trap:
    """Leaves a mark when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.mark,))


@pytest.mark.parametrize("name", ["trap.npy", "trap.npz"])
def test_nothing_is_unpickled(tmp_path: Path, name: str) -> None:
    mark = tmp_path / "unpickled"
    trapped = np.array([[Trap(mark)]], dtype=object)
    if name.endswith(".npy"):
        np.save(tmp_path / name, trapped, allow_pickle=True)
    else:
        np.savez(tmp_path / name, weights=trapped)
    which = "of its array 'weights': " if name.endswith(".npz") else ""
    with pytest.raises(ValueError, match=f"{which}it holds Python objects"):
        read_weights(tmp_path / name)
    assert not mark.exists()
    np.savez(tmp_path / "two.npz", weights=trapped, row=np.ones(3))
    with pytest.raises(ValueError, match=r"no square arrays.*row \(3,\), weights \(it holds Python objects"):
        read_weights(tmp_path / "two.npz")
    assert not mark.exists()


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".csv", ".mtx"])
@pytest.mark.parametrize("content", [b"", b"\x00\x01nonsense\xff", b"hello,world\nthere,is no number\n"])
def test_files_that_are_not_what_their_name_says(tmp_path: Path, suffix: str, content: bytes) -> None:
    path = tmp_path / f"weights{suffix}"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"'weights\{suffix}' cannot be read as \{suffix}: "):
        read_weights(path)


def test_one_format_under_the_name_of_another(folder: Path) -> None:
    (folder / "one.npz").rename(folder / "renamed.npy")
    with pytest.raises(ValueError, match=r"'renamed\.npy' cannot be read as \.npy: it is an archive"):
        read_weights(folder / "renamed.npy")
    (folder / "plain.npy").rename(folder / "renamed.npz")
    with pytest.raises(ValueError, match=r"'renamed\.npz' cannot be read as \.npz: it is a single array"):
        read_weights(folder / "renamed.npz")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, r"holds 3 square arrays; choose one by `array`.*magnitude \(3, 3\)"),
        ({"array": "magnitud"}, r"Did you mean 'magnitude'\?"),
        ({"array": "magnitude", "sign": "wrong"}, r"Argument `sign` must have the shape \(3, 3\)"),
    ],
)
def test_arrays_must_be_chosen(folder: Path, arguments: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_weights(folder / "two.npz", **arguments)  # type: ignore[arg-type]


def test_choosing_arrays_where_there_is_one(folder: Path) -> None:
    with pytest.raises(ValueError, match=r"choose arrays of an \.npz file"):
        read_weights(folder / "plain.npy", array="weights")


@pytest.mark.parametrize("gain", [-1.0, float("nan")])
def test_an_unusable_gain(folder: Path, gain: float) -> None:
    with pytest.raises(ValueError, match="Argument `gain` must be"):
        read_weights(folder / "plain.npy", gain=gain)


def test_constant_weights_cannot_be_scaled(tmp_path: Path) -> None:
    np.save(tmp_path / "constant.npy", np.ones((3, 3)))
    with pytest.raises(ValueError, match="the weights in the file are all equal"):
        read_weights(tmp_path / "constant.npy", gain=1.0)


@pytest.mark.parametrize(("matrix", "word"), [(np.ones((2, 3)), "square"), (np.array([[np.nan]]), "finite")])
def test_a_file_with_no_network_in_it(tmp_path: Path, matrix: np.ndarray, word: str) -> None:
    np.save(tmp_path / "weights.npy", matrix)
    with pytest.raises(ValueError, match=f"`weights` must be .*{word}"):
        qd.Network.from_file(tmp_path / "weights.npy")


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int16])
def test_counts_in_small_integers_are_scaled_right(tmp_path: Path, dtype: type) -> None:
    rng = np.random.default_rng(0)
    counts: np.ndarray = ((rng.random((60, 60)) < 0.1) * rng.integers(1, 40, (60, 60))).astype(dtype)
    np.save(tmp_path / "counts.npy", counts)
    weights = qd.models.read_weights(tmp_path / "counts.npy", gain=1.5)
    assert 60 * np.var(weights) == pytest.approx(1.5**2, rel=1e-12)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0,1,2O\n1,2,3\n3,4,5\n6,7,8\n", "2O"),
        ("0;1\n2;0\n", "separated by commas"),
        ("pre,post\n", "holds no numbers"),
        ("0,1\n2,nan\n", r"weights\[1, 1\] is nan"),
    ],
)
def test_a_csv_with_a_mistake_is_named_not_repaired(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "weights.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        qd.models.read_weights(path)


def test_a_spreadsheets_csv(tmp_path: Path) -> None:
    path = tmp_path / "weights.csv"
    path.write_text("left,right\n0,1.5\n2,0\n", encoding="utf-8-sig")
    np.testing.assert_array_equal(qd.models.read_weights(path), [[0, 1.5], [2, 0]])


def test_a_sparse_archive_has_no_second_array(tmp_path: Path) -> None:
    path = tmp_path / "weights.npz"
    sparse.save_npz(path, sparse.eye_array(3, format="csr"))
    with pytest.raises(ValueError, match=r"do not apply: 'weights.npz' is one scipy.sparse matrix"):
        qd.models.read_weights(path, sign="sign")
