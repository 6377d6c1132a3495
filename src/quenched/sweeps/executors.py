"""Where the tasks of a sweep are done: Dask does the distributing, in processes of this machine or on a cluster."""

from __future__ import annotations

import math
import queue
import socket
import time
import warnings
from collections import deque
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import fields
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import equinox as eqx

from quenched import checks
from quenched.provenance import made_by
from quenched.sweeps.tasks import Part, Task, apart, attempts, failed, perform
from quenched.sweeps.workers import local_client

if TYPE_CHECKING:
    from distributed import Client

Where = Any
"""None, "processes", a number of processes, or a Dask client."""

# Tasks that wait at each worker, so that none is idle while the results of the last are on their way.
_WAITING = 3
# Seconds from one look at how many workers there are to the next.
_LOOK = 5.0
# Seconds that a scheduler has to answer.
_PATIENCE = 10
# Tasks that are sent again because the connection was lost, before the scheduler is taken for gone.
_LOST = 100
_RESUME = "continue the sweep with resume=True (--resume on the command line)"

# Asked as text, for there may be no quenched; and of the scheduler too, which reads the tasks.
_VERSIONS = (
    "', '.join(name + ' ' + next((found.version for found in "
    "__import__('importlib.metadata').metadata.distributions(name=name)), 'is missing') for name in ('quenched', 'jax'))"
)


class LostSchedulerError(ConnectionError):
    """The scheduler went away in the midst of a sweep, or a worker came that cannot take part."""


class Executor:
    """Sends tasks to the workers of a Dask client. `tell` is told what a user who waits should know."""

    def __init__(self, client: Client, tell: Callable[[str], object]):
        self.client, self.tell = client, tell
        self.address = client.scheduler.address
        self.looked, self.threads = -math.inf, 1

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
        """Tasks under way at once."""
        return (_WAITING + 1) * max(1, self._workers())

    def _workers(self) -> int:
        """How many threads the workers have, as of the last look; it is told if there are none."""
        if time.monotonic() > self.looked + _LOOK:
            there, before = self._threads(), self.threads
            self.looked, self.threads = time.monotonic(), there
            if before and not there:
                self.tell(
                    f"The Dask scheduler {self.address} has no workers; the sweep waits for one, which "
                    f"`dask worker {self.address}` starts."
                )
        return self.threads

    def _threads(self) -> int:
        try:
            return sum(self.client.nthreads().values())
        except OSError:
            if not self._is_back():
                raise
            return self.threads

    def _is_back(self) -> bool:
        """Whether a scheduler that was lost is there. A busy machine breaks connections; Dask then connects again, and has
        forgotten what was asked."""
        from distributed.comm import get_address_host_port

        try:
            socket.create_connection(get_address_host_port(self.address), _PATIENCE).close()
        except (OSError, ValueError):
            return False
        end = time.monotonic() + _PATIENCE
        while self.client.status != "running" and time.monotonic() < end:
            time.sleep(0.1)
        return bool(self.client.status == "running")

    def _compute(
        self, jobs: Iterator[Task], most: Callable[[], int], killed: Callable[[Task, BaseException], object]
    ) -> Generator[list[Part], None, None]:
        from distributed import KilledWorker
        from distributed.client import ClosedClientError, FutureCancelledError

        waiting: dict[Any, Task] = {}
        finished: queue.SimpleQueue[Any] = queue.SimpleQueue()
        alone: deque[Task] = deque()
        lost = 0

        def submit() -> None:
            number = most()
            while len(waiting) < number and (job := alone.popleft() if alone else next(jobs, None)) is not None:
                future = _sent(self.client, job)
                waiting[future] = job
                future.add_done_callback(finished.put)

        try:
            submit()
            while waiting:
                try:
                    future = finished.get(timeout=_LOOK)
                except queue.Empty:
                    self._workers()
                    continue
                job = waiting.pop(future)
                try:
                    problem = future.exception()
                    part = None if problem else future.result()
                except (FutureCancelledError, OSError) as error:
                    lost += 1
                    if lost > _LOST or not self._is_back():
                        raise ConnectionError(str(error)) from None
                    alone.append(job)
                    submit()
                    continue
                if part is not None:
                    yield [self._of_this_version(part)]
                elif isinstance(problem, KilledWorker):
                    killed(job, problem)
                elif len(job.indices) > 1:
                    alone.extend(apart(job))
                else:
                    yield [failed(job, problem)]
                submit()
        except LostSchedulerError:
            raise
        except (OSError, ClosedClientError):  # as Dask tells that it cannot communicate; no error of a task is raised here
            waiting.clear()
            raise LostSchedulerError(f"The Dask scheduler {self.address} is gone; start it again, and {_RESUME}.") from None
        finally:
            if waiting:
                with suppress(OSError, ClosedClientError):
                    self.client.cancel(list(waiting), force=True)

    def _of_this_version(self, part: Part) -> Part:
        """Workers may have joined since all were asked."""
        if part.version != made_by():
            raise LostSchedulerError(
                f"A Dask worker has {part.version}, but this program has {made_by()}: install the same versions on all, and "
                f"{_RESUME}."
            )
        return part


