# Everything a person or a continuous-integration machine runs. `make test` is the whole of it.
# Needs Python 3.11 or newer with its venv module, and make; `make PYTHON=python3.12 test` picks another interpreter.

PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
FRAMEWORKS := .venv/.frameworks
BROWSER := .venv/.browser

# -E: a page that is unchanged is read again, so that its warnings come back.
SITE := $(BIN)/sphinx-build -W --keep-going -E -n -j 2 -b html

.PHONY: help env demo test test-slow test-browser benchmarks docs pages figures lint clean

help:
	@echo "make demo        the main job: three descriptions of one network through the edge of chaos"
	@echo "make test        lint, types, the pages without execution, tests"
	@echo "make test-slow   the longer checks, and those of the frameworks whose networks are read, which it installs"
	@echo "make test-browser the page that runs a network, in Chromium, which must be on the machine; installs what drives it"
	@echo "make benchmarks  compile and run times beside what else one would use"
	@echo "make docs        the documentation, into docs/_build/html; executes the pages whose cells or sources changed"
	@echo "make pages       the same without execution, into docs/_build/pages, in seconds"
	@echo "make figures     the figures of the README, into docs/images"
	@echo "make lint        lint and types alone"
	@echo "make env         the environment alone, in .venv; every other target makes it if need be"
	@echo "make clean       remove what was built and cached; results and .venv stay"

env: $(STAMP)

# Asking for pip, not for the folder: a venv that failed half-way is made again.
$(STAMP): pyproject.toml constraints.txt
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[dev,docs]"
	@touch $@

# Cells of PyTorch, Flax, Haiku and BrainState are read, layers of PyTorch and Keras get weights; most users have none of them,
# and the fast tests do without.
$(FRAMEWORKS): $(STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[frameworks]"
	@touch $@

# Playwright drives the browser of the machine and brings its own Node; no browser is downloaded.
$(BROWSER): $(STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[browser]"
	@touch $@

demo: env
	$(BIN)/quenched sweep examples/edge_of_chaos.toml --resume

figures: demo
	$(BIN)/python examples/readme_figures.py

lint: env
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

test: lint pages
	$(BIN)/pytest -n 2 --dist loadfile -m "not slow and not browser"

test-browser: $(BROWSER)
	$(BIN)/pytest -m browser tests/browser

test-slow: $(FRAMEWORKS)
	$(BIN)/pytest -n 2 --dist loadfile -m "not slow" tests/dynamics/test_rnn.py tests/test_numbers.py \
		tests/layers/test_critical_initialisation.py src/quenched/dynamics/rnn src/quenched/layers
	$(BIN)/pytest -n 2 --dist loadfile -m slow

benchmarks: env
	@for script in benchmarks/*.py; do echo "$$script"; $(BIN)/python "$$script" || exit 1; done

docs: env
	$(SITE) docs docs/_build/html

pages: env
	$(SITE) -q -D nb_execution_mode=off docs docs/_build/pages

clean:
	rm -rf build dist docs/_build docs/jupyter_execute src/*.egg-info .mypy_cache .ruff_cache .pytest_cache
	find src tests benchmarks docs -name __pycache__ -type d -prune -exec rm -rf {} +
