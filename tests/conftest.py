"""A strict world: shapes and types checked at every call, warnings errors (pyproject.toml), keys fixed.

Nothing here sets `jax_enable_x64`: the package must find float64 by itself, in a program that keeps JAX in 32 bits.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import jax
import jaxtyping
import matplotlib
import pytest
from jaxtyping import Array

# Before anything imports the package, so that its annotations are checked wherever it is called.
jaxtyping.install_import_hook("quenched", "strict_types.checked")
matplotlib.use("agg")


# Most programs of the fast tests run once, on little: to optimise them would be nearly half of the suite's time. The slow
# tests run what users run.
_COMPILE_QUICKLY = "--xla_backend_optimization_level=0 --xla_cpu_use_fusion_emitters=false"


def pytest_configure(config: pytest.Config) -> None:
    if config.option.markexpr.startswith("not slow"):
        # Read when JAX first computes; programs that tests start inherit it.
        os.environ.setdefault("XLA_FLAGS", _COMPILE_QUICKLY)
    # Most of the suite's time would be XLA compiling the same programs in each worker.
    jax.config.update("jax_compilation_cache_dir", str(config.cache.mkdir("compiled")))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.2)


# Half of what Linux lets a process map; beyond it XLA crashes. And memory, of which there are two workers' worth.
_MOST_MAPS, _MOST_BYTES = 30_000, 4 * 2**30


@pytest.fixture(autouse=True, scope="module")
def forget_programs() -> Iterator[None]:
    """Every compiled program keeps some pieces of memory mapped, and a worker runs thousands of programs."""
    yield
    maps, pages = Path("/proc/self/maps"), Path("/proc/self/statm")
    if not maps.exists():
        return
    resident = int(pages.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    if maps.read_text().count("\n") > _MOST_MAPS or resident > _MOST_BYTES:
        from quenched.compiled import Compiled

        # By their type: `isinstance` asks a proxy for what is no longer there.
        for each in [one for one in gc.get_objects() if type(one) is Compiled]:
            each.programs.clear()
        jax.clear_caches()
        gc.collect()


@pytest.fixture(autouse=True)
def close_figures() -> Iterator[None]:
    """Those that pyplot holds."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        subject = getattr(getattr(item, "callspec", None), "params", {}).get("subject")
        recompiles = any(word in item.name for word in ("jit", "vmap", "gradients"))
        if recompiles and subject is not None and subject.slow_to_trace:
            item.add_marker(pytest.mark.slow)


@pytest.fixture
def key() -> Array:
    return jax.random.key(20240501)


@pytest.fixture
def unchecked_types() -> Iterator[None]:
    """As users run it: arguments of a wrong type reach the package's own messages."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)
