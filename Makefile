# The verbs of this repository. A bare `make` prints them.
# PYTHON names the interpreter to set up with; by default the newest suitable one is taken.
PYTHON ?=
BIN := .venv/bin
STAMP := .local/setup.stamp
MEMBERS := $(wildcard libs/*/pyproject.toml services/*/pyproject.toml cli/pyproject.toml)
CODE := libs services cli tests tools $(if $(wildcard benchmarks/*.py),benchmarks)
PYTEST := $(BIN)/pytest -q

# The order of all tests and the examples of properties follow from what is committed, so that a run that failed can be had again.
SEED ?= $(shell printf '%d' 0x$$(git rev-parse --short=8 'HEAD^{tree}' 2>/dev/null || echo 0))

# The compose stack: OBSERVE=1 stacks collector, Jaeger, Prometheus and Grafana on it, KUBECONFIG_FILE names a cluster of yours,
# COMPOSE_MORE further files; UP holds further words for `docker compose up`, such as UP='--scale scrubber=3'.
OBSERVE ?=
KUBECONFIG_FILE ?=
COMPOSE_MORE ?=
UP ?=
export KUBECONFIG_FILE
COMPOSE := docker compose --file infra/compose/compose.yaml
OBSERVABILITY := --file infra/compose/observability.yaml
FURTHER := $(if $(KUBECONFIG_FILE),--file infra/compose/kubeconfig.yaml) $(foreach file,$(COMPOSE_MORE),--file $(file))

# Images: which (default: all), what stands before their names, their tag, the base, the authority of a proxy that intercepts
# TLS; FRESH=1 builds without what earlier builds left.
IMAGES ?=
FRESH ?=
IMAGE_PREFIX ?=
IMAGE_TAG ?=
PYTHON_IMAGE ?=
BUILD_CA ?=
ifneq ($(IMAGE_PREFIX),)
export FAIRLEAD_IMAGE_PREFIX := $(IMAGE_PREFIX)
endif
ifneq ($(IMAGE_TAG),)
export FAIRLEAD_IMAGE_TAG := $(IMAGE_TAG)
endif

heading = @printf '\n── %s\n' '$(1)'

.DEFAULT_GOAL := help
.PHONY: help setup parts fmt lint types architecture check test unit demo bench images up down test-deploy test-deploy-kubernetes proto docs clean

help: ## Print these verbs
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-22s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

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
	$(call heading,All tests (SEED=$(SEED)))
	@$(PYTEST) --randomly-seed=$(SEED) --hypothesis-seed=$(SEED)

demo: setup ## Show the main job; KUBE_CONTEXT=<name>: on your own cluster
	@$(BIN)/fairlead demo

bench: setup ## Measure the figures and compare them with their targets
	$(call heading,Benchmarks)
	@$(BIN)/python benchmarks/run.py

images: setup ## Build the container images (docker), print their sizes
	$(call heading,Images)
	@$(BIN)/python tools/images.py $(if $(IMAGE_PREFIX),--prefix $(IMAGE_PREFIX)) $(if $(IMAGE_TAG),--tag $(IMAGE_TAG)) \
		$(if $(PYTHON_IMAGE),--base $(PYTHON_IMAGE)) $(if $(BUILD_CA),--ca $(BUILD_CA)) $(if $(FRESH),--fresh) $(IMAGES)

up: images ## Run the whole system in containers; OBSERVE=1, KUBECONFIG_FILE=<file>
	$(call heading,Compose stack)
	@$(BIN)/python tools/compose.py $(COMPOSE) $(if $(OBSERVE),$(OBSERVABILITY)) $(FURTHER) up $(UP)

down: setup ## End the containers of `make up`, and forget what they stored
	@$(BIN)/python tools/compose.py $(COMPOSE) $(OBSERVABILITY) down

test-deploy: setup ## Hold images and compose stack to their promises (docker)
	$(call heading,Deployment)
	@$(BIN)/python tools/engine.py $(PYTHON_IMAGE)
	@$(PYTEST) -p no:randomly --timeout 900 tests/deploy/compose

test-deploy-kubernetes: setup ## Install the manifests in your cluster and use them; KUBECONFIG_FILE=<file>
	$(call heading,Kubernetes)
	@test -n '$(KUBECONFIG_FILE)' || { echo 'name your cluster: KUBECONFIG_FILE=<file>; tests/deploy/kubernetes/conftest.py tells what it needs'; exit 2; }
	@FAIRLEAD_TEST_KUBECONFIG='$(KUBECONFIG_FILE)' $(PYTEST) -p no:randomly tests/deploy/kubernetes

proto: setup ## Generate the Python code of the messages from proto/
	$(call heading,Messages)
	@$(BIN)/python tools/proto.py

docs: setup ## Generate the reference pages
	$(call heading,Reference pages)
	@$(BIN)/python tools/docs.py

clean: ## Remove all this but the parts, in your cache folder
	rm -rf .venv .local .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
