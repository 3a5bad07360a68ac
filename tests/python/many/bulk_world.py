"""Markets of the engine after random flow, and what their states say, in plain Python; tests hold pools against it."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

import numpy as np
from kernel_flow import World, flow

from proofbook.gpu.cpu import CpuBackend
from proofbook.gpu.kernels.bulk import Bulk
from proofbook.gpu.kernels.layout import Capacity, Words, new_pool
from proofbook.gpu.kernels.runners import Runner
from proofbook.testing import RawMarket

WORD = 1 << 64


class ReadOrder(NamedTuple):
    """An order of a state."""

    tags: int
    order_id: int
    account: int
    price: int
    stop_price: int
    displayed: int
    hidden: int
    display: int
    filled: int
    priority: int
    expiry: int
    reserved: int


@dataclass(frozen=True)
class ReadState:
    """What the bytes of a state say."""

    sequence: int
    clock: int
    next_priority: int
    has_trade: bool
    last_trade: int
    queues: list[list[ReadOrder]]

    @classmethod
    def of(cls, state: bytes) -> ReadState:
        """The state with these bytes."""
        sequence, clock, next_priority, phase, has_trade, last_trade = struct.unpack_from("<3QBB6xq", state, 88)
        assert phase == 0
        at = 128
        queues = []
        for _ in range(4):
            (count,) = struct.unpack_from("<Q", state, at)
            end = at + 8 + 96 * count
            queues.append([ReadOrder(*words) for words in struct.iter_unpack("<3Qqq7Q", state[at + 8 : end])])
            at = end
        assert at == len(state)
        return cls(sequence, clock, next_priority, bool(has_trade), last_trade, queues)

    def levels(self, side: int) -> list[tuple[int, int, int]]:
        """Price, quantity and number of orders of each level of a side, the best first."""
        found = []
        for price, group in groupby(self.queues[side], key=lambda order: order.price):
            orders = list(group)
            found.append((price, sum(order.displayed for order in orders), len(orders)))
        return found


def market_after(world: World, seed: int, count: int, config: Sequence[int] | None = None) -> RawMarket:
    """The engine's market after so many commands of a world's flow."""
    market = RawMarket(struct.pack("<11Q", *(world.config() if config is None else config)))
    for words in flow(world, seed, count):
        market.apply(struct.pack("<9Q", *words))
    return market


def fitting_states(world: World, books: int, count: int, seed: int = 0) -> list[bytes]:
    """States that the books of a world can hold, of different length of flow; the first one is an empty market's."""
    states = [market_after(world, seed, 0).state()]
    for number in range(books - 1):
        state = market_after(world, seed + number, count * (number + 1) // books).state()
        read = ReadState.of(state)
        if max(len(read.levels(0)), len(read.levels(1))) <= world.levels:
            states.append(state)
    return states


def bulk_of(world: World, runner: Runner | None = None) -> Bulk:
    """The kernels for a world's books."""
    return Bulk(Capacity(world.orders, world.levels), world.config(), runner or CpuBackend(threads=2).runner())


def pool_of(world: World, books: int) -> Words:
    """Memory for a world's books, with nothing of use in it."""
    pool = new_pool(books, Capacity(world.orders, world.levels))
    pool[...] = np.uint64(0xDEAD_BEEF)
    return pool


def words_of(state: bytes) -> list[int]:
    """A state's words."""
    return list(struct.unpack(f"<{len(state) // 8}Q", state))


def bytes_of(words: Sequence[int]) -> bytes:
    """The state with these words."""
    return struct.pack(f"<{len(words)}Q", *words)


def some_words(values: Sequence[int]) -> Iterator[int]:
    """Values about the ends of words, and about these."""
    for value in (*values, 0, 1, 1 << 63, WORD - 1):
        yield from ((value - 1) % WORD, value % WORD, (value + 1) % WORD)
