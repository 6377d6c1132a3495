"""Memory that a computation may still take."""

from __future__ import annotations

# What is computed side by side takes at most this much memory together.
BATCH_BYTES = 256 * 2**20
# A random key while many are made from one, as measured: one for each step of a run, one for each sample.
KEY_BYTES = 24


def available_bytes() -> int:
    """What the system can give without swapping."""
    import psutil

    return int(psutil.virtual_memory().available)


def available_each(devices: int | None = None) -> int:
    """What each of so many devices of JAX can give; several of a processor share its memory."""
    import jax

    here = [device for device in jax.devices()[: devices or 1] if device.process_index == jax.process_index()]
    limits = [device.memory_stats() for device in here if device.platform != "cpu"]
    if here and all(limits) and limits:
        return min(int(limit["bytes_limit"] - limit["bytes_in_use"]) for limit in limits if limit)
    return available_bytes() // max(1, len(here))


def side_by_side(count: int, bytes_of_one: int) -> int:
    """The largest divisor of `count` of which as many fit into the memory for a batch; 1 if not even one does."""
    fitting = max(1, min(count, BATCH_BYTES // bytes_of_one))
    return max(divisor for divisor in range(1, fitting + 1) if count % divisor == 0)


def refuse_what_does_not_fit(needed: float, what: str, lower: str) -> None:
    """Refuse what needs more bytes than are free, and say what to lower: an allocation that fails ends the interpreter."""
    available = available_bytes()
    if needed > available:
        raise MemoryError(
            f"{what} would need about {needed / 2**30:.3g} GiB at once, but {available / 2**30:.1f} GiB are free; "
            f"lower {lower}."
        )


def check_limit(limit: float, needed: float, what: str) -> None:
    """Refuse what needs more bytes than `memory_limit`, in GiB."""
    if needed > limit * 2**30:
        raise ValueError(
            f"Argument `memory_limit` must allow {needed / 2**30:.2g} GiB for {what}, but is {limit:g}; lower them."
        )
