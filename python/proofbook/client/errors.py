"""What can go wrong between a client and an exchange.

::

    ProofbookError
    └── ExchangeError                   anything below
        ├── ConnectionFailedError       no exchange there, or it hung up: what was sent was not taken
        │   └── UnansweredError         sent, and no answer came: whether it was taken is not known
        ├── AnswerError                 an answer that is none of this interface
        └── ApiError                    the exchange said no: has ``code``, ``status``, ``expected``, ``received``
            ├── BadRequestError         400: cannot be read, or cannot be asked; also a ValueError
            ├── AuthenticationError     401: no key, an unknown one, a signature or a time that does not hold
            ├── ForbiddenError          403: the key's role may not do this
            ├── NotFoundError           404: no such market, account or page
            │   └── UnknownOrderError   no such order of the account
            ├── RefusedError            409: the exchange took the request and refused it; ``code`` says why
            │   ├── InsufficientFundsError
            │   ├── DuplicateOrderError the client id names another order
            │   ├── LimitError          a limit on quantity, notional, price or live orders
            │   └── MarketStateError    closed, halted, killed, or in another phase
            ├── RateLimitError          429: too many requests; ``retry_after_s`` where it was said
            └── UnavailableError        503: busy, stopping or failed; nothing was taken
"""

from __future__ import annotations

from proofbook.errors import ProofbookError


class ExchangeError(ProofbookError):
    """Base of what can go wrong between a client and an exchange."""


class ConnectionFailedError(ExchangeError):
    """There is no exchange at the address, or the connection to it broke."""


class UnansweredError(ConnectionFailedError):
    """A request was sent and no answer came: whether the exchange took it is not known.

    Attributes:
        client_id: of the order, where the request was about one: ask for it, or place it again with the same id.
    """

    def __init__(self, message: str, client_id: str | None = None) -> None:
        super().__init__(message)
        self.client_id = client_id


class AnswerError(ExchangeError):
    """An answer that is none of this interface: another server, or another version of it."""


class ApiError(ExchangeError):
    """The exchange said no.

    Attributes:
        code: the stable name of the reason, such as ``"insufficient_funds"``.
        status: the status of HTTP; 0 where the answer came over the stream.
        expected: what would have been right, where that was said.
        received: what was there instead.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        status: int = 0,
        expected: str | None = None,
        received: str | None = None,
    ) -> None:
        parts = [f"{code}: {message}" if message and message != code else code]
        if "expected " not in message:
            parts += [f"expected {expected}"] if expected else []
            parts += [f"received {received}"] if received else []
        super().__init__("; ".join(parts))
        self.code = code
        self.status = status
        self.expected = expected
        self.received = received


class BadRequestError(ApiError, ValueError):
    """The request cannot be read, or asks for what does not exist."""


class AuthenticationError(ApiError):
    """No key, an unknown key, or a signature or time that does not hold."""


class ForbiddenError(ApiError):
    """The key's role may not do this."""


class NotFoundError(ApiError):
    """There is no such market, order or page."""


class UnknownOrderError(NotFoundError):
    """The account has no such order, or none that is live."""


class RefusedError(ApiError):
    """The exchange refused the request by its rules; ``code`` is the reason's stable name."""


class InsufficientFundsError(RefusedError):
    """The account does not have what the order must hold."""


class DuplicateOrderError(RefusedError):
    """The client id names another order of the account."""


class LimitError(RefusedError):
    """A limit of the account or the market: quantity, notional, price, or live orders."""


class MarketStateError(RefusedError):
    """The market or the account takes no such request now."""


class RateLimitError(ApiError):
    """Too many requests.

    Attributes:
        retry_after_s: when to ask again, where the exchange said so.
    """

    retry_after_s: float | None = None


class UnavailableError(ApiError):
    """The exchange is busy, is being stopped, or failed: nothing was taken."""


BY_STATUS: dict[int, type[ApiError]] = {
    400: BadRequestError,
    401: AuthenticationError,
    403: ForbiddenError,
    404: NotFoundError,
    405: BadRequestError,
    409: RefusedError,
    413: BadRequestError,
    429: RateLimitError,
    503: UnavailableError,
}
"""The classes of errors by status, for codes that are not below."""

CODES: dict[type[ApiError], tuple[str, ...]] = {
    BadRequestError: ("invalid_request", "method_not_allowed", "body_too_large"),
    AuthenticationError: ("missing_key", "unknown_key", "wrong_timestamp", "wrong_signature", "replayed_signature"),
    ForbiddenError: ("wrong_role",),
    NotFoundError: ("not_found", "unknown_market", "unknown_asset", "unknown_account"),
    UnknownOrderError: ("unknown_order", "unknown_order_of_account"),
    InsufficientFundsError: ("insufficient_funds",),
    DuplicateOrderError: ("duplicate_client_id", "duplicate_order"),
    LimitError: (
        "account_collar",
        "account_notional_limit",
        "account_quantity_limit",
        "book_full",
        "exchange_full",
        "notional_limit",
        "open_orders_limit",
        "price_collar",
        "price_range",
        "quantity_limit",
        "quantity_range",
    ),
    MarketStateError: (
        "account_killed",
        "book_crossed",
        "exchange_killed",
        "market_closed",
        "market_halted",
        "market_halted_by_operator",
        "wrong_phase",
        "wrong_state",
    ),
    RateLimitError: ("too_many_requests", "too_many_streams", "too_many_subscriptions"),
    UnavailableError: ("busy", "stopping", "failed"),
}
"""The codes of each class. The stream tells no status, so that they are needed there; all other reasons of an exchange
that refuses are a plain ``RefusedError``."""

BY_CODE = {code: kind for kind, codes in CODES.items() for code in codes}


def api_error(
    status: int, code: str, message: str, expected: str | None = None, received: str | None = None
) -> ApiError:
    """The exception for an answer of the exchange that is an error.

    >>> api_error(409, "insufficient_funds", "the account lacks USD")
    InsufficientFundsError('insufficient_funds: the account lacks USD')
    >>> api_error(400, "tick", "a price", expected="a multiple of 0.01", received="1.005").received
    '1.005'
    """
    kind = BY_CODE.get(code) or BY_STATUS.get(status, ApiError)
    return kind(code, message, status=status, expected=expected, received=received)
