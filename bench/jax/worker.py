"""Runs books in JAX for ``proofbook.bench_many``: one request in JSON on each line of the input, one answer on each line of the output.

- ``{"load": FILE, "books": B, "steps": S, "orders": C}``: the commands of a file of NumPy, uint64 of shape [books, steps, 9], words of encoded
  commands, are made into arrays and the program for them is compiled. Answers ``compile_s``.
- ``{"run": true}``: empty books take all of them. Answers ``elapsed_ns``, ``trades``, ``volume``, and hashes of every book's trades.
- ``{"digests": FILE}``: the trades' digest, trades and live orders of each book after the last run, uint64 of shape [3, books], go to a file.

A process has as many threads as it has processors: whoever starts it says which ones.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import jax
import jax_book
import numpy as np

ACTIONS = {jax_book.NEW: "new", jax_book.CANCEL: "cancel", jax_book.REPLACE: "replace"}
PRICE_AND_QUANTITY = 12
"""The flags of a replace that names both."""


def columns(words: Any) -> jax_book.Command:
    """Words of encoded commands as arrays of their terms.

    Args:
        words: uint64 of shape [books, steps, 9].

    Returns:
        Arrays of shape [steps, books].

    Raises:
        ValueError: A command that these books do not take.
    """
    tags = words[:, :, 0].T
    action, side, kind, time_in_force = ((tags >> np.uint64(8 * byte) & np.uint64(0xFF)).astype(np.int8) for byte in range(4))
    self_trade, flags = tags >> np.uint64(32) & np.uint64(0xFF), tags >> np.uint64(40)
    is_new, is_replace = action == jax_book.NEW, action == jax_book.REPLACE
    is_market, is_kept = is_new & (kind == 0), is_new & (kind == 1) & (time_in_force == 0)
    is_taken = np.isin(action, list(ACTIONS)) & (self_trade == 0)
    is_taken &= ~is_new | ((flags == 0) & (is_kept | ((kind <= 1) & (time_in_force == 1))))
    is_taken &= ~is_replace | (flags == PRICE_AND_QUANTITY)
    if not is_taken.all():
        step, book = np.argwhere(~is_taken)[0]
        raise ValueError(
            f"book {book}, command {step}: expected a limit, immediate-or-cancel or market order without conditions, a cancel or a replace "
            f"of price and quantity; received the tag word {int(tags[step, book]):#x}"
        )
    order_id, price, quantity = (np.ascontiguousarray(words[:, :, word].T).view(np.int64) for word in (2, 4, 6))
    return jax_book.Command(action, side == 0, is_market, is_kept | is_replace, order_id, price, quantity)


class Runner:
    """Loaded commands with their compiled program, and the books of the last run."""

    def __init__(self) -> None:
        self.commands: Any = None
        self.program: Any = None
        self.books: Any = None
        self.size = (0, 0)

    def load(self, request: dict[str, Any]) -> dict[str, Any]:
        """Takes commands and compiles."""
        self.commands = self.books = None
        words = np.load(request["load"], mmap_mode="r").reshape(request["books"], request["steps"], -1)
        self.commands = jax.block_until_ready(jax.device_put(columns(words)))
        self.size = (request["books"], request["orders"])
        start = time.perf_counter()
        self.program = jax_book.run.lower(jax_book.empty_books(*self.size), self.commands, with_digest=True).compile()
        return {"compile_s": time.perf_counter() - start, "device": str(jax.devices()[0])}

    def run(self, _request: dict[str, Any]) -> dict[str, Any]:
        """Runs all commands from empty books."""
        self.books = None
        books = jax.block_until_ready(jax_book.empty_books(*self.size))
        start = time.perf_counter_ns()
        self.books = jax.block_until_ready(self.program(books, self.commands))
        elapsed_ns = time.perf_counter_ns() - start
        digest = np.asarray(self.books.digest)
        return {
            "elapsed_ns": elapsed_ns,
            "trades": int(self.books.trades.sum()),
            "volume": int(self.books.volume.sum()),
            "digest": int(np.bitwise_xor.reduce(digest)),
        }

    def digests(self, request: dict[str, Any]) -> dict[str, Any]:
        """Writes what each book came to."""
        live = np.asarray((self.books.open > 0).sum(axis=1))
        found = [np.asarray(self.books.digest), np.asarray(self.books.trades), live]
        np.save(request["digests"], np.stack([values.astype(np.uint64) for values in found]))
        return {}


def main() -> None:
    """Answers requests until there are no more."""
    runner = Runner()
    answers = {"load": runner.load, "run": runner.run, "digests": runner.digests}
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = next(answers[name] for name in request if name in answers)(request)
        except (ValueError, MemoryError, RuntimeError) as error:
            answer = {"error": f"{type(error).__name__}: {error}"[:2000]}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
