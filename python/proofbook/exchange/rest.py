"""The application: all routes, the shape of every error, the OpenAPI document, the page."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

import msgspec
from litestar import Litestar, Request, Response, Router, get
from litestar.datastructures import State
from litestar.exceptions import HTTPException, ValidationException
from litestar.openapi import OpenAPIConfig, ResponseSpec
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme
from litestar.types import ControllerRouterHandler

import proofbook
from proofbook.exchange import market_data, operating, proofs, signing, stream, trading, web_page
from proofbook.exchange.access import check_parameters, count_request, services_of
from proofbook.exchange.failures import (
    CODES,
    RECEIVED_CHARACTERS_MAX,
    ApiError,
    ErrorAnswer,
    failure,
    is_too_deep,
    too_deep,
    unreadable,
)
from proofbook.exchange.messages import ServerStatus, StatusQuery
from proofbook.exchange.observing import readiness
from proofbook.exchange.services import Services

log = logging.getLogger("proofbook.exchange")


class StrictRequest(Request[Any, Any, Any]):
    """A request whose body is read as the stream's messages are: the text of a number is no number."""

    async def json(self) -> Any:
        """The body as what its handler takes; what is read to a type already, litestar leaves as it is."""
        kind = self.route_handler.parsed_fn_signature.parameters["data"].annotation
        body = await self.body()
        try:
            return msgspec.json.decode(body, type=kind)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise unreadable(str(error), body, kind) from None


def answer_error(request: Request[Any, Any, Any], error: Exception) -> Response[ErrorAnswer]:
    """The answer to whatever went wrong."""
    found = _api_error(request, error)
    return Response(ErrorAnswer(found.body), status_code=found.status, headers=found.headers)


def _api_error(request: Request[Any, Any, Any], error: Exception) -> ApiError:
    match error:
        case ApiError():
            return error
        case ValidationException():
            extra = error.extra[0] if isinstance(error.extra, list) and error.extra else {}
            place, message = extra.get("key"), extra.get("message", error.detail)
            found = unreadable(f"{message} - at `$.{place}`" if place and " - at " not in message else message)
            given = {**request.path_params, **request.query_params.dict()}
            if place in given:
                # All of an address is text: its type says nothing.
                text = given[place]
                found.body.received = repr(text[0] if isinstance(text, list) else text)[:RECEIVED_CHARACTERS_MAX]
            return found
        case HTTPException(status_code=HTTPStatus.BAD_REQUEST):
            return unreadable(error.detail)
        case HTTPException():
            for code, (status, _) in CODES.items():
                if status == error.status_code:
                    return failure(code)
            return ApiError(HTTPStatus(error.status_code), "http", error.detail)
        case RecursionError() if is_too_deep(error):
            return too_deep()
    log.error("a request failed", exc_info=error)
    return failure("internal")


@get("/health", tags=["operation"], summary="Whether the process lives")
async def get_health() -> dict[str, str]:
    """It does, if this is answered."""
    return {"status": "ok"}


@get("/ready", tags=["operation"], summary="Whether the exchange takes requests")
async def get_ready(request: Request[Any, Any, Any]) -> dict[str, str]:
    """503 with the reason, if it does not."""
    hub = services_of(request).hub
    hub.check_open()
    status = await hub.query(StatusQuery(), ServerStatus)
    is_ready, facts = readiness(msgspec.to_builtins(status))
    if not is_ready:
        raise failure("busy" if status.failure is None else "failed", received=facts["reasons"][0])
    return {"status": "ready"}


def _openapi() -> OpenAPIConfig:
    header = SecurityScheme(
        type="apiKey",
        name=signing.KEY_HEADER,
        security_scheme_in="header",
        description=(
            f"{signing.KEY_HEADER}: the key's id; {signing.TIMESTAMP_HEADER}: milliseconds since 1970; "
            f"{signing.SIGNATURE_HEADER}: base64 of the Ed25519 signature over "
            "'<timestamp>\\n<METHOD>\\n<path with query>\\n<body>'. Each signature is taken once."
        ),
    )
    return OpenAPIConfig(
        title="proofbook",
        version=proofbook.__version__,
        description="An exchange that anyone can check. docs/API.md is the guide.",
        # Its own path, since beside the document are pages for all that is not found below it.
        path="/api/v1/openapi.json",
        render_plugins=[JsonRenderPlugin(path="/")],
        components=Components(security_schemes={"signature": header}),
    )


def application(services: Services, streams: stream.Streams, more: Sequence[ControllerRouterHandler] = ()) -> Litestar:
    """The application of an exchange.

    Args:
        services: the exchange's parts.
        streams: takes the WebSocket's connections.
        more: routes that others add, with their whole paths.
    """
    errors = {
        int(status): ResponseSpec(ErrorAnswer, description=description, generate_examples=False)
        for status, description in {
            400: "The request cannot be read",
            401: "The key, the time or the signature is wrong",
            403: "The key's role may not do this",
            404: "There is nothing of that name",
            409: "The exchange refused it",
            429: "More than the limit; Retry-After says when to come again",
            503: "Busy, stopping, or the log failed",
        }.items()
    }
    signed = [*trading.HANDLERS, *operating.HANDLERS]
    open_handlers = [*market_data.HANDLERS, *proofs.HANDLERS]
    for handler in (*open_handlers, *signed):
        handler.responses = errors
    open_routes = Router("/api/v1", route_handlers=[*open_handlers, stream.stream_handler], guards=[check_parameters])
    signed_routes = Router("/api/v1", route_handlers=signed, security=[{"signature": []}])
    return Litestar(
        route_handlers=[open_routes, signed_routes, get_health, get_ready, *web_page.handlers(), *more],
        guards=[count_request],
        exception_handlers={Exception: answer_error},
        request_class=StrictRequest,
        openapi_config=_openapi(),
        request_max_body_size=services.configuration.limits.body_bytes_max,
        state=State({"services": services, "streams": streams}),
        logging_config=None,
    )
