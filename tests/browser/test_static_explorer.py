"""The explorer's page in Chromium, by keyboard and by link, against numbers that Python computes again."""

from __future__ import annotations

import functools
import http.server
import math
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import explorer_page
import numpy as np
import pytest

import quenched as qd
from quenched.numerics.time_average import error_of_time_average

pytestmark = pytest.mark.browser

SLIDERS = {"gain": 0.01, "symmetry": 0.1, "noise": 0.1, "field": 0.1, "size": 1}
CONTROLS = [*SLIDERS, "activation", "seed", "draw", "run", "forward", "copy"]
STATUS = '#explorer [role="status"]'


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return explorer_page.build(tmp_path_factory.mktemp("site"))


class _Silent(http.server.SimpleHTTPRequestHandler):
    def do_GET(self) -> None:
        """Browsers ask servers for an icon that the page does not name."""
        if self.path == "/favicon.ico":
            self.send_response(204)
            self.end_headers()
        else:
            super().do_GET()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def address(built: Path) -> Iterator[str]:
    """Of the page on a server of this machine."""
    handler = functools.partial(_Silent, directory=str(built.parent))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/{built.name}"
        server.shutdown()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with explorer_page.launched() as found:
        yield found


@pytest.fixture
def opened(browser: Any, built: Path) -> Iterator[Callable[..., Any]]:
    """Opens the page with parameters, paused unless it is to move; nothing is fetched from elsewhere, nothing goes wrong."""
    contexts, trouble, asked = [], [], []

    def open_page(address: str = "", *, moving: bool = False, width: int = 1280, context: Any = None, **values: Any) -> Any:
        if context is None:
            scheme = values.pop("color_scheme", "light")
            motion = "no-preference" if moving else "reduce"
            context = browser.new_context(
                viewport={"width": width, "height": 900}, color_scheme=scheme, reduced_motion=motion
            )
            contexts.append(context)
        page = context.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: trouble.append(message.text))
        page.on("pageerror", lambda error: trouble.append(str(error)))
        page.goto((address or built.as_uri()) + "#" + "&".join(f"{name}={value}" for name, value in values.items()))
        settled(page)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert trouble == []
    assert asked
    assert all(url.startswith(("file://", "http://127.0.0.1:")) for url in asked)


def settled(page: Any) -> None:
    """The next frame, in which a change is drawn, is over."""
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def values(page: Any) -> dict[str, str]:
    """What the controls hold."""
    return {name: page.locator(f'#explorer [name="{name}"]').input_value() for name in CONTROLS[:7]}


def link(page: Any) -> dict[str, str]:
    """What the address says."""
    found: dict[str, str] = page.evaluate("() => Object.fromEntries(new URLSearchParams(location.hash.slice(1)))")
    return found


def row(page: Any, name: str) -> list[tuple[float, float] | None]:
    """Fluctuation and response with their errors, or None where the page has none."""
    cells = page.locator(f'#explorer tr[data-row="{name}"] td').all_inner_texts()
    parts = [re.fullmatch(r"(\S+) ± (< )?(\S+)", cell) for cell in cells]
    return [None if each is None else (float(each[1].replace("−", "-")), float(each[3])) for each in parts]


def label(page: Any, plot: str) -> str:
    found: str = page.locator(f'canvas[data-plot="{plot}"]').get_attribute("aria-label")
    return found


def theory(gain: float, symmetry: float = 0.0, noise: float = 0.0) -> dict[str, tuple[float, float]]:
    """Fluctuation and response as the package solves them now."""
    model, found = qd.RandomNetwork(gain, symmetry, noise), {}
    if noise == 0:
        static = qd.solve(model, qd.dmft.Static())
        found["static"] = static["mean_square_rate"].item(), static["integrated_response"].item()
    if symmetry == 0:
        stationary = qd.solve(model, qd.dmft.Stationary(lags=(0.0,), frequencies=(0.0,)))
        found["stationary"] = stationary["mean_square_rate"].item(), stationary["response"].item()
    return found


