"""What an account may ask: orders placed, replaced and cancelled, how they stand, balances, fills.

An order has a client id, the client's or one that is derived from the signature: the same one is one order, however
often it is sent. So a request whose answer was lost may be sent again.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from litestar import Request, delete, get, post, put
from litestar.handlers import HTTPRouteHandler
from litestar.params import Parameter

from proofbook.exchange import signing
from proofbook.exchange.access import caller_of, require, services_of
from proofbook.exchange.failures import checked, failure, unreadable
from proofbook.exchange.market_data import ROWS, Limit, bounded, known_market
from proofbook.exchange.messages import (
    Answer,
    BalanceInfo,
    BalancesQuery,
    OpenOrdersQuery,
    OrderQuery,
    OrderState,
    Report,
)
from proofbook.exchange.requests import Cancel, MassCancel, New, OrderTerms, Replace, ReplaceTerms
from proofbook.exchange.services import History, Services


class OrderAnswer(OrderState, kw_only=True):
    """An order as it stands after a request about it, and what happened to get there."""

    entry: int
    """The entry of the log that the request became."""
    time_ns: int
    reports: list[Report]


class MassCancelAnswer(msgspec.Struct):
    """How many orders were cancelled."""

    cancelled: int
    entry: int
    time_ns: int


ClientIdParameter = Annotated[str | None, Parameter(min_length=1, max_length=40)]
MarketParameter = Annotated[str | None, Parameter(max_length=16, description="Of this market only.")]
SinceEntry = Annotated[int | None, Parameter(ge=0, le=(1 << 63) - 1, description="After this entry of the log.")]
SinceIndex = Annotated[
    int | None,
    Parameter(ge=0, le=(1 << 62) - 1, description="With an entry: also those of this entry after this index."),
]
OrderNumber = Annotated[int, Parameter(ge=0, le=(1 << 63) - 1)]
TAGS = ["trading"]
READ = [require("read", "trade")]
TRADE = [require("trade")]


async def order_answer(
    services: Services, account: int, answer: Answer, *, client_id: str | None = None, order_id: int | None = None
) -> OrderAnswer:
    """What is answered to a request about one order, by either of its ids.

    Raises:
        ApiError: the exchange did not do it.
    """
    checked(answer)
    for report in reversed(answer.reports):
        if report.order.order_id == order_id or report.order.client_id == client_id:
            break
    else:
        if order_id is not None:
            raise failure("unknown_order")
        # It is one that the order had before it was replaced: all of them lead to it.
        order_id = (await find_order(services, account, client_id=client_id)).order_id
        return await order_answer(services, account, answer, order_id=order_id)
    return OrderAnswer(
        **msgspec.structs.asdict(report.order), entry=answer.entry, time_ns=answer.time_ns, reports=answer.reports
    )


async def place(services: Services, account: int, terms: OrderTerms, client_id: str) -> OrderAnswer:
    """Place an order of an account; the client id is for an order that has none.

    Raises:
        ApiError: it is not taken.
    """
    await known_market(services, terms.market)
    fields = {**msgspec.structs.asdict(terms), "client_id": terms.client_id or client_id}
    request = New(account=account, **fields)
    return await order_answer(services, account, await services.hub.ask(request), client_id=request.client_id)


async def find_order(
    services: Services, account: int, *, order_id: int | None = None, client_id: str | None = None
) -> OrderState:
    """An order of an account.

    Raises:
        ApiError: there is none of that id.
    """
    query = OrderQuery(account=account, order_id=order_id, client_id=client_id)
    found = msgspec.json.decode(await services.hub.query_bytes(query), type=OrderState | None)
    if found is None:
        received = f"order id {order_id}" if client_id is None else f"client id {client_id!r}"
        raise failure("unknown_order", received=received)
    return found


async def cancel(
    services: Services, account: int, *, order_id: int | None = None, client_id: str | None = None
) -> OrderAnswer:
    """Cancel an order of an account, by either of its ids.

    Raises:
        ApiError: there is no such live order.
    """
    request = Cancel(account=account, order_id=order_id, original_id=client_id)
    answer = await services.hub.ask(request)
    return await order_answer(services, account, answer, order_id=order_id, client_id=client_id)


async def replace(services: Services, account: int, order_id: int, terms: ReplaceTerms, client_id: str) -> OrderAnswer:
    """Replace an order of an account; the client id is for terms that have none.

    Raises:
        ApiError: there is no such live order, or the terms are not taken.
    """
    if terms.price is None and terms.quantity is None and terms.stop_price is None:
        raise unreadable("expected a new price, quantity or stop_price; received none")
    order = await find_order(services, account, order_id=order_id)
    request = Replace(
        account=account,
        market=order.market,
        order_id=order_id,
        client_id=terms.client_id or client_id,
        price=terms.price,
        quantity=terms.quantity,
        stop_price=terms.stop_price,
    )
    return await order_answer(services, account, await services.hub.ask(request), order_id=order_id)


@post("/orders", status_code=200, guards=TRADE, tags=TAGS, summary="Place an order")
async def post_order(request: Request[Any, Any, Any], data: OrderTerms) -> OrderAnswer:
    """Answered once the log has it. The same client id again is the same order: the answer says how it stands."""
    caller = caller_of(request)
    return await place(services_of(request), caller.account, data, signing.client_id(caller.signature))


@get("/orders", guards=READ, tags=TAGS, summary="Live orders, or the order with a client id")
async def get_orders(
    request: Request[Any, Any, Any], client_id: ClientIdParameter = None, market: MarketParameter = None
) -> list[OrderState] | OrderState:
    """Without a client id: all live orders of the account."""
    services, account = services_of(request), caller_of(request).account
    if client_id is not None:
        return await find_order(services, account, client_id=client_id)
    if market is not None:
        await known_market(services, market)
    return await services.hub.query(OpenOrdersQuery(account=account, market=market), list[OrderState])


@get("/orders/{order_id:int}", guards=READ, tags=TAGS, summary="One order")
async def get_order(request: Request[Any, Any, Any], order_id: OrderNumber) -> OrderState:
    """Also one that is gone, as long as the exchange remembers it."""
    return await find_order(services_of(request), caller_of(request).account, order_id=order_id)


@put("/orders/{order_id:int}", guards=TRADE, tags=TAGS, summary="Replace an order")
async def put_order(request: Request[Any, Any, Any], order_id: OrderNumber, data: ReplaceTerms) -> OrderAnswer:
    """A new price, total quantity (what has traded included) or stop price."""
    caller = caller_of(request)
    client_id = signing.client_id(caller.signature)
    return await replace(services_of(request), caller.account, order_id, data, client_id)


@delete("/orders/{order_id:int}", status_code=200, guards=TRADE, tags=TAGS, summary="Cancel an order")
async def delete_order(request: Request[Any, Any, Any], order_id: OrderNumber) -> OrderAnswer:
    """Taken in every state of a market."""
    return await cancel(services_of(request), caller_of(request).account, order_id=order_id)


@delete("/orders", status_code=200, guards=TRADE, tags=TAGS, summary="Cancel all orders, or the one with a client id")
async def delete_orders(
    request: Request[Any, Any, Any], market: MarketParameter = None, client_id: ClientIdParameter = None
) -> MassCancelAnswer | OrderAnswer:
    """Without a client id: all live orders of the account, in one market or in all."""
    services, account = services_of(request), caller_of(request).account
    if client_id is not None:
        return await cancel(services, account, client_id=client_id)
    if market is not None:
        await known_market(services, market)
    answer = checked(await services.hub.ask(MassCancel(account=account, market=market)))
    return MassCancelAnswer(answer.cancelled, answer.entry, answer.time_ns)


@get("/balances", guards=READ, tags=TAGS, summary="What the account has")
async def get_balances(request: Request[Any, Any, Any]) -> list[BalanceInfo]:
    """Of each asset."""
    query = BalancesQuery(account=caller_of(request).account)
    return await services_of(request).hub.query(query, list[BalanceInfo])


def _history(services: Services) -> History:
    if services.history is None:
        raise failure("not_found", expected="an exchange that keeps its history", received="one that does not")
    return services.history


def _check_since(since_entry: int | None, since_index: int | None) -> None:
    if since_index is not None and since_entry is None:
        raise unreadable(f"since_index: expected it with since_entry; received {since_index} alone")


@get("/fills", guards=READ, tags=TAGS, summary="Trades of the account")
async def get_fills(
    request: Request[Any, Any, Any],
    since_entry: SinceEntry = None,
    since_index: SinceIndex = None,
    limit: Limit = None,
) -> list[Any]:
    """From the history; the newest one last. Without an entry, the last ones."""
    services = services_of(request)
    _check_since(since_entry, since_index)
    rows = bounded(limit, ROWS, services.configuration.limits.rows_max)
    return await _history(services).fills(caller_of(request).account, since_entry, since_index, rows)


@get("/orders/history", guards=READ, tags=TAGS, summary="Orders of the account that are gone")
async def get_order_history(
    request: Request[Any, Any, Any],
    market: MarketParameter = None,
    since_entry: SinceEntry = None,
    since_index: SinceIndex = None,
    limit: Limit = None,
) -> list[Any]:
    """From the history; the newest one last. Without an entry, the last ones."""
    services = services_of(request)
    _check_since(since_entry, since_index)
    rows = bounded(limit, ROWS, services.configuration.limits.rows_max)
    if market is not None:
        await known_market(services, market)
    return await _history(services).orders(caller_of(request).account, market, since_entry, since_index, rows)


HANDLERS: list[HTTPRouteHandler] = [
    post_order,
    get_orders,
    get_order,
    put_order,
    delete_order,
    delete_orders,
    get_balances,
    get_fills,
    get_order_history,
]
