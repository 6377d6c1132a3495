"""Where compiled programs are kept between processes."""

from __future__ import annotations

import functools
import hashlib
import os
import stat
import sys
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

_ENDING = ".program"
# A file that a process left half-written is removed after an hour.
_ABANDONED_SECONDS = 3600.0
_GIB = 2.0**30

_chosen: Path | bool | None = None
_limit = 0.5


def compile_cache(where: str | Path | bool | None = None, *, limit: float | None = None) -> Path | None:
    """Where compiled programs are kept, so that the next process need not compile them.

    By default they are in a folder `quenched` of the user's cache folder, at most half a GiB of them; those that were not
    used for longest go first. Several processes and several versions may share a folder. Where it cannot be written,
    programs are compiled as ever and nothing is said. JAX's own settings are not touched: a program that has set
    `jax_compilation_cache_dir` or turned `jax_enable_compilation_cache` off has decided, and nothing is kept here unless it
    is asked for.

    Arguments:
        where: a folder; True for the default one; False to keep nothing. Left out, nothing changes. The environment variable
            QUENCHED_CACHE_DIR names a folder too, QUENCHED_CACHE=0 turns it off; this function goes before both.
        limit: largest size of the folder, in GiB.

    Returns:
        The folder that is used now, or None.

    Raises:
        TypeError: no folder, True or False; a limit that is no number.
        ValueError: a limit that is not above 0.

    When to leave it off: a program out of the folder is machine code that runs as it is. Do not use a folder that somebody
    whom you do not trust can write to; from one that everybody can write to nothing is read.

    Example:
        >>> import quenched as qd
        >>> qd.compile_cache(False)
        >>> qd.compile_cache(True).is_absolute()
        True
    """
    global _chosen, _limit
    if limit is not None:
        from quenched import checks

        _limit = float(checks.number("limit", limit, above=0.0))
    if where is not None:
        if not isinstance(where, str | Path | bool):
            raise TypeError(f"Argument `where` must be a folder, True or False, but is {where!r}.")
        _chosen = where if isinstance(where, bool) else Path(where).absolute()
    return folder()


def folder() -> Path | None:
    """The folder in use."""
    if isinstance(_chosen, Path):
        return _chosen
    if _chosen is None:
        if os.environ.get("QUENCHED_CACHE", "").lower() in ("0", "off", "false", "no"):
            return None
        if named := os.environ.get("QUENCHED_CACHE_DIR"):
            return Path(named).absolute()
        if _decided_by_the_program_around():
            return None
    return _users_folder() if _chosen in (None, True) else None


def _decided_by_the_program_around() -> bool:
    return bool(jax_setting("jax_compilation_cache_dir")) or not jax_setting("jax_enable_compilation_cache")


def jax_setting(name: str) -> Any:
    """A setting of JAX as it is here, inside a `with` too."""
    import jax

    return getattr(jax.config, name)


def _users_folder() -> Path | None:
    from platformdirs import user_cache_path

    try:
        found = user_cache_path("quenched", appauthor=False)
    except RuntimeError:  # there is no home
        return None
    return found if found.is_absolute() else None  # nor a name for it, and `~` stays


def read(key: str) -> bytes | None:
    """What was kept under this key; None if there is nothing, or nothing whole."""
    place = folder()
    if place is None:
        return None
    path = place / f"{key}{_ENDING}"
    try:
        if place.stat().st_mode & stat.S_IWOTH and os.name == "posix":
            return None
        content = zlib.decompress(path.read_bytes())  # with its own checksum
    except (OSError, zlib.error):
        return None
    _quietly(lambda: os.utime(path))  # it was used now
    return content


def write(key: str, content: bytes) -> None:
    """Keep this, if the folder can be written."""
    place = folder()
    if place is None or len(content) > _limit * _GIB:
        return
    mine = place / f"{key}.{os.getpid()}.{time.monotonic_ns()}.part"

    def put() -> None:
        # Nobody else's: who can write here can make this user run anything.
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
        mine.write_bytes(zlib.compress(content, 1))
        mine.replace(place / f"{key}{_ENDING}")  # at once: another process sees all of it or nothing

    if not _quietly(put):
        _quietly(mine.unlink)
        return
    _make_room(place)


def _make_room(place: Path) -> None:
    """Remove what was not used for longest, down to the limit."""
    files: list[tuple[float, int, Path]] = []

    def look(path: Path) -> None:
        about = path.stat()
        files.append((about.st_mtime, about.st_size, path))

    for path in place.glob(f"*{_ENDING}"):
        _quietly(functools.partial(look, path))
    for path in place.glob("*.part"):
        _quietly(functools.partial(_remove_abandoned, path))
    excess = sum(size for _, size, _ in files) - _limit * _GIB
    for _, size, path in sorted(files):
        if excess <= 0:
            return
        _quietly(path.unlink)
        excess -= size


def _remove_abandoned(path: Path) -> None:
    if time.time() - path.stat().st_mtime > _ABANDONED_SECONDS:
        path.unlink()


def _quietly(action: Callable[[], Any]) -> bool:
    """Whether it could be done. Another process may have been there first, and a folder may be read-only or full."""
    try:
        action()
    except OSError:
        return False
    return True


@functools.cache
def surroundings() -> str:
    """What a compiled program depends on beside its own text: this package's files, versions, the processor, XLA's flags."""
    import equinox
    import jax
    import jaxlib
    import numpy as np

    hashed = hashlib.sha256()
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        hashed.update(path.read_bytes())
    device = jax.local_devices()[0]
    said = (
        *(jax.__version__, jaxlib.__version__, equinox.__version__, np.__version__, sys.version),
        *(device.platform, device.device_kind, device.client.platform_version, len(jax.devices())),
        *(os.environ.get("XLA_FLAGS"), _processor()),
    )
    hashed.update(repr(said).encode())
    return hashed.hexdigest()


def _processor() -> str:
    """Its instructions: a home may be shared by machines that differ."""
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        import platform

        return f"{platform.machine()} {platform.processor()} {platform.node()}"
    wanted = ("model name", "flags", "Features", "CPU part")
    return "\n".join(sorted({line for line in text.splitlines() if line.startswith(wanted)}))