def _sent(client: Client, job: Task) -> Any:
    """A future of the task."""
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Sending large graph")  # a model is sent with each of its points
            return client.submit(perform, job, pure=False, retries=attempts(job) - 1)
    except TypeError as error:
        raise TypeError(
            "Model and theory of a sweep on workers must be such that they can be sent there, but "
            f"{error.__cause__ or error}; define functions and classes in a module that the workers import, or leave "
            "`executor` out."
        ) from error


@contextmanager
def open_executor(
    where: Where,
    announce: Callable[[str], object] = lambda address: None,
    tell: Callable[[str], object] = lambda text: None,
) -> Iterator[Executor | None]:
    """What `executor` stands for; processes that were started for it are ended with it. `announce` is told the address of
    the page that shows what the workers do."""
    with ExitStack() as stack:
        if where is None:
            yield None
            return
        if isinstance(where, str | int):
            client = stack.enter_context(local_client(None if isinstance(where, str) else where))
        else:
            client = where
            _check_versions(client, tell)
        if client.dashboard_link:
            announce(str(client.dashboard_link))
        yield Executor(client, tell)


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
    elif where.asynchronous:
        raise TypeError(
            "Argument `executor` must be a Client that is not asynchronous; make it without `asynchronous=True`."
        )
    elif where.status != "running":
        raise ConnectionError(f"Argument `executor` must be a running Client, but is {where.status}; make a new one.")
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


def connect(address: str) -> Client:
    """A client of the scheduler there."""
    _need_dask()
    from distributed import Client

    try:
        return Client(address, timeout=_PATIENCE, set_as_default=False)
    except Exception as error:  # whatever Dask makes of what answers there, or of nothing
        raise ConnectionError(
            f"No Dask scheduler answers at {address!r} within {_PATIENCE} s ({error}); start one by `dask scheduler`, and "
            "workers by `dask worker ADDRESS`, or leave it out."
        ) from None


def _check_versions(client: Client, tell: Callable[[str], object]) -> None:
    """Wait for a worker, and refuse a scheduler or workers that would compute something else, by name."""
    if not client.nthreads():
        tell(
            f"The Dask scheduler {client.scheduler.address} has no workers yet; waiting for one, which "
            f"`dask worker {client.scheduler.address}` starts."
        )
        client.wait_for_workers(1)

    here, who = made_by(), {f"scheduler {client.scheduler.address}": client.run_on_scheduler(eval, _VERSIONS)}
    who |= {f"worker {worker}": there for worker, there in client.run(eval, _VERSIONS).items()}
    for name, there in who.items():
        if there != here:
            raise ConnectionError(
                f"The Dask {name} has {there}, but this program has {here}: install the same versions on all."
            )


def _need_dask() -> None:
    if find_spec("distributed") is None:
        raise ImportError(
            'Argument `executor` needs Dask\'s `distributed`: install it by `pip install "quenched[cluster]"`.'
        )
