#!/bin/bash
# Builds the program that is proven, byte for byte the same in every checkout, and prints where it is.
#
# It needs Debian's rustc-web, rust-web-src, cargo-web and lld: they bring the source of `core` and `alloc`, which have to be
# built for this target. Paths, line numbers and the user's own settings do not get into it.
set -euo pipefail
cd "$(dirname "$0")"
root=$(cd .. && pwd)
target=${CARGO_TARGET_DIR:?}/guest
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
env -u RUSTUP_TOOLCHAIN -u RUSTFLAGS -u CARGO_BUILD_TARGET \
    RUSTC_BOOTSTRAP=1 RUSTC=/usr/bin/rustc CARGO_TARGET_DIR="$target" CARGO_ENCODED_RUSTFLAGS="${encoded%$'\x1f'}" \
    /usr/bin/cargo build --quiet --release --locked -Zbuild-std=core,alloc -Zbuild-std-features=compiler-builtins-mem \
    --target riscv64im-unknown-none-elf
echo "$target/riscv64im-unknown-none-elf/release/proofbook-guest"
