#!/bin/bash
# rustc for build.sh, so that equal sources give equal programs wherever they lie.
#
# Cargo tells crates apart by their folders too, outside of a workspace by the whole path. That ends up in the names of
# functions, and so in their order. Here a crate of this project is told apart by its name alone.
set -euo pipefail

name=
previous=
for argument in "$@"; do
    [[ $previous == --crate-name ]] && name=$argument
    previous=$argument
done
command=()
for argument in "$@"; do
    [[ $argument == metadata=* && $name == proofbook_* ]] && argument=metadata=$name
    command+=("$argument")
done
exec "${command[@]}"
