"""The native module. Import from `proofbook`, not from here."""

from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import ClassVar, Literal, SupportsIndex, final, overload

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from typing_extensions import Buffer, disjoint_base

from proofbook.types import (
    ArrowArray,
    ArrowStream,
    CancelReason,
    Engine,
    Kind,
    Number,
    Phase,
    QueueName,
    ReduceReason,
    RejectReason,
    SelfTrade,
    Side,
    Time,
    TimeInForce,
)

__all__ = [
    "Accepted",
    "AggregatedProof",
    "BatchOptimizedMerkleTree",
    "Book",
    "Cancelled",
    "Chain",
    "ChainValues",
    "CircuitOptimizedState",
    "CompressedOrderBook",
    "Depth",
    "Event",
    "Events",
    "ExchangeServer",
    "Expired",
    "Fill",
    "HistoryReader",
    "Inclusion",
    "Level",
    "ManyRun",
    "Message",
    "MessageParser",
    "Order",
    "PhaseChanged",
    "Placed",
    "ProvenLevel",
    "PublicValues",
    "QueuePlace",
    "RawMarket",
    "Receipt",
    "ReceiptSigner",
    "Reduced",
    "Refreshed",
    "Rejected",
    "Replaced",
    "RunSession",
    "Sealer",
    "Statistics",
    "Trade",
    "Triggered",
    "Uncrossed",
    "ViewHeader",
    "ViewLevel",
    "analysis_command",
    "audit_exchange",
    "bench_command",
    "chain_program_key",
    "check_all",
    "check_contradiction",
    "contradict",
    "contradict_pair",
    "contradicted_values",
    "convert",
    "engines",
    "file_digest",
    "generate",
    "journal",
    "keygen",
    "many_flow",
    "many_replay",
    "many_run",
    "market_config",
    "order_flow",
    "program_key",
    "recover",
    "replay",
    "serve_inclusion",
    "sign_journal",
    "state_digests",
    "time_loops",
    "verify_joined",
    "verify_proof",
    "verify_signed_batch",
]

@disjoint_base
class Event:
    """One thing that happened: the base class of all events. Events are values: they compare and hash by content."""

    __match_args__: ClassVar[tuple[str, ...]]
    @property
    def kind(self) -> str:
        """The stable name of the event's kind, such as "trade"."""
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...

@final
class Accepted(Event):
    """A new order passed every check."""

    __match_args__: ClassVar[tuple[str, str, str, str, str]] = ("order_id", "account", "side", "price", "quantity")
    @property
    def order_id(self) -> int:
        """The order."""

    @property
    def account(self) -> int:
        """Its account; 0 is none."""

    @property
    def side(self) -> Side:
        """Its side."""

    @property
    def price(self) -> Decimal | None:
        """Its limit price, if it has one."""

    @property
    def price_ticks(self) -> int | None:
        """Its limit price, if it has one, in ticks."""

    @property
    def quantity(self) -> Decimal:
        """Its quantity."""

    @property
    def quantity_lots(self) -> int:
        """Its quantity, in lots."""

@final
class Rejected(Event):
    """The command changed nothing but the clock and the sequence."""

    __match_args__: ClassVar[tuple[str, str]] = ("order_id", "reason")
    @property
    def order_id(self) -> int | None:
        """The order that the command names, if it names one."""

    @property
    def reason(self) -> RejectReason:
        """Why: a stable name."""

@final
class Placed(Event):
    """An order took the last place at its price in a queue."""

    __match_args__ = ("order_id", "queue", "price", "displayed", "hidden", "priority")
    @property
    def order_id(self) -> int:
        """The order."""

    @property
    def queue(self) -> QueueName:
        """The queue."""

    @property
    def price(self) -> Decimal:
        """The price at which it stands there: the limit price, or the stop price."""

    @property
    def price_ticks(self) -> int:
        """The price at which it stands there: the limit price, or the stop price, in ticks."""

    @property
    def displayed(self) -> Decimal:
        """Open quantity that is shown."""

    @property
    def displayed_lots(self) -> int:
        """Open quantity that is shown, in lots."""

    @property
    def hidden(self) -> Decimal:
        """Open quantity that is not shown."""

    @property
    def hidden_lots(self) -> int:
        """Open quantity that is not shown, in lots."""

    @property
    def priority(self) -> int:
        """Its rank in time."""

@final
class Trade(Event):
    """Two orders traded."""

    __match_args__ = ("maker_id", "taker_id", "taker_side", "price", "quantity", "maker_open")
    @property
    def maker_id(self) -> int:
        """The resting order; in an auction, the one that came first."""

    @property
    def taker_id(self) -> int:
        """The incoming order; in an auction, the one that came later."""

    @property
    def taker_side(self) -> Side:
        """The taker's side."""

    @property
    def price(self) -> Decimal:
        """The resting order's price; in an auction, the auction's."""

    @property
    def price_ticks(self) -> int:
        """The resting order's price; in an auction, the auction's, in ticks."""

    @property
    def quantity(self) -> Decimal:
        """How much."""

    @property
    def quantity_lots(self) -> int:
        """How much, in lots."""

    @property
    def maker_open(self) -> Decimal:
        """What the maker has left, hidden quantity included."""

    @property
    def maker_open_lots(self) -> int:
        """What the maker has left, hidden quantity included, in lots."""

@final
class Refreshed(Event):
    """An iceberg's slice traded in full: the next one stands last at its price."""

    __match_args__: ClassVar[tuple[str, str, str, str]] = ("order_id", "displayed", "hidden", "priority")
    @property
    def order_id(self) -> int:
        """The order."""

    @property
    def displayed(self) -> Decimal:
        """The new slice."""

    @property
    def displayed_lots(self) -> int:
        """The new slice, in lots."""

    @property
    def hidden(self) -> Decimal:
        """What stays hidden."""

    @property
    def hidden_lots(self) -> int:
        """What stays hidden, in lots."""

    @property
    def priority(self) -> int:
        """Its new rank in time."""

@final
class Reduced(Event):
    """An order's open quantity went down without a trade; it kept its place."""

    __match_args__: ClassVar[tuple[str, str, str, str]] = ("order_id", "quantity", "open", "reason")
    @property
    def order_id(self) -> int:
        """The order."""

    @property
    def quantity(self) -> Decimal:
        """By how much."""

    @property
    def quantity_lots(self) -> int:
        """By how much, in lots."""

    @property
    def open(self) -> Decimal:
        """What is left open."""

    @property
    def open_lots(self) -> int:
        """What is left open, in lots."""

    @property
    def reason(self) -> ReduceReason:
        """Why: a stable name."""

@final
class Cancelled(Event):
    """An order is gone with something left open."""

    __match_args__: ClassVar[tuple[str, str, str, str, str]] = ("order_id", "side", "price", "quantity", "reason")
    @property
    def order_id(self) -> int:
        """The order."""

    @property
    def side(self) -> Side:
        """Its side."""

    @property
    def price(self) -> Decimal | None:
        """Its limit price, if it has one."""

    @property
    def price_ticks(self) -> int | None:
        """Its limit price, if it has one, in ticks."""

    @property
    def quantity(self) -> Decimal:
        """What was left open."""

    @property
    def quantity_lots(self) -> int:
        """What was left open, in lots."""

    @property
    def reason(self) -> CancelReason:
        """Why: a stable name."""

@final
class Replaced(Event):
    """A replace was taken."""

    __match_args__ = ("order_id", "side", "price", "quantity", "kept_priority")
    @property
    def order_id(self) -> int:
        """The order."""

    @property
    def side(self) -> Side:
        """Its side."""

    @property
    def price(self) -> Decimal | None:
        """Its limit price now, if it has one."""

    @property
    def price_ticks(self) -> int | None:
        """Its limit price now, if it has one, in ticks."""

    @property
    def quantity(self) -> Decimal:
        """Its open quantity now."""

    @property
    def quantity_lots(self) -> int:
        """Its open quantity now, in lots."""

    @property
    def kept_priority(self) -> bool:
        """Whether it kept its place."""

