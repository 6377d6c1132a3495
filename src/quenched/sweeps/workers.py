"""Dask's workers as processes of this machine, for as long as a sweep takes."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

from quenched.sweeps.tasks import ATTEMPTS

if TYPE_CHECKING:
    from distributed import Client

_LOOPBACK = "127.0.0.1"


@contextmanager
def local_client(number: int | None = None) -> Iterator[Client]:
    """Processes of this machine, one for each core if left out, with the scheduler in this one.

    They are started by command, so that a script needs no `if __name__ == "__main__"`, and end when this process does,
    however it does.
    """
    from dask import config
    from distributed import Client, Scheduler
    from distributed.deploy.spec import SpecCluster

    cores = os.cpu_count() or 1
    count = number or cores
    with tempfile.TemporaryDirectory(prefix="quenched-workers-", ignore_cleanup_errors=True) as folder:
        of_worker = {"nthreads": 1, "memory_limit": 0, "dashboard": False, "host": _LOOPBACK, "local_directory": folder}
        environment = {
            "DASK_LOGGING__DISTRIBUTED": "critical",
            "NPROC": str(max(1, cores // count)),  # threads of XLA in each
            "PYTHONPATH": os.pathsep.join(sys.path),  # they find what this program finds
        }
        options = [
            {"worker_kwargs": {**of_worker, "name": str(place)}, "environment": environment} for place in range(count)
        ]
        workers = {place: {"cls": _worker_class(), "options": own} for place, own in enumerate(options)}
        scheduler = {"cls": Scheduler, "options": {"host": _LOOPBACK, "port": 0, "dashboard_address": f"{_LOOPBACK}:0"}}
        with (
            config.set({"distributed.scheduler.allowed-failures": ATTEMPTS - 1}),
            SpecCluster(workers=workers, scheduler=scheduler, silence_logs=logging.CRITICAL, name="quenched") as cluster,
            Client(cluster, set_as_default=False) as client,
        ):
            client.wait_for_workers(count, timeout=60 + 5 * count)
            yield client


@cache
def _worker_class() -> Any:
    from distributed.deploy.subprocess import SubprocessWorker

    class Worker(SubprocessWorker):
        """In a session of its own: Ctrl-C in the terminal is for the program, which then ends its workers."""

        def __init__(self, scheduler: str, environment: dict[str, str], **options: Any):
            super().__init__(scheduler, **options)
            self.environment = environment

        async def _start(self) -> None:
            spec = json.dumps({"cls": self.worker_class, "opts": self.worker_kwargs})
            command = (sys.executable, "-m", "dask", "spec", self.scheduler, "--spec", spec)
            environment = {**os.environ, **self.environment}
            self.process = await asyncio.create_subprocess_exec(*command, env=environment, start_new_session=True)

    return Worker
