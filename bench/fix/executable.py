"""Print the path of the executable that `cargo --message-format=json`, on standard input, says it has built."""

from __future__ import annotations

import json
import sys

paths = [json.loads(line).get("executable") for line in sys.stdin if line.startswith("{")]
print(next(path for path in reversed(paths) if path))
