"""The logs: one line per event, JSON for machines or colours for people, and never a secret.

Everything that logs goes the same way, structlog's loggers and the standard library's (uvicorn, litestar): time in UTC,
level, logger, event, what was bound (the request's id), then the facts.

>>> import io, json
>>> from structlog import get_logger
>>> stream = io.StringIO()
>>> configure_logs("json", stream=stream)
>>> get_logger("proofbook.example").info("key registered", account=7, signature="c2VjcmV0")
>>> line = json.loads(stream.getvalue())
>>> line["event"], line["account"], line["signature"]
('key registered', 7, '[redacted]')
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from typing import Any, Literal, TextIO, TypeAlias

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

LogForm: TypeAlias = Literal["auto", "json", "console"]

REDACTED = "[redacted]"
DEPTH_MAX = 6
"""Deeper inside of what is logged, everything is left out."""
SECRET_PARTS = (
    "secret",
    "password",
    "passphrase",
    "private",
    "signature",
    "authorization",
    "cookie",
    "token",
    "credential",
    "dsn",
)
"""What is under a name that holds one of these is not logged."""


def _is_secret(name: object) -> bool:
    text = str(name).lower()
    return any(part in text for part in SECRET_PARTS)


def _without_secrets(value: Any, depth: int) -> Any:
    if depth > DEPTH_MAX:
        return "[deeper]"
    if isinstance(value, Mapping):
        return {
            name: REDACTED if _is_secret(name) else _without_secrets(item, depth + 1) for name, item in value.items()
        }
    if isinstance(value, list | tuple):
        # Headers come as pairs of a name and a value.
        if len(value) == 2 and isinstance(value[0], str | bytes) and _is_secret(_text(value[0])):
            return (value[0], REDACTED)
        return [_without_secrets(item, depth + 1) for item in value]
    return value


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode("latin-1")


def leave_out_secrets(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Put `REDACTED` in the place of what is named like a secret, at any depth."""
    for name in event:
        event[name] = REDACTED if _is_secret(name) else _without_secrets(event[name], 0)
    return event


def configure_logs(form: LogForm = "auto", level: str = "INFO", stream: TextIO | None = None) -> None:
    """Set up all logging of the process. Give uvicorn ``log_config=None``, so that it does not set up its own.

    Args:
        form: ``"console"`` for people, ``"json"`` for machines, ``"auto"`` for what a terminal or a file asks for.
        level: the lowest level that is shown.
        stream: where to; standard error by default.
    """
    target = sys.stderr if stream is None else stream
    is_console = form == "console" or (form == "auto" and target.isatty())
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        leave_out_secrets,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    end: list[Processor] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if is_console:
        end.append(structlog.dev.ConsoleRenderer(colors=target.isatty()))
    else:
        end += [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(default=str)]
    handler = logging.StreamHandler(target)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(processors=end, foreign_pre_chain=shared))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
