"""The draws of background flow: which command comes next, from a hash of its market's stream and its number.

The arrays are those of ``proofbook.gpu.background``, which says what the flow is like. A market's draws depend on its own
stream alone.
"""

from __future__ import annotations

import numpy as np

from proofbook.gpu.kernels.device import device

GOLDEN = np.uint64(0x9E37_79B9_7F4A_7C15)
MIX_FIRST = np.uint64(0xBF58_476D_1CE4_E5B9)
MIX_SECOND = np.uint64(0x94D0_49BB_1331_11EB)
ONE = np.uint64(1)
LOW_16 = np.uint64(0xFFFF)
LOW_10 = np.uint64(0x3FF)

SUBMIT_LIMIT_BUY = np.uint64(0x0001_0001)
SUBMIT_MARKET_BUY = np.uint64(0x0100_0001)
SELL = np.uint64(0x0100)
CANCEL = np.uint64(2)


@device
def mixed(word):
    """A word whose every bit depends on all bits of another: the finalizer of SplitMix64."""
    word = (word ^ (word >> np.uint64(30))) * MIX_FIRST
    word = (word ^ (word >> np.uint64(27))) * MIX_SECOND
    return word ^ (word >> np.uint64(31))


def draw(
    streams, drawn, fair, held, times, distances, quantities, market_share, move_share, out, begins, ends, first, last
):
    """Writes the next commands of the markets ``first`` to before ``last`` into each one's rows of ``out``."""
    traders = np.uint64(held.shape[1])
    for market in range(first, last):
        for row in range(begins[market], ends[market]):
            drawn[market] += ONE
            number = drawn[market]
            word = mixed(streams[market] + number * GOLDEN)
            more = mixed(word ^ GOLDEN)
            if more & LOW_16 < move_share:
                fair[market] += 1 if (more >> np.uint64(16)) & ONE else -1
            is_sell = (word >> np.uint64(47)) & ONE
            trader = (word >> np.uint64(48)) % traders
            quantity = np.uint64(quantities[(more >> np.uint64(32)) & LOW_10])
            for column in range(9):
                out[row, column] = np.uint64(0)
            out[row, 1] = times[market]
            if (word >> np.uint64(31)) & LOW_16 < market_share:
                out[row, 0] = SUBMIT_MARKET_BUY + is_sell * SELL
                out[row, 2] = number
                out[row, 6] = quantity
            elif held[market, trader] != np.uint64(0):
                out[row, 0] = CANCEL
                out[row, 2] = held[market, trader]
                held[market, trader] = np.uint64(0)
            else:
                distance = 1 + distances[(more >> np.uint64(42)) & LOW_10]
                out[row, 0] = SUBMIT_LIMIT_BUY + is_sell * SELL
                out[row, 2] = number
                out[row, 4] = np.uint64(fair[market] + (distance if is_sell != np.uint64(0) else -distance))
                out[row, 6] = quantity
                held[market, trader] = number
