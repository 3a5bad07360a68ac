#!/bin/bash
# Build the proven program's source once more with the names of its functions, and print where that is. Where the compiler is not or is
# another version, it prints nothing but why, on standard error; with PROOFBOOK_RISCV=require it fails.
set -euo pipefail
cd "$(dirname "$0")/.."
source tools/riscv.sh
source tools/programs.sh

what="Build of the program with symbols"
riscv_compiler "$what"
compiler=$($riscv_rustc --version | cut -d' ' -f2)
grep -qaF "rustc version $compiler " guest/program.elf ||
    riscv_skip "$what" "$riscv_rustc is version $compiler, and guest/program.elf was built with another"
built=$(guest/build.sh symbols)
echo "$built/${binaries[program]}"
