"""The two figures of the README, into docs/images. Run as `make figures` when their code or the README has changed."""

from __future__ import annotations

import os
import re
from pathlib import Path

import quenched as qd

ROOT = Path(__file__).parents[1]
IMAGES = ROOT / "docs" / "images"


def draw() -> None:
    """The demo's from its store, which is filled first if need be; then the quickstart's by its own five lines."""
    tree = qd.sweeps.run_file(ROOT / "examples" / "edge_of_chaos.toml", resume=True, output=ROOT)
    qd.plots.edge_of_chaos(tree)[0, 0].figure.savefig(IMAGES / "edge_of_chaos.png", dpi=80)
    (lines,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), flags=re.DOTALL)
    os.chdir(IMAGES)
    exec(lines, {})


if __name__ == "__main__":
    draw()