@final
class Expired(Event):
    """An order is gone because its time is over."""

    __match_args__: ClassVar[tuple[str, str]] = ("order_id", "quantity")
    @property
    def order_id(self) -> int:
        """The order."""

    @property
    def quantity(self) -> Decimal:
        """What was left open."""

    @property
    def quantity_lots(self) -> int:
        """What was left open, in lots."""

@final
class Triggered(Event):
    """A stop order's trigger was reached: it now acts as a market or limit order."""

    __match_args__: ClassVar[tuple[str]] = ("order_id",)
    @property
    def order_id(self) -> int:
        """The order."""

@final
class PhaseChanged(Event):
    """The market changed phase."""

    __match_args__: ClassVar[tuple[str]] = ("phase",)
    @property
    def phase(self) -> Phase:
        """The phase now."""

@final
class Uncrossed(Event):
    """The auction found its price; its trades follow."""

    __match_args__: ClassVar[tuple[str, str]] = ("price", "quantity")
    @property
    def price(self) -> Decimal | None:
        """The price, None where nothing could trade."""

    @property
    def price_ticks(self) -> int | None:
        """The price, None where nothing could trade, in ticks."""

    @property
    def quantity(self) -> Decimal:
        """The quantity that trades at it."""

    @property
    def quantity_lots(self) -> int:
        """The quantity that trades at it, in lots."""

@final
class Events:
    """The events of one command, in order: a sequence whose items are made when they are looked at."""

    @property
    def order_id(self) -> int | None:
        """The order that the command names; for a submit, also the id that was assigned."""
    @property
    def reject_reason(self) -> RejectReason | None:
        """Why the market rejected the command, or None."""
    @property
    def trades(self) -> tuple[Trade, ...]:
        """The trades among the events."""
    def raise_for_reject(self) -> Events:
        """Raise RejectedError if the market rejected the command; else return the events themselves.

        >>> import proofbook
        >>> proofbook.Book().cancel(1).raise_for_reject()
        Traceback (most recent call last):
            ...
        proofbook.errors.RejectedError: the market rejected the command: unknown_order
        """
    def __len__(self) -> int: ...
    @overload
    def __getitem__(self, index: SupportsIndex, /) -> Event: ...
    @overload
    def __getitem__(self, index: slice, /) -> tuple[Event, ...]: ...
    def __iter__(self) -> Iterator[Event]: ...
    def __eq__(self, other: object, /) -> bool: ...

@final
class Level:
    """The orders at one price, in sum."""

    @property
    def price(self) -> Decimal:
        """The price."""
    @property
    def price_ticks(self) -> int:
        """The price, in ticks."""
    @property
    def quantity(self) -> Decimal:
        """The quantity that is shown."""
    @property
    def quantity_lots(self) -> int:
        """The quantity that is shown, in lots."""
    @property
    def hidden_lots(self) -> int:
        """The quantity that icebergs hide, in lots."""
    @property
    def orders(self) -> int:
        """Number of orders."""
    def __eq__(self, other: object, /) -> bool: ...

@final
class Depth:
    """The best levels of both sides, best first."""

    @property
    def bids(self) -> tuple[Level, ...]:
        """Levels of resting buys, highest price first."""
    @property
    def asks(self) -> tuple[Level, ...]:
        """Levels of resting sells, lowest price first."""

@final
class QueuePlace:
    """An order's place at its price."""

    @property
    def orders_ahead(self) -> int:
        """Orders that come before it at the same price."""
    @property
    def quantity_ahead(self) -> Decimal:
        """What those show."""
    @property
    def quantity_ahead_lots(self) -> int:
        """What those show, in lots."""

@final
class Order:
    """A live order with everything the market knows of it."""

    @property
    def order_id(self) -> int:
        """Its identifier."""
    @property
    def account(self) -> int:
        """Whose it is; 0 is nobody's."""
    @property
    def side(self) -> Side:
        """Buy or sell."""
    @property
    def queue(self) -> QueueName:
        """The queue in which it stands."""
    @property
    def price(self) -> Decimal | None:
        """Limit price, if it has one."""
    @property
    def price_ticks(self) -> int | None:
        """Limit price in ticks, if it has one."""
    @property
    def stop_price(self) -> Decimal | None:
        """Stop price while the stop has not triggered."""
    @property
    def stop_price_ticks(self) -> int | None:
        """Stop price in ticks while the stop has not triggered."""
    @property
    def open(self) -> Decimal:
        """Everything that is still open."""
    @property
    def open_lots(self) -> int:
        """Everything that is still open, in lots."""
    @property
    def displayed_lots(self) -> int:
        """Open quantity that is shown, in lots."""
    @property
    def hidden_lots(self) -> int:
        """Open quantity that is not shown, in lots."""
    @property
    def display_lots(self) -> int | None:
        """Iceberg: the most that is shown at a time, in lots."""
    @property
    def filled(self) -> Decimal:
        """Quantity traded so far."""
    @property
    def filled_lots(self) -> int:
        """Quantity traded so far, in lots."""
    @property
    def priority(self) -> int:
        """Rank in time: lower came first."""
    @property
    def time_in_force(self) -> TimeInForce:
        """How long it lives."""
    @property
    def expiry(self) -> int | None:
        """First nanosecond at which it no longer lives, for good till date."""
    @property
    def post_only(self) -> bool:
        """Whether it rejects rather than trades on entry."""
    @property
    def self_trade(self) -> SelfTrade:
        """What happens when it meets an order of its own account on entry."""
    def __eq__(self, other: object, /) -> bool: ...

@final
class Statistics:
    """What happened in a book since it was made or restored."""

    @property
    def commands(self) -> int:
        """Commands taken: the book's sequence, also those before a restore."""
    @property
    def accepted(self) -> int:
        """New orders accepted."""
    @property
    def rejected(self) -> int:
        """Commands rejected."""
    @property
    def rejects(self) -> dict[RejectReason, int]:
        """Commands rejected, by reason: the reasons that occurred."""
    @property
    def trades(self) -> int:
        """Trades."""
    @property
    def volume_lots(self) -> int:
        """Quantity traded, in lots."""
    @property
    def cancelled(self) -> int:
        """Orders cancelled."""
    @property
    def replaced(self) -> int:
        """Orders replaced."""
    @property
    def reduced(self) -> int:
        """Orders reduced without a trade."""
    @property
    def expired(self) -> int:
        """Orders expired."""
    @property
    def triggered(self) -> int:
        """Stops triggered."""

