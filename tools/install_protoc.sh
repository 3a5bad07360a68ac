#!/bin/bash
# Make sure that protoc, which SP1's client is built with, is there: installed where that is possible (Debian, root).
set -euo pipefail

command -v protoc >/dev/null && exit
hint="the prover is built with protoc (Debian: apt-get install protobuf-compiler)"
command -v apt-get >/dev/null && [[ $(id -u) == 0 ]] || { echo "$hint, which is missing." >&2; exit 1; }
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
trap 'rm -f "$log"' EXIT
{ apt-get update && apt-get install --yes --no-install-recommends protobuf-compiler; } >"$log" 2>&1 || {
    tail -n 5 "$log" >&2
    echo "$hint, which could not be installed." >&2
    exit 1
}
