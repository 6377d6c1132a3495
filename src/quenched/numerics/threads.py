"""Keeping the threads of the linear algebra library out of each other's way."""

from __future__ import annotations

import functools
import importlib
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from threadpoolctl import ThreadpoolController


@functools.lru_cache
def _controller() -> ThreadpoolController:
    from threadpoolctl import ThreadpoolController

    # XLA's LAPACK is SciPy's, and the controller sees only libraries that are loaded already.
    importlib.import_module("scipy.linalg")
    return ThreadpoolController()


def one_blas_thread() -> AbstractContextManager[object]:
    """LAPACK on one thread inside the `with`, as before outside.

    XLA calls it on many small matrices. Where another program holds a core its threads wait for each other: inverting a
    50 x 50 matrix then took 20 ms instead of 0.06 ms on 2 cores.
    """
    return _controller().limit(limits=1, user_api="blas")
