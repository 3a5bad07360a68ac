# The programs that are proven, and the prover. `docs/PROVING.md` says what each takes.
#
# The prover has a workspace and a target folder of its own, which holds all of SP1; RUSTFLAGS are part of what a build is, so
# that they are the same everywhere here, or all would be built twice. The field arithmetic uses AVX only with the target set.

.PHONY: guest check-guest guest-key prover prover-executor prove test-prover test-proofs cycles bench-proof profiler

prover_cargo = RUSTFLAGS="-C target-cpu=native" CARGO_TARGET_DIR="$(CARGO_TARGET_DIR)/prover" cargo
prover_cargo_options := --release --locked --quiet --manifest-path crates/prover/Cargo.toml
prover := $(CARGO_TARGET_DIR)/prover/release/proofbook-prover

guest: ## Build the proven programs into guest/program.elf and guest/chain.elf, with their SHA-256 and the hashes of their verifying keys
	tools/make_guest.sh
	@test -e guest/program.key -a -e guest/chain.key || $(MAKE) guest-key

# The keys are compiled into the prover too, which only compares them: it can be built from any, and is not up to date after this.
guest-key: ## Write the hashes of the proven programs' verifying keys to guest/program.key and guest/chain.key
	@for name in program chain; do test -e guest/$$name.key || echo >guest/$$name.key; done
	$(prover_cargo) build $(prover_cargo_options) --features core
	for name in program chain; do $(prover) key --program guest/$$name.elf --write guest/$$name.key; done

check-guest: ## Check that the committed programs are what guest/ gives, byte for byte
	tools/check_guest.sh

prover: $(VENV)/.stamp-tools ## Build the prover, all modes (half an hour the first time), as .venv/bin/proofbook-prover
	tools/install_protoc.sh
	$(prover_cargo) build $(prover_cargo_options) --features prove
	install $(prover) $(BIN)/proofbook-prover
	@touch $(VENV)/.stamp-executor

prover-executor: $(VENV)/.stamp-executor ## Build the prover without proofs (minutes), as .venv/bin/proofbook-prover

# Where there is a prover with all modes, it stays one.
$(VENV)/.stamp-executor: $(rust_sources) guest/program.elf | $(VENV)/.stamp-tools
	@if grep -qs core <($(BIN)/proofbook-prover modes 2>/dev/null); then $(MAKE) prover; else \
		echo "Building the zkVM's executor (minutes the first time; it proves nothing) ..."; \
		$(prover_cargo) build $(prover_cargo_options) && install $(prover) $(BIN)/proofbook-prover; fi
	@touch $@

prove: $(VENV)/.stamp-native prover ## Build everything, then seal a sample (or DATA=path) into batches and prove each: [MODE=core]
	@$(BIN)/proofbook prove $(if $(DATA),"$(DATA)") --mode $(or $(MODE),core) --out "$(OUT)/proofs"

test-prover: $(VENV)/.stamp-tools ## Run the proven program in the zkVM's executor: what it says, and what it refuses
	$(prover_cargo) clippy $(prover_cargo_options) --features profile --all-targets -- -D warnings
	symbols=$$(tools/guest_symbols.sh) || exit 1; \
		PROOFBOOK_SYMBOLS="$$symbols" $(prover_cargo) test $(prover_cargo_options) --features profile

test-proofs: $(VENV)/.stamp-native prover page ## Make real proofs (core, compressed, of a chain), verify them, refuse altered ones (20 minutes, 16 GiB)
	$(prover_cargo) test $(prover_cargo_options) --features prove --test proofs -- --nocapture --test-threads 1
	$(BIN)/python -m pytest -q -s tests/proofs
	PROOFBOOK_SOAK=1 cargo test --quiet -p proofbook-verifier

cycles: $(VENV)/.stamp-executor ## Cycles and gas of commands by size of book and batch, as JSON in out/cycles.json
	@mkdir -p "$(OUT)"
	$(BIN)/proofbook-prover cycles --json >"$(OUT)/cycles.json"

profiler: $(VENV)/.stamp-tools ## Build the prover's executor with what tells the program's functions apart, as .venv/bin/proofbook-profiler
	$(prover_cargo) build $(prover_cargo_options) --features profile
	install $(prover) $(BIN)/proofbook-profiler

# Where there is no compiler for the program, its parts are not told apart, and the report says so.
bench-proof: $(VENV)/.stamp-native profiler ## Figures of the proof: cycles, profile, proofs, committed state; report in out/bench-proof [QUICK=1 without proofs, RUNS=5, MEMORY_GIB=]
	@symbols=$$(tools/guest_symbols.sh) || exit 1; \
	$(BIN)/python -m proofbook.bench_proof --profiler $(BIN)/proofbook-profiler $${symbols:+--symbols "$$symbols"} \
		$(if $(QUICK),--quick) $(if $(MEMORY_GIB),--memory-gib $(MEMORY_GIB)) --runs $(RUNS) --out "$(OUT)/bench-proof"