@final
class Book:
    """One market: its rules, its orders and its clock.

    Prices and quantities are given as decimals (strings or ``decimal.Decimal``), which are converted exactly, or as
    integers, which are ticks and lots. A decimal between two ticks or lots raises ``TickError``; a float is refused.

    A book may be used from several threads: each call has it for itself.
    """

    def __new__(
        cls,
        *,
        tick_size: Number | None = None,
        lot_size: Number | None = None,
        price_unit: Number | None = None,
        quantity_unit: Number | None = None,
        engine: Engine = "ladder",
        market: int = 0,
        max_quantity: Number | None = None,
        max_notional: Number | None = None,
        collar: Number | None = None,
        reference_price: Number | None = None,
        max_orders: int | None = None,
        initial_phase: Phase | None = None,
    ) -> Book:
        """Make an empty book.

        Args:
            tick_size: prices are multiples of it; 1 where it is not given.
            lot_size: quantities are multiples of it; 1 where it is not given.
            price_unit: what the integer price 1 is worth; the tick size where it is not given. A tick size beside it
                must be a whole number of units.
            quantity_unit: what the integer quantity 1 is worth; the lot size where it is not given.
            engine: what holds the orders. All do exactly the same; they differ in time and room. "ladder" is the
                default, "reference" the plain one; `proofbook info` lists all, `proofbook analyze` compares them.
            market: a number of your own for the market.
            max_quantity: the most that one order may ask for.
            max_notional: the most that price times quantity of one order may be (a decimal is money, an integer
                counts price units times quantity units).
            collar: how far beyond the reference price an order may trade.
            reference_price: the reference price before the first trade.
            max_orders: the most orders that may be live; 16,777,216 where it is not given.
            initial_phase: the phase in which the market starts; "continuous" where it is not given.

        Raises:
            InputError: terms that make no market.

        >>> import proofbook
        >>> proofbook.Book(tick_size="0.05", price_unit="0.01").submit("buy", 1, "10.05")[0].price_ticks
        1005
        """
    @classmethod
    def restore(
        cls,
        snapshot: bytes,
        *,
        price_unit: Number | None = None,
        quantity_unit: Number | None = None,
        engine: Engine = "ladder",
    ) -> Book:
        """The book whose snapshot these bytes are, on any engine. A snapshot holds no units: name them again.

        Raises:
            InputError: bytes that are no snapshot.

        >>> import proofbook
        >>> book = proofbook.Book(tick_size="0.01")
        >>> _ = book.submit("buy", 5, "9.99")
        >>> again = proofbook.Book.restore(book.snapshot(), price_unit="0.01", engine="reference")
        >>> again.best_bid, again.digest() == book.digest()
        (Level(price=9.99, quantity=5, orders=1), True)
        """
    def submit(
        self,
        side: Side,
        quantity: Number,
        price: Number | None = None,
        *,
        kind: Kind | None = None,
        order_id: SupportsIndex | None = None,
        account: SupportsIndex | None = None,
        time_in_force: TimeInForce | None = None,
        expiry: Time | None = None,
        post_only: bool = False,
        display: Number | None = None,
        stop_price: Number | None = None,
        self_trade: SelfTrade | None = None,
        time: Time | None = None,
    ) -> Events:
        """Enter an order.

        Args:
            side: "buy" or "sell".
            quantity: how much.
            price: limit price, for limit and stop-limit orders.
            kind: "limit" where it is not given.
            order_id: not that of a live order; where it is not given, a free one is taken.
            account: whose order it is; nobody's where it is not given.
            time_in_force: where it is not given, "gtd" with an expiry, "ioc" for a market order, else "gtc".
            expiry: first instant at which the order no longer lives.
            post_only: reject rather than trade on entry.
            display: iceberg: the most that is shown at a time.
            stop_price: trigger, for stop and stop-limit orders.
            self_trade: what happens when it meets an order of its own account; "allow" where it is not given.
            time: when; where it is not given, the book's clock stands still.

        Returns:
            The events; ``events.order_id`` is the order's id.

        Raises:
            TickError: a decimal between two ticks or lots.
            InputError: anything else that is no order.

        >>> import proofbook
        >>> book = proofbook.Book(tick_size="0.5")
        >>> [event.kind for event in book.submit("sell", 10, "99.5", display=4)]
        ['accepted', 'placed']
        >>> [event.kind for event in book.submit("buy", 7, kind="market")]
        ['accepted', 'trade', 'refreshed', 'trade']
        """
    def cancel(self, order_id: SupportsIndex, *, time: Time | None = None) -> Events:
        """Take a live order out.

        >>> import proofbook
        >>> book = proofbook.Book()
        >>> order_id = book.submit("buy", 5, 100).order_id
        >>> book.cancel(order_id)[0]
        Cancelled(order_id=1, side='buy', price=100, quantity=5, reason='requested')
        """
    def mass_cancel(self, account: SupportsIndex, *, time: Time | None = None) -> Events:
        """Take out every live order of an account."""
    def reduce(self, order_id: SupportsIndex, quantity: Number, *, time: Time | None = None) -> Events:
        """Lower an order's open quantity by so much; it keeps its place."""
    def replace(
        self,
        order_id: SupportsIndex,
        *,
        price: Number | None = None,
        quantity: Number | None = None,
        stop_price: Number | None = None,
        time: Time | None = None,
    ) -> Events:
        """Change an order's price, open quantity or stop price; what is not given stays.

        Only a lower quantity with unchanged prices keeps the order's place.

        >>> import proofbook
        >>> book = proofbook.Book()
        >>> _ = book.submit("buy", 5, 100, order_id=1)
        >>> book.replace(1, quantity=3)[0].kept_priority, book.replace(1, price=101)[0].kept_priority
        (True, False)
        """
    def sweep(self, time: Time) -> Events:
        """Advance the clock: whatever is due expires."""
    def halt(self, *, time: Time | None = None) -> Events:
        """Stop trading; only cancels, mass cancels and reductions are taken."""
    def resume(self, *, time: Time | None = None) -> Events:
        """Trade continuously again after a halt."""
    def open_auction(self, *, time: Time | None = None) -> Events:
        """Start a call auction: orders rest without matching."""
    def uncross(self, *, time: Time | None = None) -> Events:
        """End the auction at one price and trade continuously.

        >>> import proofbook
        >>> book = proofbook.Book(initial_phase="auction")
        >>> _ = book.submit("buy", 5, 102), book.submit("sell", 3, 100)
        >>> book.uncross()[0]
        Uncrossed(price=102, quantity=3)
        """
    def apply(self, commands: ArrowStream | ArrowArray) -> pa.Table:
        """Handle a table of commands and return the table of their events.

        The table comes through the Arrow C interface, so it may be one of pyarrow, polars or pandas. It is taken whole
        or not at all, and the interpreter is free for other threads meanwhile. ``docs/tables.md`` lists the columns.

        Raises:
            InputError: a column or a row that makes no command, with its number; nothing was applied.

        >>> import proofbook, pyarrow
        >>> book = proofbook.Book(tick_size="0.01")
        >>> commands = pyarrow.table({
        ...     "action": ["submit", "submit", "cancel"],
        ...     "order_id": [1, 2, 1],
        ...     "side": ["sell", "buy", None],
        ...     "price": ["10.00", "10.01", None],
        ...     "quantity": [5, 3, None],
        ... })
        >>> events = book.apply(commands)
        >>> events.column("event").to_pylist()
        ['accepted', 'placed', 'accepted', 'trade', 'cancelled']
        >>> events.schema.metadata[b"proofbook.price_unit"]
        b'0.01'
        """
    def depth(self, levels: int = 10) -> Depth:
        """The best levels of both sides, best first."""
    @property
    def best_bid(self) -> Level | None:
        """The best bid's level."""
    @property
    def best_ask(self) -> Level | None:
        """The best ask's level."""
    def order(self, order_id: SupportsIndex) -> Order | None:
        """A live order, or None."""
    def place(self, order_id: SupportsIndex) -> QueuePlace | None:
        """A live order's place at its price, or None.

        >>> import proofbook
        >>> book = proofbook.Book()
        >>> _ = book.submit("buy", 5, 100, order_id=1), book.submit("buy", 2, 100, order_id=2)
        >>> book.place(2)
        QueuePlace(orders_ahead=1, quantity_ahead=5)
        """
    def statistics(self) -> Statistics:
        """What happened so far."""
    def digest(self) -> bytes:
        """The digest of the state (32 bytes): equal digests mean equal states, on any engine."""
    def snapshot(self) -> bytes:
        """The canonical bytes of the state, for ``Book.restore``."""
    def check(self) -> None:
        """Check every invariant, at any cost; raise BrokenInvariantError for one that does not hold."""
    @property
    def clock(self) -> int:
        """The largest time of a command so far, in nanoseconds."""
    @property
    def sequence(self) -> int:
        """How many commands the book has taken."""
    @property
    def phase(self) -> Phase:
        """The market's phase."""
    @property
    def last_trade(self) -> Decimal | None:
        """The price of the last trade."""
    @property
    def last_trade_ticks(self) -> int | None:
        """The price of the last trade, in ticks."""
    @property
    def engine(self) -> Engine:
        """The name of what holds the orders."""
    @property
    def price_unit(self) -> Decimal:
        """What the integer price 1 is worth."""
    @property
    def quantity_unit(self) -> Decimal:
        """What the integer quantity 1 is worth."""
    def __len__(self) -> int:
        """Number of live orders."""
    def __bool__(self) -> Literal[True]: ...
    def __contains__(self, order_id: SupportsIndex, /) -> bool:
        """Whether an order with this id is live."""

