"""Ctrl-C ends the program within a second, with one line and the code 130, whatever it is doing.

Where no results are in hand the program is left at once: a KeyboardInterrupt would have to make its way through imports of
compiled modules, which it can crash, and through callbacks of JAX's, in which it is printed and forgotten. Where there are
some it is raised, so that they are written. Python hears nothing while XLA is at work, so a thread listens as well.
"""

from __future__ import annotations

# `signal`, `threading` and `typing` take milliseconds, in which Ctrl-C would print a traceback.
import _signal as signal  # type: ignore[import-not-found]
import _thread
import os
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any

CODE = 130
# Seconds that the main thread has for ending the program by itself.
_PATIENCE = 0.7
# Where JAX runs Python in the midst of anything, and an exception is lost.
_CALLBACKS = ("_xla_gc_callback",)

line = "Interrupted."
"""What is said; a command may know more."""

_heard = _said = _lost = _keeping = False
_sent_again = 0


def heard() -> bool:
    """Whether Ctrl-C was pressed."""
    return _heard


def say(text: str) -> None:
    """The one line."""
    global _said
    if not _said:
        _said = True
        _tell(text)


def listen() -> None:
    """From now on, in the main thread of the program."""
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        return  # ignored, as in the background, or another's business
    signal.signal(signal.SIGINT, _interrupt)
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    _thread.start_new_thread(_watch, (reading, _thread.get_ident()))
    sys.unraisablehook = _raised_in_vain


def end(code: int) -> None:
    """End the program.

    Not by Python's own end: that stops listening to Ctrl-C first, and threads in which XLA still compiles would end in a
    segmentation fault.
    """
    if _heard:
        leave()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:  # nobody reads any more
        pass
    os._exit(CODE if _heard else code)


def leave() -> None:
    """End the program as interrupted."""
    say(line)
    flushed: list[bool] = []

    def flush() -> None:
        sys.stdout.flush()
        flushed.append(True)

    _thread.start_new_thread(flush, ())  # not here: whoever prints just now holds the stream
    for _ in range(10):
        if not flushed:
            time.sleep(0.01)
    os._exit(CODE)


def _interrupt(_: int, frame: FrameType | None) -> None:
    global _heard, _lost, _keeping
    _heard = True
    if not (_keeping or _anything_to_lose()):
        leave()
    _keeping = True  # until the command has written it
    while frame is not None:
        if frame.f_code.co_name in _CALLBACKS:
            _lost = True
            return
        frame = frame.f_back
    raise KeyboardInterrupt


def _raised_in_vain(problem: Any) -> None:
    """KeyboardInterrupt in a callback or a destructor: the program goes on."""
    global _lost
    if problem.exc_type is KeyboardInterrupt:
        _lost = True
    else:
        sys.__unraisablehook__(problem)


def _watch(reading: int, main_thread: int) -> None:
    """In a thread of its own: wait for Ctrl-C, and then for what is in hand."""
    global _heard, _lost, _sent_again, _keeping
    os.read(reading, 1)
    _heard = True
    _thread.start_new_thread(_watch_again, (reading,))
    waited = 0.0
    while waited <= _PATIENCE or _keeping:
        _keeping = _keeping or _anything_to_lose()
        if waited > _PATIENCE:
            say(f"{line} What is done will be kept; Ctrl-C again leaves at once.")
        time.sleep(0.05)
        waited += 0.05
        if _lost:
            _lost = False
            _sent_again += 1
            signal.pthread_kill(main_thread, signal.SIGINT)
    leave()


def _watch_again(reading: int) -> None:
    global _sent_again
    while os.read(reading, 1):
        if not _sent_again:
            leave()
        _sent_again -= 1


def _anything_to_lose() -> bool:
    module = sys.modules.get("quenched.numerics.interrupts")
    there_is = getattr(module, "anything_to_lose", None)  # not yet there while the module is imported
    return there_is is not None and there_is()


def _tell(text: str) -> None:
    # A progress bar hides the cursor, and leaves its line open.
    shown = "\x1b[?25h\r\x1b[K" if os.isatty(2) else ""
    os.write(2, f"{shown}{text}\n".encode())
