"""What agents traded and which of their quotes still stand, from the events of a step.

An agent's order id has the highest bit but one, then the agent's number, then a counter whose lowest bit is the side.
So an event says whose order it is about.
"""

from __future__ import annotations

import numpy as np

from proofbook.gpu.kernels.device import device

AGENT_BIT = 62
AGENT_SHIFT = 40
AGENTS_MAX = 1 << 16

OWNER = np.uint64(AGENT_BIT)
SHIFT = np.uint64(AGENT_SHIFT)
AGENT_LOW = np.uint64(AGENTS_MAX - 1)
ONE = np.uint64(1)
BYTE = np.uint64(0xFF)
EIGHT = np.uint64(8)

REJECTED = 2
TRADE = 4
REDUCED = 6
CANCELLED = 7


@device
def agent_of(order_id):
    """The number of the agent whose order it is."""
    return np.int64((order_id >> SHIFT) & AGENT_LOW)


@device
def take_fill(order_id, buys, price, quantity, market, position, cash, volume):
    """Books a trade of an agent's order."""
    agent = agent_of(order_id)
    signed = quantity if buys else -quantity
    position[market, agent] += signed
    cash[market, agent] -= signed * price
    volume[market, agent] += quantity


def settle(events, counts, position, cash, volume, quote_ids, quote_open, last_trade, first, last):
    """Goes through the events of the markets ``first`` to before ``last``.

    ``position``, ``cash`` and ``volume`` are ``int64[markets, agents]``, ``quote_ids`` and ``quote_open`` ``[markets,
    agents, 2]``, bids first; ``last_trade`` is ``int64[markets]``.
    """
    for market in range(first, last):
        for place in range(counts[market]):
            event = events[market, place]
            kind = np.int64(event[0] & BYTE)
            order_id = event[1]
            is_own = (order_id >> OWNER) & ONE != np.uint64(0)
            if kind == TRADE:
                price, quantity = np.int64(event[3]), np.int64(event[4])
                taker_buys = (event[0] >> EIGHT) & BYTE == np.uint64(0)
                last_trade[market] = price
                if is_own:
                    take_fill(order_id, not taker_buys, price, quantity, market, position, cash, volume)
                    agent, side = agent_of(order_id), np.int64(order_id & ONE)
                    if quote_ids[market, agent, side] == order_id:
                        quote_open[market, agent, side] -= quantity
                taker_id = event[2]
                if (taker_id >> OWNER) & ONE != np.uint64(0):
                    take_fill(taker_id, taker_buys, price, quantity, market, position, cash, volume)
            elif is_own and kind in (REJECTED, CANCELLED):
                agent, side = agent_of(order_id), np.int64(order_id & ONE)
                if quote_ids[market, agent, side] == order_id:
                    quote_open[market, agent, side] = 0
            elif is_own and kind == REDUCED:
                agent, side = agent_of(order_id), np.int64(order_id & ONE)
                if quote_ids[market, agent, side] == order_id:
                    quote_open[market, agent, side] = np.int64(event[5])
