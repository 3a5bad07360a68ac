"""What shows that the exchange kept to its rules: proven batches and chains of each market, their files, receipts.

``proofbook prove FOLDER/markets/000001 --out FOLDER/proofs/BTC-USD`` seals and proves a market's journal; what it left
there is listed and given out. Whoever wants to know verifies it himself (`docs/VERIFYING.md`): what stands here is what
the operator says. A receipt is signed when it is asked for, with the key that the configuration names, and only where
acknowledged commands survive a crash: it cannot be taken back.
"""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any, Literal

import msgspec
from litestar import Request, Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.response import File

from proofbook._core import ChainValues
from proofbook.errors import ProofError
from proofbook.exchange.access import services_of
from proofbook.exchange.failures import failure
from proofbook.exchange.market_data import known_market
from proofbook.exchange.market_journal import last_sequence, read_command
from proofbook.exchange.services import Services
from proofbook.verifying import CHAIN_MODE, verify_joined

NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}")
"""Names of files and of markets that lead to nothing but a file of a market's folder."""
BATCHES_MAX = 10_000
"""The last batches of a market that are listed."""
BATCHES_FILE = "batches.jsonl"
TAGS = ["proofs"]


class Batch(msgspec.Struct, kw_only=True):
    """A batch of a market's commands, as the operator says."""

    batch: int
    first_sequence: int
    last_sequence: int
    commands: int
    events: int
    previous_root: str
    new_root: str
    state: Literal["sealed", "proven"]
    file: str | None
    """Its proof."""


class JoinedBatches(msgspec.Struct, kw_only=True):
    """One proof of many batches, which holds."""

    first_batch: int
    last_batch: int
    new_root: str
    file: str
    batches_file: str | None
    """What is proven of each batch."""


class MarketProofs(msgspec.Struct, kw_only=True):
    """What there is of a market."""

    market: str
    number: int
    sequence: int
    """How many commands the market's journal has."""
    config: str | None
    """Where the market's configuration is, which proofs begin with."""
    receipt_public_key: str | None
    batches: list[Batch]
    chains: list[JoinedBatches]


def _folder(services: Services, market: str) -> Path:
    if NAME.fullmatch(market) is None:
        raise failure("not_found", received=repr(market[:40]))
    return services.folder / "proofs" / market


def _journal(services: Services, number: int) -> Path:
    return services.folder / "markets" / f"{number:06}"


async def _number(services: Services, market: str) -> int:
    """A market's number: markets are numbered from 1 in the order in which they were listed."""
    await known_market(services, market)
    return next(number for number, each in enumerate(await services.markets(), 1) if each.symbol == market)


def _batches(folder: Path) -> list[Batch]:
    """The batches that `proofbook prove` wrote down."""
    try:
        lines = (folder / BATCHES_FILE).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []
    batches = []
    for values in map(json.loads, lines[-BATCHES_MAX:]):
        proof = f"{values['batch']:06}.proof"
        is_proven = (folder / proof).is_file()
        batches.append(
            msgspec.convert(
                {**values, "state": "proven" if is_proven else "sealed", "file": proof if is_proven else None}, Batch
            )
        )
    return batches


_verified: dict[tuple[str, int, int], ChainValues | None] = {}
VERIFIED_MAX = 1000
"""Proofs of chains whose verification is remembered."""


def _chain(path: Path) -> ChainValues | None:
    """What a proof of a chain proves, if it is one that holds. Each file is verified once."""
    with path.open("rb") as file:
        if file.read(9)[8:] != bytes([CHAIN_MODE]):
            return None
    about = path.stat()
    key = (str(path), about.st_mtime_ns, about.st_size)
    if key not in _verified:
        if len(_verified) >= VERIFIED_MAX:
            _verified.clear()
        try:
            _verified[key] = verify_joined(path)
        except ProofError:
            _verified[key] = None
    return _verified[key]


def _chains(folder: Path) -> list[JoinedBatches]:
    chains = []
    for path in sorted(folder.glob("*.proof")):
        values = _chain(path)
        if values is not None:
            beside = path.with_suffix(".batches")
            chains.append(
                JoinedBatches(
                    first_batch=values.first_batch,
                    last_batch=values.last_batch,
                    new_root=values.new_root,
                    file=path.name,
                    batches_file=beside.name if beside.is_file() else None,
                )
            )
    return chains


def _proofs(services: Services, market: str, number: int, public_key: str | None) -> MarketProofs:
    folder = _folder(services, market)
    has_config = (folder / "market.config").is_file()
    return MarketProofs(
        market=market,
        number=number,
        sequence=last_sequence(_journal(services, number)),
        config=f"/api/v1/proofs/{market}/market.config" if has_config else None,
        receipt_public_key=public_key,
        batches=_batches(folder),
        chains=_chains(folder),
    )


@get("/proofs", tags=TAGS, summary="Batches and proofs of all markets")
async def get_proofs(request: Request[Any, Any, Any]) -> list[MarketProofs]:
    """The roots of batches as the operator says them; each proof is there to be verified by whoever asks."""
    services = services_of(request)
    signer = services.signer
    public_key = None if signer is None else signer.public_key
    symbols = [market.symbol for market in await services.markets()]
    return [
        await asyncio.to_thread(_proofs, services, symbol, number, public_key)
        for number, symbol in enumerate(symbols, 1)
        if NAME.fullmatch(symbol)
    ]


@get("/proofs/{symbol:str}/{name:str}", tags=TAGS, summary="A file of a market's proofs")
async def get_proof_file(request: Request[Any, Any, Any], symbol: str, name: str) -> File:
    """As `proofbook prove` and `join` wrote it: a proof, the market's configuration, the batches of a chain."""
    services = services_of(request)
    path = _folder(services, await known_market(services, symbol)) / name
    if NAME.fullmatch(name) is None or not path.is_file() or path.is_symlink():
        raise failure("not_found", expected="a file that GET proofs names", received=repr(name[:100]))
    return File(path, media_type="application/octet-stream", filename=name)


@get("/receipts/{symbol:str}/{sequence:int}", tags=TAGS, summary="The receipt of a command")
async def get_receipt(request: Request[Any, Any, Any], symbol: str, sequence: int) -> Response[bytes]:
    """128 bytes: the operator's signature that this command has this number in this market (`docs/RECEIPTS.md`)."""
    services = services_of(request)
    signer = services.signer
    if signer is None:
        raise failure("not_found", expected="receipt_key in exchange.toml", received="none")
    if services.configuration.sync == "none":
        raise failure("not_found", expected='sync = "group" for receipts', received='sync = "none"')
    journal = _journal(services, await _number(services, symbol))
    found = await asyncio.to_thread(read_command, journal, sequence)
    if found is None:
        most = await asyncio.to_thread(last_sequence, journal)
        raise failure("not_found", expected=f"a command from 1 to {most}", received=str(sequence))
    receipt = signer.sign(found.market, found.sequence, found.command)
    return Response(receipt.encode(), media_type="application/octet-stream")


HANDLERS: list[HTTPRouteHandler] = [get_proofs, get_proof_file, get_receipt]