def marker(page: Any, plot: str) -> tuple[float, float]:
    """Where the ring of the theory is drawn, in the numbers of the axes; the middle of all pixels of its colour."""
    found = page.evaluate(
        """(plot) => {
            const canvas = document.querySelector(`canvas[data-plot="${plot}"]`);
            const { data, width, height } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
            let [left, right, top, bottom] = [Infinity, -1, Infinity, -1];
            for (let place = 0; place < width * height; place++) {
                const [red, green, blue, alpha] = data.slice(4 * place, 4 * place + 4);
                if (Math.abs(red - 213) + Math.abs(green - 94) + blue > 6 || alpha < 250) continue;
                const [x, y] = [place % width, Math.floor(place / width)];
                [left, right] = [Math.min(left, x), Math.max(right, x)];
                [top, bottom] = [Math.min(top, y), Math.max(bottom, y)];
            }
            const ratio = canvas.width / canvas.clientWidth;
            const { left: l, right: r, top: t, bottom: b } = explorer.MARGIN;
            const across = ((left + right + 1) / 2 / ratio - l) / (canvas.clientWidth - l - r);
            const up = 1 - ((top + bottom + 1) / 2 / ratio - t) / (canvas.clientHeight - t - b);
            return [across, up];
        }""",
        plot,
    )
    return 3.0 * found[0], {"fluctuation": 1.0, "response": 2.0}[plot] * found[1]


# --- numbers


@pytest.mark.parametrize("where", ["file", "server"])
def test_it_works_as_a_file_and_from_a_server(opened: Callable[..., Any], address: str, where: str) -> None:
    page = opened(address if where == "server" else "")
    for plot in ("trajectories", "eigenvalues", "fluctuation", "response"):
        assert label(page, plot)
    assert all(row(page, "network"))


@pytest.mark.parametrize("name", SLIDERS)
def test_each_slider_moves_by_keyboard_and_theory_follows(opened: Callable[..., Any], name: str) -> None:
    """One step to the right and ten to the left, and to both ends."""
    start: dict[str, float] = {"gain": 1.5, "symmetry": 0.0, "noise": 0.2, "field": 0.0, "size": 20}
    page = opened(**start)
    slider = page.locator(f'#explorer input[name="{name}"]')
    slider.focus()
    for key, times in (("ArrowRight", 1), ("ArrowLeft", 10)):
        for _ in range(times):
            slider.press(key)
        start[name] += SLIDERS[name] * (times if key == "ArrowRight" else -times)
        start[name] = max(start[name], float(slider.get_attribute("min")))
        settled(page)
        for found in (values(page), link(page)):
            assert float(found[name]) == pytest.approx(start[name], abs=1e-9)
        shown = page.locator(f'#explorer label:has(input[name="{name}"]) .value').inner_text()
        assert float(shown.replace("−", "-")) == pytest.approx(start[name], abs=1e-9)
        covered = start["field"] == 0
        found_theory = theory(start["gain"], start["symmetry"], start["noise"]) if covered else {}
        for kind in ("static", "stationary"):
            if kind not in found_theory:
                assert row(page, kind) == [None, None]
                continue
            for entry, wanted in zip(row(page, kind), found_theory[kind], strict=True):
                assert entry is not None
                # The page's own error, and the last of the six decimals.
                assert abs(entry[0] - wanted) <= entry[1] + 5e-7
    for key, end in (("Home", "min"), ("End", "max")):
        slider.press(key)
        assert values(page)[name] == slider.get_attribute(end)


@pytest.mark.parametrize(
    ("gain", "symmetry", "noise"), [(0.5, 0.2, 0.0), (1.63, 0.2, 0.0), (2.4, -0.5, 0.0), (1.2, 0.0, 0.5)]
)
def test_the_ring_is_drawn_on_the_theory(opened: Callable[..., Any], gain: float, symmetry: float, noise: float) -> None:
    page = opened(gain=gain, symmetry=symmetry, noise=noise, size=20)
    (wanted,) = theory(gain, symmetry, noise).values()
    height = page.locator('canvas[data-plot="response"]').evaluate("each => each.clientHeight")
    for plot, value, end in (("fluctuation", wanted[0], 1.0), ("response", wanted[1], 2.0)):
        assert f"at gain {gain:.2f}: {value:.4f}" in label(page, plot)
        found = marker(page, plot)
        # A pixel; the ring of a value next to 0 is cut off by the axis.
        if value > 0.05 * end:
            assert found == (pytest.approx(gain, abs=3.0 / 300), pytest.approx(value, abs=1.5 * end / (height - 62)))


