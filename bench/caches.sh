#!/bin/sh
# Instructions, data accesses and cache misses of a book for each command, by simulation (valgrind's callgrind), since many
# virtual machines hide the processor's own counters. Level 1 has 48 KiB in 12 ways, level 2 has 1 MiB in 16 ways;
# there is no prefetcher in it, so that each new line of the command stream counts as a miss.
#
# caches.sh [BOOK [NEW_ORDERS [SEED]]]
set -eu
book="${1:-ladder}"
new_orders="${2:-200000}"
seed="${3:-2}"
command -v valgrind >/dev/null || { echo "valgrind was not found" >&2; exit 1; }
cd "$(dirname "$0")/.."
cargo build --release --quiet --package proofbook-bench
program="$(cargo metadata --format-version 1 --no-deps --offline | sed -E 's/.*"target_directory":"([^"]*)".*/\1/')/release/proofbook-bench"
folder="$(mktemp -d)"
trap 'rm -r "$folder"' EXIT
echo "| $book | instructions | data accesses | level 1 misses | level 2 misses | level 1 hits | level 1 or 2 hits |"
echo "| --- | ---: | ---: | ---: | ---: | ---: | ---: |"
for scenario in static normal swing-25 swing-40 flash-crash; do
    messages="$("$program" generate "$scenario" "$seed" "$new_orders" "$folder/flow" | tr -dc 0-9)"
    valgrind --tool=callgrind --cache-sim=yes --D1=49152,12,64 --LL=1048576,16,64 \
        --callgrind-out-file="$folder/out" --toggle-collect='*measure::throughput_of*' \
        "$program" measure "$book" "$folder/flow" >/dev/null 2>"$folder/log"
    # Collected: Ir Dr Dw I1mr D1mr D1mw ILmr DLmr DLmw, over the workload and a warm-up of an eighth of it.
    sed -n 's/.*Collected : //p' "$folder/log" | awk -v scenario="$scenario" -v messages="$messages" '{
        commands = messages * 9 / 8
        data = $2 + $3; first = $5 + $6; second = $8 + $9
        printf "| %s | %.0f | %.0f | %.2f | %.2f | %.2f%% | %.2f%% |\n", scenario, $1 / commands, data / commands,
            first / commands, second / commands, 100 * (1 - first / data), 100 * (1 - second / data)
    }'
done
