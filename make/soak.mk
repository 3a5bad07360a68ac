# Long runs of the tests that draw their cases at random. Each prints its seed; none belongs to `make test`.

.PHONY: faults soak soak-matching soak-journal soak-faults soak-prover soak-proofs soak-merkle soak-fix soak-concurrency soak-books

# Tests of books that have a long form: files, or folders of files.
soak_books = $(sort $(foreach file,$(shell grep -rl PROOFBOOK_SOAK crates/books/tests),$(basename $(word 4,$(subst /, ,$(file))))))
COMMANDS ?= 10000000
SEED ?= 1

faults: $(VENV)/.stamp-native ## Kill, flood, crowd and starve a running exchange, at full size (half an hour): out/faults.json [SCENARIO= SEED=]
	PYTHONPATH=tests $(BIN)/python -m faults.run $(SCENARIO) --seed $(SEED) --out "$(OUT)/faults.json"

soak: soak-matching soak-journal soak-faults soak-prover soak-proofs soak-merkle soak-fix soak-concurrency soak-books ## Long random runs: COMMANDS=10000000 compared, 100,000 crashes, every planted fault, altered proofs

soak-matching: $(VENV)/.stamp-native ## Oracle, Reference and Ladder, compared after every command: [COMMANDS= SEED=]
	$(BIN)/python tests/soak.py --commands $(COMMANDS) --seed $(SEED)

soak-journal: $(VENV)/.stamp-tools ## Simulated crashes, killed processes and flipped bits, in their long form
	PROOFBOOK_SOAK=1 cargo test --quiet -p proofbook-journal -p proofbook-engine

soak-faults: $(VENV)/.stamp-native ## Plant every known fault in a copy of the rules and see it caught
	PYTHONPATH=tests $(BIN)/python tests/mutants/run.py --all

soak-prover: $(VENV)/.stamp-tools ## The zkVM's executor on 100,000 commands, and tampering with every word
	PROOFBOOK_SOAK=1 $(prover_cargo) test $(prover_cargo_options)

soak-proofs: $(VENV)/.stamp-tools ## Every byte of the public values and 10,000 changes of proofs, all refused
	PROOFBOOK_SOAK=1 cargo test --quiet -p proofbook-verifier

soak-merkle: $(VENV)/.stamp-tools ## A million altered Merkle proofs, all refused
	PROOFBOOK_SOAK=1 cargo test --quiet -p proofbook-merkle

soak-fix: $(VENV)/.stamp-tools ## A million broken FIX messages, told apart by every kernel alike; two million to a session
	PROOFBOOK_SOAK=1 cargo test --quiet -p proofbook-fix -p proofbook-session

soak-concurrency: $(VENV)/.stamp-tools ## Pools, queues, reclamation, packets and books with real threads, in their long form
	PROOFBOOK_SOAK=1 cargo test --quiet -p proofbook-memory -p proofbook-net
	PROOFBOOK_SOAK=1 cargo test --quiet -p proofbook-books $(addprefix --test ,$(soak_books))

soak-books: $(VENV)/.stamp-tools ## Every book beside the reference, a million commands each: [SEED=]
	PROOFBOOK_COMMANDS=1000000 PROOFBOOK_SEED=$(SEED) cargo test --quiet -p proofbook-books --test conformance -- long_random_flow
