"""Formulas of the site are drawn as they are written, all of them, or the build fails and says where."""

from __future__ import annotations

import re
import subprocess
import sys
from html import unescape
from pathlib import Path
from xml.etree import ElementTree

import mathml
import pytest
from docutils import nodes
from docutils.utils import new_document

import quenched as qd

DOCS = Path(__file__).parents[2] / "docs"
CODE = re.compile(r"^(`{3,}).*?^\1|`[^`\n]+`", flags=re.DOTALL | re.MULTILINE)
FORMULA = re.compile(r"\$\$(.+?)\$\$|\$([^$]+?)\$", flags=re.DOTALL)


def formulas() -> list[str]:
    texts = [CODE.sub("", page.read_text()) for page in DOCS.rglob("*.md") if "_build" not in page.parts]
    found = ["".join(pair) for text in texts for pair in FORMULA.findall(text)]
    symbols = [each.symbol for each in qd.VOCABULARY.values() if each.symbol != "-"]
    theories = [
        getattr(chapter, name) for chapter in (qd.dmft, qd.replica, qd.simulate, qd.landscape) for name in chapter.__all__
    ]
    equations = [getattr(each, "equation", "") for each in (qd.RandomNetwork, qd.Network, *theories)]
    return sorted({*found, *symbols, *equations} - {""})


def drawn(tex: str) -> ElementTree.Element:
    html = mathml.mathml(tex, display=True, where=nodes.math_block())
    return ElementTree.fromstring(re.sub(r"&(?!lt|gt|amp)\w+;", lambda entity: unescape(entity[0]), html))


def shape(element: ElementTree.Element) -> str:
    """Tags and letters alone, in brackets."""
    return f"{element.tag}({' '.join([element.text or '', *map(shape, element)]).strip()})"


@pytest.mark.parametrize(
    ("tex", "expected"),
    [
        (r"\frac12 X", "math(mfrac(mn(1) mn(2)) mi(X))"),
        (r"\gamma=-\frac12", "math(mi(γ) mo(=) mo(−) mfrac(mn(1) mn(2)))"),
        (r"\frac ab c", "math(mfrac(mi(a) mi(b)) mi(c))"),
        (r"\hat x_i^2", "math(msubsup(mover(mi(x) mo(ˆ)) mi(i) mn(2)))"),
        (r"\dot{x}_i", "math(msub(mover(mi(x) mo(˙)) mi(i)))"),
        (r"\overline{J_{ij}} x", "math(mover(msub(mi(J) mrow(mi(i) mi(j))) mo(‾)) mi(x))"),
        (r"\sqrt2 x", "math(msqrt(mn(2)) mi(x))"),
        (r"x_ab^2c", "math(msub(mi(x) mi(a)) msup(mi(b) mn(2)) mi(c))"),
        (r"\phi' x", "math(mrow(mi(ϕ) mo(′)) mi(x))"),
        (r"\hat f''_i", "math(msub(mrow(mover(mi(f) mo(ˆ)) mo(″)) mi(i)))"),
        (r"\phi'^2", "math(msup(mrow(mi(ϕ) mo(′)) mrow(mn(2))))"),
        (r"\phi'_i{}^2", "math(msub(mrow(mi(ϕ) mo(′)) mi(i)) msup(mrow() mn(2)))"),
        (r"\partial_{t'}x_i^*", "math(msub(mi(∂) mrow(mi(t) mo(′))) msubsup(mi(x) mi(i) mo(\N{ASTERISK OPERATOR})))"),
    ],
)
def test_arguments_are_those_of_latex(tex: str, expected: str) -> None:
    assert shape(drawn(tex)) == expected


@pytest.mark.parametrize("pair", ["()", "[]", "{}", "⟨⟩", "||"])
def test_brackets_grow_where_they_are_told_to(pair: str) -> None:
    left, right = ({"{": r"\{", "}": r"\}", "⟨": r"\langle", "⟩": r"\rangle"}.get(each, each) for each in pair)
    growing = [each for each in drawn(rf"\left{left}\frac ab\right{right}").iter("mo") if str(each.text) in pair]
    assert [each.get("stretchy", "true") for each in growing] == ["true", "true"]


