"""A strict world: shapes and types checked at every call, warnings errors (pyproject.toml), keys fixed.

Nothing here sets `jax_enable_x64`: the package must find float64 by itself, in a program that keeps JAX in 32 bits.
"""

from __future__ import annotations

from collections.abc import Iterator

import jax
import jaxtyping
import matplotlib
import pytest
from jaxtyping import Array

# Before anything imports the package, so that its annotations are checked wherever it is called.
jaxtyping.install_import_hook("quenched", "strict_types.checked")
matplotlib.use("agg")


def pytest_configure(config: pytest.Config) -> None:
    # Most of the suite's time would be XLA compiling the same programs in each worker.
    jax.config.update("jax_compilation_cache_dir", str(config.cache.mkdir("compiled")))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.2)


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        # One worker for what shares compiled programs: a file, or a subject of the contract.
        group = item.path.name
        subject = getattr(getattr(item, "callspec", None), "params", {}).get("subject")
        if subject is not None:
            group += subject.name
            recompiles = any(word in item.name for word in ("jit", "vmap", "gradients"))
            if subject.slow_to_trace and recompiles:
                item.add_marker(pytest.mark.slow)
        item.add_marker(pytest.mark.xdist_group(group))


@pytest.fixture
def key() -> Array:
    return jax.random.key(20240501)


@pytest.fixture
def unchecked_types() -> Iterator[None]:
    """As users run it: arguments of a wrong type reach the package's own messages."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)