@final
class RawMarket:
    """A market that takes encoded commands and gives encoded events."""

    def __new__(cls, config: bytes, engine: Engine = "ladder") -> RawMarket: ...
    def apply(self, command: bytes) -> bytes:
        """Handle one encoded command (72 bytes) and return its encoded events (56 bytes each), one after another."""
    def state(self) -> bytes:
        """The canonical bytes of the market's state."""
    def digest(self) -> bytes:
        """The digest of the market's state: 32 bytes."""
    def check(self) -> None:
        """Check every invariant of the engine and its book; raise BrokenInvariantError for one that does not hold."""
    @classmethod
    def restore(cls, state: bytes, engine: Engine = "ladder") -> RawMarket:
        """The market whose canonical state these bytes are."""
    @property
    def engine(self) -> Engine:
        """The name of what holds the orders."""

@final
class RunSession:
    """A run of commands through the engine over a chosen book, measured command by command. See `proofbook.runs`."""

    @staticmethod
    def sample(seed: int, commands: int, engine: Engine = "ladder") -> RunSession:
        """A run of the sample that belongs to `seed`."""
    @staticmethod
    def open(
        paths: Sequence[str | Path],
        book_file: str | Path | None = None,
        symbol: str | None = None,
        engine: Engine = "ladder",
    ) -> RunSession:
        """A run of a user's files."""
    def step(self) -> bool:
        """Work for a moment; tell whether there is more to do."""
    def progress(self) -> tuple[int, int]:
        """How much is done, and of how much: commands of a sample, bytes of a file."""
    @property
    def commands(self) -> int:
        """Commands so far."""
    def take_trades(self) -> pa.Table:
        """The trades since the last call."""
    def take_top_of_book(self) -> pa.Table:
        """The changes of the top of the book since the last call."""
    def depth(self) -> pa.Table:
        """Pictures of the depth, evenly spread over the run so far: one row for each level."""
    def report(self) -> str:
        """The report so far, as JSON."""

@final
class Sealer:
    """Seals the commands of a source into batches that can be proven. See `proofbook.proving`."""

    @staticmethod
    def sample(seed: int, commands: int) -> Sealer:
        """The generated sample that belongs to `seed`."""
    @staticmethod
    def journal(path: str | Path) -> Sealer:
        """A journal, from its first command on.

        Raises:
            JournalError: it is missing, damaged or cannot be read.
        """
    @staticmethod
    def open(paths: Sequence[str | Path], book_file: str | Path | None = None, symbol: str | None = None) -> Sealer:
        """Files of market data.

        Raises:
            ReplayError: files that cannot be read as order flow.
        """
    def seal(self, commands: int, path: str | Path | None = None, record: str | Path | None = None) -> str | None:
        """Seal up to so many commands into a batch and write its file and its record, where paths are given.

        Returns what the proof will say, as JSON; `None` where no command is left.

        Raises:
            InputError: a batch of no commands, or of more than 2^24, was asked for.
        """
    def close(self, commands: int) -> str | None:
        """End a batch of up to so many commands without what a proof of it would take, which is quicker.

        Returns what a proof would say, as JSON; `None` where no command is left.

        Raises:
            InputError: as `seal`.
        """
    @property
    def header(self) -> CompressedOrderBook:
        """The public header of the state after the last batch."""
    def prove_levels(self) -> bytes:
        """A proof of the best 128 levels of bids and asks in that state, for `CircuitOptimizedState.from_proof`."""
    @property
    def config(self) -> bytes:
        """The market's encoded configuration, 88 bytes."""
    @property
    def root(self) -> str:
        """The state root after the last batch, in hexadecimal."""

@final
class CompressedOrderBook:
    """The public header of a state: its roots and counters, and which state it is. See `proofbook.light`."""

    @staticmethod
    def decode(data: bytes) -> CompressedOrderBook:
        """The header that encodes to exactly these 336 bytes. It is worth what its state root is worth.

        Raises:
            ProofFormatError: bytes that are none.
            InvalidProofError: one of another version.
        """
    def encode(self) -> bytes:
        """Its 336 bytes."""
    def check(self, values: PublicValues) -> None:
        """Check that this is the state that a proven batch led to.

        Raises:
            InvalidProofError: it is not; the message says in what they differ.
        """
    @property
    def market(self) -> int:
        """Number of the market."""
    @property
    def batch(self) -> int:
        """Number of the batch that led to the state; 0 before the first."""
    @property
    def config(self) -> str:
        """Hash of the market's configuration, 64 hexadecimal digits."""
    @property
    def state_root(self) -> str:
        """The state root that all of it hashes to, 64 hexadecimal digits."""
    @property
    def roots(self) -> dict[str, str]:
        """Roots of the maps by name: bids, asks, buy_stops, sell_stops, ids, expiries, accounts."""
    @property
    def sequence(self) -> int:
        """Commands taken."""
    @property
    def clock(self) -> int:
        """Time of the last command, nanoseconds."""
    @property
    def phase(self) -> str:
        """The phase."""
    @property
    def last_trade_ticks(self) -> int | None:
        """Price of the last trade, in ticks."""
    @property
    def open_buy_lots(self) -> int:
        """Open quantity of all buys, in lots."""
    @property
    def open_sell_lots(self) -> int:
        """Open quantity of all sells, in lots."""
    @property
    def orders(self) -> int:
        """Number of live orders."""
    def __eq__(self, other: object, /) -> bool: ...

@final
class ViewLevel:
    """One level of a view."""

    @property
    def price_ticks(self) -> int:
        """Its price, in ticks."""
    @property
    def displayed_lots(self) -> int:
        """What its orders show, in lots."""
    @property
    def hidden_lots(self) -> int:
        """What they hide, in lots."""
    @property
    def orders(self) -> int:
        """How many they are."""
    def __eq__(self, other: object, /) -> bool: ...

@final
class ProvenLevel:
    """What a path showed of a leaf."""

    @property
    def side(self) -> Literal["buy", "sell"]:
        """The side."""
    @property
    def rank(self) -> int:
        """How many levels are better."""
    @property
    def level(self) -> ViewLevel | None:
        """The level; `None` where the side has only as many as the rank."""
    @property
    def displayed_before_lots(self) -> int:
        """What the better levels show in sum, in lots."""
    @property
    def displayed_through_lots(self) -> int:
        """What this level and the better ones show in sum, in lots."""
    def __eq__(self, other: object, /) -> bool: ...

@final
class Fill:
    """What a market order would find. Only what is shown counts."""

    @property
    def lots(self) -> int:
        """Lots that are there, at most as many as asked for."""
    @property
    def notional(self) -> int:
        """Their price in sum, in ticks times lots."""
    @property
    def worst_ticks(self) -> int | None:
        """The worst price of them, in ticks, where there are any."""
    def __eq__(self, other: object, /) -> bool: ...

