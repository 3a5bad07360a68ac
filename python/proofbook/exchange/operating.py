"""What an operator may ask: accounts, funds, fees, limits, kill switches, assets, markets and their states.

One route for each request of `messages.OPERATING`, so that each has its schema.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from litestar import Request, get, post
from litestar.handlers import HTTPRouteHandler

from proofbook.errors import InputError
from proofbook.exchange.access import require, services_of
from proofbook.exchange.failures import checked, failure, unreadable
from proofbook.exchange.keys import ROLES, public_key_of
from proofbook.exchange.messages import Account, AccountsQuery, Report
from proofbook.exchange.requests import OPERATING

OPERATOR = [require("operator")]
TAGS = ["operator"]


class OperatorAnswer(msgspec.Struct):
    """What came of it; the log has it."""

    entry: int
    time_ns: int
    account: int
    """The account that it was about, or that was opened."""
    cancelled: int
    reports: list[Report]


class KeyRequest(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A key for an account."""

    public_key: Annotated[str, msgspec.Meta(description="An Ed25519 public key, 64 hexadecimal digits.")]
    account: Account
    role: str = "trade"


class KeyAnswer(msgspec.Struct):
    """The key's id."""

    key: str
    account: int
    role: str


class AccountsAnswer(msgspec.Struct):
    """How many accounts there are; they are numbered from 1."""

    count: int


def _handler(action: str, request_type: type[msgspec.Struct]) -> HTTPRouteHandler:
    """The route of one request. Its fields come without the action, which the path names."""

    async def act(request: Request[Any, Any, Any], data: Any) -> OperatorAnswer:
        answer = checked(await services_of(request).hub.ask(data))
        return OperatorAnswer(answer.entry, answer.time_ns, answer.account, answer.cancelled, answer.reports)

    act.__name__ = f"operator_{action}"
    act.__doc__ = request_type.__doc__
    act.__annotations__["data"] = request_type
    summary = action.replace("_", " ").capitalize()
    return post(f"/operator/{action}", status_code=200, guards=OPERATOR, tags=TAGS, summary=summary)(act)


@post("/operator/add_key", status_code=200, guards=OPERATOR, tags=TAGS, summary="Add key")
async def add_key(request: Request[Any, Any, Any], data: KeyRequest) -> KeyAnswer:
    """Let a public key act for an account."""
    services = services_of(request)
    role = next((role for role in ROLES if role == data.role), None)
    if role is None:
        raise unreadable(f"role: expected one of {', '.join(ROLES)}; received {data.role!r}")
    count = (await services.hub.query(AccountsQuery(), AccountsAnswer)).count
    if not (1 <= data.account <= count or (role == "operator" and data.account == 0)):
        raise failure("unknown_account", expected=f"1 to {count}", received=str(data.account))
    try:
        key = services.keys.add(public_key_of(data.public_key), data.account, role)
    except InputError as error:
        raise unreadable(str(error)) from None
    return KeyAnswer(key.id, key.account, key.role)


@get("/operator/accounts", guards=OPERATOR, tags=TAGS, summary="How many accounts there are")
async def get_accounts(request: Request[Any, Any, Any]) -> AccountsAnswer:
    """They are numbered from 1 without gaps."""
    return await services_of(request).hub.query(AccountsQuery(), AccountsAnswer)


HANDLERS: list[HTTPRouteHandler] = [
    *(_handler(action, request_type) for action, request_type in OPERATING.items()),
    add_key,
    get_accounts,
]
