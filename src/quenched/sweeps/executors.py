"""Where the tasks of a sweep are done: Dask does the distributing, in processes of this machine or on a cluster."""

from __future__ import annotations

import logging
import math
import os
import sys
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import fields
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import equinox as eqx

from quenched import checks
from quenched.sweeps.tasks import ATTEMPTS, Part, Task, apart, attempts, failed, perform

if TYPE_CHECKING:
    from distributed import Client

Where = Any
"""None, "processes", a number of processes, or a Dask client."""

# Tasks that wait at each worker, so that none is idle while the results of the last are on their way.
_WAITING = 3
_SECONDS_BETWEEN_COUNTS = 5.0
_LOOPBACK = "127.0.0.1"
# Seconds that a scheduler has to answer.
_PATIENCE = 10
_INSTALL = 'install it by `pip install "quenched[cluster]"`'


class LostSchedulerError(ConnectionError):
    """The scheduler went away in the midst of a sweep."""


class Executor:
    """Sends tasks to the workers of a Dask client, which is asked for with the first task."""

    def __init__(self, open_client: Callable[[], Client]):
        self.open_client = open_client
        self.asked, self.number = -math.inf, 1

    @cached_property
    def client(self) -> Client:
        """The connection to the scheduler."""
        found = self.open_client()
        self.address = found.scheduler.address
        return found

    def compute(self, jobs: Iterator[Task]) -> Generator[list[Part], None, None]:
        """Parts as they complete. A task that ends with an error is tried again, its points one by one; one whose worker
        dies is done by another.

        Dask blames all tasks that were sent to a worker for its death. Their points come last, one after another, so that
        only one that kills is given up.
        """
        suspects: deque[Task] = deque()
        yield from self._compute(jobs, self._many, lambda job, _: suspects.extend(apart(job)))
        guilty: list[Part] = []
        yield from self._compute(iter(suspects), lambda: 1, lambda job, problem: guilty.append(failed(job, problem)))
        yield guilty

    def _many(self) -> int:
        """Tasks under way at once; how many workers there are is asked now and then."""
        if time.monotonic() > self.asked + _SECONDS_BETWEEN_COUNTS:
            self.number = (_WAITING + 1) * max(1, sum(self.client.nthreads().values()))
            self.asked = time.monotonic()
        return self.number

    def _compute(
        self, jobs: Iterator[Task], most: Callable[[], int], killed: Callable[[Task, BaseException], object]
    ) -> Generator[list[Part], None, None]:
        from distributed import KilledWorker, as_completed

        waiting: dict[Any, Task] = {}
        alone: deque[Task] = deque()
        completed = as_completed(loop=self.client.loop)

        def submit() -> None:
            number = most()
            while len(waiting) < number and (job := alone.popleft() if alone else next(jobs, None)) is not None:
                try:
                    future = self.client.submit(perform, job, pure=False, retries=attempts(job) - 1)
                except TypeError as error:
                    raise TypeError(
                        "Model and theory of a sweep on workers must be such that they can be sent there, but "
                        f"{error.__cause__ or error}; define functions and classes in a module that the workers import, or "
                        "leave `executor` out."
                    ) from error
                waiting[future] = job
                completed.add(future)

        try:
            submit()
            for future in completed:
                job = waiting.pop(future)
                if future.status in ("cancelled", "lost"):
                    raise ConnectionError(future.status)
                problem = future.exception()
                if problem is None:
                    yield [future.result()]
                elif isinstance(problem, KilledWorker):
                    killed(job, problem)
                elif len(job.indices) > 1:
                    alone.extend(apart(job))
                else:
                    yield [failed(job, problem)]
                submit()
        except OSError:  # Dask's errors of communication are of this kind; those of the tasks are not raised
            waiting.clear()
            raise LostSchedulerError(
                f"The Dask scheduler {self.address} is gone; start it again, and continue the sweep with resume=True "
                "(--resume on the command line)."
            ) from None
        finally:
            if waiting:
                self.client.cancel(list(waiting), force=True)


@contextmanager
def open_executor(where: Where, announce: Callable[[str], object] = lambda address: None) -> Iterator[Executor | None]:
    """What `executor` stands for; processes that were started for it are ended with it. `announce` is told the address of
    the page that shows what the workers do."""
    with ExitStack() as stack:

        def client() -> Client:
            if isinstance(where, str | int):
                found = stack.enter_context(local_client(None if isinstance(where, str) else where))
            else:
                found = where
                _check_workers(found)
            if found.dashboard_link:
                announce(str(found.dashboard_link))
            return found

        yield None if where is None else Executor(client)


