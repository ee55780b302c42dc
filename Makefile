# The two commands: `make demo` and `make test`. All state stays inside this clone (.venv, .sluice).
SHELL := /bin/bash
VENV := .venv
BIN := $(VENV)/bin
# Its cache lies beside what is linked from it, and goes with it; one that you named is used.
INSTALL = UV_CACHE_DIR=$${UV_CACHE_DIR:-$(CURDIR)/$(VENV)/uv-cache} $(BIN)/uv pip install
export SLUICE_HOME ?= $(CURDIR)/.sluice
# An inherited "write no bytecode" would double the start time of every program here.
unexport PYTHONDONTWRITEBYTECODE
# The first interpreter that is new enough; name another with `make PYTHON=/path/to/python demo`.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(not (3,11) <= sys.version_info[:2] < (3,14))' 2>/dev/null && { command -v $$p; break; }; done)
# Tiers that `make test` runs; `.ci/run` adds those that need more than Python: MORE_TIERS=docker (an engine, and root).
TIERS ?= unit postgres stages flows services faults
MORE_TIERS ?=
WORKERS ?= 2

.PHONY: help demo test lies lint up down clean requirements
help: ## Say what there is
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1\t/' | expand -t 14

demo: $(VENV)/.installed ## Watch good, unchanged, bad and lying commits go through the pipeline
	@$(BIN)/sluice demo

test: $(VENV)/.installed lint ## Lint, types, and every tier of tests
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadscope $(foreach tier,$(MORE_TIERS) $(TIERS),tests/$(tier))

lint: $(VENV)/.installed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

lies: $(VENV)/.installed ## Tell every lie and its honest twin, print what became of them
	@$(BIN)/python -m tests.faults.lies

up: $(VENV)/.installed ## Start the services
	@$(BIN)/sluice up

down: ## Stop the services
	@$(BIN)/sluice down

clean: ## Stop everything and remove all state and the virtual environment
	-@$(BIN)/sluice down --purge --yes
	rm -rf $(VENV) .sluice

requirements: $(VENV)/.installed ## Pin again what pyproject.toml asks for
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
		--upgrade --group dev pyproject.toml -o requirements.txt
	$(BIN)/python -m sluice.bootstrap requirements.txt > requirements-bootstrap.txt

$(VENV)/.installed: requirements.txt requirements-bootstrap.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "Sluice needs Python 3.11, 3.12 or 3.13 and found none; name one: make PYTHON=/path/to/python"; exit 2; }
	@echo "Installing into $(VENV) with $(PYTHON) …"
	@$(PYTHON) -m venv $(VENV) || { echo "python -m venv failed; on Debian: apt-get install python3-venv"; exit 2; }
	@$(BIN)/python -m pip install -q --no-cache-dir --disable-pip-version-check --require-hashes -r requirements-bootstrap.txt
	@$(INSTALL) -q --python $(BIN)/python --require-hashes --compile-bytecode -r requirements.txt
	@$(INSTALL) -q --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@