@final
class ViewHeader:
    """The header of a view: with it, paths are checked."""

    @staticmethod
    def decode(data: bytes, root: str) -> ViewHeader:
        """The header that encodes to exactly these 120 bytes and has the root that you trust.

        Raises:
            InputError: a root that is no digest.
            ProofFormatError: bytes that are no header.
            InvalidProofError: it has another root.
        """
    def encode(self) -> bytes:
        """Its 120 bytes."""
    @property
    def root(self) -> str:
        """The view's root, 64 hexadecimal digits."""
    @property
    def state_root(self) -> str:
        """Root of the state whose best levels these are."""
    @property
    def sequence(self) -> int:
        """Commands that the market had taken."""
    @property
    def bids(self) -> int:
        """Levels of bids, up to 128."""
    @property
    def asks(self) -> int:
        """Levels of asks, up to 128."""
    @property
    def displayed_bid_lots(self) -> int:
        """What these bids show in sum, in lots."""
    @property
    def displayed_ask_lots(self) -> int:
        """What these asks show in sum, in lots."""
    def check_level(self, path: bytes) -> ProvenLevel:
        """Check a path, 322 or 350 bytes, and give what it shows.

        Raises:
            ProofFormatError: bytes that are no path.
            InvalidProofError: it leads elsewhere.
        """
    def check_best(self, side: Literal["buy", "sell"], path: bytes) -> ViewLevel | None:
        """Check a path to the best level of a side and give that level; `None` where the side is empty.

        Raises:
            InputError: an unknown side.
            ProofFormatError, InvalidProofError: as `check_level`; also a path to another leaf.
        """
    def check_depth(self, side: Literal["buy", "sell"], price_ticks: int, proof: bytes) -> int:
        """Check a proof of what is shown at a price and better, and give that, in lots.

        Raises:
            InputError: an unknown side.
            ProofFormatError, InvalidProofError: as `check_level`; also paths that do not enclose the price.
        """
    def __eq__(self, other: object, /) -> bool: ...

@final
class CircuitOptimizedState:
    """The best 128 levels of both sides, proven. Prices are in ticks, quantities in lots."""

    @staticmethod
    def from_proof(proof: bytes, state_root: str) -> CircuitOptimizedState:
        """The view of the state with a root that you trust, from a proof about it.

        Raises:
            InputError: a root that is no digest.
            ProofFormatError: bytes that are no proof.
            InvalidProofError: it is about another state, or does not show all of the levels.
        """
    @staticmethod
    def decode(data: bytes, root: str) -> CircuitOptimizedState:
        """The view that encodes to exactly these bytes and has the root, of a view, that you trust.

        Raises:
            InputError: a root that is no digest.
            ProofFormatError: bytes that are no view.
            InvalidProofError: it has another root.
        """
    def encode(self) -> bytes:
        """The header, 120 bytes, and 28 for each level."""
    def update(self, proof: bytes, state_root: str) -> tuple[int, int]:
        """Bring the view up to a later state; after an error it is as before.

        Returns:
            How many leaves changed, and how many nodes above them were hashed.

        Raises:
            InputError, ProofFormatError, InvalidProofError: as `from_proof`; also an earlier state.
        """
    @property
    def header(self) -> ViewHeader:
        """Its header."""
    @property
    def best_bid(self) -> ViewLevel | None:
        """The best bid, if there is one."""
    @property
    def best_ask(self) -> ViewLevel | None:
        """The best ask, if there is one."""
    def levels(self, side: Literal["buy", "sell"]) -> list[ViewLevel]:
        """The levels of a side, best first."""
    def is_whole(self, side: Literal["buy", "sell"]) -> bool:
        """Whether a side's levels are all that the market has; with 128 there may be more."""
    def depth_through(self, side: Literal["buy", "sell"], price_ticks: int) -> int:
        """What is shown at a price and better, in lots.

        Raises:
            InputError: an unknown side.
            InvalidProofError: the price lies beyond the last of 128 levels: it is not shown.
        """
    def fill(self, side: Literal["buy", "sell"], lots: int) -> Fill:
        """What an order that takes up to so many lots from a side would find.

        Raises:
            InputError: an unknown side.
            InvalidProofError: 128 levels are not enough for it.
        """
    def level_path(self, side: Literal["buy", "sell"], rank: int) -> bytes:
        """The path to the leaf of a side, for `ViewHeader.check_level`; ranks go from 0, the best, to 127."""
    def best_path(self, side: Literal["buy", "sell"]) -> bytes:
        """The path to the best level of a side, for `ViewHeader.check_best`."""
    def depth_proof(self, side: Literal["buy", "sell"], price_ticks: int) -> bytes:
        """The proof of what is shown at a price and better, for `ViewHeader.check_depth`.

        Raises:
            InputError, InvalidProofError: as `depth_through`.
        """

@final
class Message:
    """A FIX message and its fields. Made by a parser alone.

    ``len`` is the number of fields; ``repr`` shows them with ``|`` between them.
    """

    @property
    def raw(self) -> bytes:
        """All bytes, from BeginString to CheckSum."""

    @property
    def message_type(self) -> str:
        """The value of MsgType."""

    def get(self, tag: int) -> bytes | None:
        """The value of the first field with this tag."""

    def fields(self) -> list[tuple[int, bytes]]:
        """Every field in the order of the message: its tag and its value."""

    def invalid(self, *, user_fields: bool = False) -> str | None:
        """What a session rejects it for, in the specification's words; None where it is what the dictionary says.

        ``user_fields`` allows tags from 5000 on.

        Raises:
            InputError: no dictionary has the message's version.
        """

    def __len__(self) -> int: ...

@final
class MessageParser:
    """Finds FIX messages in the bytes of a connection.

    ``kernel`` is ``"scalar"``, ``"avx2"`` or ``"avx512"``, by default the fastest that this machine has.

    Raises:
        InputError: this machine has no such kernel.
    """

    def __new__(cls, kernel: str | None = None) -> MessageParser: ...
    def feed(self, data: bytes) -> list[Message]:
        """The messages that these bytes complete, in order. The start of another is kept, what is garbled ignored."""

    @property
    def ignored_bytes(self) -> int:
        """Bytes of what was garbled so far."""

    @property
    def kernel(self) -> str:
        """The instructions that it uses."""

@final
class AggregatedProof:
    """A proof of the leaves at some positions of a Merkle tree. See `proofbook.merkle`."""

    @staticmethod
    def decode(data: bytes) -> AggregatedProof:
        """The proof that encodes to exactly these bytes.

        Raises:
            ProofFormatError: bytes that are none.
        """
    def encode(self) -> bytes:
        """Its bytes: 8, 4 for each position, 32 for each sibling."""
    @property
    def leaves(self) -> int:
        """How many leaves the tree has."""
    @property
    def positions(self) -> list[int]:
        """The positions, which go up."""
    def check(self, root: str, leaves: Sequence[bytes]) -> None:
        """Check that the tree with this root has these leaves at the positions.

        Raises:
            InputError: a root that is none, or not one leaf for each position.
            InvalidProofError: it has not.
        """
    def __eq__(self, other: object, /) -> bool: ...

def check_all(root: str, proofs: Sequence[tuple[AggregatedProof, Sequence[bytes]]]) -> None:
    """Check many proofs, each with its leaves, about one root; what they share is hashed once.

    Raises:
        InputError: a root that is none.
        InvalidProofError: some do not hold; the message says which.
    """

def file_digest(path: str | Path) -> tuple[int, str]:
    """Length of a file, bytes, and its BLAKE3, 64 hexadecimal digits.

    Raises:
        OSError: it cannot be read.
    """

