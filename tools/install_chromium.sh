#!/bin/bash
# Have a browser for the tests of the verifier's page: installed where that is possible (Debian, root). Elsewhere they are skipped.
set -euo pipefail
cd "$(dirname "$0")/.."
source tools/riscv.sh

for browser in chromium-headless-shell chromium google-chrome; do
    command -v "$browser" >/dev/null && exit
done
if command -v apt-get >/dev/null && [[ $(id -u) == 0 ]]; then
    echo "Installing chromium-headless-shell ..." >&2
    riscv_install chromium-headless-shell >/dev/null 2>&1 && exit
fi
echo "There is no browser for the tests of the verifier's page (Debian: apt-get install chromium-headless-shell)." >&2