@pytest.mark.parametrize(
    ("gain", "symmetry", "noise", "field", "size"),
    [(1.3, 0.0, 0.0, 0.0, 50), (0.6, 0.3, 0.0, 0.0, 200), (1.1, -0.4, 0.3, 0.0, 30), (0.9, 0.0, 0.2, -0.5, 2)],
)
def test_what_the_network_does_is_computed_again(
    opened: Callable[..., Any], gain: float, symmetry: float, noise: float, field: float, size: int
) -> None:
    """A paused page runs for 100 leak times and averages over the last 50."""
    page = opened(gain=gain, symmetry=symmetry, noise=noise, field=field, size=size, seed=5)
    weights = explorer_page.couplings(size, gain, symmetry, 5)
    states = explorer_page.trajectory(weights, np.tanh, 1000, noise, field, 5)
    rates = np.tanh(states[500:1000])
    blocks = np.mean(rates**2, axis=1).reshape(50, 10).mean(axis=1)
    responses = np.diag(np.linalg.inv(np.eye(size) - weights))
    eigenvalues = np.linalg.eigvals(weights)
    rests = noise == 0 and field == 0 and eigenvalues.real.max() < 1
    fluctuation, response = row(page, "network")
    expected: list[Any] = [(blocks.mean(), error_of_time_average(blocks)), None]
    if symmetry == 0:
        blocks = np.mean(1 - rates**2, axis=1).reshape(50, 10).mean(axis=1)
        expected[1] = blocks.mean(), error_of_time_average(blocks)
    elif rests:
        expected[1] = responses.mean(), responses.std(ddof=1) / math.sqrt(size)
    for found, wanted in zip((fluctuation, response), expected, strict=True):
        if wanted is None:
            assert found is None
            continue
        assert found is not None
        value, error = wanted
        digits = 6 if error < 1e-6 else min(6, max(2, 1 - math.floor(math.log10(error))))
        assert found[0] == pytest.approx(value, abs=0.51 * 10.0**-digits)
        assert found[1] == pytest.approx(max(error, 1e-6), abs=0.51 * 10.0**-digits)
    assert f"largest real part {eigenvalues.real.max():.3f}".replace("-", "−") in label(page, "eigenvalues")
    assert label(page, "eigenvalues").startswith(f"{size} eigenvalues")
    largest = np.abs(states[400:1001, :6]).max()
    assert label(page, "trajectories").endswith(f"the largest in sight is {largest:.2f}.")


def test_forward_goes_on_from_where_it_was(opened: Callable[..., Any]) -> None:
    page = opened(gain=0.8, noise=0.3, size=20, seed=2)
    page.locator('button[name="forward"]').press("Enter")
    weights = explorer_page.couplings(20, 0.8, 0.0, 2)
    rates = np.tanh(explorer_page.trajectory(weights, np.tanh, 1100, 0.3, 0.0, 2)[500:1100])
    fluctuation, _ = row(page, "network")
    assert fluctuation is not None
    assert fluctuation[0] == pytest.approx(np.mean(rates**2), abs=0.51e-4)


# --- the link