@final
class BatchOptimizedMerkleTree:
    """A Merkle tree of BLAKE3 whose leaves change many at a time. Root and proofs are those of the last commit."""

    def __new__(cls, leaves: Sequence[bytes] = ...) -> BatchOptimizedMerkleTree: ...
    def __len__(self) -> int: ...
    @property
    def root(self) -> str:
        """The root, 64 hexadecimal digits."""
    @property
    def pending(self) -> int:
        """Leaves that wait for the next commit."""
    @property
    def cache_hits_misses(self) -> tuple[int, int]:
        """Proofs that were there already, and proofs that had to be made."""
    def update(self, position: int, leaf: bytes) -> None:
        """Set a leaf, from the next commit on.

        Raises:
            InputError: there is none at this position.
        """
    def append(self, leaf: bytes) -> int:
        """Append a leaf, from the next commit on; return its position.

        Raises:
            InputError: the tree has 2^24 leaves.
        """
    def commit(self) -> int:
        """Take the updates into the tree; return how many nodes were hashed."""
    def prove(self, positions: Sequence[int]) -> AggregatedProof:
        """The proof of the leaves at positions that go up.

        Raises:
            InputError: positions that do not go up, or lie beyond the tree.
        """

@final
class PublicValues:
    """What a proof proves of a batch. Only `verify` makes one; digests are 64 lower-case hexadecimal digits."""

    @property
    def mode(self) -> Literal["core", "compressed", "chain"]:
        """The kind of the proof that was checked."""
    @property
    def market(self) -> int:
        """Number of the market."""
    @property
    def config(self) -> str:
        """Hash of the market's configuration."""
    @property
    def batch(self) -> int:
        """Number of the batch; the first of a market is 1."""
    @property
    def first_sequence(self) -> int:
        """Sequence of the first command."""
    @property
    def last_sequence(self) -> int:
        """Sequence of the last command."""
    @property
    def clock_before(self) -> int:
        """The clock before the batch, nanoseconds."""
    @property
    def clock_after(self) -> int:
        """The clock after the batch, nanoseconds."""
    @property
    def previous_root(self) -> str:
        """The state root before the batch."""
    @property
    def new_root(self) -> str:
        """The state root after the batch."""
    @property
    def commands(self) -> int:
        """Number of commands."""
    @property
    def command_root(self) -> str:
        """Root of the list of commands."""
    @property
    def events(self) -> int:
        """Number of events."""
    @property
    def event_root(self) -> str:
        """Root of the list of events."""
    def encode(self) -> bytes:
        """Their 232 bytes, as `docs/COMMITMENT.md` has them."""
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...

@final
class ChainValues:
    """What a proof proves of a chain of batches. Only `verify_joined` makes one; digests are 64 hexadecimal digits."""

    @property
    def market(self) -> int:
        """Number of the market."""
    @property
    def config(self) -> str:
        """Hash of the market's configuration."""
    @property
    def batches(self) -> int:
        """Number of batches."""
    @property
    def first_batch(self) -> int:
        """Number of the first batch."""
    @property
    def last_batch(self) -> int:
        """Number of the last batch."""
    @property
    def first_sequence(self) -> int:
        """Sequence of the first command."""
    @property
    def last_sequence(self) -> int:
        """Sequence of the last command."""
    @property
    def clock_before(self) -> int:
        """The clock before the first batch, nanoseconds."""
    @property
    def clock_after(self) -> int:
        """The clock after the last batch, nanoseconds."""
    @property
    def previous_root(self) -> str:
        """The state root before the first batch."""
    @property
    def new_root(self) -> str:
        """The state root after the last batch."""
    @property
    def commands(self) -> int:
        """Number of commands."""
    @property
    def events(self) -> int:
        """Number of events."""
    @property
    def batch_root(self) -> str:
        """Root of the list of batches."""
    def open(self, batches: bytes) -> list[PublicValues]:
        """What is proven of each batch, from the public values of all of them, 232 bytes each.

        Raises:
            ProofFormatError: another number of batches than the chain has.
            InvalidProofError: these are not the chain's batches.
        """
    def encode(self) -> bytes:
        """Their 272 bytes, as `docs/COMMITMENT.md` has them."""
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...

@final
class Chain:
    """Proven batches of one market, each the next one after the other. `verify_chain` keeps one for you."""

    @staticmethod
    def from_genesis(config: bytes) -> Chain:
        """A chain without a batch yet, from the empty state of the market with this encoded configuration.

        Raises:
            InputError: bytes that encode no configuration.
        """
    @staticmethod
    def before(values: PublicValues | ChainValues) -> Chain:
        """A chain without a batch yet, from the state before a batch, which is taken on trust.

        Raises:
            ChainError: values with number or sequence 0, which no batch has.
        """
    @staticmethod
    def after(values: PublicValues | ChainValues) -> Chain:
        """A chain without a batch yet, from the state after a batch, or after a chain of them."""
    def extend(self, values: PublicValues | ChainValues) -> None:
        """Take the next batch, or the next ones, which were proven at once. After an error the chain is as before.

        Raises:
            ChainError: the batch does not follow; the message says in what.
        """
    @property
    def batches(self) -> int:
        """Number of batches."""
    @property
    def batch(self) -> int:
        """Number of the last batch."""
    @property
    def sequence(self) -> int:
        """Sequence of the last command."""
    @property
    def root(self) -> str:
        """The state root after the last batch."""
    @property
    def is_from_genesis(self) -> bool:
        """Whether the chain was started at the empty state of a known configuration."""

def verify_proof(proof: str | Path | bytes) -> PublicValues:
    """Check a proof file, given as a path or as bytes. See `proofbook.verify`.

    Raises:
        ProofFormatError: it is no proof file, or one of a kind that is not checked here.
        InvalidProofError: the proof does not hold.
    """

def verify_joined(proof: str | Path | bytes) -> ChainValues:
    """Check a proof file of a chain, given as a path or as bytes. See `proofbook.verify_joined`.

    Raises:
        ProofFormatError: it is no proof file, or one of a kind that is not checked here.
        InvalidProofError: the proof does not hold.
    """

def program_key() -> str:
    """The key of the program whose proofs of batches are accepted: 64 lower-case hexadecimal digits."""

def chain_program_key() -> str:
    """The key of the program whose proofs of chains are accepted: 64 lower-case hexadecimal digits."""

def keygen(path: str | Path) -> str:
    """Make an operator's secret key from the system's random numbers, in a new file that only its owner may read.

    Returns the public key: 64 lower-case hexadecimal digits.

    Raises:
        OSError: there is such a file already, or it cannot be written.
    """

@final
class ReceiptSigner:
    """Signs for an operator, with the secret key in a file that `keygen` made.

    Raises:
        InputError: the file holds no key, or others than its owner may read it.
        OSError: it cannot be read.
    """

    def __new__(cls, path: str | Path) -> ReceiptSigner: ...
    @property
    def public_key(self) -> str:
        """The key that its signatures are checked against: 64 lower-case hexadecimal digits."""
    def sign(self, market: int, sequence: int, command: bytes) -> Receipt:
        """The receipt of a command, given as its 72 bytes. Sign what is durable: a receipt cannot be taken back.

        Raises:
            InputError: bytes that encode no command.
        """
    def sign_batch(self, public_values: bytes) -> bytes:
        """The signed batch with these public values, given as their 232 bytes.

        Raises:
            InputError: bytes that encode none.
        """

