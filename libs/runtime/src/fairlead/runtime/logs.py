"""Structured logs: JSON lines for machines, colours on a terminal, from the same calls."""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any, cast

import structlog
from structlog.typing import FilteringBoundLogger, Processor

from fairlead.runtime import logfields
from fairlead.runtime.errors import TEXT_LIMIT, chain

Logger = FilteringBoundLogger


def configure(service: str, *, level: str = "info", json: bool | None = None) -> None:
    """Set up logging for the process; called by its entry point, again once the settings are known.

    Args:
        service: name of the program, on every line.
        level: lowest level that is written; info and above is for operators.
        json: JSON lines; None decides by whether standard error is a terminal.

    """
    as_json = not sys.stderr.isatty() if json is None else json
    render: Processor = (
        structlog.processors.JSONRenderer()
        if as_json
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            _without_traceback,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,  # the second call must reach loggers that have spoken
    )
    structlog.contextvars.bind_contextvars(**{logfields.SERVICE: service})
    logging.basicConfig(level=logging.WARNING, handlers=[_FromLibraries()], force=True)


def _without_traceback(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Tell an error by its chain of texts: a traceback shows source lines and, with some renderers, the values in them."""
    error = event.pop("exc_info", None)
    if error is True:
        error = sys.exc_info()[1]
    elif isinstance(error, tuple):
        error = error[1]
    if isinstance(error, BaseException):
        event.setdefault(logfields.ERROR, chain(error))
    return event


class _FromLibraries(logging.Handler):
    """Writes what libraries log through the standard module as entries of ours."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            fields: dict[str, Any] = {logfields.LOGGER: record.name}
            if record.exc_info and record.exc_info[1] is not None:
                fields[logfields.ERROR] = chain(record.exc_info[1])
            structlog.get_logger().log(record.levelno, record.getMessage()[:TEXT_LIMIT], **fields)
        except Exception:  # noqa: BLE001 - as every handler of the standard module: logging must not end the program
            self.handleError(record)


def get_logger() -> Logger:
    """Return a logger for a module."""
    return cast(Logger, structlog.get_logger())
