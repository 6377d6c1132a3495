"""Progress of long work, on stderr: a bar in a terminal, plain lines now and then where there is none."""

from __future__ import annotations

import math
import sys
import threading
import time
from types import TracebackType

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

# Seconds after which anything is shown: shorter work shows nothing.
_FIRST = 0.7
# Seconds from one plain line to the next.
_BETWEEN = 30.0
# Seconds from one look for something to tell to the next, where there is no terminal.
_LOOK = 0.2
# Columns that a whole bar needs.
_WIDE = 72


class Reporter:
    """`with Reporter("searching") as tell:` and then `tell(done, total)`, as often as one likes, from any thread.

    Work that never tells how far it is shows for how long it has run. Nothing is shown if `quiet`.
    """

    def __init__(self, what: str, quiet: bool = False):
        self.task, self.over, self.quiet = Task(what), threading.Event(), quiet
        self.thread = threading.Thread(target=self._show, daemon=True)

    def __enter__(self) -> Task:
        self.thread.start()
        return self.task

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.over.set()
        self.thread.join()

    def _show(self) -> None:
        if self.quiet or self.over.wait(_FIRST):
            return
        if sys.stderr.isatty():
            with _bar() as bar:
                place = bar.add_task(self.task.what, total=None, rate="")
                while not self.over.wait(0.1):
                    for note in self.task.take_notes():
                        bar.console.print(note, highlight=False, soft_wrap=True)
                    self.task.draw(bar, place)
                self.task.draw(bar, place)
            return
        last = -math.inf
        while True:
            ended = self.over.wait(_LOOK if last > -math.inf else 0.0)
            for note in self.task.take_notes():
                print(note, file=sys.stderr, flush=True)
            if ended or time.monotonic() > last + _BETWEEN:
                print(self.task.line(), file=sys.stderr, flush=True)
                last = time.monotonic()
            if ended:
                return


class Task:
    """How far some work is."""

    def __init__(self, what: str):
        self.what, self.also = what, ""
        self.done, self.total = 0, 0
        self.notes: list[str] = []
        self.began = time.monotonic()
        self.first: tuple[float, int] | None = None
        """When `done` was told first, and what it was: compiling comes before it."""

    def __call__(self, done: int, total: int, also: str = "") -> None:
        self.done, self.total, self.also = done, total, also
        self.first = self.first or (time.monotonic(), done)

    def note(self, text: str) -> None:
        """Something to be told once."""
        self.notes.append(text)

    def take_notes(self) -> list[str]:
        """Those that were not told yet."""
        notes, self.notes = self.notes, []
        return notes

    def draw(self, bar: Progress, place: TaskID) -> None:
        """In a bar of rich's."""
        description = f"{self.what}, {self.also}" if self.also else self.what
        bar.update(place, completed=self.done, total=self.total or None, description=description, rate=self.rate()[1])

    def rate(self) -> tuple[float, str]:
        """What is done in a second, and that in words; 0 and nothing where it is not known."""
        since, done = (0.0, 0) if self.first is None else (time.monotonic() - self.first[0], self.done - self.first[1])
        if done <= 0 or since <= 0.0:
            return 0.0, ""
        rate = done / since
        return rate, f"{rate:.2g} a second" if rate >= 0.1 else f"{60.0 * rate:.2g} a minute"

    def line(self) -> str:
        """One line of text."""
        now = time.monotonic()
        if self.first is None:
            return f"{self.what}: {duration(now - self.began)} so far"
        parts = [f"{self.done} of {self.total}", *([self.also] if self.also else [])]
        rate, told = self.rate()
        if rate > 0.0:
            parts += [told, f"{duration((self.total - self.done) / rate)} left"]
        return f"{self.what}: {', '.join([*parts, f'{duration(now - self.began)} so far'])}"


def duration(seconds: float) -> str:
    """Seconds in words.

    >>> duration(12.3), duration(200), duration(8000)
    ('12 s', '3 min 20 s', '2 h 13 min')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def _bar() -> Progress:
    """In a narrow terminal without what can be done without."""
    console = Console(stderr=True)
    wide = console.width >= _WIDE
    spare = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(bar_width=None))
    columns = (
        *(spare if wide else ()),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        *((TimeElapsedColumn(),) if wide else ()),
        TimeRemainingColumn(compact=True),
        TextColumn("left"),
    )
    return Progress(*columns, console=console)