@pytest.mark.parametrize(
    ("commands", "tag", "marked", "children"),
    [
        ("[tdc]?frac", "mfrac", None, 2),
        ("hat|bar|dot|ddot|dddot|tilde|overline|widehat|vec", "mover", "accent", 2),
        ("underbrace", "munder", "accentunder", 2),
        ("sqrt", "msqrt", None, None),
    ],
)
def test_every_command_of_the_pages_is_drawn_once(commands: str, tag: str, marked: str | None, children: int | None) -> None:
    """Fractions, accents and roots, counted in LaTeX and in what is drawn."""
    for tex in formulas():
        found = [each for each in drawn(tex).iter(tag) if marked is None or each.get(marked)]
        assert len(found) == len(re.findall(rf"\\(?:{commands})(?![A-Za-z])", tex)), tex
        assert all(children in (None, len(each)) for each in found), tex


def test_every_line_of_the_pages_is_a_line() -> None:
    for tex in formulas():
        tables = list(drawn(tex).iter("mtable"))
        assert sum(len(each.findall("mtr")) for each in tables) == tex.count(r"\\") + len(tables), tex


def test_lines_outside_of_any_environment_are_lines() -> None:
    tex = r"a&=\begin{pmatrix}1&2\\3&4\end{pmatrix} \\ b&=\begin{matrix}\begin{matrix}1\\2\end{matrix}\\3\end{matrix}"
    assert [len(row) for row in next(drawn(tex).iter("mtable")).findall("mtr")] == [2, 2]
    assert next(drawn(r"\begin{pmatrix}1&2\\3&4\end{pmatrix}").iter("mtable")).find("mtr/mtd/mn") is not None


def test_punctuation_stays_with_its_formula() -> None:
    document = new_document("page")
    paragraph = nodes.paragraph()
    paragraph += [
        nodes.Text("It ("),
        nodes.math(text="x"),
        nodes.Text("), and "),
        nodes.math(text="y"),
        nodes.Text(" goes."),
    ]
    document += paragraph
    mathml.hold_together(None, document, "page")
    held = [(node.get("before", ""), node.get("after", "")) for node in document.findall(nodes.math)]
    assert held == [("(", "),"), ("", "")]
    assert document.astext() == "It x and y goes."


def test_formulas_of_solutions_in_a_notebook_are_drawn() -> None:
    solution = qd.solve(qd.RandomNetwork(1.5), qd.dmft.Static())
    document = new_document("page")
    document += nodes.raw("", solution._repr_html_(), format="html")
    mathml.draw_outputs(None, document, "page")
    shown = document.astext()
    assert "$" not in shown
    assert shown.count("<math") == 2 + shown.count("<td><math") > 4


def test_what_cannot_be_read_fails_the_build_with_page_line_and_formula(tmp_path: Path) -> None:
    (tmp_path / "index.md").write_text("# Title\n\nGood: $\\frac12$.\n\nBad: $\\unknown x$.\n\n```{toctree}\nother\n```\n")
    (tmp_path / "other.md").write_text("# Other\n\n$$\n\\left( x\n$$\n\nBy hand: $\\Big( x\\Big)$.\n")
    (tmp_path / "conf.py").write_text(
        'extensions = ["myst_parser", "mathml"]\nmyst_enable_extensions = ["dollarmath"]\nhtml_math_renderer = "mathml"\n'
    )
    build = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html", str(tmp_path), str(tmp_path / "html")]
    ran = subprocess.run(build, capture_output=True, text=True, env={"PYTHONPATH": str(DOCS / "extensions")})
    assert ran.returncode == 1
    for place, formula in (("index.md:5", r"\\unknown x"), ("other.md:3", r"\\left( x")):
        assert re.search(rf"{place}: WARNING: Formula '{re.escape(formula)}' cannot be read", ran.stderr), ran.stderr
    assert ran.stderr.count("cannot be read") == 2
    assert re.search(r"other.md:7: WARNING: Formula .* sizes brackets by hand", ran.stderr), ran.stderr
