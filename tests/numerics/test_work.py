"""Independent jobs on threads, and what is kept of them when Ctrl-C comes."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator
from contextlib import closing

import jax.numpy as jnp
import pytest

from quenched.numerics.interrupts import anything_to_lose
from quenched.numerics.work import keep_all, on_threads


def test_results_come_in_the_order_of_the_jobs_and_the_first_is_computed_alone() -> None:
    running: list[int] = []
    together: dict[int, int] = {}

    def run(job: int) -> int:
        running.append(job)
        time.sleep(0.05 if job in (0, 1) else 0.0)
        together[job] = len(running)
        running.remove(job)
        return job

    assert list(on_threads(run, range(5), threads=4)) == [0, 1, 2, 3, 4]
    assert together[0] == 1
    assert max(together.values()) > 1


def test_results_come_as_they_complete_where_that_is_asked_for() -> None:
    taken = threading.Event()

    def run(job: int) -> int:
        if job == 1:
            assert taken.wait(10.0)
        return job

    parts = on_threads(run, range(3), threads=2, in_order=False)
    assert [next(parts), next(parts)] == [0, 2]
    taken.set()
    assert list(parts) == [1]


def test_no_more_are_begun_than_may_wait() -> None:
    begun: list[int] = []
    with closing(on_threads(begun.append, range(20), threads=2, most_waiting=2)) as parts:
        next(parts)
        assert begun == [0]
        next(parts)
        time.sleep(0.1)
        assert len(begun) <= 4


def test_closing_drops_what_is_not_begun() -> None:
    begun: list[int] = []

    def run(job: int) -> None:
        begun.append(job)
        time.sleep(0.01)

    parts = on_threads(run, range(100), threads=2)
    next(parts)
    next(parts)
    parts.close()
    time.sleep(0.1)
    assert len(begun) < 50


def test_jobs_compute_in_double_precision() -> None:
    assert [each.dtype for each in on_threads(lambda _: jnp.ones(()) / 3.0, range(2))] == [jnp.dtype("float64")] * 2


def test_the_error_of_a_job_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        list(on_threads(lambda job: 1 // job, [1, 0, 1]))


def parts_until(count: int) -> Generator[int, None, None]:
    yield from range(count)
    raise KeyboardInterrupt


@pytest.mark.parametrize(("count", "kept"), [(1, None), (2, [0, 1]), (3, [0, 1, 2])])
def test_ctrl_c_keeps_what_is_enough(count: int, kept: list[int] | None) -> None:
    found: list[int] = []
    told: list[int] = []

    def keep(part: int) -> None:
        # Two make a result; before that the program may be ended at once.
        assert anything_to_lose() == (len(found) >= 2)
        found.append(part)

    def collect() -> bool:
        return keep_all(parts_until(count), keep, lambda: len(found) >= 2, told.append)

    if kept is None:
        with pytest.raises(KeyboardInterrupt):
            collect()
    else:
        assert collect()
        assert found == kept
        assert told == [part + 1 for part in kept]
    assert not anything_to_lose()


def test_without_ctrl_c_all_is_kept() -> None:
    found: list[int] = []
    assert not keep_all((each for each in range(3)), found.append, lambda: True)
    assert found == [0, 1, 2]
