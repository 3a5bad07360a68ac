"""One command of a market's own journal, read where it stands.

`markets/NNNNNN` of an exchange's folder has what the exchange's log, once it was acknowledged, gave to a market. So
what stands there comes again after any crash, and a receipt may be signed for it although the journal itself is synced
later. Its records (`docs/JOURNAL.md`) have a fixed length: a command is found without reading what is before it. It is
given only if its record's checksum holds, since a receipt cannot be taken back.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

from blake3 import blake3

from proofbook.errors import JournalError

HEADER_BYTES = 512
RECORD_BYTES = 128
HASHED_BYTES = 112
COMMAND_BYTES = 72
MARKET_OFFSET = 56 + 8
GOLDEN = 0x9E37_79B9_7F4A_7C15
"""What the checksum multiplies the number of durable commands with."""


@dataclass(frozen=True)
class JournalCommand:
    """A command of a market.

    Attributes:
        market: the number that the journal has for its market.
        sequence: the command's number.
        command: its 72 bytes.
    """

    market: int
    sequence: int
    command: bytes


def _firsts(folder: Path) -> list[int]:
    """The first commands of a journal's segments."""
    return sorted(int(path.stem.removeprefix("commands-")) for path in folder.glob("commands-*.log"))


def _segment(folder: Path, first: int) -> Path:
    return folder / f"commands-{first:020}.log"


def last_sequence(folder: Path) -> int:
    """The number of a journal's last command; 0 where there is none."""
    firsts = _firsts(folder)
    if not firsts:
        return 0
    first = firsts[-1]
    path = _segment(folder, first)
    # Behind the last record there may be room that is not used yet.
    low, high = 0, max(0, path.stat().st_size - HEADER_BYTES) // RECORD_BYTES
    with path.open("rb") as segment:
        while low < high:
            middle = (low + high) // 2
            segment.seek(HEADER_BYTES + middle * RECORD_BYTES)
            if segment.read(8) == struct.pack("<Q", first + middle):
                low = middle + 1
            else:
                high = middle
    return first + low - 1


def read_command(folder: Path, sequence: int) -> JournalCommand | None:
    """A command of a journal; none if it has no such command yet.

    Raises:
        JournalError: what stands there is damaged.
    """
    if not 1 <= sequence <= last_sequence(folder):
        return None
    first = max((first for first in _firsts(folder) if first <= sequence), default=None)
    if first is None:
        raise JournalError(f"{folder}: expected a segment with command {sequence}; received none")
    with _segment(folder, first).open("rb") as segment:
        header = segment.read(HEADER_BYTES)
        segment.seek(HEADER_BYTES + (sequence - first) * RECORD_BYTES)
        record = segment.read(RECORD_BYTES)
    if len(header) != HEADER_BYTES or header[:8] != b"PROOFJNL" or blake3(header[:480]).digest() != header[480:]:
        raise JournalError(f"{folder}: expected the header of a market's journal; received a damaged one")
    if len(record) != RECORD_BYTES:
        raise JournalError(f"{folder}: expected command {sequence}; received the end of its segment")
    number, durable, checksum = (struct.unpack_from("<Q", record, offset)[0] for offset in (0, 112, 120))
    link = int.from_bytes(blake3(record[:HASHED_BYTES]).digest()[:8], "little")
    if number != sequence or (link + durable * GOLDEN) % 2**64 != checksum:
        raise JournalError(f"{folder}: expected command {sequence}; received a damaged record")
    market: int = struct.unpack_from("<Q", header, MARKET_OFFSET)[0]
    return JournalCommand(market, sequence, record[8 : 8 + COMMAND_BYTES])