def test_a_link_restores_the_state(opened: Callable[..., Any]) -> None:
    first = opened(size=30)
    first.locator('select[name="activation"]').select_option("erf")
    first.locator('input[name="gain"]').press("ArrowRight")
    first.locator('input[name="noise"]').press("ArrowRight")
    first.locator('button[name="draw"]').press("Enter")
    settled(first)
    assert link(first) == values(first)
    assert values(first) == {
        "gain": "1.51",
        "symmetry": "0",
        "noise": "0.1",
        "field": "0",
        "size": "30",
        "activation": "erf",
        "seed": "2",
    }
    second = opened(**link(first))
    assert values(second) == values(first)
    assert row(second, "network") == row(first, "network")
    assert label(second, "trajectories") == label(first, "trajectories")
    first.evaluate("() => { location.hash = 'gain=0.5'; }")
    settled(first)
    assert values(first)["gain"] == "0.5"
    assert values(first)["activation"] == "tanh"


@pytest.mark.parametrize(
    ("given", "held"),
    [
        ({"gain": "99", "symmetry": "-7", "size": "100000"}, {"gain": "3", "symmetry": "-1", "size": "200"}),
        ({"gain": "x", "noise": "", "seed": "NaN"}, {"gain": "1.5", "noise": "0", "seed": "1"}),
        ({"activation": "sinh", "seed": "-3.7"}, {"activation": "tanh", "seed": "3"}),
        ({"gain": "1.23456", "size": "2.2", "seed": "1e30"}, {"gain": "1.23", "size": "2"}),
        ({"gain": "<img src=x>", "other": "%22"}, {"gain": "1.5"}),
    ],
)
def test_a_link_that_is_wrong_is_mended(opened: Callable[..., Any], given: dict[str, str], held: dict[str, str]) -> None:
    page = opened(**given)
    found = values(page)
    assert held.items() <= found.items()
    assert 0 <= int(found["seed"]) < 2**32
    assert row(page, "network")[0] is not None


def test_two_tabs_do_not_disturb_each_other(opened: Callable[..., Any]) -> None:
    one = opened(gain=1.2, seed=1, size=20)
    other = opened(gain=0.7, seed=2, size=30, context=one.context)
    before = row(one, "network"), values(one)
    other.locator('input[name="gain"]').press("ArrowRight")
    settled(other)
    assert (row(one, "network"), values(one)) == before
    assert values(other)["gain"] == "0.71"


# --- hands and eyes


def test_the_keyboard_alone_reaches_every_control_and_leaves(opened: Callable[..., Any]) -> None:
    page = opened(size=20)
    page.locator('input[name="gain"]').focus()
    reached = []
    for _ in CONTROLS:
        name, style, width = page.evaluate(
            """() => { const here = document.activeElement, style = getComputedStyle(here);
                return [here.name, style.outlineStyle, parseFloat(style.outlineWidth)] }"""
        )
        reached.append(name)
        page.keyboard.press("Shift")  # the last input was a key, so that focus is shown
        assert style == "solid"
        assert width >= 2
        page.keyboard.press("Tab")
    assert reached == CONTROLS
    assert page.evaluate("() => document.activeElement.tagName") == "SUMMARY"
    page.keyboard.press("Tab")
    assert page.evaluate("() => document.querySelector('#explorer').contains(document.activeElement)") is False
    for _ in range(2):
        page.keyboard.press("Shift+Tab")
    assert page.evaluate("() => document.activeElement.name") == "copy"


def test_controls_have_names(opened: Callable[..., Any]) -> None:
    page = opened(size=20)
    for name in ("gain g", "symmetry η", "noise σ", "input b", "neurons N"):
        assert page.get_by_role("slider", name=name, exact=True).count() == 1
    assert page.get_by_role("combobox", name="rate φ", exact=True).count() == 1
    assert page.get_by_role("spinbutton", name="seed", exact=True).count() == 1


@pytest.mark.parametrize("width", [400, 1280])
def test_nothing_is_wider_than_the_window(opened: Callable[..., Any], width: int) -> None:
    page = opened(width=width)
    page.locator("#explorer summary").press("Enter")
    assert page.evaluate("() => document.documentElement.scrollWidth") <= width
    wide = page.evaluate(
        """() => [...document.querySelectorAll("#explorer, #explorer *")]
            .filter((each) => each.getBoundingClientRect().right > innerWidth || each.scrollWidth > each.clientWidth + 1)
            .filter((each) => each.clientWidth > 0).map((each) => each.outerHTML.slice(0, 80))"""
    )
    assert wide == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("chosen", ["auto", "light", "dark"])