@final
class Receipt:
    """An operator's receipt: a command has a sequence in a market. That it exists says nothing, `verify` does."""

    @staticmethod
    def decode(data: bytes) -> Receipt:
        """The receipt with these 128 bytes; its signature is not checked.

        Raises:
            ReceiptError: bytes that encode none.
        """
    @property
    def market(self) -> int:
        """Number of the market."""
    @property
    def sequence(self) -> int:
        """The command's sequence number."""
    @property
    def time(self) -> int:
        """When the command was sequenced, nanoseconds."""
    @property
    def command(self) -> str:
        """Hash of the command: 64 lower-case hexadecimal digits."""
    def encode(self) -> bytes:
        """Its 128 bytes."""
    def verify(self, key: str) -> None:
        """Check that the operator with this public key signed it.

        Raises:
            ReceiptError: he did not.
            InputError: a key that is none.
        """
    def names(self, command: bytes) -> bool:
        """Whether it is a receipt of this command, given as its 72 bytes.

        Raises:
            InputError: bytes that encode no command.
        """
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...

@final
class Inclusion:
    """An inclusion file, checked against proven batches. `proofbook.open_inclusion` wraps it."""

    def __new__(cls, data: bytes, batches: Sequence[PublicValues]) -> Inclusion: ...
    @staticmethod
    def batches_of(data: bytes) -> list[int]:
        """Numbers of the batches that a file opens; nothing is checked."""
    @staticmethod
    def only(data: bytes, batches: Sequence[int]) -> bytes:
        """The file that opens of this one only some batches."""
    @property
    def batches(self) -> list[int]:
        """Numbers of the batches that it opens."""
    def opened(self, batch: int) -> list[tuple[int, int | None, bytes, list[bytes], str]]:
        """Position, sequence, command, events and, as JSON, what became of every command that it opens."""
    def order(self, batch: int, order_id: int) -> tuple[bytes, int, int] | None:
        """The order with an id after a batch, how many are ahead of it and what they show."""
    def level(self, batch: int, queue: str, price: int) -> tuple[int, int, int, int] | None:
        """Price, displayed, hidden and number of orders of a level after a batch."""
    def depth(self, batch: int, queue: str, levels: int) -> list[tuple[int, int, int, int]]:
        """The best levels of a queue after a batch, as `level`."""
    def fills(self, account: int) -> tuple[str, list[int]]:
        """The fills of an account as JSON, and the batches in which it shows that there are no others."""
    def audit(
        self, receipt: Receipt, key: str, batch: int
    ) -> tuple[bool, tuple[int, int | None, bytes, list[bytes], str], list[int]]:
        """Whether a receipt's command has its sequence, what has it, and which other sequences its command has."""

def verify_signed_batch(data: bytes, key: str) -> bytes:
    """Check that the operator with this public key signed a batch; return its public values, 232 bytes.

    Raises:
        ReceiptError: it is none, or he did not sign it.
        InputError: a key that is none.
    """

def sign_journal(journal: str | Path, key: str | Path, output: str | Path) -> int:
    """Sign every command of a journal and write the receipts into a new file; return how many.

    Raises:
        JournalError: it is missing, damaged or cannot be read.
        InputError: the key's file holds none, or others than its owner may read it.
        OSError: there is such a file already, or it cannot be written.
    """

def serve_inclusion(
    folder: str | Path,
    first: int,
    last: int,
    *,
    sequences: Sequence[int],
    receipts: Sequence[Receipt],
    orders: Sequence[int],
    levels: Sequence[tuple[str, int]],
    depth: Sequence[tuple[str, int]],
    fills: int | None = None,
    complete: bool = False,
) -> bytes:
    """An inclusion file about the batches `first` to `last` of a folder that `proofbook prove` wrote.

    Raises:
        InputError: records that are none or do not follow each other, or nothing to show.
        OSError: a record cannot be read.
    """

def contradict(
    receipt: Receipt, key: str, proof: bytes, inclusion: Inclusion, batch: int, signed: bytes | None = None
) -> bytes:
    """The contradiction of a receipt and a proof file in whose batch another command has its sequence.

    Raises:
        ProofError: there is no contradiction.
    """

def contradict_pair(first: bytes, second: bytes, key: str) -> bytes:
    """The contradiction of two receipts of one sequence, or of two signed batches of one number.

    Raises:
        ReceiptError: both can be true, or one is not signed by this key.
        InputError: neither two receipts nor two signed batches.
    """

def check_contradiction(data: bytes, key: str) -> str:
    """Check a contradiction; return what it shows, as JSON. See `proofbook.check_contradiction`."""

def contradicted_values(data: bytes) -> bytes | None:
    """The encoded public values of the batch that a contradiction holds, if it holds one; they are not checked."""

def market_config(path: str | Path) -> bytes:
    """The encoded configuration, 88 bytes, of the market in a journal, in order flow, or in a file of just that.

    Raises:
        InputError: 88 bytes that encode no configuration.
        JournalError: a folder that is no journal.
        ReplayError: a file that cannot be read as order flow.
    """

def replay(
    paths: Sequence[str | Path],
    *,
    mode: str | None = None,
    book_file: str | Path | None = None,
    initial: str = "inferred",
    symbol: str | None = None,
    check: bool = False,
    engine: Engine = "ladder",
    progress: Callable[[int, int, int], object] | None = None,
) -> tuple[str, str]:
    """Replay market data; return the report as JSON, and as text.

    `progress` is told `(bytes_done, bytes_total, records)` about ten times a second; what it raises ends the replay.

    Raises:
        ReplayError: files that cannot be read, or hold no order events.
    """

def convert(
    paths: Sequence[str | Path],
    output: str | Path,
    *,
    book_file: str | Path | None = None,
    symbol: str | None = None,
    progress: Callable[[int, int, int], object] | None = None,
) -> int:
    """Write the commands of market data into a file of our own format; return how many."""

def generate(output: str | Path, seed: int, commands: int) -> int:
    """Write a sample into a file of our own format; return how many commands it has."""

def journal(
    paths: Sequence[str | Path],
    directory: str | Path,
    *,
    sync: str = "group",
    snapshot: bool = True,
    book_file: str | Path | None = None,
    symbol: str | None = None,
    receipts: tuple[str | Path, str | Path] | None = None,
    engine: Engine = "ladder",
    progress: Callable[[int, int, int], object] | None = None,
) -> str:
    """Start a journal in a folder and take the commands of market data into it; return its end as JSON.

    With `receipts`, the file of a secret key and a new file, the receipt of each command goes into that file once the
    command is acknowledged. They are signed on a thread of their own.

    Raises:
        InputError: files that cannot be read as commands, or an unknown `sync`.
        JournalError: a folder that holds a journal already, or cannot be written.
    """

def recover(path: str | Path, *, inspect: bool = False, engine: Engine = "ladder") -> tuple[str, str]:
    """Rebuild the state of a journal and, unless only looking, repair its torn tail; the report as JSON, and as text.

    Raises:
        JournalError: a journal that is damaged before its tail, locked, or not there.
    """

def engines() -> list[tuple[Engine, str]]:
    """What can hold the orders of a market: the name and a description of each."""

def analysis_command(arguments: list[str]) -> str:
    """Answer a question of the analysis; return its JSON. See `proofbook.analyze`."""

def bench_command(arguments: list[str]) -> str:
    """Run a command of the benchmarks; return its JSON."""

def order_flow(flow: str, *, seed: int, commands: int, words: bool) -> pa.Table:
    """Generate order flow as a table of commands.

    Args:
        flow: "sample", which is what `proofbook generate` writes, or a scenario of the benchmarks.
        seed: realisation of the flow.
        commands: rows.
        words: words as strings rather than as codes.

    Raises:
        InputError: an unknown flow.
    """

def time_loops(
    commands: ArrowStream | ArrowArray, *, engine: Engine = "ladder", rounds: int = 5
) -> list[tuple[int, int]]:
    """Time the table's commands in a plain Rust loop and as `Book.apply` takes them, in turns: `(loop_ns, batch_ns)`.

    The loop's commands lie in memory already; the batch finds, converts and checks columns, and writes the events.
    """

