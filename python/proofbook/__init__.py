"""proofbook: a fast, exact and verifiable limit order book."""

from __future__ import annotations
