"""Work in parts: independent jobs on several threads, and keeping what is done when Ctrl-C ends it."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import closing
from typing import TypeVar

from quenched.numerics.interrupts import results_in_hand
from quenched.numerics.threads import one_blas_thread
from quenched.precision import double_precision

Job = TypeVar("Job")
Result = TypeVar("Result")


def on_threads(
    run: Callable[[Job], Result],
    jobs: Iterable[Job],
    *,
    threads: int | None = None,
    most_waiting: int | None = None,
    in_order: bool = True,
) -> Generator[Result, None, None]:
    """What `run` makes of each job, computed in double precision on some threads, as many as there are cores if left out.

    In the order of the jobs, or as they complete. No more than `most_waiting` are begun beyond the one that is waited for,
    where what is done but not taken yet takes memory. Closing the generator drops the jobs that are not begun.
    """
    run = double_precision(run)  # a setting of the thread
    first, *others = jobs
    pool = ThreadPoolExecutor(threads or os.cpu_count())
    with one_blas_thread():
        try:
            # The first alone, so that the others find it compiled; in a thread, so that Ctrl-C is heard meanwhile.
            yield pool.submit(run, first).result()
            if not in_order:
                for done in as_completed([pool.submit(run, job) for job in others]):
                    yield done.result()
                return
            waiting: deque[Future[Result]] = deque()
            for job in others:
                waiting.append(pool.submit(run, job))
                if most_waiting is not None and len(waiting) > most_waiting:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def keep_all(
    parts: Generator[Result, None, None],
    keep: Callable[[Result], object],
    enough: Callable[[], bool],
    tell: Callable[[int], object] | None = None,
) -> bool:
    """Hand every part to `keep`, and to `tell` how many there were; whether Ctrl-C ended that early.

    KeyboardInterrupt is raised on where not `enough` is kept by then.
    """
    try:
        with results_in_hand(enough), closing(parts):
            for done, part in enumerate(parts, start=1):
                keep(part)
                if tell is not None:
                    tell(done)
    except KeyboardInterrupt:
        if not enough():
            raise
        return True
    return False
