"""A client for an exchange: typed requests, streams that keep themselves in step, and keys.

``Client`` blocks, ``AsyncClient`` is for asyncio; both do the same, from one core that knows no network. They need the
packages of the extra ``exchange``. The exceptions are those of ``proofbook.client.errors``.

>>> from proofbook.client import Client, Key
>>> key = Key.generate()
>>> with Client("http://127.0.0.1:9", key) as client:
...     client.get_balances()
Traceback (most recent call last):
    ...
proofbook.client.errors.ConnectionFailedError: no exchange at http://127.0.0.1:9: [Errno 111] Connection refused; \
`make exchange` and `proofbook serve FOLDER` start one
"""

from __future__ import annotations

from proofbook.client.async_client import AsyncClient
from proofbook.client.book import Applied, LocalBook
from proofbook.client.endpoint import DEFAULT_URL
from proofbook.client.errors import (
    AnswerError,
    ApiError,
    AuthenticationError,
    BadRequestError,
    ConnectionFailedError,
    DuplicateOrderError,
    ExchangeError,
    ForbiddenError,
    InsufficientFundsError,
    LimitError,
    MarketStateError,
    NotFoundError,
    RateLimitError,
    RefusedError,
    UnansweredError,
    UnavailableError,
    UnknownOrderError,
)
from proofbook.client.feeds import OrderUpdate
from proofbook.client.keys import Key
from proofbook.client.sync_client import Client
from proofbook.client.types import (
    Asset,
    Balance,
    Book,
    BookMessage,
    Candle,
    Change,
    DemoAccount,
    Level,
    Market,
    Order,
    Placed,
    Reconciled,
    Report,
    State,
    Status,
    Ticker,
    Trade,
)

__all__ = [
    "DEFAULT_URL",
    "AnswerError",
    "ApiError",
    "Applied",
    "Asset",
    "AsyncClient",
    "AuthenticationError",
    "BadRequestError",
    "Balance",
    "Book",
    "BookMessage",
    "Candle",
    "Change",
    "Client",
    "ConnectionFailedError",
    "DemoAccount",
    "DuplicateOrderError",
    "ExchangeError",
    "ForbiddenError",
    "InsufficientFundsError",
    "Key",
    "Level",
    "LimitError",
    "LocalBook",
    "Market",
    "MarketStateError",
    "NotFoundError",
    "Order",
    "OrderUpdate",
    "Placed",
    "RateLimitError",
    "Reconciled",
    "RefusedError",
    "Report",
    "State",
    "Status",
    "Ticker",
    "Trade",
    "UnansweredError",
    "UnavailableError",
    "UnknownOrderError",
]
