"""Tools for tests: a market in canonical bytes.

``RawMarket`` takes commands and gives events in the fixed encodings that ``docs/RULES.md`` and the crate
``proofbook-types`` define, so that a test can hold the engine against an implementation of its own.
"""

from __future__ import annotations

from proofbook._core import RawMarket

__all__ = ["RawMarket"]
