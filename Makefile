# Needs Python 3.11 or newer (with venv) and make; everything else is installed into .venv.
#
#   make demo     install, then start the service with made-up families and a stand-in login
#   make test     install, then every test; says which suites it had to skip and why
#   make tamper   install, then change every column of every table, and see that it is noticed
#   make check    install, then lint, static security rules, types, layers, dependency audit
#   make verifier install, then build the stand-alone verifier (a wheel and a zipapp) into dist/
#   make words    bring the pages' words in the code into the catalogues, and compile them
#   make run      install, then serve with the settings of the environment
#   make lock     write the lock files anew (needs uv; UPGRADE=--upgrade takes newer versions)
#
# ARGS is handed on: make test ARGS='tests/unit -x', make demo ARGS='--play'

SHELL := /bin/sh
PYTHON ?= python3
UV ?= uv
ARGS ?=
UPGRADE ?=

BIN := .venv/bin
LOCKED := .venv/.locked
INSTALLED := .venv/.installed

export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help install demo test tamper check format verifier words run lock clean

help:
	@sed -n '/^#   make/s/^#   //p' Makefile

install: $(INSTALLED)

# Only what the lock file names, each file checked against its hash, in a fresh environment.
$(LOCKED): requirements-dev.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python3 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' || \
	    { echo "Python's venv module is needed (on Debian: apt install python3-venv)" >&2; exit 1; }
	$(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements-dev.lock
	@touch $@

# The project itself, editable. Nothing is fetched: its build backend is in the lock file.
$(INSTALLED): $(LOCKED) pyproject.toml
	$(BIN)/python -m pip install --quiet --no-index --no-deps --no-build-isolation --editable .
	@touch $@

demo: install
	$(BIN)/consent-service demo $(ARGS)

test: install
	$(BIN)/python -m tests.side_by_side $(ARGS)

tamper: install
	$(BIN)/python -m tests.tamper.every_case $(ARGS)

check: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/python tools/audit_dependencies.py

format: install
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .

verifier: install
	$(BIN)/python tools/build_verifier.py dist

words: install
	$(BIN)/python -m tests.web.write_words

run: install
	$(BIN)/consent-service serve $(ARGS)

COMPILE := $(UV) pip compile --quiet --generate-hashes --no-emit-index-url --universal \
    --python-version 3.11 --custom-compile-command 'make lock' $(UPGRADE)

lock:
	@command -v $(UV) >/dev/null || { echo "uv is needed: make lock UV=/path/to/uv" >&2; exit 1; }
	$(COMPILE) pyproject.toml -o requirements.lock
	$(COMPILE) pyproject.toml --extra pkcs11 --constraint requirements.lock -o requirements-pkcs11.lock
	$(COMPILE) pyproject.toml --extra dev --constraint requirements.lock -o requirements-dev.lock
	$(COMPILE) --group build --constraint requirements-dev.lock -o requirements-build.lock

clean:
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis build dist