def test_words_and_lines_stand_out_in_every_theme(opened: Callable[..., Any], scheme: str, chosen: str) -> None:
    """At least 4.5 to 1 for words and 3 to 1 for lines and for what has the focus, as WCAG asks."""
    page = opened(size=20, color_scheme=scheme)
    page.evaluate("(theme) => { document.body.dataset.theme = theme; }", chosen)
    page.wait_for_timeout(50)
    found = page.evaluate(
        """() => {
            const colours = {}, probe = document.createElement("i");
            document.querySelector("#explorer").append(probe);
            const names = ["blue", "vermillion", "green"].map((name) => `--explorer-${name}`);
            for (const name of ["--color-background-primary", "--color-foreground-muted", ...names]) {
                probe.style.color = `var(${name})`;
                colours[name.replace("--explorer-", "")] = getComputedStyle(probe).color;
            }
            colours.text = getComputedStyle(document.querySelector("#explorer p")).color;
            colours.caption = getComputedStyle(document.querySelector("#explorer figcaption")).color;
            const pixels = document.querySelector('canvas[data-plot="fluctuation"]').getContext("2d")
                .getImageData(0, 0, 40, 30).data;
            colours.label = `rgb(${[0, 1, 2].map((k) => Math.round(pixels[4 * darkest(pixels) + k])).join(", ")})`;
            function darkest(data) {
                let best = 0;
                for (let k = 0; k < data.length / 4; k++) if (data[4 * k + 3] > data[4 * best + 3]) best = k;
                return best;
            }
            return colours }"""
    )
    light = {name: luminance(colour) for name, colour in found.items()}
    back = light.pop("--color-background-primary")
    assert (back < 0.2) == ((scheme if chosen == "auto" else chosen) == "dark")
    for name, own in light.items():
        contrast = (max(own, back) + 0.05) / (min(own, back) + 0.05)
        assert contrast >= (4.5 if name in ("text", "caption", "label") else 3.0), name


def luminance(colour: str) -> float:
    """Relative, of "rgb(r, g, b)"."""
    parts = np.array([float(each) for each in re.findall(r"[\d.]+", colour)[:3]]) / 255
    return float(np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4) @ [0.2126, 0.7152, 0.0722])


def test_who_wants_no_motion_gets_none_until_it_is_asked_for(opened: Callable[..., Any]) -> None:
    page = opened(size=20, noise=0.5)
    button = page.locator('button[name="run"]')
    assert button.inner_text() == "Run"
    before = label(page, "trajectories"), row(page, "network")
    for _ in range(30):
        settled(page)
    assert (label(page, "trajectories"), row(page, "network")) == before
    button.press("Enter")
    assert button.inner_text() == "Pause"
    for _ in range(30):
        settled(page)
    assert row(page, "network") != before[1]


def test_the_page_moves_by_itself_and_can_be_paused(opened: Callable[..., Any]) -> None:
    page = opened(size=20, noise=0.5, moving=True)
    button = page.locator('button[name="run"]')
    assert button.inner_text() == "Pause"
    before = label(page, "trajectories")
    for _ in range(30):
        settled(page)
    assert label(page, "trajectories") != before
    button.press("Enter")
    settled(page)
    before = label(page, "trajectories")
    for _ in range(10):
        settled(page)
    assert label(page, "trajectories") == before


# --- extremes


