"""`compiled`, in the place of `jax.jit` where compiling takes seconds: the program is kept for the next process.

A program is found again by what went into it: the function, the shapes of its arguments, and what is static of them, if all
of that can be written down. Then it is neither traced nor compiled. Otherwise (an activation of the user's own) it is
traced, and found by its text.
"""

from __future__ import annotations

import enum
import functools
import hashlib
import inspect
import pickle
from collections.abc import Callable, Hashable, Mapping
from typing import Any, Generic, ParamSpec, TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from quenched import program_store
from quenched.precision import traced

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

# Settings of JAX under which a program is another one, and what they must be for it to be kept.
_SETTINGS: Mapping[str, Any] = {
    "jax_disable_jit": False,
    "jax_debug_nans": False,
    "jax_debug_infs": False,
    "jax_enable_checks": False,
    "jax_default_device": None,
    "jax_default_matmul_precision": None,
    "jax_default_prng_impl": "threefry2x32",
    "jax_threefry_partitionable": True,
    "jax_numpy_dtype_promotion": "standard",
    "jax_no_tracing": False,
}
# The first point of Static (2 cores) takes 1.5 CPU s instead of 4.9; one more point 1.3 ms instead of 1.7.
_HURRIED: dict[str, Any] = {
    "xla_backend_optimization_level": 0,
    "xla_cpu_use_fusion_emitters": False,
    "xla_cpu_parallel_codegen_split_count": 1,
}
# Programs of one function that a process holds, as `jax.jit` does.
_MOST = 4096
_PLAIN = (type(None), bool, int, float, complex, str, bytes)
_OURS = ("quenched", "jax", "numpy", "equinox", "builtins")


class NotWritable(Exception):
    """Something static that has no lasting name."""


