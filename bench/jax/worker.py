"""Runs books in JAX for ``proofbook.bench_many``: requests in JSON, line by line, and an answer to each.

- ``{"load": FILE, "books": B, "steps": S, "chunk": K, "orders": C}``: the commands of a file of NumPy, uint64 of shape
  [books, steps, 9], words of encoded commands, are made into arrays of K steps each, and the program for those is
  compiled. Answers ``compile_s``.
- ``{"run": FILE}``: empty books take all of them, one chunk after another. Answers ``chunks_ns``; the trades' digest,
  trades and live orders of each book go to the file, uint64 of shape [3, books], if it has a name.

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
    action, side, kind, time_in_force = (
        (tags >> np.uint64(8 * byte) & np.uint64(0xFF)).astype(np.int8) for byte in range(4)
    )
    self_trade, flags = tags >> np.uint64(32) & np.uint64(0xFF), tags >> np.uint64(40)
    is_new, is_replace = action == jax_book.NEW, action == jax_book.REPLACE
    is_market, is_kept = is_new & (kind == 0), is_new & (kind == 1) & (time_in_force == 0)
    is_taken = np.isin(action, list(ACTIONS)) & (self_trade == 0)
    is_taken &= ~is_new | ((flags == 0) & (is_kept | ((kind <= 1) & (time_in_force == 1))))
    is_taken &= ~is_replace | (flags == PRICE_AND_QUANTITY)
    if not is_taken.all():
        step, book = np.argwhere(~is_taken)[0]
        raise ValueError(
            f"book {book}, command {step}: expected a limit, immediate-or-cancel or market order without conditions, "
            "a cancel or a replace "
            f"of price and quantity; received the tag word {int(tags[step, book]):#x}"
        )
    order_id, price, quantity = (np.ascontiguousarray(words[:, :, word].T).view(np.int64) for word in (2, 4, 6))
    return jax_book.Command(action, side == 0, is_market, is_kept | is_replace, order_id, price, quantity)


class Runner:
    """Loaded commands with their compiled program."""

    def __init__(self) -> None:
        self.commands: list[jax_book.Command] = []
        self.program: Any = None
        self.size = (0, 0)

    def load(self, request: dict[str, Any]) -> dict[str, Any]:
        """Takes commands and compiles."""
        self.commands = []
        words = np.load(request["load"], mmap_mode="r").reshape(request["books"], request["steps"], -1)
        chunk = request["chunk"]
        if request["steps"] % chunk:
            raise ValueError(f"steps: expected a multiple of the chunk, {chunk}; received {request['steps']}")
        parts = [columns(words[:, start : start + chunk]) for start in range(0, request["steps"], chunk)]
        self.commands = jax.block_until_ready(jax.device_put(parts))
        self.size = (request["books"], request["orders"])
        start = time.perf_counter()
        self.program = jax_book.run.lower(
            jax_book.empty_books(*self.size), self.commands[0], with_digest=True
        ).compile()
        return {"compile_s": time.perf_counter() - start, "device": str(jax.devices()[0])}

    def run(self, request: dict[str, Any]) -> dict[str, Any]:
        """Lets empty books take all commands."""
        books = jax.block_until_ready(jax_book.empty_books(*self.size))
        chunks_ns = []
        for chunk in self.commands:
            start = time.perf_counter_ns()
            books = jax.block_until_ready(self.program(books, chunk))
            chunks_ns.append(time.perf_counter_ns() - start)
        if request["run"]:
            live = (books.open > 0).sum(axis=1)
            np.save(
                request["run"],
                np.stack([np.asarray(words).astype(np.uint64) for words in (books.digest, books.trades, live)]),
            )
        return {"chunks_ns": chunks_ns}


def main() -> None:
    """Answers requests until there are no more."""
    runner = Runner()
    answers = {"load": runner.load, "run": runner.run}
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = next(answers[name] for name in request if name in answers)(request)
        except (ValueError, MemoryError, RuntimeError) as error:
            answer = {"error": f"{type(error).__name__}: {error}"[:2000]}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
