"""The canonical state of one bounded book, and what must hold of its memory, in plain Python."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence

import numpy as np

from proofbook.gpu.kernels import layout
from proofbook.gpu.kernels.layout import Capacity, Words

NO_SLOT = int(layout.NO_SLOT)
SIGN = 1 << 63
WORD = 1 << 64


class MemoryBook:
    """One row of a pool, as Python integers."""

    def __init__(self, pool: Words, row: int, capacity: Capacity) -> None:
        views = layout.views(pool[row : row + 1], capacity)
        self.capacity = capacity
        self.header: list[int] = views.header[0].tolist()
        self.keys: list[list[int]] = views.keys[0].tolist()
        self.slots: list[list[int]] = views.slots[0].tolist()
        self.records: list[list[int]] = views.records[0].tolist()
        self.index: list[int] = views.entries[0].tolist()
        self.orders: list[list[int]] = views.orders[0].tolist()

    def field(self, name: np.uint64) -> int:
        """A field of the header."""
        return self.header[int(name)]

    def levels(self, side: int) -> int:
        """Number of levels of a side."""
        return self.field(layout.LEVELS_BUY + np.uint64(side))

    def queue(self, side: int) -> Iterator[tuple[int, int, int]]:
        """Key, record and slot of each order of a side, in price-time priority."""
        for at in reversed(range(self.levels(side))):
            record = self.slots[side][at]
            slot = self.records[record][0]
            while slot != NO_SLOT:
                yield self.keys[side][at], record, slot
                slot = self.orders[slot][7] & NO_SLOT

    def state(self, config: Sequence[int]) -> bytes:
        """The canonical bytes of ``docs/RULES.md``, section 13."""
        header = [self.field(name) for name in (layout.SEQUENCE, layout.CLOCK, layout.NEXT_PRIORITY)]
        parts = [struct.pack("<11Q3Q", *config, *header)]
        parts.append(struct.pack("<BB6xQ", 0, self.field(layout.HAS_TRADE), self.field(layout.LAST_TRADE)))
        for side in (0, 1):
            orders = [self.orders[slot] for _, _, slot in self.queue(side)]
            parts.append(struct.pack("<Q", len(orders)))
            for order_id, account, price, open_quantity, filled, priority, tags, _ in orders:
                words = (tags & NO_SLOT, order_id, account, price, 0, open_quantity, 0, 0, filled, priority, 0, 0)
                parts.append(struct.pack("<12Q", *words))
        return b"".join([*parts, bytes(16)])

    def check(self) -> None:
        """Fails where its memory contradicts itself."""
        live = set()
        for side in (0, 1):
            count = self.levels(side)
            keys = self.keys[side][:count]
            assert keys == sorted(set(keys)), "keys ascend"
            levels = self.capacity.levels
            assert sorted(self.slots[side]) == list(range(side * levels, (side + 1) * levels)), "records are all there"
            open_quantity = 0
            seen: dict[int, list[int]] = {}
            for key, record, slot in self.queue(side):
                order = self.orders[slot]
                assert slot not in live, "an order stands in one place"
                live.add(slot)
                queue = seen.setdefault(record, [])
                assert order[7] >> 32 == (queue[-1] if queue else NO_SLOT), "links back agree with links on"
                assert order[6] >> 32 == record, "an order names its level"
                assert key == order[2] ^ (SIGN - side), "a level's key is its price's"
                assert order[3] > 0, "an order has something open"
                queue.append(slot)
                open_quantity += order[3]
            for record, queue in seen.items():
                total = sum(self.orders[slot][3] for slot in queue)
                assert self.records[record] == [queue[0], queue[-1], len(queue), total], "a level says what it holds"
            assert len(seen) == count, "no level is empty"
            assert open_quantity == self.field(layout.OPEN_BUY + np.uint64(side)), "a side's open quantity is its sum"
        assert len(live) == self.field(layout.LIVE_ORDERS)
        self._check_index(live)
        free = set()
        slot = self.field(layout.FREE_SLOT)
        while slot != NO_SLOT:
            assert slot not in live | free, "a free slot is free once"
            free.add(slot)
            slot = self.orders[slot][7]
        assert len(live | free) == self.capacity.orders, "a slot is live or free"

    def _check_index(self, live: set[int]) -> None:
        entries = {(entry & NO_SLOT) - 1 for entry in self.index if entry}
        assert entries == live and len([entry for entry in self.index if entry]) == len(live)
        mask = len(self.index) - 1
        for place, entry in enumerate(self.index):
            if not entry:
                continue
            order_id = self.orders[(entry & NO_SLOT) - 1][0]
            hashed = (order_id ^ order_id >> 32) * int(layout.DIGEST_FACTOR) % WORD
            assert hashed >> 32 == entry >> 32, "an entry holds its id's hash"
            start = hashed >> (64 - self.capacity.index_bits)
            walk = [(start + step) & mask for step in range((place - start) & mask)]
            assert all(self.index[at] for at in walk), "no search ends before its entry"


def event_digest(digest: int, events: bytes) -> int:
    """The event digest after more events."""
    for (word,) in struct.iter_unpack("<Q", events):
        digest = (digest ^ word) * int(layout.DIGEST_FACTOR) % WORD
        digest ^= digest >> 32
    return digest
