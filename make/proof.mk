# The program that is proven, and the prover. `docs/PROVING.md` says what each takes.

.PHONY: guest check-guest prover test-prover test-proofs lint-prover

guest: ## Build the proven program into guest/program.elf, with its SHA-256 and the hash of its verifying key
	tools/make_guest.sh
	@test -e guest/program.key || $(MAKE) guest/program.key

check-guest: ## Check that guest/program.elf is what guest/ gives, byte for byte
	tools/check_guest.sh
