"""Refusing bad flags before any work, and before anything slow is imported."""

from __future__ import annotations

from pathlib import Path

from quenched.outputs import check_path


def check_input(path: Path, what: str) -> None:
    """A file to read must be there."""
    if not path.exists():
        raise FileNotFoundError(f"There is no {what} {str(path)!r}.")


def check_output(path: Path | None, force: bool) -> None:
    """A file to write must be possible to write at the end."""
    if path is not None:
        check_path(path, force, "--output")


def check_seed(seed: int) -> None:
    """A seed must be one."""
    if not 0 <= seed < 2**63:
        raise ValueError(f"--seed must be between 0 and 2^63 - 1, but is {seed}.")
