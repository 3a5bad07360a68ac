#!/bin/bash
# Build the verifier for web pages: make_wasm.sh FOLDER puts verifier.wasm there, beside the page and its module from web/verifier.
#
# It needs the same compiler as the program that is proven (tools/riscv.sh), since std for this target is built from source, and
# wasm-ld, which is in Debian's lld.
set -euo pipefail
folder=$(realpath -m "${1:?"make_wasm.sh: expected the folder to write to"}")
cd "$(dirname "$0")/.."
source tools/riscv.sh

what="Build of the verifier for web pages"
riscv_compiler "$what"
command -v wasm-ld >/dev/null || riscv_skip "$what" "it needs wasm-ld (Debian: apt-get install lld)"
target=wasm32-unknown-unknown
flags=(
    -Clinker=wasm-ld
    # Memory grows only for a file. What a hostile one asks for beyond this ends the instance, not the browser.
    -Clink-arg=--max-memory=268435456
    -Zlocation-detail=none
    # An operator's new key is random. Nobody makes one here, and there is no source for it.
    '--cfg=getrandom_backend="unsupported"'
)
encoded=$(printf '%s\x1f' "${flags[@]}")
built=${CARGO_TARGET_DIR:-target}/wasm
mkdir -p "$built"
exec 9>"$built/lock"
flock 9
# Checkouts share this folder, and cargo takes a crate of another one for its own unless a source is newer. What is the project's own
# is built again in another checkout: the keys make it so for the verifier (.cargo/config.toml), this for the crates under it.
if [[ $(cat "$built/checkout" 2>/dev/null) != "$PWD" ]]; then
    rm -rf "$built/$target"/release/.fingerprint/proofbook-*
    echo "$PWD" >"$built/checkout"
fi
env -u RUSTUP_TOOLCHAIN -u RUSTFLAGS -u CARGO_BUILD_TARGET PATH="/usr/bin:$PATH" \
    RUSTC_BOOTSTRAP=1 RUSTC=$riscv_rustc CARGO_TARGET_DIR="$built" CARGO_ENCODED_RUSTFLAGS="${encoded%$'\x1f'}" \
    CARGO_PROFILE_RELEASE_DEBUG=0 CARGO_PROFILE_RELEASE_STRIP=symbols CARGO_PROFILE_RELEASE_PANIC=abort \
    $riscv_cargo build --quiet --locked --release -Zbuild-std=std,panic_abort --target $target --package proofbook-verifier-wasm --lib
mkdir -p "$folder"
cp web/verifier/* "$built/$target/release/proofbook_verifier_wasm.wasm" "$folder"
mv "$folder/proofbook_verifier_wasm.wasm" "$folder/verifier.wasm"
echo "$folder/verifier.wasm: $(stat -c %s "$folder/verifier.wasm") bytes, $(gzip -9 -c "$folder/verifier.wasm" | wc -c) with gzip"
