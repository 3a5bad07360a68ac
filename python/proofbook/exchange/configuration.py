"""``exchange.toml``: what an exchange is and what it allows, as types.

Assets, markets and accounts are the first entries of a new exchange's log; afterwards the log says what there is, and
the operator adds to it by requests. Addresses, sessions and bounds are read at each start. Every bound of the web's
side is here, with its name. A file that cannot be used is refused with the place in it, what was expected and what
was received.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

import msgspec
from msgspec import Meta

from proofbook.errors import InputError
from proofbook.exchange.messages import Account, NewSymbol, Symbol, Text
from proofbook.exchange.places import found_at, words_at
from proofbook.exchange.requests import MarketTerms

FILE = "exchange.toml"
TEMPLATE = Path(__file__).with_name("exchange.toml")
"""What `proofbook serve` begins with where a folder has no file of its own."""

Positive: TypeAlias = Annotated[int, Meta(ge=1, le=1 << 40)]
Rate: TypeAlias = Annotated[int, Meta(ge=1, le=1_000_000)]
Address: TypeAlias = Annotated[str, Meta(pattern=r"^[^\s]+:[0-9]{1,5}$", examples=["127.0.0.1:8000"])]


class Part(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A table of the file: unknown names are refused, since they are mostly misspelt ones."""


class Tls(Part):
    """Files with the certificate and its key, in PEM; relative to the folder. They serve FIX and the web alike."""

    certificate: str
    key: str


class Asset(Part):
    """An asset: amounts are whole numbers of 10^-decimals."""

    symbol: NewSymbol
    decimals: Annotated[int, Meta(ge=0, le=18)]


class FirstAccount(Part):
    """An account that a new exchange has, numbered from 1 in the order of the file."""

    deposits: dict[Symbol, Text] = {}


class NoAuthentication(Part, tag_field="kind", tag="none"):
    """Whoever names the session may log on."""


class PasswordAuthentication(Part, tag_field="kind", tag="password"):
    """A user and a password, of which the file has the Argon2 hash."""

    user: str
    hash: str


class KeyAuthentication(Part, tag_field="kind", tag="ed25519"):
    """A signed Logon; the public key in hexadecimal digits."""

    public_key: Annotated[str, Meta(pattern=r"^[0-9a-fA-F]{64}$")]


class Session(Part):
    """A FIX session and the account that it trades for."""

    id: Annotated[int, Meta(ge=1, le=(1 << 32) - 1)]
    account: Account
    client: str
    version: Literal["FIX.4.2", "FIX.4.4"] = "FIX.4.4"
    exchange: str = "EXCHANGE"
    authentication: NoAuthentication | PasswordAuthentication | KeyAuthentication = msgspec.field(
        default_factory=NoAuthentication
    )
    cancel_on_disconnect: bool = False
    drop_copy_of: list[Account] | None = None


class Demo(Part):
    """Accounts for whoever asks, with what they begin with."""

    accounts_max: Annotated[int, Meta(ge=1, le=1_000_000)] = 1000
    accounts_per_address_and_minute_max: Rate = 20
    deposits: dict[Symbol, Text] = {}


class Limits(Part):
    """What one key, one address and one connection may ask for. All of it is published in GET status."""

    requests_per_s_per_key: Rate = 200
    requests_per_s_per_address: Rate = 1000
    burst_s: Annotated[int, Meta(ge=1, le=60)] = 2
    """How many seconds' worth of requests may come at once."""
    body_bytes_max: Annotated[int, Meta(ge=256, le=1 << 20)] = 16_384
    requests_pending_max: Positive = 10_000
    connections_max: Positive = 4000
    connections_per_address_max: Positive = 1000
    signature_window_ms: Annotated[int, Meta(ge=100, le=60_000)] = 5000
    book_levels_max: Annotated[int, Meta(ge=10, le=5000)] = 1000
    """At least what `proofbook book` asks for."""
    rows_max: Annotated[int, Meta(ge=500, le=1000)] = 1000
    """Trades, candles, orders or fills of one answer: at least the page that clients read the past in."""
    streams_max: Positive = 1000
    streams_per_address_max: Positive = 500
    stream_subscriptions_max: Positive = 100
    stream_messages_per_s: Rate = 200
    stream_message_bytes_max: Annotated[int, Meta(ge=256, le=1 << 20)] = 16_384
    stream_waiting_bytes_max: Annotated[int, Meta(ge=16_384, le=1 << 30)] = 1 << 20
    """What may wait for one reader; books and trades are conflated from half of it on."""
    stream_stall_s_max: Annotated[int, Meta(ge=1, le=3600)] = 15
    """A reader that takes nothing for so long is closed."""
    stream_socket_bytes: Annotated[int, Meta(ge=4096, le=1 << 24)] = 1 << 18
    """What the kernel may hold for one reader."""


