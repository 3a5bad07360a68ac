#!/bin/bash
# Check the programs that are proven: guest/program.elf and guest/chain.elf are what their source gives, byte for byte; its format;
# clippy for its target.
#
# The files are compared everywhere. The rebuild needs the compiler that it was built with (tools/riscv.sh); another version gives
# other bytes, and then the check says that it was skipped. clippy for the target is Debian's rust-web-clippy.
set -euo pipefail
cd "$(dirname "$0")/.."
source tools/riscv.sh
source tools/programs.sh

fail() {
    echo "proven programs: $1" >&2
    exit 1
}

cargo fmt --manifest-path guest/Cargo.toml --check || fail "guest/ is not formatted: make format"
for program in "${programs[@]}"; do
    for file in elf sha256 key; do
        [[ -s guest/$program.$file ]] || fail "guest/$program.$file is not there: make guest"
    done
    [[ $(sha256sum "guest/$program.elf" | cut -d' ' -f1) == "$(cat "guest/$program.sha256")" ]] ||
        fail "guest/$program.sha256 is not the SHA-256 of guest/$program.elf: make guest"
done

what="Rebuild of the proven programs"
riscv_compiler "$what"
compiler=$($riscv_rustc --version | cut -d' ' -f2)
# The compiler writes its version into the programs.
grep -qaF "rustc version $compiler " guest/program.elf || riscv_skip "$what" \
    "$riscv_rustc is version $compiler, and guest/program.elf was built with $(grep -aoP 'rustc version \K[0-9.]+' guest/program.elf || echo another)"
built=$(guest/build.sh)
for program in "${programs[@]}"; do
    cmp "$built/${binaries[$program]}" "guest/$program.elf" ||
        fail "the source of guest/ gives another program than guest/$program.elf: make guest"
done
if [[ -x /usr/bin/clippy-driver ]]; then
    guest/build.sh clippy
else
    echo "clippy of the proven programs SKIPPED: there is no /usr/bin/clippy-driver (Debian: apt-get install rust-web-clippy)." >&2
fi
echo "guest/program.elf and guest/chain.elf are what guest/ gives with rustc $compiler"
