"""Who asks: requests counted by address, signatures checked, roles required.

These are guards of the routes: they run before anything of a request is read but its headers and its body's bytes.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from litestar import Request
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from proofbook.exchange import signing
from proofbook.exchange.failures import failure, unreadable
from proofbook.exchange.keys import Key, Role
from proofbook.exchange.services import Services

Connection: TypeAlias = ASGIConnection[Any, Any, Any, Any]
Guard: TypeAlias = Callable[[Connection, BaseRouteHandler], Awaitable[None]]


@dataclass(frozen=True)
class Caller:
    """Whoever signed a request.

    Attributes:
        key: the key.
        signature: the signature, which no other request has.
    """

    key: Key
    signature: bytes

    @property
    def account(self) -> int:
        """The account that it acts for."""
        return self.key.account


def services_of(connection: Connection) -> Services:
    """The exchange that a connection is to."""
    found: Services = connection.app.state.services
    return found


def address_of(connection: Connection) -> str:
    """The address that a connection comes from."""
    return connection.client.host if connection.client is not None else "unknown"


async def count_request(connection: Connection, _: BaseRouteHandler) -> None:
    """Count a request of an address.

    Raises:
        ApiError: it is one too many.
    """
    if isinstance(connection, Request):
        services_of(connection).requests_by_address.take(address_of(connection))


async def check_parameters(connection: Connection, handler: BaseRouteHandler) -> None:
    """Check that the route knows each parameter of the query, and that each is there once.

    One that is misspelt would mean all: orders of all markets, to be cancelled.

    Raises:
        ApiError: one is unknown, or there twice.
    """
    if not isinstance(connection, Request):
        return
    known = handler.parsed_fn_signature.parameters.keys() - connection.path_params.keys() - {"request", "data"}
    expected = ", ".join(sorted(known)) or "none"
    for name, values in connection.query_params.dict().items():
        if name not in known:
            raise unreadable(f"query: expected {expected}; received {name[:40]!r}")
        if len(values) > 1:
            raise unreadable(f"{name}: expected one value; received {len(values)}")


def check_signed(
    services: Services, values: Mapping[str, str | None], method: str, path: str, body: bytes
) -> tuple[Key, bytes]:
    """Check who signed a request, and take the signature.

    Args:
        services: the exchange.
        values: key id, time and signature, under the names that errors are to use, in this order.
        method: the method that is signed.
        path: the path with its query.
        body: the bytes of the body.

    Raises:
        ApiError: nobody who may did, or not now, or not only once.
    """
    name, timestamp, text = values.values()
    if not (name and timestamp and text):
        raise signing.missing_key(values)
    found = services.keys.get(name)
    if found is None:
        raise failure("unknown_key", received=repr(name[:40]))
    key, public_key = found
    services.requests_by_key.take(key.id)
    now_ms = time.time_ns() // 1_000_000
    time_ms = services.window.check_time(timestamp, now_ms)
    signature = signing.decode_signature(text)
    signing.check_signature(public_key, signature, signing.signed_text(time_ms, method, path, body))
    services.window.take(signature, now_ms)
    if key.role == "operator":
        services.keys.take_operator_signature(signature, now_ms, services.window.window_ms)
    return key, signature


def require(*roles: Role) -> Guard:
    """A guard that lets keys with these roles pass, checks the query, and leaves the caller in the scope."""

    async def guard(connection: Connection, handler: BaseRouteHandler) -> None:
        if not isinstance(connection, Request):
            raise TypeError("signatures are of requests")
        headers = connection.headers
        values = {
            name: headers.get(name) for name in (signing.KEY_HEADER, signing.TIMESTAMP_HEADER, signing.SIGNATURE_HEADER)
        }
        path = connection.scope["raw_path"].decode("latin-1")
        if query := connection.scope["query_string"].decode("latin-1"):
            path = f"{path}?{query}"
        key, signature = check_signed(services_of(connection), values, connection.method, path, await connection.body())
        check_role(key, roles)
        await check_parameters(connection, handler)
        connection.scope["user"] = Caller(key, signature)

    return guard


def check_role(key: Key, roles: tuple[Role, ...]) -> None:
    """Check that a key has one of some roles.

    Raises:
        ApiError: it has not.
    """
    if key.role not in roles:
        raise failure("wrong_role", expected=" or ".join(roles), received=key.role)


def caller_of(request: Request[Any, Any, Any]) -> Caller:
    """Who signed a request that a guard let pass."""
    caller: Caller = request.scope["user"]
    return caller