class Configuration(Part):
    """The whole file."""

    assets: Annotated[list[Asset], Meta(min_length=1, max_length=64)]
    markets: Annotated[list[MarketTerms], Meta(min_length=1, max_length=256)]
    web: Address = "127.0.0.1:8000"
    fix: Address | None = "127.0.0.1:9878"
    tls: Tls | None = None
    sync: Literal["group", "none"] = "group"
    """Whether entries are on the disk before they are acknowledged, or only with the kernel."""
    publish_interval_ms: Annotated[int, Meta(ge=1, le=1000)] = 20
    busy_poll_us: Annotated[int, Meta(ge=0, le=1_000_000)] = 0
    """For so long after a request the exchange's thread looks for the next one without sleeping, which takes a core."""
    accounts: list[FirstAccount] = []
    sessions: list[Session] = []
    demo: bool = False
    demo_accounts: Demo = msgspec.field(default_factory=Demo)
    operator_public_key: Annotated[str, Meta(pattern=r"^[0-9a-fA-F]{64}$")] | None = None
    """The operator's key for requests; without one, the first start makes a key pair in the folder."""
    receipt_key: str | None = None
    """The file of the key that receipts are signed with (`proofbook keygen`); relative to the folder."""
    limits: Limits = msgspec.field(default_factory=Limits)

    def native(self, folder: Path) -> bytes:
        """What the native server is started with."""
        tls = None
        if self.tls is not None:
            tls = {"certificate": str(folder / self.tls.certificate), "key": str(folder / self.tls.key)}
        value: dict[str, Any] = {
            "folder": str(folder),
            "fix": self.fix,
            "tls": tls,
            "sync": self.sync,
            "publish_interval_ms": self.publish_interval_ms,
            "busy_poll_us": self.busy_poll_us,
            "assets": self.assets,
            "markets": [_filled(market) for market in self.markets],
            "accounts": self.accounts,
            "sessions": self.sessions,
        }
        return msgspec.json.encode(value)


def _filled(market: MarketTerms) -> dict[str, Any]:
    """A market with all of its fields, also those that stand as they are by default."""
    return {name: getattr(market, name) for name in MarketTerms.__struct_fields__}


def read(folder: Path) -> Configuration:
    """The configuration in a folder; where there is none, the template is written first.

    Raises:
        InputError: the file cannot be used; the message says where, what was expected and what was received.
        OSError: it cannot be read or written.
    """
    path = folder / FILE
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(TEMPLATE.read_text(encoding="utf-8"), encoding="utf-8")
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path}: expected text in UTF-8; received {error.object[error.start : error.end]!r}"
        ) from None
    return parse(text, str(path))


def parse(text: str, name: str = FILE) -> Configuration:
    """The configuration that a text holds; its name stands in errors.

    Raises:
        InputError: it cannot be used.
    """
    try:
        value = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{name}: expected TOML; received a text with: {error}") from None
    try:
        configuration = msgspec.convert(value, Configuration)
    except msgspec.ValidationError as error:
        raise InputError(f"{name}: {_with_received(str(error), value)}") from None
    _check(configuration, name)
    return configuration


AMOUNT = re.compile(r"[0-9]+(?:\.(?P<fraction>[0-9]+))?")
PLACE = re.compile(r"^(?P<text>.*) - at `(?P<path>\$[^`]*)`$", re.DOTALL)


def _with_received(message: str, value: object) -> str:
    """The message of msgspec with what stands at its place, and what may."""
    match = PLACE.match(message)
    place = "" if match is None else match["path"].removeprefix("$")
    is_other = message.startswith("Invalid") or "unknown field" in message
    if is_other and (words := words_at(place, Configuration)):
        return f"{message}; expected one of {', '.join(words)}"
    if match is None or "got" in message:
        return message
    try:
        return f"{message}; received {found_at(place, value)!r}"
    except LookupError:
        return message


def _check(configuration: Configuration, name: str) -> None:
    """What types do not say: that names lead to something, and that nothing is there twice."""
    symbols = [asset.symbol for asset in configuration.assets]
    named: dict[str, list[str]] = {
        "assets": symbols,
        "markets": [market.symbol for market in configuration.markets],
        "sessions": [str(session.id) for session in configuration.sessions],
        "names of sessions": [
            f"{session.version} {session.client} with {session.exchange}" for session in configuration.sessions
        ],
    }
    for what, found in named.items():
        for each in found:
            if found.count(each) > 1:
                raise InputError(f"{name}: {what}: expected each once; received {each!r} twice")
    for market in configuration.markets:
        for asset in (market.base, market.quote):
            if asset not in symbols:
                raise InputError(f"{name}: {market.symbol}: expected one of {', '.join(symbols)}; received {asset!r}")
        if market.base == market.quote:
            raise InputError(f"{name}: {market.symbol}: expected two assets; received {market.base!r} for both")
    decimals = {asset.symbol: asset.decimals for asset in configuration.assets}
    deposits = [configuration.demo_accounts.deposits, *(account.deposits for account in configuration.accounts)]
    for asset, amount in (item for each in deposits for item in each.items()):
        if asset not in symbols:
            raise InputError(f"{name}: a deposit: expected one of {', '.join(symbols)}; received {asset!r}")
        match = AMOUNT.fullmatch(amount)
        if match is None or len(match["fraction"] or "") > decimals[asset] or not amount.strip("0."):
            expected = f"a decimal text above zero with at most {decimals[asset]} decimals"
            raise InputError(f"{name}: a deposit of {asset}: expected {expected}; received {amount!r}")


def split_address(address: str) -> tuple[str, int]:
    """Host and port of an address such as ``127.0.0.1:8000`` or ``[::1]:8000``.

    Raises:
        InputError: it is none.
    """
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65_535:
        raise InputError(f"expected an address such as 127.0.0.1:8000; received {address!r}")
    return host.strip("[]"), int(port)
