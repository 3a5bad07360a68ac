"""One command of a market's journal, read where it stands.

A market's journal (`docs/JOURNAL.md`) has records of fixed length, so a command is found without reading what is before
it. It is given only if the log acknowledged it and its record's checksum holds: a receipt that is signed for it cannot
be taken back.
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
WATERMARK_BYTES = 64
MARKET_OFFSET = 56 + 8
GOLDEN = 0x9E37_79B9_7F4A_7C15
"""What the checksum multiplies the number of durable commands with."""


@dataclass(frozen=True)
class JournalCommand:
    """A command that is acknowledged.

    Attributes:
        market: the number that the journal has for its market.
        sequence: the command's number.
        command: its 72 bytes.
    """

    market: int
    sequence: int
    command: bytes


def acknowledged(folder: Path) -> int:
    """How many commands a journal has acknowledged, at the least; 0 where there is no journal.

    Raises:
        JournalError: its watermark is damaged.
    """
    try:
        data = (folder / "acknowledged").read_bytes()
    except FileNotFoundError:
        return 0
    if len(data) != WATERMARK_BYTES or data[:8] != b"PROOFACK" or blake3(data[:56]).digest()[:8] != data[56:]:
        raise JournalError(f"{folder}: expected a watermark of {WATERMARK_BYTES} bytes; received a damaged one")
    sequence: int = struct.unpack_from("<Q", data, 8)[0]
    return sequence


def read_command(folder: Path, sequence: int) -> JournalCommand | None:
    """A command of a journal; none if it is not acknowledged.

    Raises:
        JournalError: what stands there is damaged.
    """
    if not 1 <= sequence <= acknowledged(folder):
        return None
    firsts = sorted(int(path.stem.removeprefix("commands-")) for path in folder.glob("commands-*.log"))
    first = max((first for first in firsts if first <= sequence), default=None)
    if first is None:
        raise JournalError(f"{folder}: expected a segment with command {sequence}; received none")
    with (folder / f"commands-{first:020}.log").open("rb") as segment:
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
