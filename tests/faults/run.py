"""Everything that is done to a running exchange, at full size: ``python -m faults.run [NAME ...]``, with `tests`
on the path.

It prints a line of JSON for each scenario and writes them all into a file. The first promise that is broken
ends it, with its seed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

from . import scenarios
from .fix_session import BrokenError
from .scenarios import Figures, Load

Scenario = Callable[[Path, str], Coroutine[Any, Any, Figures]]

SCENARIOS: dict[str, Scenario] = {
    "kills": lambda folder, seed: scenarios.killed(folder, 50, 10, 200, seed),
    "malformed": lambda folder, seed: scenarios.flooded(folder, 1_000_000, seed),
    "storm": lambda folder, seed: scenarios.stormed(folder, 4_000, seed),
    "crowd": lambda folder, seed: scenarios.crowded(
        folder, Load(fix=50, readers=500, slow=0, rate=4, seconds=30), seed
    ),
    "slow": lambda folder, seed: scenarios.crowded(
        folder, Load(fix=10, readers=20, slow=1_000, rate=20, seconds=30), seed
    ),
    "disk-full": scenarios.starved,
    "failed-sync": scenarios.unsynced,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is named, or all; 1 where a promise was broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(SCENARIOS)}; all by default")
    parser.add_argument("--seed", default=str(time.time_ns()))
    parser.add_argument("--out", type=Path, default=Path("out/faults.json"))
    options = parser.parse_args(arguments)
    if unknown := set(options.names) - set(SCENARIOS):
        parser.error(f"expected names of {', '.join(SCENARIOS)}; received {', '.join(sorted(unknown))}")
    found: dict[str, Figures] = {}
    for name in options.names or SCENARIOS:
        with tempfile.TemporaryDirectory(prefix=f"faults-{name}-") as folder:
            started = time.monotonic()
            try:
                figures = asyncio.run(SCENARIOS[name](Path(folder) / "exchange", options.seed))
            except (PermissionError, FileNotFoundError) as error:
                print(f"{name}: left out: {error}")
                continue
            except BrokenError as broken:
                print(f"{name}: BROKEN, seed {options.seed}: {broken}")
                return 1
        found[name] = figures | {"whole_s": round(time.monotonic() - started, 1)}
        print(json.dumps({name: found[name]}), flush=True)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps({"seed": options.seed, "scenarios": found}, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
