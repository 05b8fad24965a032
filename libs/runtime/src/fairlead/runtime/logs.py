"""Structured logs: JSON lines for machines, colours on a terminal, from the same calls."""

from __future__ import annotations

import logging
import sys
from typing import cast

import structlog
from structlog.typing import FilteringBoundLogger, Processor

from fairlead.runtime import logfields

Logger = FilteringBoundLogger


def configure(service: str, *, level: str = "info", json: bool | None = None) -> None:
    """Set up logging for the process; called once, by its entry point.

    Args:
        service: name of the program, on every line.
        level: lowest level that is written; info and above is for operators.
        json: JSON lines; None decides by whether standard error is a terminal.

    """
    as_json = not sys.stderr.isatty() if json is None else json
    render: list[Processor] = (
        [structlog.processors.dict_tracebacks, structlog.processors.JSONRenderer()]
        if as_json
        else [structlog.dev.ConsoleRenderer()]
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(**{logfields.SERVICE: service})
    logging.basicConfig(
        level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(name)s %(message)s", force=True
    )


def get_logger() -> Logger:
    """Return a logger for a module."""
    return cast(Logger, structlog.get_logger())
