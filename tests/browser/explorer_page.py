"""The explorer for tests: its page built and opened in Chromium, its functions called in Node, its network by NumPy."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
SCRIPTS = ROOT / "docs" / "static" / "explorer"
# Those that need no page, in the order in which the page loads them.
NUMBERS = ("random", "network", "eigenvalues", "statistics", "table", "theory", "python", "run")
_CALL = """(given) => JSON.stringify(
    ((explorer, given) => { %s })(globalThis.explorer, given),
    (key, value) => ArrayBuffer.isView(value) ? Array.from(value) : value)"""
_BITS = 0xFFFFFFFF


def playwright() -> Any:
    """Playwright's synchronous interface."""
    try:
        return import_module("playwright.sync_api")
    except ImportError:
        pytest.fail("Playwright is missing: `make test-browser` installs it, or pip with the extra `browser`.")


def chromium() -> str:
    """Where Chromium is."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    return found or pytest.fail(
        "Chromium is missing: install it with the packages of the system, such as Debian's `chromium`."
    )


@contextmanager
def launched() -> Iterator[Any]:
    """Chromium without a window."""
    with playwright().sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        yield browser
        browser.close()


def build(folder: Path) -> Path:
    """The documentation, without executing its pages; returns the explorer's page."""
    command = [sys.executable, "-m", "sphinx", "-q", "-b", "html", "-D", "nb_execution_mode=off"]
    subprocess.run([*command, str(ROOT / "docs"), str(folder)], check=True, capture_output=True)
    return folder / "explorer.html"


def call_node(program: str, **given: Any) -> Any:
    """What the body of a function of `explorer` and `given` returns, in Playwright's Node."""
    playwright()
    node = Path(str(import_module("playwright").__file__)).parent / "driver" / "node"
    loads = "".join(f"require({json.dumps(str(SCRIPTS / name))});" for name in NUMBERS)
    script = f"{loads} process.stdout.write(({_CALL % program})(JSON.parse(require('fs').readFileSync(0))))"
    ran = subprocess.run([node, "-e", script], input=json.dumps(given), capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


def call_browser(page: Any) -> Callable[..., Any]:
    """The same in an open page."""

    def call(program: str, **given: Any) -> Any:
        return json.loads(page.evaluate(_CALL % program, given))

    return call


# --- what the page does, written a second time


def scrambled(number: int) -> int:
    """The last steps of MurmurHash3."""
    number = (number ^ number >> 16) * 0x85EBCA6B & _BITS
    number = (number ^ number >> 13) * 0xC2B2AE35 & _BITS
    return number ^ number >> 16


def words(seed: int, stream: int) -> list[int]:
    """The first state of a stream of random numbers."""
    start = scrambled(scrambled(seed) + stream & _BITS)
    return [scrambled(start + place * 0x9E3779B9 & _BITS) for place in (1, 2, 3, 4)]


def random_bits(state: list[int]) -> Iterator[int]:
    """xoshiro128**."""

    def rotated(bits: int, by: int) -> int:
        return (bits << by | bits >> 32 - by) & _BITS

    a, b, c, d = state
    while True:
        yield rotated(b * 5 & _BITS, 7) * 9 & _BITS
        c, d = c ^ a, d ^ b
        a, b, c, d = a ^ d, b ^ c, c ^ b << 9 & _BITS, rotated(d, 11)


def normals(seed: int, stream: int) -> Iterator[float]:
    """Standard normal numbers by Box and Muller."""
    bits = random_bits(words(seed, stream))
    while True:
        one, two = ((((next(bits) >> 5) << 26) + (next(bits) >> 6) + 1) / 2**53 for _ in range(2))
        radius, angle = math.sqrt(-2.0 * math.log(one)), 2.0 * math.pi * two
        yield radius * math.cos(angle)
        yield radius * math.sin(angle)


def taken(numbers: Iterator[float], *shape: int) -> np.ndarray:
    """As many numbers as fill an array."""
    return np.fromiter(numbers, float, math.prod(shape)).reshape(shape)


def couplings(size: int, gain: float, symmetry: float, seed: int) -> np.ndarray:
    """J of the page."""
    independent = taken(normals(seed, 1), size, size)
    direct = 0.5 * (math.sqrt(1 + symmetry) + math.sqrt(1 - symmetry))
    transposed = 0.5 * (math.sqrt(1 + symmetry) - math.sqrt(1 - symmetry))
    return gain / math.sqrt(size) * (direct * independent + transposed * independent.T)


def trajectory(
    weights: np.ndarray, rate: Callable[[np.ndarray], np.ndarray], steps: int, noise: float, field: float, seed: int
) -> np.ndarray:
    """All states of the page's network, (time, neuron), by Heun's scheme with step 0.1."""
    size, step = len(weights), 0.1
    kicks = normals(seed, 3)
    states = [taken(normals(seed, 2), size)]
    for _ in range(steps):
        state = states[-1]
        kick = noise * math.sqrt(step) * taken(kicks, size) if noise else np.zeros(size)
        drift = -state + weights @ rate(state) + field
        ahead = state + step * drift + kick
        states.append(state + 0.5 * step * (drift - ahead + weights @ rate(ahead) + field) + kick)
    return np.array(states)
