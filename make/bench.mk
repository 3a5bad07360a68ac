# Benchmarks: both books and the peers of bench/peers on the five scenarios; the ladder's design beside its alternatives.

.PHONY: bench bench-alternatives

bench: $(VENV)/.stamp-native ## Check and time both books and their peers (RUNS=5), report in out/bench
	@$(BIN)/proofbook bench --runs $(RUNS) --peers bench/peers --out "$(OUT)/bench"

bench-alternatives: $(VENV)/.stamp-tools ## Time alternatives to the ladder's index and levels
	@cargo bench --quiet -p proofbook-bench --bench alternatives