@pytest.mark.parametrize("activation", ["tanh", "erf", "relu", "linear"])
@pytest.mark.parametrize("symmetry", [-1, 1])
@pytest.mark.parametrize("gain", [0, 3])
@pytest.mark.parametrize("size", [2, 200])
def test_extreme_values_are_said_in_words(
    opened: Callable[..., Any], size: int, gain: float, symmetry: float, activation: str
) -> None:
    page = opened(size=size, gain=gain, symmetry=symmetry, activation=activation)
    everything = page.locator("#explorer").inner_text() + "".join(
        label(page, plot) for plot in ("trajectories", "eigenvalues", "fluctuation", "response")
    )
    assert not re.search(r"NaN|Infinity|undefined|null", everything)
    weights = explorer_page.couplings(size, gain, symmetry, 1)
    abscissa = np.linalg.eigvals(weights).real.max()
    status = page.locator(STATUS).inner_text()
    grows = activation == "linear" and abscissa > 1.2
    assert ("grew without bound" in status) >= grows
    if gain == 0:
        assert row(page, "network")[0] == (0.0, 1e-6)
        if activation != "relu":
            assert "below 1: the network comes to rest" in status


@pytest.mark.parametrize("activation", ["linear", "relu"])
def test_growth_without_bound_stops_with_words_and_ends_with_the_gain(opened: Callable[..., Any], activation: str) -> None:
    page = opened(size=100, gain=3, symmetry=0.5, activation=activation, moving=True)
    page.locator(STATUS, has_text="The states grew without bound until t =").wait_for()
    assert page.locator('tr[data-row="network"] td').all_inner_texts() == ["none: the states grew without bound"] * 2
    before = label(page, "trajectories")
    for _ in range(5):
        settled(page)
    assert label(page, "trajectories") == before
    page.locator('input[name="gain"]').press("Home")
    page.locator('input[name="gain"]').press("ArrowRight")
    page.locator('button[name="run"]').press("Enter")
    settled(page)
    page.locator('input[name="seed"]').fill("4")
    page.locator('input[name="seed"]').press("Enter")
    settled(page)
    assert "grew" not in page.locator(STATUS).inner_text()
    assert row(page, "network")[0] is not None


# --- the program


@pytest.mark.parametrize(
    "chosen",
    [
        {"gain": 1.3, "size": 40, "seed": 3},
        {"gain": 0.8, "symmetry": -0.3, "size": 20, "activation": "erf"},
        {"gain": 0.5, "noise": 0.4, "field": 0.3, "size": 30, "activation": "relu"},
    ],
)
def test_the_copied_program_runs_and_agrees(
    opened: Callable[..., Any], address: str, tmp_path: Path, chosen: dict[str, Any]
) -> None:
    page = opened(address, **chosen)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.locator('button[name="copy"]').press("Enter")
    page.locator(STATUS, has_text="Copied.").wait_for()
    code = page.evaluate("() => navigator.clipboard.readText()")
    page.locator("#explorer summary").press("Enter")
    assert page.locator("#explorer pre").inner_text().strip() == code.strip()
    code = "import matplotlib\nmatplotlib.use('agg')\n" + code + f"\nfigure.savefig({str(tmp_path / 'figure.png')!r})\n"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert (tmp_path / "figure.png").exists()
    found = {
        name: (float(value), float(error))
        for name, value, error in re.findall(r"(.*): <phi\^2> = (\S+) \+- (\S+),", ran.stdout)
    }
    assert ran.stdout.count("status 0") == len(found)
    values = {"symmetry": 0.0, "noise": 0.0, "field": 0.0} | chosen
    kinds = {"networks": True, "in time": values["symmetry"] == 0, "fixed points": values["noise"] == 0}
    assert found.keys() == {name for name, there in kinds.items() if there}
    for name, kind in (("in time", "stationary"), ("fixed points", "static")):
        shown = row(page, kind)[0]
        if shown is not None:
            assert found[name][0] == pytest.approx(shown[0], abs=shown[1] + 1e-4)


def test_the_copied_program_says_what_grows(opened: Callable[..., Any]) -> None:
    page = opened(gain=2.5, activation="linear", size=20)
    code = page.evaluate("() => document.querySelector('#explorer pre').textContent")
    ran = subprocess.run(
        [sys.executable, "-c", "import matplotlib\nmatplotlib.use('agg')\n" + code], capture_output=True, text=True
    )
    assert f"networks: <phi^2> = nan +- nan, status {qd.Status.diverged.value}\n" in ran.stdout
