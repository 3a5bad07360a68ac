# Everything that is checked without running the program. `make lint` runs all of it, and `make test` runs `make lint`.

.PHONY: lint lint-rust lint-python lint-tree lint-riscv format

lint: lint-tree lint-rust lint-python lint-riscv check-guest ## Check formats, lints, types, stubs, directions of dependency, tidiness, the RISC-V build, the proven program

lint-tree: $(VENV)/.stamp-python ## Check the directions of dependency, sizes and texts
	$(BIN)/python tools/check_dependencies.py
	$(BIN)/python tools/tidy.py

lint-rust: $(VENV)/.stamp-tools ## rustfmt and clippy, warnings are errors
	@cargo fmt --version >/dev/null 2>&1 && cargo clippy --version >/dev/null 2>&1 || { echo "make lint needs rustfmt and clippy: rustup component add rustfmt clippy" >&2; exit 1; }
	cargo fmt --all --check
	cargo fmt --manifest-path crates/prover/Cargo.toml --check
	cargo clippy --workspace --all-targets --locked --quiet -- -D warnings

lint-python: $(VENV)/.stamp-native ## ruff, mypy, the stubs and the books' pictures against the binary
	$(BIN)/python tools/draw_layouts.py --check
	$(BIN)/ruff check --quiet .
	$(BIN)/ruff format --check --quiet .
	$(BIN)/mypy --strict python scripts tools bench/fix bench/harness tests/checks tests/faults tests/spec tests/web tests/python/user_program.py
	$(BIN)/python -m mypy.stubtest --mypy-config-file pyproject.toml --ignore-disjoint-bases proofbook._core

lint-riscv: ## Build the ring and the light client's checks for a bare RISC-V target
	tools/check_riscv.sh

format: $(VENV)/.stamp-python ## Format Rust and Python
	cargo fmt --all
	cargo fmt --manifest-path crates/prover/Cargo.toml
	cargo fmt --manifest-path guest/Cargo.toml
	$(BIN)/ruff format --quiet .
	$(BIN)/ruff check --quiet --fix .
