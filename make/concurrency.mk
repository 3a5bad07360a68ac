# Concurrent code: models that try every order in which threads can act, and sanitizers that watch real threads.
#
# Both compile everything with flags of their own, so that each has a target folder of its own. Of a model, loom itself takes nearly all time:
# it is optimized, what changes is built fast.

.PHONY: loom sanitize check-orderings

loom_crates = $(sort $(foreach model,$(wildcard crates/*/tests/loom_*.rs),$(word 2,$(subst /, ,$(model)))))
loom_profile := CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 CARGO_PROFILE_RELEASE_DEBUG=0
loom_options := --config profile.release.opt-level=1 --config 'profile.release.package."*".opt-level=3'

loom: $(VENV)/.stamp-tools ## Run the models of all concurrent code
	RUSTFLAGS="--cfg loom" $(loom_profile) CARGO_TARGET_DIR="$(CARGO_TARGET_DIR)/loom" cargo test --release --quiet --locked \
		$(loom_options) $(addprefix -p proofbook-,$(loom_crates)) --test 'loom_*'

# The sanitizers are for nightly compilers, which RUSTC_BOOTSTRAP makes a stable one behave as. The target is named so that build
# scripts are built without them. Each thread of a test is joined: a
# scope alone ends by what the sanitizer does not see.
#
# Left out are tests of one thread that take long: each book beside the reference. The address sanitizer sees a short form of them.
sanitizer_crates := memory books net
sanitizer_left_out := conformance wide_prices
sanitizer_target := x86_64-unknown-linux-gnu
sanitizer_files = $(foreach crate,$(sanitizer_crates),$(wildcard crates/$(crate)/tests/*.rs crates/$(crate)/tests/*/main.rs))
sanitizer_tests = $(filter-out loom_% $(sanitizer_left_out),$(sort $(notdir $(patsubst %.rs,%,$(patsubst %/main.rs,%,$(sanitizer_files))))))
sanitizer_test = cargo test --quiet --locked --target $(sanitizer_target)

sanitize: sanitize-thread sanitize-address ## Run the tests of concurrent code under the thread and the address sanitizer, which looks for leaks too

sanitize-%: export RUSTC_BOOTSTRAP := 1
sanitize-%: export TSAN_OPTIONS := suppressions=$(CURDIR)/tests/sanitizers/thread.txt
sanitize-%: export ASAN_OPTIONS := detect_leaks=1
sanitize-%: export RUSTFLAGS = -Zsanitizer=$* -Cunsafe-allow-abi-mismatch=sanitizer $(if $(filter thread,$*),--cfg tsan)
sanitize-%: $(VENV)/.stamp-tools
	export CARGO_TARGET_DIR="$(CARGO_TARGET_DIR)/sanitize-$*"; \
		$(sanitizer_test) $(addprefix -p proofbook-,$(sanitizer_crates)) --lib $(addprefix --test ,$(sanitizer_tests)) \
		$(if $(filter address,$*),&& PROOFBOOK_COMMANDS=2000 $(sanitizer_test) -p proofbook-books --test conformance -- long_random_flow)

check-orderings: $(VENV)/.stamp-tools ## Weaken each atomic ordering and see a model fail: [CRATE=memory, WRITE=1 keeps tests/orderings/]
	$(PYTHON) tools/check_orderings.py $(if $(CRATE),--crate $(CRATE)) $(if $(WRITE),--write)
