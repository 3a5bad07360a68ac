#!/bin/bash
# Builds the programs that are proven, byte for byte the same in every checkout, and prints the folder they are in: proofbook-guest,
# which proves a batch, and proofbook-guest-chain, which joins proofs of batches.
#
#   build.sh           the programs
#   build.sh symbols   the same code with the names of its functions beside it, for `proofbook-prover profile`
#   build.sh clippy    nothing: lints it
#
# It needs Debian's rustc-web, rust-web-src, cargo-web and lld: they bring the source of `core` and `alloc`, which have to be
# built for this target. Paths, line numbers and the user's own settings do not get into it.
set -euo pipefail
cd "$(dirname "$0")"
root=$(cd .. && pwd)
task=${1:-program}
target=${CARGO_TARGET_DIR:?}/guest
command=(build)
lints=()
case $task in
program) ;;
symbols)
    target+=-symbols
    command+=(--config profile.release.debug=1 --config 'profile.release.strip="none"')
    ;;
clippy)
    target+=-clippy
    command=(clippy)
    lints=(-- -D warnings)
    ;;
*)
    echo "build.sh: expected nothing, symbols or clippy; received $task" >&2
    exit 2
    ;;
esac
flags=(
    -Clinker=ld.lld
    -Cpasses=lower-atomic
    -Cpanic=abort
    -Clink-arg=--image-base=0x78000000
    -Cllvm-args=-misched-prera-direction=bottomup
    -Cllvm-args=-misched-postra-direction=bottomup
    -Zlocation-detail=none
    "--remap-path-prefix=$root=/proofbook"
    "--remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo"
)
encoded=$(printf '%s\x1f' "${flags[@]}")
env -u RUSTUP_TOOLCHAIN -u RUSTFLAGS -u CARGO_BUILD_TARGET PATH="/usr/bin:$PATH" \
    RUSTC_BOOTSTRAP=1 RUSTC=/usr/bin/rustc RUSTC_WRAPPER="$PWD/rustc.sh" CARGO_TARGET_DIR="$target" CARGO_ENCODED_RUSTFLAGS="${encoded%$'\x1f'}" \
    /usr/bin/cargo "${command[@]}" --quiet --release --locked -Zbuild-std=core,alloc \
    -Zbuild-std-features=compiler-builtins-mem --target riscv64im-unknown-none-elf "${lints[@]}"
[[ $task == clippy ]] || echo "$target/riscv64im-unknown-none-elf/release"
