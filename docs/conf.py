"""How the documentation is built: by `make docs` with every page executed, by `make pages` without; nothing is fetched."""

from __future__ import annotations

import os
import sys
import sysconfig
from importlib.metadata import version as installed_version
from importlib.resources import files
from pathlib import Path

from platformdirs import user_cache_path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "extensions"))

# The kernels that execute the pages inherit these: the command line of this environment, `%%bash` of `shell.py`, the
# look of the figures, and one cache of compiled programs for all pages.
os.environ["PATH"] = os.pathsep.join([sysconfig.get_path("scripts"), os.environ.get("PATH", "")])
os.environ["MATPLOTLIBRC"] = str(HERE / "matplotlibrc")
os.environ["PYTHONPATH"] = os.pathsep.join([str(HERE / "extensions"), os.environ.get("PYTHONPATH", "")])
os.environ["COLUMNS"] = "87"  # the text column
os.environ["NO_COLOR"] = "1"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"  # XLA tells on stderr what took it longer than a second, a matter of the machine
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(HERE / "_build" / "compiled"))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.2")

project = "quenched"
author = "The quenched developers"
copyright = f"{author}, Apache-2.0"
version = release = installed_version("quenched")

extensions = [
    "myst_nb",
    "sphinx_design",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "docstrings",
    "gallery",
    "mathml",
    "page_keys",
    "tables",
]
exclude_patterns = ["_build", "jupyter_execute", "extensions", "conf.py"]
default_role = "code"

html_theme = "furo"
html_title = "quenched"
html_math_renderer = "mathml"
# A font whose brackets, roots and bars grow: not every machine has one.
html_static_path = ["static", str(files("ziamath") / "fonts" / "STIXTwoMath-Regular.ttf")]
html_css_files = ["site.css"]

myst_enable_extensions = ["dollarmath", "amsmath", "colon_fence", "deflist"]
myst_heading_anchors = 3

# Outputs are kept from build to build, and from clone to clone, under the keys of `page_keys.py`. A page that fails is a
# warning with its cell and its error, and the next page follows.
# The scripts of the gallery are pages too.
nb_custom_formats = {".py": "gallery.read"}
nb_execution_mode = "cache"
nb_execution_cache_path = str(user_cache_path("quenched-docs"))
nb_execution_show_tb = True
nb_execution_timeout = 600
nb_output_stderr = "remove-warn"
nb_merge_streams = True

autodoc_typehints = "none"
autodoc_member_order = "bysource"
# No inventory of Python's own documentation is fetched, so its exceptions have no page to point to.
nitpick_ignore_regex = [("py:exc", r"[A-Z][a-zA-Z]*(Error|Interrupt)")]
