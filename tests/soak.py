"""Compares many commands: oracle, Reference and Ladder, from a seed, for as long as it takes.

Run as ``python tests/soak.py --commands 10000000 --seed 1``. It ends at the first difference, with its seed and the
fewest commands that show it, and otherwise prints how often each thing happened.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat

from oracle.compare import Difference, compare_flow
from oracle.engines import engines

BLOCK_FLOWS = 20
FLOW_COMMANDS = 250
DEEP_COMMANDS = 2000
WORN_COMMANDS = 100
BLOCK_OPENINGS = 50
OPENING_COMMANDS = 20
BLOCK_COMMANDS = BLOCK_FLOWS * FLOW_COMMANDS + BLOCK_OPENINGS * OPENING_COMMANDS + DEEP_COMMANDS + WORN_COMMANDS


def compare_block(seed: str, number: int) -> tuple[Counter[str], str]:
    """Compares one block of flows: what happened, and the difference if there is one."""
    counts: Counter[str] = Counter()
    try:
        for flow in range(BLOCK_FLOWS):
            counts += compare_flow(engines, f"{seed}-{number}-{flow}", FLOW_COMMANDS)
        counts += compare_flow(engines, f"{seed}-{number}-deep", DEEP_COMMANDS, shape="deep")
        for flow in range(BLOCK_OPENINGS):
            counts += compare_flow(engines, f"{seed}-{number}-opening-{flow}", OPENING_COMMANDS, shape="opening")
        counts += compare_flow(engines, f"{seed}-{number}-worn", WORN_COMMANDS, shape="worn")
    except Difference as difference:
        return counts, str(difference)
    return counts, ""


def main(arguments: Sequence[str] | None = None) -> int:
    """Compares as many commands as asked, on as many processes; 1 where something differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--commands", type=int, default=10_000_000, help="at least so many are compared")
    parser.add_argument("--seed", default="1")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args(arguments)
    blocks = -(-options.commands // BLOCK_COMMANDS)
    started = time.monotonic()
    counts: Counter[str] = Counter()
    print(f"seed {options.seed!r}: {blocks * BLOCK_COMMANDS:,} commands", flush=True)
    with ProcessPoolExecutor(options.processes) as pool:
        results = pool.map(compare_block, repeat(options.seed), range(blocks))
        for number, (happened, difference) in enumerate(results, 1):
            if difference:
                print(difference)
                pool.shutdown(wait=False, cancel_futures=True)
                return 1
            counts += happened
            if number % 50 == 0 or number == blocks:
                rate = number * BLOCK_COMMANDS / (time.monotonic() - started)
                print(f"{number * BLOCK_COMMANDS:,} commands agree, {rate:,.0f}/s", flush=True)
    for name, count in sorted(counts.items()):
        print(f"{count:12,} {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
