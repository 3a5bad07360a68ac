#!/bin/bash
# Build the program that is proven and put it where it is committed: guest/program.elf with its SHA-256. Once the prover is built
# (`make prover`), its verifying key's hash too.
set -euo pipefail
cd "$(dirname "$0")/.."
source tools/riscv.sh
export PROOFBOOK_RISCV=require

riscv_compiler "Build of the proven program"
built=$(guest/build.sh)
if ! cmp --silent "$built" guest/program.elf; then
    cp "$built" guest/program.elf
    # A key of another program is worse than none.
    rm -f guest/program.key
fi
sha256sum guest/program.elf | cut -d' ' -f1 >guest/program.sha256
echo "guest/program.elf: $(stat -c %s guest/program.elf) bytes, SHA-256 $(cat guest/program.sha256)"
