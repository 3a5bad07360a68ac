#!/bin/bash
# Make sure that protoc, which SP1's client is built with, is there, and with it the definitions that come with it: installed where that is
# possible (Debian, root).
set -euo pipefail

# Debian has protoc and the definitions that it comes with in two packages.
works() {
    local folder status=0
    folder=$(mktemp -d)
    printf 'syntax = "proto3";\nimport "google/protobuf/empty.proto";\nmessage Probe { google.protobuf.Empty empty = 1; }\n' >"$folder/probe.proto"
    protoc --proto_path="$folder" --descriptor_set_out="$folder/probe" "$folder/probe.proto" >"$folder/log" 2>&1 || status=1
    rm -r "$folder"
    return $status
}

command -v protoc >/dev/null && works && exit
hint="the prover is built with protoc and google/protobuf/empty.proto (Debian: apt-get install protobuf-compiler libprotobuf-dev)"
command -v apt-get >/dev/null && [[ $(id -u) == 0 ]] || { echo "$hint, of which one is missing." >&2; exit 1; }
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
trap 'rm -f "$log"' EXIT
{ apt-get update && apt-get install --yes --no-install-recommends protobuf-compiler libprotobuf-dev && works; } >"$log" 2>&1 || {
    tail -n 5 "$log" >&2
    echo "$hint, which could not be installed." >&2
    exit 1
}
