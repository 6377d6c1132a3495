"""`%%bash` in the pages: plain text, in one piece, without progress bars."""

from __future__ import annotations

import os
import subprocess

# A kernel asks the programs it starts for colours.
_COLOURS = ("FORCE_COLOR", "CLICOLOR_FORCE")


def bash(line: str, cell: str) -> None:
    """Run the cell and print what it wrote to stdout."""
    environment = {name: value for name, value in os.environ.items() if name not in _COLOURS}
    ran = subprocess.run(["bash", "-c", cell], capture_output=True, text=True, env=environment)
    print(ran.stdout, end="")
    if ran.returncode:
        raise RuntimeError(f"Exit code {ran.returncode}: {ran.stderr}")


def register() -> None:
    """Take the place of IPython's own `%%bash`."""
    from IPython import get_ipython

    get_ipython().register_magic_function(bash, "cell", "bash")
