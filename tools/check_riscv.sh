#!/bin/bash
# Build the ring (types, book, matching, commitment, chain, transition), and what a light client checks (fixed, light), for a bare 64-bit RISC-V machine
# without atomics or an operating system: what a proof's virtual machine is. It finds any use of the standard library, of threads or of wide atomics.
set -euo pipefail
cd "$(dirname "$0")/.."
source tools/riscv.sh

crates=(proofbook-types proofbook-book proofbook-matching proofbook-commitment proofbook-chain proofbook-transition
    proofbook-fixed proofbook-light)

riscv_compiler "RISC-V build of the ring"
selected=()
for crate in "${crates[@]}"; do
    selected+=(--package "$crate")
done
target_dir=${CARGO_TARGET_DIR:-target}/riscv
# Building core from source is not stable yet; RUSTC_BOOTSTRAP opens it to a released compiler. rustup's variables would
# lead to another compiler.
env -u RUSTUP_TOOLCHAIN -u RUSTFLAGS \
    RUSTC_BOOTSTRAP=1 RUSTC=$riscv_rustc CARGO_TARGET_DIR="$target_dir" \
    $riscv_cargo build --quiet --locked --release -Zbuild-std=core,alloc --target $riscv_target "${selected[@]}"
echo "ring and light client built for $riscv_target with $($riscv_rustc --version)"
