"""The page of one visitor: sliders on one side, the chosen view on the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import panel as pn
import param

from quenched.explorer.choice import ACTIVATIONS, FAMILIES, Choice
from quenched.explorer.figures import PLOTS, Plot
from quenched.explorer.views import PARTS, Arrays, code
from quenched.explorer.work import Newest

_BUSY = "computing ..."
_CSS = """
.status { font-weight: 600; min-height: 1.4em; }
:host(:focus-within) { outline: 2px solid #0072B2; outline-offset: 2px; }
"""


class Sliders(param.Parameterized):
    """What can be set, with its bounds; the link carries all of it."""

    view: Any = param.Selector(default="one network", objects=list(PARTS))
    family: Any = param.Selector(default=FAMILIES[0], objects=list(FAMILIES))
    activation: Any = param.Selector(default="tanh", objects=list(ACTIVATIONS))
    gain = param.Number(default=1.5, bounds=(0.0, 4.0), step=0.05)
    symmetry = param.Number(default=0.0, bounds=(-1.0, 1.0), step=0.05)
    noise = param.Number(default=0.0, bounds=(0.0, 2.0), step=0.05)
    temperature = param.Number(default=0.05, bounds=(0.001, 1.0), step=0.001)
    size = param.Integer(default=100, bounds=(10, 400), step=10)
    seed = param.Integer(default=0, bounds=(0, 999))

    def read(self, link: Mapping[str, Sequence[bytes]]) -> str:
        """Take over what a link carries; what cannot be is left as it is, and named."""
        refused = []
        for name in link.keys() & set(_LABELS):
            text, kind = link[name][0].decode(errors="replace"), type(getattr(self, name))
            try:
                setattr(self, name, kind(text))
            except ValueError:
                refused.append(f"{name}={text}")
        return f"The link has what cannot be chosen: {', '.join(sorted(refused))}." if refused else ""

    def choice(self) -> Choice:
        """As the computations want it."""
        return Choice(**{name: getattr(self, name) for name in Choice.__dataclass_fields__})


_LABELS = {
    "view": "View",
    "family": "Model",
    "activation": "Activation",
    "gain": "Gain g",
    "symmetry": "Symmetry \u03b7",
    "noise": "Noise \u03c3",
    "temperature": "Temperature T of exp(-E/T)",
    "size": "Neurons N",
    "seed": "Seed",
}


class Page:
    """One visitor's widgets and figures."""

    def __init__(self, on_loop: Callable[[Callable[[], None]], Any], link: Mapping[str, Sequence[bytes]]):
        self.sliders = Sliders()
        self.refused = self.sliders.read(link)
        self.plots: dict[str, list[Plot]] = {view: [kind() for kind in kinds] for view, kinds in PLOTS.items()}
        self.owners = {part: plot for plots in self.plots.values() for plot in plots for part in plot.sources}
        self.status = {
            function.__name__: pn.pane.Markdown("", css_classes=["status"], stylesheets=[_CSS])
            for functions in PARTS.values()
            for function in functions
        }
        self.work = {part: Newest(on_loop) for part in self.status}
        self.python = pn.widgets.TextAreaInput(disabled=True, sizing_mode="stretch_width", rows=9, max_length=100_000)
        self.copy = pn.widgets.Button(name="Copy as Python", button_type="primary", width=160)
        self.copy.js_on_click(args={"text": self.python}, code="navigator.clipboard.writeText(text.value)")
        self.main = pn.Column(sizing_mode="stretch_width", min_width=300)
        self.sliders.param.watch(lambda _: self.refresh(), list(_LABELS))
        self.refresh()

    def refresh(self) -> None:
        """Ask for everything that the chosen view shows; what is drawn is taken away until it is there."""
        choice, view = self.sliders.choice(), self.sliders.view
        parts = PARTS[view]
        figures = (_pane(plot.figure) for plot in self.plots[view])
        self.main[:] = [*([self.refused] if self.refused else []), *(self.status[part.__name__] for part in parts), *figures]
        self.python.value = "\n".join(code(part.__name__, choice) for part in parts)
        for part in parts:
            self._ask(part, choice)
        if pn.state.location is not None:
            pn.state.location.update_query(**{name: getattr(self.sliders, name) for name in _LABELS})

    def _ask(self, part: Callable[[Choice], Arrays], choice: Choice) -> None:
        name, plot = part.__name__, self.owners[part.__name__]
        self.status[name].object = f"{name}: {_BUSY}"
        plot.clear(name)

        def done(arrays: Arrays | None, error: Exception | None) -> None:
            if error is None and arrays is not None:
                plot.show(name, arrays)
                self.status[name].object = f"{name}: up to date"
            else:
                self.status[name].object = f"{name}: {error}"

        self.work[name].ask(lambda: part(choice), done)

    def layout(self) -> pn.viewable.Viewable:
        """All of it."""
        looks = {
            name: {"name": words} | ({"throttled": True} if name in _SLIDERS else {}) for name, words in _LABELS.items()
        }
        widgets = pn.Param(self.sliders.param, parameters=list(_LABELS), show_name=False, widgets=looks)
        side = pn.Column("## quenched", widgets, self.copy, width=330, styles={"flex": "0 0 330px"})
        code = pn.Card(self.python, title="The same in Python", collapsed=True, sizing_mode="stretch_width")
        # Beside the sliders where 500 pixels are left, below them elsewhere.
        right = pn.Column(self.main, code, sizing_mode="stretch_width", styles={"flex": "1 1 500px", "min-width": "300px"})
        return pn.FlexBox(side, right, flex_wrap="wrap", sizing_mode="stretch_width")


_SLIDERS = ("gain", "symmetry", "noise", "temperature", "size", "seed")


def _pane(drawn: Any) -> Any:
    return pn.pane.Bokeh(drawn, sizing_mode="stretch_width", min_width=300)


def page() -> pn.viewable.Viewable:
    """What the server shows each visitor, the link's parameters set."""
    document = pn.state.curdoc
    assert document is not None  # Bokeh makes one for each visitor

    def on_loop(act: Callable[[], None]) -> None:
        document.add_next_tick_callback(act)

    return Page(on_loop, pn.state.session_args).layout()
