# The public benchmark harness on proofbook's engine library. See bench/harness/README.md.

.PHONY: harness

RUNS ?= 5
PEERS ?=
HARNESS_CORES ?= 0 1

harness: $(VENV)/.stamp-tools ## Run the public benchmark harness: HARNESS=its built checkout [PEERS="a.so b.so" RUNS=5]
	@test -n "$(HARNESS)" || { echo "Name a built checkout of flash1-dev/matching-engine-benchmark: make harness HARNESS=path" >&2; exit 2; }
	RUSTFLAGS="-C target-cpu=native" cargo build --release --quiet -p proofbook-harness --target-dir "$(CARGO_TARGET_DIR)/native"
	$(BIN)/python bench/harness/run.py "$(HARNESS)" "$(CARGO_TARGET_DIR)/native/release/libproofbook_harness.so" \
		$(addprefix --peer ,$(PEERS)) --runs $(RUNS) \
		--matcher-core $(word 1,$(HARNESS_CORES)) --drainer-core $(word 2,$(HARNESS_CORES))
