"""LAPACK on one thread inside, as before outside."""

from __future__ import annotations

from threadpoolctl import threadpool_info

from quenched.numerics.threads import one_blas_thread


def _blas_threads() -> list[int]:
    return [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"]


def test_limited_inside_and_restored_outside() -> None:
    with one_blas_thread():
        pass  # SciPy's library is loaded from here on, whatever ran before
    before = _blas_threads()
    assert before
    with one_blas_thread():
        assert _blas_threads() == [1] * len(before)
    assert _blas_threads() == before
