"""The examples that Rust wrote, as everyone here uses them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from proofbook import spec

ROOT = Path(__file__).parents[2]


@cache
def _written() -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = json.loads((ROOT / "docs" / "commitment-vectors.json").read_text())
    return found


def markets() -> list[dict[str, Any]]:
    """The markets that Rust wrote."""
    found = _written()["markets"]
    assert len(found) >= 8
    return found


def chains() -> list[dict[str, Any]]:
    """The chains of batches that Rust wrote."""
    found = _written()["chains"]
    assert len(found) >= 4
    return found


def states() -> Iterator[spec.State]:
    """Every state of the examples."""
    for market in markets():
        for moment in ("before", "after"):
            yield spec.State.decode(bytes.fromhex(market[moment]["bytes"]))


@cache
def fullest() -> spec.State:
    """An example with orders in all queues, expiries and accounts."""
    return max(states(), key=lambda state: min(len(trie.leaves) for trie in tries(state)))


def tries(state: spec.State) -> tuple[spec.Trie, ...]:
    maps = spec.maps_of(state.orders)
    return (*maps.queues, maps.ids, maps.expiries, maps.accounts)


def digest(number: int) -> spec.Digest:
    """Some digest."""
    return spec.hash_words(spec.Tag.ORDER, 0, (number,))


def order_with(**terms: Any) -> spec.Order:
    """A plain bid, except for these terms."""
    plain: dict[str, Any] = {"order_id": 1, "side": spec.Side.BUY, "price": 5, "displayed": 1, "priority": 1}
    return spec.Order(**(plain | terms))
