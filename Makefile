# Needs only python3 (3.11 or later), python3-venv and make; everything else lands in .venv.
PYTHON ?= python3
PORT ?= 8000
# One more than there are processors: some tests wait for servers and for time to pass.
WORKERS ?= $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)
CHECKED := $(wildcard ledger api jobs wsgi.py bench tests)

BIN := .venv/bin
export UV_PROJECT_ENVIRONMENT := .venv
export UV_PYTHON_DOWNLOADS := never
unexport VIRTUAL_ENV PYTHONPATH PYTHONHOME

.DEFAULT_GOAL := help
.PHONY: help run test lint format types imports docs docs-check check clean

help:  ## List what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' Makefile

run: .venv/.run  ## Start the service with a small made-up story, and print what to open (PORT=8080 for another port)
	$(BIN)/trust-ledger demo --port $(PORT)

test: .venv/.dev  ## Run every test, on SQLite and on a real PostgreSQL
	$(BIN)/pytest -q -n $(WORKERS) $(ARGS)

lint: .venv/.dev  ## Check style
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: .venv/.dev  ## Put style right where a tool can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: .venv/.dev  ## Check types
	$(BIN)/mypy $(CHECKED)

imports: .venv/.dev  ## Check that packages import only what they may
	$(BIN)/lint-imports

docs docs-check: .venv/.dev

docs:  ## Write the generated documents anew
	@if [ -f docs/generate.py ]; then $(BIN)/python docs/generate.py; else echo "No generated documents yet."; fi

docs-check:  ## Check that the generated documents are what the code says
	@if [ -f docs/generate.py ]; then $(BIN)/python docs/generate.py --check; else echo "No generated documents yet."; fi

check: lint types imports docs-check test  ## Everything that has to pass

clean:  ## Remove the environment and caches; databases in var/ stay
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .schemathesis build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamps make a second start quick: nothing is asked of the network while the lock stays the same.
.venv/.uv: .ci/uv.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r .ci/uv.txt
	@touch $@

# --inexact: running the service takes away nothing that the tests need.
.venv/.run: .venv/.uv uv.lock pyproject.toml
	$(BIN)/uv sync -q --frozen --no-default-groups --inexact
	@touch $@

.venv/.dev: .venv/.uv uv.lock pyproject.toml
	$(BIN)/uv sync -q --frozen
	@touch $@ .venv/.run
