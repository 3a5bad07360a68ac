#!/bin/bash
# Build the exchange's page: make_page.sh FOLDER puts it there, with the verifier for web pages. make_page.sh --test checks its types and runs its unit tests.
#
# It needs Node 20 and npm, and npm's registry the first time; where there is no Node, it says so and builds nothing. Without the compiler that the verifier
# takes (tools/make_wasm.sh says why), the page is built without it, and says so to its readers.
set -euo pipefail
target=${1:?"make_page.sh: expected the folder to write to, or --test"}
if [[ $target == --test ]]; then target=; else target=$(realpath -m -- "$target"); fi
cd "$(dirname "$0")/.."

version=$(node --version 2>/dev/null || true)
if [[ ! $version =~ ^v([0-9]+)\. ]] || ((BASH_REMATCH[1] < 20)) || ! command -v npm >/dev/null; then
    echo "The exchange's page is not built: expected Node 20 or newer with npm; received ${version:-none} (Debian: apt-get install nodejs npm)." >&2
    exit
fi
cd web/exchange
if [[ ! node_modules/.package-lock.json -nt package-lock.json ]]; then
    echo "Installing what the page is built with ..."
    npm ci --silent --no-audit --no-fund
    touch node_modules/.package-lock.json
fi
if [[ -z $target ]]; then
    npm run --silent check
    npm run --silent test
    exit
fi
PAGE_OUT=$target npm run --silent build -- --logLevel warn
verifier=$(mktemp -d)
trap 'rm -rf "$verifier"' EXIT
../../tools/make_wasm.sh "$verifier"
if [[ -e $verifier/verifier.wasm ]]; then cp "$verifier/verifier.wasm" "$target"; fi
echo "$target: $(find "$target" -type f | wc -l) files, $(du -sb "$target" | cut -f1) bytes"
