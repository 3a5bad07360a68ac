"""``python -m proofbook``: the command line."""

from __future__ import annotations

from proofbook.cli import main

if __name__ == "__main__":
    main()
