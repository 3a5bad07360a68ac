"""What each command of a batch is held against before any of them is applied.

A command passes if it is the only encoding of something that a bounded book takes. One that is not, or that the rules
know and pools do not (stops, good till date, icebergs, phases), is an error of the caller: it is named with its row,
and no book has changed.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from proofbook.errors import InputError
from proofbook.gpu.kernels.device import device
from proofbook.gpu.kernels.layout import Words

FINE = 0
ACTION = 1
SIDE = 2
KIND = 3
TIME_IN_FORCE = 4
SELF_TRADE = 5
FLAGS = 6
UNUSED = 7
STOP = 8
EXPIRES = 9
ICEBERG = 10
PHASE = 11

_EXPECTED = {
    ACTION: "an action from 1 to 6",
    SIDE: "side 0 (buy) or 1 (sell)",
    KIND: "kind 0 (market) or 1 (limit)",
    TIME_IN_FORCE: "time in force 0 (gtc), 1 (ioc) or 2 (fok)",
    SELF_TRADE: "self-trade prevention from 0 to 4",
    FLAGS: "flags that its action has",
    UNUSED: "zero in every word that its action does not use",
    STOP: "a market or limit order: books of a pool take no stops",
    EXPIRES: "gtc, ioc or fok: books of a pool take no good-till-date orders",
    ICEBERG: "an order that shows everything: books of a pool take no icebergs",
    PHASE: "an order, cancel, mass cancel, reduce, replace or sweep: books of a pool are always in continuous trading",
}


@device
def flaw_of_new(commands: Any, row: Any, tags: Any) -> Any:
    """What is wrong with a new order: one of the codes above."""
    kind = (tags >> 16) & 0xFF
    time_in_force = (tags >> 24) & 0xFF
    flags = (tags >> 40) & 0xFF
    if (tags >> 8) & 0xFF > 1:
        return SIDE
    if kind > 1:
        return STOP if kind < 4 else KIND
    if time_in_force > 2:
        return EXPIRES if time_in_force == 3 else TIME_IN_FORCE
    if (tags >> 32) & 0xFF > 4:
        return SELF_TRADE
    if flags > 1:
        return ICEBERG if flags < 4 else FLAGS
    unused = np.int64(commands[row, 5]) | np.int64(commands[row, 7]) | np.int64(commands[row, 8])
    if kind == 0:
        unused |= np.int64(commands[row, 4])
    return FINE if (tags >> 48) | unused == 0 else UNUSED


@device
def flaw_of_change(commands: Any, row: Any, tags: Any, action: Any) -> Any:
    """What is wrong with a cancel, mass cancel, reduce, replace or sweep."""
    flags = (tags >> 40) & 0xFF
    if (tags >> 48) | ((tags >> 8) & 0xFFFFFFFF) != 0:
        return UNUSED
    if flags != 0 and action != 5:
        return FLAGS
    if flags & 0xE3 != 0:
        return FLAGS
    unused = np.int64(commands[row, 7]) | np.int64(commands[row, 8])
    if flags & 16 == 0:
        unused |= np.int64(commands[row, 5])
    if action == 3 or action == 6:
        unused |= np.int64(commands[row, 2])
    if action != 3:
        unused |= np.int64(commands[row, 3])
    if flags & 4 == 0:
        unused |= np.int64(commands[row, 4])
    if action != 4 and flags & 8 == 0:
        unused |= np.int64(commands[row, 6])
    return FINE if unused == 0 else UNUSED


@device
def flaw_of(commands: Any, row: Any) -> Any:
    """What is wrong with a command; ``FINE`` where nothing is."""
    tags = np.int64(commands[row, 0])
    action = tags & 0xFF
    if action == 1:
        return flaw_of_new(commands, row, tags)
    if action == 0 or action > 10:
        return ACTION
    if action > 6:
        return PHASE
    return flaw_of_change(commands, row, tags, action)


def first_flaw(commands: Any, first: Any, last: Any) -> Any:
    """The first row from ``first`` to before ``last`` with a flaw, as row times 16 plus its code; -1 for none."""
    for row in range(first, last):
        flaw = flaw_of(commands, row)
        if flaw != FINE:
            return row * 16 + flaw
    return -1


class _Writable:
    """An array's memory without the mark that it may only be read: kernels for both kinds would have to be compiled."""

    def __init__(self, array: Words) -> None:
        address, _ = array.__array_interface__["data"]
        self.__array_interface__ = {**array.__array_interface__, "data": (address, False)}
        self._array = array


def as_written(array: Words) -> Words:
    """The same memory as an array that could be written: no kernel writes commands."""
    return array if array.flags.writeable else np.asarray(_Writable(array))


def on_host(commands: Any) -> Words:
    """Commands in memory of the host: a copy of those that are a device's, all others as they are."""
    if isinstance(commands, np.ndarray):
        return as_written(commands)
    copied: Words = commands.copy_to_host()
    return copied


def raise_for_flaw(commands: Any, flaw: int) -> None:
    """Raises the error that ``first_flaw`` found, if it found one.

    Raises:
        InputError: with the row, what was expected there and what was received.
    """
    if flaw >= 0:
        row, code = divmod(int(flaw), 16)
        words = ", ".join(f"{int(word):#x}" for word in on_host(commands[row : row + 1])[0])
        raise InputError(f"commands[{row}]: expected {_EXPECTED[code]}; received the words {words}")
