#!/bin/bash
# Build the ring (types, book, matching, books, commitment, transition) for a bare 64-bit RISC-V machine without atomics or an operating system:
# what a proof's virtual machine is. It finds any use of the standard library, of threads or of wide atomics.
#
# The target has no ready-made core library, so core and alloc are built from source. A compiler that carries its
# source does that; Debian's packages rustc-web, rust-web-src, cargo-web and lld are one. They are installed where that
# is possible (Debian, root). Elsewhere the check says that it was skipped, and why; with PROOFBOOK_RISCV=require it fails.
set -euo pipefail
cd "$(dirname "$0")/.."

target=riscv64im-unknown-none-elf
crates=(proofbook-types proofbook-book proofbook-matching proofbook-books proofbook-commitment proofbook-transition)
packages=(rustc-web rust-web-src cargo-web lld)
rustc=/usr/bin/rustc
cargo=/usr/bin/cargo

has_compiler() {
    [[ -x $rustc && -x $cargo ]] || return 1
    [[ -e $($rustc --print sysroot)/lib/rustlib/src/rust/library/core/Cargo.toml ]] || return 1
    $rustc --print target-list | grep -qx "$target"
}

skip() {
    echo "RISC-V build of the ring SKIPPED: $1." >&2
    [[ ${PROOFBOOK_RISCV:-} != require ]]
    exit
}

if ! has_compiler; then
    wanted="it needs $rustc with its source and the target $target (Debian: apt-get install ${packages[*]})"
    command -v apt-get >/dev/null || skip "$wanted, and there is no apt-get"
    [[ $(id -u) == 0 ]] || skip "$wanted, and installing takes root"
    log=$(mktemp)
    trap 'rm -f "$log"' EXIT
    echo "Installing ${packages[*]} ..."
    export DEBIAN_FRONTEND=noninteractive
    timeout=(-o Acquire::http::Timeout=20 -o Acquire::Retries=1)
    { apt-get "${timeout[@]}" update && apt-get "${timeout[@]}" install --yes --no-install-recommends "${packages[@]}"; } >"$log" 2>&1 || {
        tail -n 5 "$log" >&2
        skip "$wanted, and installing them failed"
    }
    has_compiler || skip "$wanted, and the packages of this system are too old"
fi

selected=()
for crate in "${crates[@]}"; do
    selected+=(--package "$crate")
done
target_dir=${CARGO_TARGET_DIR:-target}/riscv
# Building core from source is not stable yet; RUSTC_BOOTSTRAP opens it to a released compiler. rustup's variables would
# lead to another compiler.
env -u RUSTUP_TOOLCHAIN -u RUSTFLAGS \
    RUSTC_BOOTSTRAP=1 RUSTC=$rustc CARGO_TARGET_DIR="$target_dir" \
    $cargo build --quiet --locked --release -Zbuild-std=core,alloc --target $target "${selected[@]}"
echo "ring built for $target with $($rustc --version)"
