"""The page for people: the files that `make page` built, with headers that keep it to itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from litestar import MediaType, get
from litestar.datastructures import MutableScopeHeaders
from litestar.exceptions import NotFoundException
from litestar.middleware import DefineMiddleware
from litestar.static_files import create_static_files_router
from litestar.types import ASGIApp, ControllerRouterHandler, Message, Receive, Scope, Send

FOLDER = Path(__file__).with_name("page")
"""Where the built page is, if it was built."""

PATH_BYTES_MAX = 255
"""No file of the page has a longer path; the file system refuses some that are longer, as it does zero bytes."""

POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; connect-src 'self'; img-src 'self'; "
    "worker-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)
"""The page is made of its own files alone, and talks to this server alone."""


def with_headers(app: ASGIApp) -> ASGIApp:
    """The application with headers for a page. Files under ``assets`` are named by the hash of what they hold."""

    async def handle(scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        if "\0" in path or len(path.encode()) > PATH_BYTES_MAX:
            raise NotFoundException

        async def send_on(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableScopeHeaders.from_message(message)
                headers["content-security-policy"] = POLICY
                headers["x-content-type-options"] = "nosniff"
                # What is not there may be there after an update: only a file is kept for ever.
                is_asset = path.startswith("/assets/") and message["status"] < 400
                headers["cache-control"] = "public, max-age=31536000, immutable" if is_asset else "no-cache"
            await send(message)

        await app(scope, receive, send_on)

    return handle


@get("/", include_in_schema=False, media_type=MediaType.TEXT)
async def get_no_page() -> str:
    """What stands where the page was not built."""
    return (
        "This is an exchange. Its page is not part of this installation; `make page` builds it.\n"
        "HTTP and WebSocket: /api/v1, described in docs/API.md and /api/v1/openapi.json\n"
    )


def handlers(folder: Path = FOLDER) -> list[ControllerRouterHandler]:
    """The routes of the page."""
    if not (folder / "index.html").is_file():
        return [get_no_page]
    middleware: list[Any] = [DefineMiddleware(with_headers)]
    return [create_static_files_router(path="/", directories=[folder], html_mode=True, middleware=middleware)]
