#!/bin/bash
# Check the program that is proven: guest/program.elf is what its source gives, byte for byte; its format; clippy for its target.
#
# The files are compared everywhere. The rebuild needs the compiler that it was built with (tools/riscv.sh); another version gives
# other bytes, and then the check says that it was skipped. clippy for the target is Debian's rust-web-clippy.
set -euo pipefail
cd "$(dirname "$0")/.."
source tools/riscv.sh

fail() {
    echo "proven program: $1" >&2
    exit 1
}

cargo fmt --manifest-path guest/Cargo.toml --check || fail "guest/ is not formatted: make format"
for file in program.elf program.sha256 program.key; do
    [[ -s guest/$file ]] || fail "guest/$file is not there: make guest"
done
[[ $(sha256sum guest/program.elf | cut -d' ' -f1) == "$(cat guest/program.sha256)" ]] ||
    fail "guest/program.sha256 is not the SHA-256 of guest/program.elf: make guest"

what="Rebuild of the proven program"
riscv_compiler "$what"
compiler=$($riscv_rustc --version | cut -d' ' -f2)
# The compiler writes its version into the program.
grep -qaF "rustc version $compiler " guest/program.elf || riscv_skip "$what" \
    "$riscv_rustc is version $compiler, and guest/program.elf was built with $(grep -aoP 'rustc version \K[0-9.]+' guest/program.elf || echo another)"
built=$(guest/build.sh)
cmp "$built" guest/program.elf || fail "the source of guest/ gives another program than guest/program.elf: make guest"
if [[ -x /usr/bin/clippy-driver ]]; then
    guest/build.sh clippy
else
    echo "clippy of the proven program SKIPPED: there is no /usr/bin/clippy-driver (Debian: apt-get install rust-web-clippy)." >&2
fi
echo "guest/program.elf is what guest/ gives with rustc $compiler"