class Compiled(Generic[Arguments, Result]):
    """A function that is compiled once for all processes. Numbers and arrays are traced; `static` names what is not."""

    def __init__(self, function: Callable[Arguments, Result], static: tuple[str, ...], hurried: bool):
        functools.update_wrapper(self, function)
        self.name = f"{function.__module__}.{function.__qualname__}"
        self.function, self.static, self.hurried = function, static, hurried
        # For other programs to be traced into; XLA's options would be refused there.
        self.jitted = jax.jit(function, static_argnames=static)
        self.signature = inspect.signature(function)
        self.programs: dict[Hashable, Callable[..., Any]] = {}

    def __call__(self, *args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        if traced(args, kwargs):
            return self.jitted(*args, **kwargs)
        program, leaves = self._program(*args, **kwargs)
        return program(leaves)

    def eval_shape(self, *args: Arguments.args, **kwargs: Arguments.kwargs) -> Any:
        """Shapes and types of what is returned, by tracing."""
        return self.jitted.eval_shape(*args, **kwargs)

    def shape_of_result(self, *args: Arguments.args, **kwargs: Arguments.kwargs) -> Any:
        """Shapes and types of what is returned by a program that will be called: one out of the folder is not traced."""
        program, leaves = self._program(*args, **kwargs)
        if isinstance(program, _Read):
            program = program.program
        told = program.out_info if isinstance(program, jax.stages.Compiled) else program.eval_shape(leaves)
        return jax.tree.map(lambda each: jax.ShapeDtypeStruct(each.shape, each.dtype), told)

    def _program(self, *args: Any, **kwargs: Any) -> tuple[Any, list[Any]]:
        """What to call, and with what."""
        bound = self.signature.bind(*args, **kwargs).arguments
        fixed = {name: bound.pop(name) for name in self.static if name in bound}
        leaves, tree = jax.tree.flatten(bound)
        kinds = (*map(_kind, leaves), program_store.jax_setting("jax_enable_x64"))
        signature = (tree, tuple(fixed.items()), kinds, usual := _usual(leaves))
        if signature not in self.programs:
            if len(self.programs) >= _MOST:
                self.programs.pop(next(iter(self.programs)))
            keep = usual and program_store.folder() is not None
            self.programs[signature] = self._kept(tree, fixed, leaves, kinds) if keep else self._flat(tree, fixed)
        return self.programs[signature], leaves

    def __len__(self) -> int:
        """How many programs there are in this process."""
        return len(self.programs)

    def _flat(self, tree: Any, fixed: Mapping[str, Any]) -> Any:
        def flat(leaves: list[Any]) -> Any:
            return self.function(**jax.tree.unflatten(tree, leaves), **fixed)  # type: ignore[call-arg]

        flat.__name__ = str(getattr(self.function, "__name__", "program"))
        return jax.jit(flat, compiler_options=_HURRIED if self.hurried and jax.default_backend() == "cpu" else None)

    def _kept(self, tree: Any, fixed: Mapping[str, Any], leaves: list[Any], kinds: Any) -> Callable[[list[Any]], Any]:
        """The program out of the folder, or compiled and put there."""
        lowered = None
        try:
            name = repr((written(tree), written(fixed), kinds))
        except NotWritable:
            lowered = self._flat(tree, fixed).lower(leaves)
            name = lowered.as_text()
            if "callback" in name:  # a Python function's address
                return lowered.compile()
        about = (program_store.surroundings(), self.name, self.hurried, name)
        key = hashlib.sha256(repr(about).encode()).hexdigest()

        def compile_and_keep() -> Callable[[list[Any]], Any]:
            program = (lowered or self._flat(tree, fixed).lower(leaves)).compile()
            content = dump(program)
            if content is not None:
                program_store.write(key, content)
            return program

        found = load(program_store.read(key), len(leaves))
        return compile_and_keep() if found is None else _Read(found, compile_and_keep)


class _Read:
    """A program out of the folder. XLA may read one with a part missing, which its first run shows: then it is compiled."""

    def __init__(self, program: Callable[[list[Any]], Any], compile_again: Callable[[], Callable[[list[Any]], Any]]):
        self.program, self.compile_again = program, compile_again
        self.has_run = False

    def __call__(self, leaves: list[Any]) -> Any:
        if self.has_run:
            return self.program(leaves)
        try:
            result = jax.block_until_ready(self.program(leaves))
        except jax.errors.JaxRuntimeError:
            self.program = self.compile_again()
            result = self.program(leaves)
        self.has_run = True
        return result


def compiled(
    *, static: tuple[str, ...] = (), hurried: bool = False
) -> Callable[[Callable[Arguments, Result]], Compiled[Arguments, Result]]:
    """`jax.jit` whose programs are kept; `hurried` ones are not optimised."""
    return lambda function: Compiled(function, static, hurried)


def _kind(leaf: Any) -> tuple[Any, ...]:
    kind = jax.typeof(leaf)
    return kind.shape, str(kind.dtype), kind.weak_type


def _usual(leaves: list[Any]) -> bool:
    """Whether JAX is set as it is by default, and everything is where computations are by default."""
    if any(program_store.jax_setting(name) != usual for name, usual in _SETTINGS.items()):
        return False
    here = {jax.local_devices()[0]}
    return jax.process_count() == 1 and all(leaf.devices() == here for leaf in leaves if isinstance(leaf, jax.Array))


def written(thing: Any) -> Any:
    """The static parts of an argument as plain values, the same in every process."""
    if isinstance(thing, enum.Enum):
        return written(type(thing)), thing.name
    if isinstance(thing, _PLAIN):
        return thing
    if isinstance(thing, np.dtype):
        return str(thing)
    if isinstance(thing, tuple | list):
        return type(thing).__name__, *map(written, thing)
    if isinstance(thing, dict):
        return "dict", *((written(name), written(value)) for name, value in thing.items())
    if isinstance(thing, type) or inspect.isfunction(thing):
        if (thing.__module__ or "").partition(".")[0] in _OURS and "<" not in thing.__qualname__:
            return thing.__module__, thing.__qualname__
        raise NotWritable
    if isinstance(thing, jax.tree_util.PyTreeDef):
        node = thing.node_data()
        if node is None:
            return "leaf" if thing.num_leaves else "none"
        return "node", written(node[0]), written(node[1]), *map(written, thing.children())
    leaves, tree = jax.tree.flatten(thing)
    if len(leaves) == 1 and leaves[0] is thing:
        raise NotWritable
    return written(tree), *map(written, leaves)


def dump(program: Any) -> bytes | None:
    """A compiled program as bytes; None for one that cannot be kept, or that runs on several devices."""
    from jax.experimental import serialize_executable

    try:
        if len(program.runtime_executable().local_devices()) > 1:
            return None
        code, _, tree = serialize_executable.serialize(program)
        text = program.as_text()
        # A tree is kept as what it is the structure of.
        return pickle.dumps((code, jax.tree.unflatten(tree, range(tree.num_leaves)), "lapack_" in text))
    except Exception:  # what JAX, XLA or a class of the user's own raises here is not told anywhere
        return None


def load(content: bytes | None, number: int) -> Callable[[list[Any]], Any] | None:
    """The program that `dump` wrote, of so many arguments; None for what this process cannot read."""
    if content is None:
        return None
    from jax.experimental import serialize_executable

    try:
        code, result, calls_lapack = pickle.loads(content)
        if calls_lapack:
            # Lowering such a call is what hands SciPy's LAPACK to XLA.
            jax.jit(jax.lax.linalg.cholesky).lower(jax.ShapeDtypeStruct((1, 1), jnp.float32))
        arguments = jax.tree.structure(((list(range(number)),), {}))
        return serialize_executable.deserialize_and_load(
            code, arguments, jax.tree.structure(result), execution_devices=jax.local_devices()[:1]
        )
    except Exception:
        return None
