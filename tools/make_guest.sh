#!/bin/bash
# Build the programs that are proven and put them where they are committed: guest/program.elf and guest/chain.elf, each with its
# SHA-256. Once the prover is built (`make prover`), `make guest-key` adds the hashes of their verifying keys.
set -euo pipefail
cd "$(dirname "$0")/.."
source tools/riscv.sh
source tools/programs.sh
export PROOFBOOK_RISCV=require

riscv_compiler "Build of the proven programs"
built=$(guest/build.sh)
for program in "${programs[@]}"; do
    if ! cmp --silent "$built/${binaries[$program]}" "guest/$program.elf"; then
        cp "$built/${binaries[$program]}" "guest/$program.elf"
        # A key of another program is worse than none.
        rm -f "guest/$program.key"
    fi
    sha256sum "guest/$program.elf" | cut -d' ' -f1 >"guest/$program.sha256"
    echo "guest/$program.elf: $(stat -c %s "guest/$program.elf") bytes, SHA-256 $(cat "guest/$program.sha256")"
done
