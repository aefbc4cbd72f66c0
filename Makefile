# `make run` and `make test` need only python3 (3.11 to 3.13) with pip: they create .venv themselves.
# uv installs from the hashed lock: pip's resolver does not finish on this set of packages.
PYTHON ?= python3
BIN := .venv/bin
RATCHET := $(BIN)/ratchet
export LANGSMITH_TRACING ?= false

.PHONY: run test lint types tests docs notebooks lock clean help

help:  ## list the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

run: .venv/installed  ## solve the bundled tasks with the built-in offline model and show the report
	$(RATCHET) run katas --memories 8 --measure-every 2

test: .venv/installed lint types tests  ## everything that must hold: lint, types, import rules, tests

lint: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache

types: .venv/installed
	$(BIN)/mypy

tests: .venv/installed
	$(BIN)/pytest

docs: .venv/installed  ## regenerate docs/graphs.md from the compiled graphs
	$(BIN)/python -m docs.draw

notebooks: .venv/installed  ## execute the notebooks and keep what they show
	$(BIN)/python -m notebooks.refresh

lock:  ## resolve pyproject.toml again into constraints.txt
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --upgrade \
	  --group dev pyproject.toml --output-file constraints.txt --custom-compile-command "make lock"

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13) and f"ratchet needs Python 3.11 to 3.13; this is {sys.version.split()[0]}. Try: make PYTHON=python3.12 run")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "uv==0.13.8"
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r constraints.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	touch $@

clean:  ## remove the environment and the saved runs of this checkout
	rm -rf .venv .ratchet
