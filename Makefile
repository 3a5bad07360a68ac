# Every task of the project is one target. `make help` lists them.
#
# Native builds go to a folder of their own outside the checkout, so that a second clone does not build everything anew.
# Stamp files in .venv/ say what is up to date: a second run starts in seconds, a changed source rebuilds.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

export CARGO_TARGET_DIR ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/proofbook/target
export PROOFBOOK_DATA ?= ../shared/data

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
OUT ?= out
DATA ?=

# Checkouts share the folder of native builds, and cargo tells sources from those of another by their times alone: where another checkout was the last
# to build, all of ours are made newer than whatever it left.
ifneq ($(CURDIR),$(shell cat "$(CARGO_TARGET_DIR)/last-checkout" 2>/dev/null))
$(shell find crates guest -name '*.rs' -exec touch {} + && mkdir -p "$(CARGO_TARGET_DIR)" && echo "$(CURDIR)" > "$(CARGO_TARGET_DIR)/last-checkout")
endif

rust_sources := $(shell find crates -path '*/src/*.rs' -o -name Cargo.toml) Cargo.toml Cargo.lock

.PHONY: help setup run test test-rust test-python wheel clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

setup: $(VENV)/.stamp-native ## Prepare .venv with everything: .venv/bin/proofbook works afterwards

$(VENV)/.stamp-tools:
	@command -v $(PYTHON) >/dev/null || { echo "proofbook needs Python 3.11 or newer: $(PYTHON) was not found." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "proofbook needs Python 3.11 or newer: $(PYTHON) is $$($(PYTHON) -V 2>&1). Name another with PYTHON=..." >&2; exit 1; }
	@command -v cargo >/dev/null || { echo "proofbook needs Rust 1.92 or newer: cargo was not found. See https://rustup.rs" >&2; exit 1; }
	@cargo --version | awk -F'[ .]' '{ exit !($$2 > 1 || $$3 >= 92) }' || { echo "proofbook needs Rust 1.92 or newer: this is $$(cargo --version). Update it: https://rustup.rs" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "proofbook needs Python's venv module, which $(PYTHON) lacks (Debian: python3-venv)." >&2; exit 1; }
	@touch $@

$(VENV)/.stamp-python: pyproject.toml $(VENV)/.stamp-tools
	@echo "Installing Python dependencies into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --upgrade pip
	@$(BIN)/python -m pip install --quiet $$($(BIN)/python scripts/requirements.py dev)
	@touch $@

$(VENV)/.stamp-native: $(VENV)/.stamp-python $(rust_sources)
	@echo "Building the native module (release; minutes the first time) ..."
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m pip install --quiet --no-build-isolation --no-deps --editable .
	@touch $@

run: $(VENV)/.stamp-native $(VENV)/.stamp-executor ## Replay order flow through the engine and report: a sample, or DATA=path
	@$(BIN)/proofbook run $(if $(DATA),"$(DATA)") --out "$(OUT)"

test: test-rust loom test-prover wasm test-page test-python lint ## Run every test and every check

test-rust: $(VENV)/.stamp-tools ## Run the Rust tests
	cargo test --workspace --quiet

test-python: $(VENV)/.stamp-native $(VENV)/.stamp-executor page ## Run the Python tests, and with them those of the verifier's page
	tools/install_chromium.sh
	$(BIN)/python -m pytest -q

wheel: $(VENV)/.stamp-python page ## Build a wheel, install it into a clean environment, and run the Python tests there
	rm -rf dist
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/maturin build --quiet --release --out dist
	$(PYTHON) -m venv dist/venv
	dist/venv/bin/python -m pip install --quiet --upgrade pip
	dist/venv/bin/python -m pip install --quiet "$$(echo dist/*.whl)[dev]"
	dist/venv/bin/python -m pytest -q

clean: ## Remove .venv and out (native builds stay in their cache)
	rm -rf $(VENV) $(OUT) dist

include make/bench.mk
include make/concurrency.mk
include make/exchange.mk
include make/harness.mk
include make/lint.mk
include make/page.mk
include make/proof.mk
include make/soak.mk
include make/wasm.mk
