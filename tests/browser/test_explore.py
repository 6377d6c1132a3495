"""`quenched explore` in Chromium: by keyboard and by link, two visitors at once, and nothing asked of another machine."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import explorer_page
import numpy as np
import pytest

pytestmark = pytest.mark.browser

# Programs are compiled when they are first asked for.
PATIENCE = 240_000
SLIDERS = ("gain", "symmetry", "noise", "temperature", "size", "seed")


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    command = [sys.executable, "-m", "quenched", "explore", "--no-browser"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as served:
        assert served.stdout is not None
        line = served.stdout.readline()
        found = re.search(r"http://localhost:\d+", line)
        assert found, line + served.stdout.read()
        yield found[0]
        served.send_signal(signal.SIGINT)
        assert served.wait(30) in (0, 130)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with explorer_page.launched() as found:
        yield found


class Visitor:
    """An open page."""

    def __init__(self, browser: Any, address: str, query: str = "", width: int = 1280):
        self.context = browser.new_context(viewport={"width": width, "height": 1000})
        self.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=address)
        self.page = self.context.new_page()
        self.asked: set[str] = set()
        self.problems: list[str] = []
        self.page.on("request", lambda request: self.asked.add(request.url))
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.goto(f"{address}/{query}", timeout=PATIENCE)

    def wait(self, *lines: str) -> None:
        """Until all these lines stand above the figures."""
        for line in lines:
            self.page.get_by_text(line, exact=True).wait_for(timeout=PATIENCE)

    def handle(self, name: str) -> Any:
        """Of a slider."""
        return self.page.locator(".noUi-handle").nth(SLIDERS.index(name))

    def value(self, name: str) -> float:
        """What a slider is at, to one decimal, as it tells screen readers."""
        return float(self.handle(name).get_attribute("aria-valuenow"))

    def close(self) -> None:
        self.context.close()


def test_sliders_move_by_keyboard_and_the_link_follows(browser: Any, address: str) -> None:
    visitor = Visitor(browser, address)
    visitor.wait("trajectories: up to date", "spectrum: up to date")
    assert visitor.value("gain") == 1.5
    handle = visitor.handle("gain")
    handle.focus()
    handle.press("ArrowRight")
    visitor.wait("trajectories: up to date", "spectrum: up to date")
    visitor.page.get_by_text("Gain g:").get_by_text("1.55").wait_for(timeout=PATIENCE)
    visitor.page.wait_for_function("window.location.search.includes('gain=1.55')", timeout=PATIENCE)
    # Tab alone reaches every slider and the button.
    reached = 0
    for _ in range(12):
        visitor.page.keyboard.press("Tab")
        reached += visitor.page.evaluate(
            "() => { let e = document.activeElement; while (e.shadowRoot && e.shadowRoot.activeElement)"
            " e = e.shadowRoot.activeElement; return e.className.includes('noUi-handle') || e.tagName == 'BUTTON' }"
        )
    assert reached >= 6
    assert not visitor.problems
    visitor.close()


def test_a_link_opens_what_it_carries_and_nothing_leaves_the_machine(browser: Any, address: str) -> None:
    visitor = Visitor(browser, address, "?gain=0.7&seed=3&size=60")
    visitor.wait("trajectories: up to date", "spectrum: up to date")
    assert (visitor.value("gain"), visitor.value("seed"), visitor.value("size")) == (0.7, 3, 60)
    hosts = {urlsplit(url).hostname for url in visitor.asked if not url.startswith(("data:", "blob:"))}
    assert hosts == {"localhost"}
    visitor.close()


def test_the_program_copied_computes_what_is_shown(browser: Any, address: str) -> None:
    visitor = Visitor(browser, address, "?gain=1.2&seed=5&size=50")
    visitor.wait("trajectories: up to date", "spectrum: up to date")
    visitor.page.get_by_role("button", name="Copy as Python").click()
    visitor.page.wait_for_timeout(500)
    text = visitor.page.evaluate("navigator.clipboard.readText()")
    scope: dict[str, Any] = {}
    exec(text, scope)
    weights = np.asarray(scope["model"].draw(50, 5).dense_weights)
    np.testing.assert_allclose(np.sort(np.abs(scope["eigenvalues"])), np.sort(np.abs(np.linalg.eigvals(weights))))
    assert scope["x"].shape[1] == 50
    visitor.close()


def test_two_visitors_have_pages_of_their_own(browser: Any, address: str) -> None:
    one, two = Visitor(browser, address, "?gain=0.5"), Visitor(browser, address, "?gain=2.5")
    for visitor in (one, two):
        visitor.wait("trajectories: up to date", "spectrum: up to date")
    one.handle("gain").focus()
    one.handle("gain").press("ArrowLeft")
    one.wait("trajectories: up to date")
    assert two.value("gain") == 2.5
    one.page.wait_for_function("window.location.search.includes('gain=0.45')", timeout=PATIENCE)
    assert "gain=2.5" in two.page.url
    one.close()
    two.close()


def test_a_link_with_what_cannot_be_says_so(browser: Any, address: str) -> None:
    visitor = Visitor(browser, address, "?gain=9&family=three&seed=7")
    visitor.wait("The link has what cannot be chosen: family=three, gain=9.", "spectrum: up to date")
    assert (visitor.value("gain"), visitor.value("seed")) == (1.5, 7)
    visitor.close()


def test_what_has_no_answer_is_said_in_words(browser: Any, address: str) -> None:
    visitor = Visitor(browser, address, "?view=correlation&activation=linear&gain=2.5&size=50")
    visitor.page.get_by_text(re.compile("networks: diverged")).wait_for(timeout=PATIENCE)
    visitor.close()


@pytest.mark.parametrize("width", [1280, 400])
def test_no_page_is_wider_than_the_window(browser: Any, address: str, width: int) -> None:
    visitor = Visitor(browser, address, width=width)
    visitor.wait("trajectories: up to date", "spectrum: up to date")
    assert visitor.page.evaluate("document.documentElement.scrollWidth") <= width
    visitor.close()
