"""proofbook: a fast, exact and verifiable limit order book.

One order at a time, in natural terms:

>>> import proofbook
>>> book = proofbook.Book(tick_size="0.01", lot_size="0.001")
>>> resting = book.submit("sell", "1.5", "100.10", order_id=7)
>>> [event.kind for event in resting]
['accepted', 'placed']
>>> taken = book.submit("buy", "0.5", "100.10")
>>> taken.trades
(Trade(maker_id=7, taker_id=1, taker_side='buy', price=100.10, quantity=0.500, maker_open=1.000),)
>>> book.best_ask
Level(price=100.10, quantity=1.000, orders=1)

What the market refuses is an event, what you get wrong is an exception:

>>> book.submit("buy", "0.5", "100.20", post_only=True).reject_reason
'would_cross'
>>> book.submit("buy", "0.5", "100.105")
Traceback (most recent call last):
    ...
proofbook.errors.TickError: price must be a multiple of 0.01; received 100.105

Whole tables of commands go through ``Book.apply``; the rules are in ``docs/RULES.md``. Proofs of batches are checked by
``verify`` and ``verify_chain``; ``audit`` holds an operator's receipt against them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from proofbook.errors import (
    BrokenInvariantError,
    ChainError,
    ContradictedError,
    DeviceError,
    EventsLostError,
    InclusionError,
    InputError,
    InvalidProofError,
    JournalError,
    OutOfStepError,
    ProofbookError,
    ProofError,
    ProofFormatError,
    ProverError,
    ReceiptError,
    RejectedError,
    ReplayError,
    TickError,
    UndecidedError,
)

if TYPE_CHECKING:
    from proofbook._core import (
        Accepted,
        Book,
        Cancelled,
        Chain,
        ChainValues,
        Depth,
        Event,
        Events,
        Expired,
        Level,
        Order,
        PhaseChanged,
        Placed,
        PublicValues,
        QueuePlace,
        Receipt,
        ReceiptSigner,
        Reduced,
        Refreshed,
        Rejected,
        Replaced,
        Statistics,
        Trade,
        Triggered,
        Uncrossed,
        chain_program_key,
        keygen,
        market_config,
        program_key,
    )
    from proofbook.auditing import audit, check_contradiction, open_inclusion
    from proofbook.verifying import verify, verify_any, verify_batches, verify_chain, verify_joined

    __version__: str

__all__ = [
    "Accepted",
    "Book",
    "BrokenInvariantError",
    "Cancelled",
    "Chain",
    "ChainError",
    "ChainValues",
    "ContradictedError",
    "Depth",
    "DeviceError",
    "Event",
    "Events",
    "EventsLostError",
    "Expired",
    "InclusionError",
    "InputError",
    "InvalidProofError",
    "JournalError",
    "Level",
    "Order",
    "OutOfStepError",
    "PhaseChanged",
    "Placed",
    "ProofError",
    "ProofFormatError",
    "ProofbookError",
    "ProverError",
    "PublicValues",
    "QueuePlace",
    "Receipt",
    "ReceiptError",
    "ReceiptSigner",
    "Reduced",
    "Refreshed",
    "Rejected",
    "RejectedError",
    "Replaced",
    "ReplayError",
    "Statistics",
    "TickError",
    "Trade",
    "Triggered",
    "Uncrossed",
    "UndecidedError",
    "__version__",
    "audit",
    "chain_program_key",
    "check_contradiction",
    "keygen",
    "market_config",
    "open_inclusion",
    "program_key",
    "verify",
    "verify_any",
    "verify_batches",
    "verify_chain",
    "verify_joined",
]


def __getattr__(name: str) -> object:
    """Loads the native module when something of it is first used, so that ``proofbook.spec`` does without it."""
    if name == "__version__":
        from importlib.metadata import version

        value: object = version("proofbook")
    elif name in ("audit", "check_contradiction", "open_inclusion"):
        from proofbook import auditing

        value = getattr(auditing, name)
    elif name in ("verify", "verify_any", "verify_batches", "verify_chain", "verify_joined"):
        from proofbook import verifying

        value = getattr(verifying, name)
    elif name in __all__:
        from proofbook import _core

        value = getattr(_core, name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """What there is, loaded or not."""
    return sorted({*globals(), *__all__})
