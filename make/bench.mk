# The comparison of all books, and benchmarks: books and the peers of bench/peers on the five scenarios; the ladder's design beside its alternatives; the
# committed state; the exchange over FIX and its market data, the proof structures, the FIX codec and many books at once beside their peers.

.PHONY: analyze bench bench-alternatives bench-commitment bench-exchange bench-fix bench-many bench-structures

analyze: $(VENV)/.stamp-native ## Compare every book by operation, size and flow, pools and reclamation with peers: out/analysis [QUICK=1 DATA=path]
	@$(BIN)/proofbook analyze $(if $(QUICK),--quick) $(if $(DATA),--data "$(DATA)") --out "$(OUT)/analysis"

bench: $(VENV)/.stamp-native ## Check and time books and their peers (RUNS=5), report in out/bench
	@$(BIN)/proofbook bench --runs $(RUNS) --peers bench/peers --out "$(OUT)/bench"

bench-alternatives: $(VENV)/.stamp-tools ## Time alternatives to the ladder's index and levels
	@cargo bench --quiet -p proofbook-bench --bench alternatives

bench-commitment: $(VENV)/.stamp-tools ## Check and time the committed state by book, batch and instruction set (RUNS=5): out/bench/commitment.jsonl
	@mkdir -p "$(OUT)/bench"
	@for orders in 1000 10000 100000; do for batch in 100 1000 10000; do \
		cargo run --quiet --release -p proofbook-bench -- commitment 2 $$orders $$batch $(RUNS) || exit 1; \
	done; done > "$(OUT)/bench/commitment.jsonl" && cat "$(OUT)/bench/commitment.jsonl"

bench-exchange: $(VENV)/.stamp-native ## Check and time the exchange: orders over FIX beside QuickFIX/J with the same book, readers of its market data: out/bench-exchange [QUICK=1, RUNS=5]
	@cargo build --quiet --release --locked -p proofbook-gateway --bin serve --example order_load --example feed_readers
	@cargo build --quiet --release --locked -p proofbook-capi
	@$(BIN)/python -m proofbook.bench_exchange --programs "$(CARGO_TARGET_DIR)/release" --peer bench/quickfixj \
		$(if $(QUICK),--quick) --rounds $(RUNS) --out "$(OUT)/bench-exchange"

bench-fix: $(VENV)/.stamp-native ## Check and time the FIX codec beside QuickFIX and simplefix: out/bench/fix.jsonl
	@mkdir -p "$(OUT)/bench"
	@$(BIN)/python -m pip install --quiet simplefix==1.0.17 || echo "simplefix cannot be had"
	@codec="$$(cargo bench --quiet -p proofbook-fix --bench codec --no-run --message-format=json | $(BIN)/python bench/fix/executable.py)" && \
		PYTHON="$(abspath $(BIN))/python" $(BIN)/python bench/fix/compare_parsers.py "$$codec" "$(OUT)/bench/fix.jsonl"

bench-many: $(VENV)/.stamp-native ## Check and time many books at once beside the engine and JAX: out/bench-many [QUICK=1]
	@PYTHON="$(abspath $(BIN))/python" $(BIN)/python -m proofbook.bench_many --jax bench/jax $(if $(QUICK),--quick) --out "$(OUT)/bench-many"

bench-structures: $(VENV)/.stamp-tools ## Check and time fixed point, Merkle trees and light clients' views: out/bench/structures.jsonl
	@mkdir -p "$(OUT)/bench"
	@cargo bench --quiet -p proofbook-bench --bench structures > "$(OUT)/bench/structures.jsonl" && cat "$(OUT)/bench/structures.jsonl"
