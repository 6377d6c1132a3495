"""What a report of a fault should say of the machine."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version

from quenched.program_store import compile_cache

_PACKAGES = ("quenched", "jax", "jaxlib", "equinox", "numpy", "scipy", "xarray", "zarr", "torch", "flax")


def about() -> str:
    """Versions, devices, precision, threads and where compiled programs are kept, for reports of faults.

    Returns:
        Some lines of text, to be printed.

    Example:
        >>> import quenched as qd
        >>> qd.about().splitlines()[0].split()[0]
        'quenched'
    """
    import jax
    import psutil
    from threadpoolctl import threadpool_info

    lines = {name: _version(name) for name in _PACKAGES}
    lines |= {
        "python": f"{platform.python_version()} on {platform.platform()}",
        "devices": ", ".join(f"{device.platform} {device.device_kind}" for device in jax.devices()),
        "cores": f"{os.cpu_count()}, memory {psutil.virtual_memory().total / 2**30:.1f} GiB",
        "threads": "; ".join(f"{pool['internal_api']} {pool['num_threads']}" for pool in threadpool_info()) or "none known",
        "float64": f"in the package always, {'and' if jax.config.read('jax_enable_x64') else 'not'} in the rest of JAX",
        "compiled": str(compile_cache() or getattr(jax.config, "jax_compilation_cache_dir", None) or "not kept"),
        "XLA_FLAGS": os.environ.get("XLA_FLAGS", "not set"),
    }
    return "\n".join(f"{name:<10} {text}" for name, text in lines.items())


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
