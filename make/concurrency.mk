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
sanitizer_crates := memory net
sanitizer_target := x86_64-unknown-linux-gnu

sanitize: sanitize-thread sanitize-address ## Run the tests of concurrent code under the thread and the address sanitizer

sanitize-%: $(VENV)/.stamp-tools
	TSAN_OPTIONS="suppressions=$(CURDIR)/tests/sanitizers/thread.txt" \
	RUSTC_BOOTSTRAP=1 RUSTFLAGS="-Zsanitizer=$* -Cunsafe-allow-abi-mismatch=sanitizer $(if $(filter thread,$*),--cfg tsan)" \
		CARGO_TARGET_DIR="$(CARGO_TARGET_DIR)/sanitize-$*" \
		cargo test --quiet --locked --target $(sanitizer_target) $(addprefix -p proofbook-,$(sanitizer_crates)) --lib --tests

check-orderings: $(VENV)/.stamp-tools ## Weaken each atomic ordering and see a model fail: [CRATE=memory, WRITE=1 keeps tests/orderings/]
	$(PYTHON) tools/check_orderings.py $(if $(CRATE),--crate $(CRATE)) $(if $(WRITE),--write)
