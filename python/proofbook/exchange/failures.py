"""What the web answers where it does not do what was asked: one shape for every error, and a code for every reason.

Codes are stable: those of the exchange are the names of `docs/EXCHANGE.md` and `docs/RULES.md`, the others stand here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from http import HTTPStatus
from typing import Any

import msgspec

from proofbook.exchange.messages import Answer
from proofbook.exchange.places import found_at, words_at


class ErrorBody(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What went wrong, for programs and for people."""

    code: str
    message: str
    expected: str | None = None
    received: str | None = None


class ErrorAnswer(msgspec.Struct):
    """The body of every answer that is an error."""

    error: ErrorBody


class ApiError(Exception):
    """Something that is answered with a status and a code instead of a result."""

    def __init__(
        self,
        status: HTTPStatus,
        code: str,
        message: str,
        *,
        expected: str | None = None,
        received: str | None = None,
        retry_after_s: int | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.body = ErrorBody(code=code, message=message, expected=expected, received=received)
        self.retry_after_s = retry_after_s

    @property
    def headers(self) -> dict[str, str]:
        """Headers that the answer has for it."""
        return {} if self.retry_after_s is None else {"Retry-After": str(self.retry_after_s)}


CODES: Mapping[str, tuple[HTTPStatus, str]] = {
    "invalid_request": (HTTPStatus.BAD_REQUEST, "the request cannot be read"),
    "missing_key": (HTTPStatus.UNAUTHORIZED, "the request needs PB-KEY, PB-TIMESTAMP and PB-SIGNATURE, or a login"),
    "unknown_key": (HTTPStatus.UNAUTHORIZED, "there is no such key, or it was revoked"),
    "wrong_timestamp": (HTTPStatus.UNAUTHORIZED, "the request's time is outside the window"),
    "wrong_signature": (HTTPStatus.UNAUTHORIZED, "the signature is not the key's signature of this request"),
    "replayed_signature": (HTTPStatus.UNAUTHORIZED, "the signature was used before"),
    "wrong_role": (HTTPStatus.FORBIDDEN, "the key may not do this"),
    "not_found": (HTTPStatus.NOT_FOUND, "there is nothing of that name"),
    "unknown_market": (HTTPStatus.NOT_FOUND, "there is no such market"),
    "unknown_asset": (HTTPStatus.NOT_FOUND, "there is no such asset"),
    "unknown_account": (HTTPStatus.NOT_FOUND, "there is no such account"),
    "unknown_order": (HTTPStatus.NOT_FOUND, "the account has no such order"),
    "unknown_order_of_account": (HTTPStatus.NOT_FOUND, "the account has no such live order"),
    "method_not_allowed": (HTTPStatus.METHOD_NOT_ALLOWED, "the path does not take this method"),
    "demo_full": (HTTPStatus.CONFLICT, "there are as many demo accounts as may be"),
    "key_in_use": (HTTPStatus.CONFLICT, "the public key belongs to another account or role"),
    "body_too_large": (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "the body is longer than what is taken"),
    "too_many_requests": (HTTPStatus.TOO_MANY_REQUESTS, "more requests than the limit"),
    "too_many_streams": (HTTPStatus.TOO_MANY_REQUESTS, "as many streams as may be"),
    "too_many_subscriptions": (HTTPStatus.TOO_MANY_REQUESTS, "as many subscriptions as a stream may have"),
    "internal": (HTTPStatus.INTERNAL_SERVER_ERROR, "a defect of the server; it is in its log"),
    "busy": (HTTPStatus.SERVICE_UNAVAILABLE, "more requests wait than may wait; try again"),
    "stopping": (HTTPStatus.SERVICE_UNAVAILABLE, "the exchange is being stopped"),
    "failed": (HTTPStatus.SERVICE_UNAVAILABLE, "the log failed: nothing is acknowledged until a restart"),
}
"""Every code of the web's own, and those of the exchange that say that something is not there."""

REASONS: Mapping[str, str] = {
    "missing_client_id": "the request needs a client id",
    "duplicate_client_id": "the client id names another order of the account",
    "exchange_killed": "the exchange takes no orders until it is revived",
    "account_killed": "the account may enter no orders until it is revived",
    "market_closed": "the market is closed",
    "market_halted_by_operator": "the market is halted",
    "price_range": "a price is not between one tick and the largest price",
    "quantity_range": "the quantity is above the largest",
    "missing_bound": "a market or stop order that buys needs a price as its bound: the market has no collar",
    "account_quantity_limit": "more than the quantity limit",
    "account_notional_limit": "more than the notional limit",
    "open_orders_limit": "as many live orders as the account may have in the market",
    "account_collar": "the price is beyond the collar of the account",
    "insufficient_funds": "the account does not have what is asked for",
    "exchange_full": "the exchange holds as many live orders as it may",
    "quantity_filled": "a replace to no more than has traded",
    "zero_amount": "an amount of zero",
    "zero_quantity": "a quantity of zero",
    "amount_limit": "more of the asset than the exchange may hold",
    "credit_in_use": "the account uses more credit than that",
    "wrong_symbol": "the symbol is empty or in use",
    "wrong_decimals": "the quote asset has fewer decimals than a price and a quantity together, or an asset too many",
    "wrong_terms": "the terms of the market do not fit together",
    "fee_range": "a fee is above the largest",
    "replace_terms": "the new terms do not go with the order's kind",
    "wrong_state": "the market's state does not allow this",
    "would_cross": "a post-only order would have traded",
    "price_collar": "the price is beyond the market's collar",
    "time_in_force": "the order's kind does not go with this time in force",
    "already_expired": "the order's time is over",
    "wrong_phase": "the market's phase does not take this",
    "book_crossed": "bids and asks cross: an auction must uncross them first",
    "display_quantity": "a display quantity is above zero and below the order's, which must be one that can rest",
    "wrong_number": "there are as many assets, markets or accounts as there may be",
    "entry_clock_reversed": "the machine's clock was set back: nothing is taken before it is where it was",
    "clock_reversed": "the machine's clock was set back: nothing is taken before it is where it was",
    "sequence_exhausted": "the market has used up its numbers",
    "market_halted": "the market is halted",
    "lot_size": "the quantity is not a multiple of the lot",
    "quantity_limit": "more than the market's quantity limit",
    "notional_limit": "more than the market's notional limit",
    "quantity_overflow": "more than one side of the market may hold",
    "tick_size": "a price is not a multiple of the tick",
    "book_full": "the market holds as many orders as it may",
    "reduce_too_large": "a reduction by more than is open",
    "post_only": "post-only is for limit orders that can rest",
}
"""Reasons of the exchange in plain words; one that is not here stands for itself."""


def failure(
    code: str, *, expected: str | None = None, received: str | None = None, retry_after_s: int | None = None
) -> ApiError:
    """The error of a code that stands in `CODES`."""
    status, message = CODES[code]
    return ApiError(status, code, message, expected=expected, received=received, retry_after_s=retry_after_s)


def refusal(reason: str) -> ApiError:
    """The error of a reason that the exchange or a market gave."""
    if reason in CODES:
        return failure(reason)
    return ApiError(HTTPStatus.CONFLICT, reason, REASONS.get(reason, reason.replace("_", " ")))


REJECTED = frozenset({"rejected", "cancel_rejected", "replace_rejected"})


def checked(answer: Answer) -> Answer:
    """The answer, if the exchange did what it was asked for.

    Raises:
        ApiError: it did not.
    """
    if answer.refusal is not None:
        raise refusal(answer.refusal)
    for report in answer.reports:
        if report.execution in REJECTED:
            raise refusal(report.reason or report.execution)
    return answer


UNREADABLE: tuple[tuple[re.Pattern[str], str | None, str | None], ...] = (
    (
        re.compile(r"^(?:(?P<place>[\w .\[\]-]+): )?expected (?P<expected>.*)[,;] received (?P<received>.*)$"),
        None,
        None,
    ),
    (re.compile(r"^Expected (?P<expected>.*), got (?P<received>.*)$"), None, None),
    (re.compile(r"^Expected (?P<expected>.*)$"), None, None),
    (re.compile(r"^Invalid enum value (?P<received>.*)$"), "one of the words of the OpenAPI document", None),
    (re.compile(r"^Invalid value (?P<received>.*)$"), "one of the words of docs/API.md", None),
    (re.compile(r"^Object contains unknown field `(?P<received>.*)`$"), "known fields only", None),
    (re.compile(r"^Object missing required field `(?P<expected>.*)`$"), None, "nothing"),
    (re.compile(r"^'data'$"), "a JSON object", "nothing"),
    (re.compile(r"^(?P<received>.*)$"), "JSON", None),
)
"""What msgspec and the native side say of what they cannot read, with what is missing in it."""
RECEIVED_CHARACTERS_MAX = 120
AT = re.compile(r"^(?P<message>.*?)(?: - at `\$\.?(?P<place>[^`]*)`)?$", re.DOTALL)


def is_too_deep(error: Exception) -> bool:
    """Whether msgspec gave up on JSON that is nested deeper than Python calls may be: no defect, but a bad request."""
    return isinstance(error, RecursionError) and "while deserializing" in str(error)


def too_deep() -> ApiError:
    """The error for JSON that is nested too deep to be read."""
    return unreadable("expected JSON that is nested less deep; received more levels than can be read")


def _received(place: str | None, source: str | bytes | None) -> str:
    """What JSON has at a place that is not as it should be."""
    if source is not None:
        with suppress(msgspec.MsgspecError, UnicodeDecodeError, LookupError, RecursionError):
            return json.dumps(found_at(place or "", msgspec.json.decode(source)))[:RECEIVED_CHARACTERS_MAX]
    return "something else"


def _expected(place: str | None, kind: Any, otherwise: str | None) -> str | None:
    """The words that may stand at a place, where msgspec says only that others may not."""
    words = [] if kind is None else words_at(place or "", kind)
    return f"one of {', '.join(words)}" if words else otherwise


def unreadable(message: str, source: str | bytes | None = None, kind: Any = None) -> ApiError:
    """The error for what msgspec or the native side says of a request that it cannot read.

    Args:
        message: what it says.
        source: the JSON that it could not read, for what a message does not tell.
        kind: the type that it was to be read as, for the same.
    """
    at = AT.match(message)
    text, place = (message, None) if at is None else (at["message"], at["place"])
    for pattern, expected, received in UNREADABLE:
        if match := pattern.match(text):
            found = match.groupdict()
            place = found.get("place") or ("" if place == "data" else place)
            expected = found.get("expected") or _expected(place, kind, expected)
            return ApiError(
                HTTPStatus.BAD_REQUEST,
                "invalid_request",
                message,
                expected=f"{place}: {expected}" if place else expected,
                received=found.get("received") or received or _received(place, source),
            )
    return failure("invalid_request")
