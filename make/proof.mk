# The program that is proven, and the prover. `docs/PROVING.md` says what each takes.

.PHONY: guest check-guest prover-executor prover prove test-prover test-proofs lint-prover

PROVER := crates/prover/Cargo.toml
prover_sources := $(shell find crates/prover crates/ledger crates/transition crates/commitment -name '*.rs') $(PROVER) guest/program.elf

guest: ## Build the proven program into guest/program.elf, with its SHA-256 and the hash of its verifying key
	tools/make_guest.sh
	@test -e guest/program.key || $(MAKE) guest/program.key

guest/program.key: guest/program.elf
	$(MAKE) prover
	$(BIN)/proofbook-prover key --write $@ >/dev/null

check-guest: ## Check that guest/program.elf is what guest/ gives, byte for byte
	tools/check_guest.sh

prover-executor: $(VENV)/.stamp-executor ## Build what runs batches in the zkVM without proving them: 5 minutes the first time

$(VENV)/.stamp-executor: $(prover_sources) | $(VENV)/.stamp-tools
	@test -e $(VENV)/.stamp-prover || { \
		echo "Building the zkVM's executor (5 minutes the first time; it proves nothing) ..."; \
		cargo build --release --locked --quiet --manifest-path $(PROVER); \
		install "$(CARGO_TARGET_DIR)/release/proofbook-prover" $(BIN)/proofbook-prover; }
	@touch $@

prover: $(VENV)/.stamp-prover ## Build the prover, for this processor: half an hour the first time

$(VENV)/.stamp-prover: $(prover_sources) | $(VENV)/.stamp-tools
	tools/install_protoc.sh
	RUSTFLAGS="-C target-cpu=native" cargo build --release --locked --quiet --manifest-path $(PROVER) --features prove --target-dir "$(CARGO_TARGET_DIR)/native"
	@install "$(CARGO_TARGET_DIR)/native/release/proofbook-prover" $(BIN)/proofbook-prover
	@touch $@ $(VENV)/.stamp-executor

prove: $(VENV)/.stamp-native $(VENV)/.stamp-prover ## Build everything, then seal a sample into batches and prove each: [DATA=path MODE=core]
	@$(BIN)/proofbook prove $(if $(DATA),"$(DATA)") --mode $(or $(MODE),core) --out "$(OUT)/proofs"

test-prover: $(VENV)/.stamp-executor ## Test the proven program in the zkVM's executor
	cargo test --release --locked --quiet --manifest-path $(PROVER)

lint-prover: $(VENV)/.stamp-tools ## rustfmt and clippy on the prover and the proven program, warnings are errors
	cargo fmt --check --manifest-path $(PROVER)
	cargo fmt --check --manifest-path guest/Cargo.toml
	cargo clippy --release --all-targets --locked --quiet --manifest-path $(PROVER) -- -D warnings
