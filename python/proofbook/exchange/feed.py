"""Who reads what, and the way of each message to its readers.

A topic is a channel and what it is about: a market, or an account's number. A message is encoded once, however many
read it; what becomes of it at a slow reader is the outbox's business. Nothing here waits for anyone.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from proofbook.exchange.messages import (
    AccountReport,
    Balance,
    BookDelta,
    CandleUpdate,
    Failed,
    Message,
    Resync,
    StateChange,
    Trades,
    encode,
)
from proofbook.exchange.outbox import Outbox, framed

MarketChannel: TypeAlias = Literal["book", "trades", "candles", "ticker", "state"]
AccountChannel: TypeAlias = Literal["orders", "balances"]
MARKET_CHANNELS: tuple[MarketChannel, ...] = ("book", "trades", "candles", "ticker", "state")
ACCOUNT_CHANNELS: tuple[AccountChannel, ...] = ("orders", "balances")

Topic: TypeAlias = tuple[str, str]
Readers: TypeAlias = dict[Outbox, None]


class Feed:
    """The topics of an exchange and their readers.

    Attributes:
        states: the last state of each market that was told.
        changed: markets whose ticker may be another one since it was last told.
    """

    def __init__(self) -> None:
        self.states: dict[str, StateChange] = {}
        self.changed: set[str] = set()
        self._topics: dict[Topic, Readers] = {}
        self._everyone: dict[Outbox, None] = {}

    @property
    def readers(self) -> int:
        """How many readers are connected."""
        return len(self._everyone)

    @property
    def waiting_bytes(self) -> int:
        """How much waits for all readers together."""
        return sum(outbox.waiting_bytes for outbox in self._everyone)

    def join(self, outbox: Outbox) -> None:
        """Take a reader in, without any topic yet."""
        self._everyone[outbox] = None

    def leave(self, outbox: Outbox) -> None:
        """Let a reader go; its topics were closed before."""
        self._everyone.pop(outbox, None)

    def open(self, topic: Topic, outbox: Outbox) -> None:
        """Let a reader have a topic."""
        self._topics.setdefault(topic, {})[outbox] = None

    def close(self, topic: Topic, outbox: Outbox) -> None:
        """Let a reader have a topic no more."""
        readers = self._topics.get(topic)
        if readers is not None:
            readers.pop(outbox, None)
            if not readers:
                del self._topics[topic]

    def has_readers(self, topic: Topic) -> bool:
        """Whether anyone reads a topic."""
        return topic in self._topics

    def publish(self, message: Message) -> None:
        """Give a message to whoever reads its topic."""
        match message:
            case BookDelta():
                self.changed.add(message.market)
                if readers := self._topics.get(("book", message.market)):
                    text = framed("book", "delta", message)
                    for outbox in readers:
                        outbox.put_delta(message, text)
            case Trades():
                self.changed.add(message.market)
                if readers := self._topics.get(("trades", message.market)):
                    text = framed("trades", "update", message)
                    for outbox in readers:
                        outbox.put_trades(message, text)
            case CandleUpdate():
                part = f"{message.interval_s} {message.start_ns}"
                self.put_latest("candles", message.market, framed("candles", "update", message), part)
            case StateChange():
                self.states[message.market] = message
                self.changed.add(message.market)
                self.put_latest("state", message.market, framed("state", "update", message))
            case AccountReport():
                if readers := self._topics.get(("orders", str(message.report.order.account))):
                    text = framed("orders", "report", message)
                    for outbox in readers:
                        outbox.put(text)
            case Balance():
                self._publish_balance(message)
            case Resync():
                for channel in ACCOUNT_CHANNELS:
                    text = f'{{"type":"resync","channel":"{channel}","account":{message.account}}}'
                    for outbox in self._topics.get((channel, str(message.account)), {}):
                        outbox.put(text)
            case Failed():
                text = encode(message).decode()
                for outbox in self._everyone:
                    outbox.put(text)

    def put_latest(self, channel: str, name: str, text: str, part: str = "") -> None:
        """Give the readers of a topic a message of which only the last one counts."""
        for outbox in self._topics.get((channel, name), {}):
            outbox.put_latest(channel, name, text, part)

    def _publish_balance(self, balance: Balance) -> None:
        account = str(balance.account)
        if readers := self._topics.get(("balances", account)):
            text = framed("balances", "update", balance)
            for outbox in readers:
                outbox.put_latest("balances", account, text, balance.asset)
