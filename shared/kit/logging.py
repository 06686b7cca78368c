"""Structured logs without personal data: JSON for machines, short lines for a person at a terminal."""

import logging
import sys
import traceback
from collections.abc import MutableMapping
from typing import Any

import structlog

# Fields that may hold what a person told us. Code should not log them at all; this is the net below.
PERSONAL_FIELDS = frozenset(
    {
        "body",
        "text",
        "name",
        "first_name",
        "last_name",
        "profile_name",
        "email",
        "phone",
        "address",
        "note",
        "value",
        "payload",
        "raw",
        "content",
        "recipient",
    }
)
_REDACTED = "[redacted]"


def _redact(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for field in PERSONAL_FIELDS & event.keys():
        event[field] = _REDACTED
    return event


def _render_traceback(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Where an exception rose and of what type it is; neither its text nor any local variable, which quote records."""
    error = event.pop("exc_info", None)
    if isinstance(error, tuple):
        error = error[1]
    elif error is True:
        error = sys.exc_info()[1]
    if isinstance(error, BaseException):
        event["exception"] = "".join(traceback.format_tb(error.__traceback__)) + type(error).__name__
    return event


def configure_logging(service: str, *, log_format: str = "json", level: str = "INFO") -> None:
    """Send structlog and the standard library's records to stdout in one format; call it once per process."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(
            fmt="iso" if log_format == "json" else "%H:%M:%S.%f", utc=log_format == "json"
        ),
        _redact,
        _render_traceback,
    ]
    renderer: list[Any]
    if log_format == "json":
        renderer = [structlog.processors.JSONRenderer()]
    else:
        renderer = [structlog.dev.ConsoleRenderer(colors=sys.stdout.isatty(), pad_event_to=0)]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderer],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    # A line per connection attempt and access would bury the others; connection states are logged by the kit.
    for name, quieter in (
        ("aiokafka", "CRITICAL"),
        ("alembic", "WARNING"),
        ("uvicorn.access", "WARNING"),
        ("uvicorn.error", "WARNING"),
        ("faststream", "ERROR"),
        # It logs addresses with their queries, which may hold a phone number.
        ("httpx2", "WARNING"),
    ):
        logging.getLogger(name).setLevel(quieter)
    if log_format == "json":
        structlog.contextvars.bind_contextvars(service=service)


def get_logger() -> structlog.stdlib.BoundLogger:
    """A logger. Events are fixed phrases, facts are keyword arguments: ids and counts, never what people wrote."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger()
    return logger


def describe(error: BaseException) -> str:
    """An error for logs and dead letters: its type and where it rose, not its text, which may quote a record."""
    trace, where = error.__traceback__, ""
    while trace is not None:
        code = trace.tb_frame.f_code
        where = f" in {code.co_name} ({code.co_filename.rsplit('/', 1)[-1]}:{trace.tb_lineno})"
        trace = trace.tb_next
    constraint = getattr(error, "constraint_name", None)
    return type(error).__name__ + (f" on {constraint}" if constraint else "") + where