def check_executor(where: Where) -> Where:
    """Refuse what is no executor, before any work."""
    if where is None:
        return None
    _need_dask()
    from distributed import Client

    if isinstance(where, bool) or not isinstance(where, str | int | Client):
        raise TypeError(
            'Argument `executor` must be None, "processes", a number of processes, or a dask.distributed.Client, but is '
            f"{checks.shown(where)}."
        )
    if isinstance(where, str):
        checks.one_of("executor", where, ("processes",))
    elif isinstance(where, int):
        checks.count("executor", where)
    return where


def check_can_be_sent(*things: Any) -> None:
    """Refuse records of a class that is defined in the program itself: Equinox does not find its fields elsewhere."""
    for each in things:
        for own in _classes(each):
            if own.__module__ == "__main__":
                raise TypeError(
                    f"The class {own.__name__} is defined in the program itself, and workers would not know it; put it into "
                    "a file of its own and import it, or leave `executor` out."
                )


def _classes(thing: Any) -> Iterator[type]:
    if isinstance(thing, eqx.Module):
        yield type(thing)
        for field in fields(thing):
            yield from _classes(getattr(thing, field.name))
    elif isinstance(thing, tuple | list):
        for each in thing:
            yield from _classes(each)


@contextmanager
def local_client(number: int | None = None) -> Iterator[Client]:
    """Processes of this machine, one for each core if left out, with the scheduler in this one.

    They are started by command, so that a script needs no `if __name__ == "__main__"`, and end when this process does,
    however it does.
    """
    from dask import config
    from distributed import Client, Scheduler
    from distributed.deploy.spec import SpecCluster
    from distributed.deploy.subprocess import SubprocessWorker

    cores = os.cpu_count() or 1
    count = number or cores
    threads = max(1, cores // count)  # of XLA, for each
    of_worker = {"nthreads": 1, "memory_limit": 0, "dashboard": False, "host": _LOOPBACK}
    workers = {
        place: {"cls": SubprocessWorker, "options": {"worker_kwargs": {**of_worker, "name": str(place)}}}
        for place in range(count)
    }
    scheduler = {"cls": Scheduler, "options": {"host": _LOOPBACK, "port": 0, "dashboard_address": f"{_LOOPBACK}:0"}}
    with (
        _in_environment(
            DASK_LOGGING__DISTRIBUTED="critical",
            NPROC=str(threads),
            PYTHONPATH=os.pathsep.join(sys.path),  # they find what this program finds
        ),
        config.set({"distributed.scheduler.allowed-failures": ATTEMPTS - 1}),
        SpecCluster(workers=workers, scheduler=scheduler, silence_logs=logging.CRITICAL, name="quenched") as cluster,
        Client(cluster) as client,
    ):
        client.wait_for_workers(count, timeout=60 + 5 * count)
        yield client


def connect(address: str) -> Client:
    """A client of the scheduler there."""
    _need_dask()
    from distributed import Client

    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # what is lost is told in words of our own
    try:
        return Client(address, timeout=_PATIENCE)
    except Exception as error:  # whatever Dask makes of what answers there, or of nothing
        raise ConnectionError(
            f"No Dask scheduler answers at {address!r} within {_PATIENCE} s ({error}); start one by `dask scheduler`, and "
            "workers by `dask worker ADDRESS`, or leave it out."
        ) from None


def _check_workers(client: Client) -> None:
    """Refuse workers that would compute something else, by name."""
    here, others = version("quenched"), client.run(_version)
    for worker, there in others.items():
        if there != here:
            is_there = "has no quenched" if there is None else f"has quenched {there}"
            raise ConnectionError(
                f"The Dask worker {worker} {is_there}, but this program has {here}: install the same version on all."
            )
    if not others:
        raise ConnectionError(
            f"The Dask scheduler {client.scheduler.address} has no workers; start some by `dask worker "
            f"{client.scheduler.address}`."
        )


def _version() -> str | None:
    try:
        return version("quenched")
    except PackageNotFoundError:
        return None


def _need_dask() -> None:
    if find_spec("distributed") is None:
        raise ImportError(f"Argument `executor` needs Dask's `distributed`: {_INSTALL}.")


@contextmanager
def _in_environment(**variables: str) -> Iterator[None]:
    """For processes that are started inside."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
