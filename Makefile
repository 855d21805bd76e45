# `make` lists the targets. Two of them are all a newcomer needs: `make demo` and `make test`.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=

.PHONY: help demo test test-all check fix pictures lock clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo: $(VENV)/.runtime ## Set up and run the demo; ARGS=--once prints tonight and stops
	@$(BIN)/dreamflow demo $(ARGS)

test: $(VENV)/.test ## Set up and run the tests; what needs a browser or a server is skipped by name where there is none
	$(BIN)/pytest -n 2 --dist loadfile $(ARGS)

test-all: $(VENV)/.dev ## What CI runs: install the servers and the browser too, every check, every test, coverage
	tools/install-servers
	$(MAKE) --no-print-directory static
	$(BIN)/pytest -n 2 --dist loadfile --cov --cov-report=term $(ARGS)

check: $(VENV)/.dev static ## Format, lint, imports, types, tests
	$(BIN)/pytest -n 2 --dist loadfile $(ARGS)

.PHONY: static
static: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/pyright

fix: $(VENV)/.dev ## Format and mend what can be mended by a machine
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

pictures: $(VENV)/.dev ## Take the screenshots that the documents show
	tools/install-servers
	$(BIN)/pytest tests/browser --pictures docs/pictures

lock: $(VENV)/.dev ## Resolve the dependencies anew into locks/
	tools/lock $(BIN)/uv

clean: ## Remove what the other targets made
	rm -rf $(VENV) dist .mutation .coverage* .hypothesis .pytest_cache .ruff_cache .import_linter_cache

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Dream Flow needs Python 3.11 or newer; $(PYTHON) is older. Try: make PYTHON=python3.12 demo"; exit 1; }
	@$(PYTHON) -m venv $(VENV) 2>/dev/null \
	  || { rm -rf $(VENV); echo "$(PYTHON) has no venv module. On Debian or Ubuntu: apt install python3-venv"; exit 1; }

# Locks carry hashes; the project itself is installed without looking for anything else.
$(VENV)/.%: locks/%.txt pyproject.toml $(VENV)/bin/python
	@echo "Setting up $* in $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r locks/$*.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@
