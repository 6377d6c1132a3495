"""Work off the event loop: of what is asked for one part, only the newest is shown."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

# Two visitors at once do not wait for each other.
_POOL = ThreadPoolExecutor(max_workers=2, thread_name_prefix="explorer")


class Newest:
    """`ask(compute, done)` runs `compute()` in a thread and then, on the loop, `done(result, error)`, unless something newer
    was asked for meanwhile. Of what waits only the newest is computed."""

    def __init__(self, on_loop: Callable[[Callable[[], None]], Any]):
        self.on_loop = on_loop
        self.number = 0
        """Of the newest request."""
        self.waiting: Future[Any] | None = None

    def ask(self, compute: Callable[[], Any], done: Callable[[Any, Exception | None], None]) -> None:
        """See above."""
        self.number += 1
        mine = self.number
        if self.waiting is not None:
            self.waiting.cancel()  # if it has not begun

        def work() -> None:
            result, error = None, None
            try:
                result = compute()
            except Exception as problem:
                error = problem

            def tell() -> None:
                if mine == self.number:
                    done(result, error)

            self.on_loop(tell)

        self.waiting = _POOL.submit(work)