def many_flow(
    scenario: str, *, seed: int, books: int, commands: int, threads: int | None = None
) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.int64]]:
    """Generated flow for many books: the words of their commands, and where each book's begin.

    A book's flow depends on the seed and the book's number alone, and of a scenario a longer flow is another one.

    Args:
        scenario: "static", "normal", "swing-25", "swing-40" or "flash-crash": limit orders, one in seven of them
            immediate or cancel, cancels and replaces. The mid price makes the whole swing within each book's flow, and
            about thirty orders stand at a time. "mixed": every kind of command that `proofbook.gpu` takes, with bad
            ones among them.
        seed: Which realisation.
        books: How many books.
        commands: Commands of each book.
        threads: How many threads to use; all that the machine has by default.

    Returns:
        `uint64[books * commands, 9]`, a row for each command, and `int64[books + 1]`: book b has the rows
        `offsets[b]:offsets[b + 1]`.
    """

@final
class ManyRun:
    """How many books ended that took their commands through the engine, and how long that took."""

    @property
    def digests(self) -> npt.NDArray[np.uint8]:
        """Digests of the books' states: `uint8[books, 32]`."""
    @property
    def event_digests(self) -> npt.NDArray[np.uint64] | None:
        """Digests of the books' events: `uint64[books]`; None if events were only counted."""
    @property
    def events(self) -> npt.NDArray[np.uint64]:
        """Events of each book."""
    @property
    def trades(self) -> npt.NDArray[np.uint64]:
        """Trades of each book."""
    @property
    def live_orders(self) -> npt.NDArray[np.uint64]:
        """Live orders of each book at the end."""
    @property
    def apply_ns(self) -> int:
        """Time of the loops that apply commands, in all threads together: the engine's own time."""
    @property
    def thread_apply_ns(self) -> list[int]:
        """The same for each thread."""
    @property
    def create_ns(self) -> int:
        """Time to make and drop markets, in all threads together."""
    @property
    def decode_ns(self) -> int:
        """Time to decode words into commands, in all threads together."""
    @property
    def digest_ns(self) -> int:
        """Time to compute digests of states, in all threads together."""
    @property
    def wall_ns(self) -> int:
        """Time from the start of the threads to their end."""

def many_replay(
    paths: Sequence[str | Path],
    *,
    symbols: Sequence[str] = ...,
    book_file: str | Path | None = None,
    progress: Callable[[int, int, int], object] | None = None,
) -> tuple[list[tuple[str, str, str]], npt.NDArray[np.uint64], npt.NDArray[np.int64]]:
    """Read the commands of each instrument of a file, in one pass, for many books.

    Args:
        paths: one file of market data or of commands, for LOBSTER with its order book file.
        symbols: which instruments; of none given, all that have order events.
        book_file: LOBSTER's order book file.
        progress: is told `(bytes_done, bytes_total, records)` ten times a second; what it raises ends the reading.

    Returns:
        Of each instrument its name and what one tick and one lot are worth; `uint64[rows, 9]`, the commands; and
        `int64[instruments + 1]`, where the rows of each begin.

    Raises:
        ReplayError: a file that cannot be read, lacks an instrument, or has more commands than are read at once.
    """

def many_run(
    config: bytes,
    commands: npt.NDArray[np.uint64],
    offsets: npt.NDArray[np.int64],
    *,
    threads: int | None = None,
    engine: Engine = "ladder",
    events: Literal["none", "digest"] = "none",
) -> ManyRun:
    """Run each book's commands through the engine. The arrays are read where they lie: they must not change meanwhile.

    Args:
        config: The encoded terms of every book.
        commands: `uint64[N, 9]`, the words of a command in each row.
        offsets: `int64[books + 1]`: book b has rows `offsets[b]:offsets[b + 1]`.
        threads: How many threads to use; all that the machine has by default.
        engine: What holds the orders.
        events: Whether events are digested or only counted.

    Raises:
        InputError: An array of another type or shape, offsets that do not go up, or a row that is no command; then it
            names the first such row and its book.
    """

def state_digests(
    states: Buffer | npt.NDArray[np.generic], offsets: npt.NDArray[np.int64], *, threads: int | None = None
) -> npt.NDArray[np.uint8]:
    """The digests that the engine gives for states with these canonical bytes: `uint8[books, 32]`.

    Args:
        states: The canonical bytes of all states, one after another.
        offsets: `int64[books + 1]`: state b is `states[offsets[b]:offsets[b + 1]]`.
        threads: How many threads to use; all that the machine has by default.
    """

def audit_exchange(folder: Path) -> str:
    """Hold snapshots and market journals of an exchange's folder against its log, replayed from the beginning: JSON.

    Raises:
        JournalError: the log is damaged.
        OSError: it is missing or cannot be read.
    """

@final
class ExchangeServer:
    """An exchange that runs in threads of its own: JSON requests in, JSON messages out.

    All methods may be called from any thread.
    """

    @staticmethod
    def start(config: str) -> ExchangeServer:
        """Open the exchange of a folder, or start one, as a configuration (JSON) says.

        Raises:
            InputError: the configuration cannot be understood; the message names the field, what was expected and what
                was received.
            JournalError: the exchange's files are damaged or in use, or cannot be written.
            OSError: the address cannot be listened on.
        """

    @property
    def fix_address(self) -> str | None:
        """Where FIX clients connect, such as ``"127.0.0.1:40123"``; ``None`` where they may not."""

    @property
    def readiness(self) -> int:
        """A file descriptor that is readable while ``drain`` has something, for ``loop.add_reader``."""

    def submit(self, request: bytes) -> int:
        """Give a request (JSON) to the exchange; the ticket by which a message answers it.

        Raises:
            InputError: the request cannot be understood.
            BusyError: as many requests wait as may.
            StoppedError: the exchange has stopped.
        """

    def drain(self) -> list[bytes]:
        """Take the messages (JSON) that wait, in order; a bounded number of them, so there may be more."""

    def query(self, query: bytes) -> bytes:
        """Answer a question (JSON) about the exchange as it is.

        Raises:
            InputError: the question cannot be understood, or there is no such market, account or order.
        """

    def watch(self, account: int, is_watched: bool) -> None:
        """Say whether messages about an account's orders and balances are wanted."""

    def metrics(self) -> bytes:
        """Counters and histograms (JSON)."""

    def stop(self) -> None:
        """Stop in order: sessions are logged out, a snapshot is taken, threads end. A second call does nothing.

        Raises:
            JournalError: the log or a session's store failed.
        """

@final
class HistoryReader:
    """Reads the log of an exchange, beside the server or without it, and gives what came of it as Arrow tables.

    ``docs/HISTORY.md`` describes the tables. It takes no lock and changes no file; all methods may be called from any
    thread.
    """

    def __new__(cls, folder: Path | str, after_entry: int = 0) -> HistoryReader:
        """Start behind an entry.

        Raises:
            InputError: the folder is none of an exchange.
            JournalError: the log is damaged, or does not have that entry.
        """

    @property
    def exchange(self) -> str:
        """The exchange's name."""

    @staticmethod
    def schemas() -> dict[str, pa.Schema]:
        """The schema of each table, by its name."""

    def acknowledged(self) -> int:
        """Up to which entry the log says that it is acknowledged. It may lag behind where nothing is synced.

        Raises:
            JournalError: the log is damaged or cannot be read.
        """

    def next(self, entries_max: int, acknowledged: int | None = None) -> tuple[int, dict[str, pa.RecordBatch]]:
        """Take the next entries: so many at most, and none behind `acknowledged` (by default what the log says itself).

        Returns:
            The last entry that was taken so far, and a batch for each table that has rows.

        Raises:
            InputError: an amount of 10^20 or more of an asset, which the tables cannot hold.
            JournalError: the log is damaged or cannot be read.
        """
