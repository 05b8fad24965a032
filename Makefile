# The verbs of this repository. A bare `make` prints them.
# PYTHON names the interpreter to set up with; by default the newest suitable one is taken.
PYTHON ?=
BIN := .venv/bin
STAMP := .local/setup.stamp
MEMBERS := $(wildcard libs/*/pyproject.toml services/*/pyproject.toml cli/pyproject.toml)
CODE := libs services cli tests tools $(if $(wildcard benchmarks/*.py),benchmarks)
PYTEST := $(BIN)/pytest -q

heading = @printf '\n── %s\n' '$(1)'

.DEFAULT_GOAL := help
.PHONY: help setup parts fmt lint types architecture check test unit demo bench proto docs clean

help: ## Print these verbs
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) ## Install everything into .venv and .local, from PyPI

$(STAMP): tools/setup.sh pyproject.toml uv.lock $(MEMBERS)
	$(call heading,Setting up)
	@PYTHON='$(PYTHON)' sh tools/setup.sh
	@touch $@

parts: setup ## Build etcd, kube-apiserver … for the tests; minutes, once
	$(call heading,Real parts)
	@$(BIN)/python tools/parts/build.py

fmt: setup ## Format the code and mend what ruff can mend
	$(call heading,Formatting)
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

lint: setup ## Check style and format
	$(call heading,Lint)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: setup ## Check types (mypy strict)
	$(call heading,Types)
	@$(BIN)/mypy $(CODE)

architecture: setup ## Check layers, independence, mirrors and sizes
	$(call heading,Architecture)
	@$(BIN)/lint-imports --no-logo
	@$(PYTEST) tests/architecture

check: lint types architecture ## Everything that needs no real part

unit: setup ## Run the unit tests
	$(call heading,Unit tests)
	@$(PYTEST) tests/unit

test: check ## Check, then run every test on real parts
	$(call heading,Real parts)
	@$(BIN)/python tools/parts/build.py || test "$${FAIRLEAD_REQUIRE_REAL:-0}" = 0
	$(call heading,All tests)
	@$(PYTEST)

demo: setup ## Show the main job; KUBE_CONTEXT=<name>: on your own cluster
	@$(BIN)/fairlead demo

bench: setup ## Measure the figures and compare them with their targets
	$(call heading,Benchmarks)
	@$(BIN)/python benchmarks/run.py

proto: setup ## Generate the Python code of the messages from proto/
	$(call heading,Messages)
	@$(BIN)/python tools/proto.py

docs: setup ## Generate the reference pages
	$(call heading,Reference pages)
	@$(BIN)/python tools/docs.py

clean: ## Remove all this but the parts, in your cache folder
	rm -rf .venv .local .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
