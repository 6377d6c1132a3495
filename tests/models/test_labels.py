"""Files that people have: every one of them gives the same weights, the right way round, with the right names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import networkx as nx
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import io, sparse

import quenched as qd
from quenched.models.files import read_file

# Not symmetric, so that a transposed one is another.
WEIGHTS = np.array([[0.5, 2.0, 0.0, 0.0], [0.0, -1.0, 0.3, 0.0], [1.5, 0.0, 0.1, 7.0], [0.0, 0.0, -4.0, 0.0]])
NAMES = ("AVAL", "AVAR", "AVBL", "RIM")
TABLE = pd.DataFrame(WEIGHTS, index=NAMES, columns=NAMES)
PERMUTED = TABLE[["RIM", "AVAL", "AVBL", "AVAR"]]
EDGES = pd.DataFrame(
    [(NAMES[j], NAMES[i], WEIGHTS[i, j]) for j in range(4) for i in range(4) if WEIGHTS[i, j]],
    columns=["source", "target", "weight"],
)


def graph() -> nx.DiGraph:
    found = nx.DiGraph()
    found.add_nodes_from(NAMES)
    found.add_weighted_edges_from(EDGES.itertuples(index=False))
    return found


def matlab_73(path: Path, **arrays: Any) -> None:
    """As MATLAB writes it: a text of 512 bytes, and columns first."""
    h5py = pytest.importorskip("h5py")
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, values in arrays.items():
            if isinstance(values, str):
                file[name] = np.array([ord(letter) for letter in values], np.uint16)[:, None]
                file[name].attrs["MATLAB_class"] = b"char"
            elif sparse.issparse(values):
                columns = sparse.csc_array(values)
                group = file.create_group(name)
                group.attrs["MATLAB_class"], group.attrs["MATLAB_sparse"] = b"double", np.uint64(columns.shape[0])
                group["data"], group["ir"] = columns.data, columns.indices.astype(np.uint64)
                group["jc"] = columns.indptr.astype(np.uint64)
            else:
                file[name] = values.T
                file[name].attrs["MATLAB_class"] = b"double"
    with path.open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\x00\x02IM")


def upper_case(path: Path) -> None:
    np.save(path.with_suffix(".npy"), WEIGHTS)
    path.with_suffix(".npy").rename(path)


def hdf5(path: Path) -> None:
    pytest.importorskip("h5py").File(path, "w").create_dataset("group/weights", data=WEIGHTS).file.close()


# What is written, and whether the names are kept.
WRITERS: dict[str, tuple[Callable[[Path], Any], bool]] = {
    "upper.NPY": (upper_case, False),
    "old.mat": (lambda p: io.savemat(p, {"W": WEIGHTS, "who": "me", "options": {"a": 1}, "gain": 2.0}), False),
    "sparse.mat": (lambda p: io.savemat(p, {"W": sparse.csc_array(WEIGHTS)}), False),
    "four.mat": (lambda p: io.savemat(p, {"W": WEIGHTS}, format="4"), False),
    "new.mat": (lambda p: matlab_73(p, W=WEIGHTS, who="me", gain=np.ones((1, 1)) * 2), False),
    "newsparse.MAT": (lambda p: matlab_73(p, W=sparse.csc_array(WEIGHTS)), False),
    "plain.h5": (hdf5, False),
    "tabs.tsv": (lambda p: np.savetxt(p, WEIGHTS, delimiter="\t"), False),
    "blanks.txt": (lambda p: np.savetxt(p, WEIGHTS, header="written by NumPy"), False),
    "commas.TXT": (lambda p: np.savetxt(p, WEIGHTS, delimiter=","), False),
    "labelled.csv": (TABLE.to_csv, True),
    "labelled.tsv": (lambda p: TABLE.to_csv(p, sep="\t"), True),
    "permuted.CSV": (PERMUTED.to_csv, True),
    "corner.csv": (lambda p: PERMUTED.to_csv(p, index_label="to/from"), True),
    "header.csv": (lambda p: TABLE.to_csv(p, index=False), True),
    "rows.csv": (lambda p: TABLE.to_csv(p, header=False), True),
    "blanks_labelled.txt": (lambda p: p.write_text(TABLE.to_string()), True),
    "counted.csv": (pd.DataFrame(WEIGHTS).to_csv, False),
    "edges.csv": (lambda p: EDGES.to_csv(p, index=False), True),
    "edges_index.csv": (lambda p: EDGES.rename(columns={"source": "Pre", "target": "Post"}).to_csv(p, index=False), True),
    "edges.tsv": (lambda p: EDGES.to_csv(p, index=False, sep="\t"), True),
    "bare_edges.txt": (lambda p: EDGES.to_csv(p, index=False, header=False, sep=" "), True),
    "graph.graphml": (lambda p: nx.write_graphml(graph(), p), True),
    "graph.gexf": (lambda p: nx.write_gexf(graph(), p), True),
    "graph.GML": (lambda p: nx.write_gml(graph(), p), True),
}


@pytest.mark.parametrize("name", WRITERS)
def test_every_format_gives_the_same_weights(tmp_path: Path, name: str) -> None:
    writer, named = WRITERS[name]
    writer(tmp_path / name)
    network = qd.Network.from_file(tmp_path / name)
    np.testing.assert_allclose(network.dense_weights, WEIGHTS, rtol=1e-12)
    assert network.names == (NAMES if named else None)
    turned = read_file(tmp_path / name, transpose=True).weights
    np.testing.assert_allclose(turned.toarray() if sparse.issparse(turned) else turned, WEIGHTS.T, rtol=1e-12)


@pytest.mark.parametrize("ending", ["mat", "mat73", "h5", "npz"])
def test_only_what_is_asked_for_is_read(tmp_path: Path, ending: str) -> None:
    """Magnitudes and signs among settings and text, which are named when they are asked for."""
    path = tmp_path / f"weights.{ending.removesuffix('73')}"
    arrays = {"size": np.abs(WEIGHTS), "sign": np.sign(WEIGHTS).astype(np.int8)}
    if ending == "npz":
        np.savez(path, **arrays, other=np.array({"rate": 0.1}, dtype=object), nothing=np.array(None))
    elif ending == "mat":
        io.savemat(path, arrays | {"other": {"rate": 0.1}})
    elif ending == "mat73":
        matlab_73(path, **arrays, other="text")
    else:
        with pytest.importorskip("h5py").File(path, "w") as file:
            file["size"], file["sign"], file["other"] = *arrays.values(), "text"
    np.testing.assert_array_equal(read_file(path, array="size", sign="sign").weights, WEIGHTS)
    with pytest.raises(ValueError, match=r"holds 2 square arrays; choose one by `array`\. It holds: si.*, other"):
        read_file(path)
    with pytest.raises(ValueError, match="Argument `array` must name an array of numbers, but 'other' is none: it "):
        read_file(path, array="other")
    with pytest.raises(ValueError, match="Did you mean 'sign'"):
        read_file(path, array="size", sign="sing")


def test_a_list_of_three_edges_is_asked_about(tmp_path: Path) -> None:
    edges = np.array([[0, 1, 0.5], [1, 2, 0.3], [2, 0, 0.1]])
    expected = np.zeros((3, 3))
    expected[[1, 2, 0], [0, 1, 2]] = 0.5, 0.3, 0.1
    for name, write in (
        ("edges.csv", lambda p: np.savetxt(p, edges, delimiter=",")),
        ("edges.txt", lambda p: np.savetxt(p, edges)),
        ("edges.npy", lambda p: np.save(p, edges)),
        ("edges.npz", lambda p: np.savez(p, edges=edges)),
        ("edges.mat", lambda p: io.savemat(p, {"edges": edges})),
    ):
        write(tmp_path / name)
        with pytest.raises(
            ValueError, match="may hold a matrix or a list of 3 edges: say layout='matrix' or layout='edges'"
        ):
            read_file(tmp_path / name)
        np.testing.assert_array_equal(read_file(tmp_path / name, layout="matrix").weights, edges)
        found = read_file(tmp_path / name, layout="edges")
        np.testing.assert_array_equal(found.weights, expected)
        assert found.names is None  # they count
    with pytest.raises(ValueError, match="`layout` must be one of"):
        read_file(tmp_path / "edges.csv", layout="edge")


def test_longer_lists_of_numbers(tmp_path: Path) -> None:
    """Numbered from anywhere; without weights each counts 1; listed twice they add up."""
    path = tmp_path / "edges.txt"
    np.savetxt(path, [[7, 3], [3, 7], [7, 3], [10, 10]], fmt="%d")
    with pytest.raises(ValueError, match=r"has shape \(4, 2\); if it is a list of edges .* say layout='edges'"):
        read_file(path)
    found = read_file(path, layout="edges")
    assert found.names == ("3", "7", "10")
    np.testing.assert_array_equal(found.weights, [[0, 2, 0], [1, 0, 0], [0, 0, 1]])
    path.write_text("source,target,count,sign\n1,2,3,-1\n2,1,4,1\n")
    np.testing.assert_array_equal(read_file(path, array="count", sign="sign").weights, [[0, 4], [-3, 0]])
    with pytest.raises(ValueError, match="`array` must name the column of weights, one of 'count', 'sign'"):
        read_file(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (",a,b\na,0,1\nc,1,0\n", "'a?c?' is among the rows and not among the columns|'c' is among the rows"),
        (",a,a\na,0,1\nb,1,0\n", "'a' is there twice"),
        (",a,b\na,0,x\nb,1,0\n", "row a, column b holds 'x'"),
        (",a,b\na,0,\nb,1,0\n", "row a, column b holds ''"),
        (",a,b\na,0,NA\nb,1,0\n", "row a, column b holds 'NA'"),
        ("source,target,weight\na,b,1\n,b,1\n", "must name both ends"),
        ("source,target,weight\na,b,one\n", "holds 'one'"),
        ("source,target\n1.5,2\n", "by whole numbers"),
        ("a,b\nb,c\nc,d\n", "holds no numbers"),
        ("a,b,c\n1,2\n3,4\n", "header has 3 entries"),
    ],
)
def test_tables_that_are_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "weights.csv").write_text(text)
    with pytest.raises(ValueError, match=message):
        qd.Network.from_file(tmp_path / "weights.csv")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("a.xlsx", "must end in one of .*Save the sheet as .csv"),
        ("a.csv.gz", "Unpack it first"),
        ("a.keras", r"qd\.landscape\.rnn\.from_file"),
        ("a.PKL", "can run code"),
        ("a.dat", r"must end in one of \.npy, .*\.graphml"),
    ],
)
def test_other_formats_are_told_what_to_do(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(ValueError, match=message):
        read_file(tmp_path / name)


@pytest.mark.parametrize("name", ["a.mat", "b.MAT", "c.h5", "d.graphml", "e.gexf", "f.gml", "g.tsv", "h.txt"])
@pytest.mark.parametrize("content", [b"", b"\x00\x01nonsense\xff", b"\x89HDF\r\n\x1a\n", b"<graphml>", b"PK\x03\x04"])
def test_torn_files_are_named(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=rf"'{name[0]}\.{name[2:]}' cannot be read as \.{name[2:]}: "):
        read_file(tmp_path / name)


def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    matlab_73(tmp_path / "new.mat", W=WEIGHTS)
    monkeypatch.setitem(__import__("sys").modules, "h5py", None)
    with pytest.raises(ImportError, match=r'pip install "quenched\[files\]"'):
        read_file(tmp_path / "new.mat")


@pytest.mark.parametrize(
    "weights",
    [TABLE, PERMUTED, EDGES, graph(), xr.DataArray(PERMUTED, dims=("to", "from"))],
    ids=["table", "permuted", "edges", "graph", "xarray"],
)
def test_labels_in_memory(weights: Any) -> None:
    field = pd.Series([1.0, 2.0, 3.0, 4.0], index=["RIM", "AVBL", "AVAR", "AVAL"])
    network = qd.Network(weights, field=field)
    assert network.names == NAMES
    np.testing.assert_array_equal(network.weights, WEIGHTS)
    np.testing.assert_array_equal(network.field, [4.0, 3.0, 2.0, 1.0])
    with pytest.raises(ValueError, match="`field` must be labelled by the names of the network's neurons, but differs in"):
        qd.Network(weights, field=field.rename({"RIM": "RIH"}))
    with pytest.raises(ValueError, match="`names` must be left out where the weights have names"):
        qd.Network(weights, names=["a", "b", "c", "d"])


def test_graphs_of_other_kinds() -> None:
    """Parallel edges add up; no direction is both; no weight is 1; some weights are a mistake."""
    several = nx.MultiDiGraph([("a", "b"), ("a", "b"), ("b", "b")])
    np.testing.assert_array_equal(qd.Network(several).weights, [[0, 0], [2, 1]])
    both = nx.Graph([("a", "b"), ("b", "b")])
    np.testing.assert_array_equal(qd.Network(both).weights, [[0, 1], [1, 1]])
    both.edges["a", "b"]["weight"] = 2.0
    with pytest.raises(ValueError, match="must have the attribute 'weight', but 1 of 2 do not"):
        qd.Network(both)
    called = nx.DiGraph()
    called.add_node("n0", label="left")
    called.add_node("n1", label="right")
    called.add_edge("n0", "n1", weight=3)
    assert qd.Network(called).names == ("left", "right")


def test_names_are_shown_and_change_nothing_else() -> None:
    named, plain = qd.Network(TABLE), qd.Network(WEIGHTS)
    found, bare = (qd.landscape.find_fixed_points(network, 20) for network in (named, plain))
    assert found["neuron"].values.tolist() == list(NAMES)
    np.testing.assert_array_equal(found["state"], bare["state"])
    run = qd.simulate.integrate(named, 1.0, 0.1)
    assert run["neuron"].values.tolist() == list(NAMES)
    assert qd.Network(WEIGHTS, names=NAMES).names == NAMES
    assert repr(named).startswith("Network(4 neurons (AVAL, AVAR, AVBL, RIM), 50 % of the couplings")
    assert "30 neurons (n0, n1, ..., n29)," in repr(qd.Network(np.eye(30), names=[f"n{i}" for i in range(30)]))
    # The leaves are those of a network without names, and go through transformations with the names on.
    assert [np.shape(leaf) for leaf in jax.tree.leaves(named)] == [np.shape(leaf) for leaf in jax.tree.leaves(plain)]
    doubled = jax.tree.map(lambda leaf: 2 * leaf, named)
    assert doubled.names == NAMES
    with jax.enable_x64(True):
        moved = jax.vmap(lambda gain: qd.Network(gain * jnp.asarray(WEIGHTS)).velocity(jnp.ones(4)))(jnp.ones(2))
        np.testing.assert_allclose(moved[0], eqx.filter_jit(lambda n: n.velocity(jnp.ones(4)))(named))


@pytest.mark.parametrize(
    ("names", "message"), [(["a"], "one name for each of the 4"), (["a", "b", "c", "a"], "'a' is there twice")]
)
def test_names_that_do_not_fit(names: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        qd.Network(WEIGHTS, names=names)


def test_the_cell_that_is_no_number_is_named(tmp_path: Path) -> None:
    (tmp_path / "it.tsv").write_text("0\t1\n1\tx\n")
    with pytest.raises(ValueError, match="row 1, column 1 holds 'x'"):
        qd.Network.from_file(tmp_path / "it.tsv")


@pytest.mark.parametrize("value", ["strong", None, float("nan"), True])
def test_an_edge_of_a_graph_that_is_no_number_is_named(value: Any) -> None:
    graph = nx.DiGraph([("a", "b", {"weight": value}), ("b", "a", {"weight": 1.0})])
    with pytest.raises((TypeError, ValueError), match="attribute 'weight' of the edge 'a' -> 'b' must"):
        qd.Network(graph)


def test_a_path_is_no_weights(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=r"use qd\.Network\.from_file"):
        qd.Network(tmp_path / "weights.npy")


SQUARE = np.arange(9.0).reshape(3, 3)
COUNTED = pd.DataFrame(SQUARE)
BRAIN = ["prefrontal", "postcentral", "motor"]


@pytest.mark.parametrize(
    ("table", "names", "expected"),
    [
        (COUNTED.loc[[2, 0, 1]], ("2", "0", "1"), [[8, 6, 7], [2, 0, 1], [5, 3, 4]]),
        (COUNTED[[2, 0, 1]], None, SQUARE),
        (pd.DataFrame(SQUARE, BRAIN, BRAIN), tuple(BRAIN), SQUARE),
        (pd.DataFrame(SQUARE[:2, :2], ["pre", "post"], ["post", "pre"]), ("pre", "post"), [[1, 0], [4, 3]]),
        (pd.DataFrame(SQUARE > 3), None, SQUARE > 3),
    ],
)
def test_a_square_table_is_read_by_its_labels(tmp_path: Path, table: Any, names: Any, expected: Any) -> None:
    table.to_csv(tmp_path / "weights.csv")
    for network in (qd.Network(table), qd.Network.from_file(tmp_path / "weights.csv")):
        np.testing.assert_array_equal(network.dense_weights, expected)
        assert network.names == names


def test_a_default_index_is_no_order_of_neurons_called_by_numbers() -> None:
    table = COUNTED.loc[[2, 0, 1]]
    field = pd.Series([10.0, 20.0, 30.0])
    with pytest.raises(ValueError, match="Argument `field` has no labels of its own, and the neurons are called 2, 0"):
        qd.Network(table, field=field)
    field.index = pd.Index([0, 1, 2])
    np.testing.assert_array_equal(qd.Network(table, field=field.loc[[0, 2, 1]]).field, [30, 10, 20])


A_TO_B = [[0, 0, 3], [1.5, 0, 0], [0, 2.5, 0]]


@pytest.mark.parametrize(
    ("text", "options", "names", "expected"),
    [
        ("node1\tnode2\tweight\na\tb\t1.5\nb\tc\t2.5\nc\ta\t3\n", {}, ("a", "b", "c"), A_TO_B),
        (
            "Neuron 1\tNeuron 2\tType\tNbr\na\tb\tS\t1.5\nb\tc\tS\t2.5\nc\ta\tR\t3\n",
            {"array": "Nbr"},
            ("a", "b", "c"),
            A_TO_B,
        ),
        ("i\tj\tw\n0\t1\t1.5\n1\t2\t2.5\n2\t0\t3\n", {}, None, A_TO_B),
        ("a\tb\nb\ta\n", {}, ("a", "b"), [[0, 1], [1, 0]]),
        ("0\t1\n1\t0\n", {}, None, [[0, 1], [1, 0]]),
    ],
)
def test_lists_of_edges_that_are_called_so(
    tmp_path: Path, text: str, options: dict[str, Any], names: Any, expected: Any
) -> None:
    (tmp_path / "edges.tsv").write_text(text)
    network = qd.Network.from_file(tmp_path / "edges.tsv", layout="edges", **options)
    assert network.names == names
    np.testing.assert_array_equal(network.dense_weights, expected)


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("i,j,w\n0,1,1.5\n1,2,2.5\n2,0,2.5\n", {}, "may hold a matrix or a list of 3 edges"),
        ("u,v\n0,1\n1,0\n", {}, "may hold a matrix or a list of 2 edges"),
        (
            "node1,node2,weight\na,b,1.5\nb,c,2.5\nc,a,3\n",
            {},
            r"if it is a list of edges \(from, to, weight\) say layout='edges'",
        ),
        ("node1,node2\na,b\nb,a\n", {}, "if it is a list of edges say layout='edges'"),
        ("node1,node2\na,b\nb,a\n", {"layout": "edges"}, "may name the columns or an edge"),
        ("p,q,Type,Nbr\na,b,S,1\n", {"layout": "edges"}, "must name the column of weights, one of 'Type', 'Nbr'"),
        ("source,target,weight\n#1,#2,2\na,b,1\nb,a,3\n", {}, "line 2 begins with #, as comments do"),
        ("a,b,{'weight': 2.0}\n", {}, "write_weighted_edgelist"),
    ],
)
def test_lists_of_edges_that_are_not_guessed(tmp_path: Path, text: str, options: dict[str, Any], message: str) -> None:
    (tmp_path / "edges.csv").write_text(text)
    with pytest.raises(ValueError, match=message):
        qd.Network.from_file(tmp_path / "edges.csv", **options)


@pytest.mark.parametrize("index", [True, False])
@pytest.mark.parametrize("header", [True, False])
def test_truth_values_lose_no_row(tmp_path: Path, header: bool, index: bool) -> None:
    connected = np.array([[True, False, True], [False, True, False], [True, True, False]])
    pd.DataFrame(connected).to_csv(tmp_path / "weights.csv", header=header, index=header and index)
    np.testing.assert_array_equal(qd.Network.from_file(tmp_path / "weights.csv").weights, connected)


@pytest.mark.parametrize(
    ("name", "others"), [("Weight", {}), ("synapses", {"kind": "chemical"}), ("WEIGHT", {"delay": 2.0})]
)
def test_weights_of_a_graph_by_other_names(tmp_path: Path, name: str, others: dict[str, Any]) -> None:
    drawn = nx.DiGraph()
    drawn.add_edge("a", "b", **{name: 3.0}, **others)
    drawn.add_edge("b", "a", **{name: -2.0}, **others)
    nx.write_graphml(drawn, tmp_path / "graph.graphml")
    nx.write_gexf(drawn, tmp_path / "graph.gexf")
    for network in (qd.Network(drawn), *(qd.Network.from_file(tmp_path / f"graph.{end}") for end in ("graphml", "gexf"))):
        np.testing.assert_array_equal(network.weights, [[0, -2], [3, 0]])


@pytest.mark.parametrize("kind", [np.float32, np.int64, np.uint8])
def test_numbers_of_any_width_are_weights_of_a_graph(kind: Any) -> None:
    drawn = nx.DiGraph()
    drawn.add_edge("a", "b", synapses=kind(3), excitatory=True)
    np.testing.assert_array_equal(qd.Network(drawn).weights, [[0, 0], [3, 0]])


def test_several_numbers_of_a_graph_are_asked_about() -> None:
    drawn = nx.DiGraph()
    drawn.add_edge("a", "b", delay=2.0, strength=3.0)
    with pytest.raises(ValueError, match="several numbers that may be weights, 'delay', 'strength'"):
        qd.Network(drawn)
