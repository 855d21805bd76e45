"""Structured logs: one JSON object a line for machines, aligned text for a terminal.

No log line carries a name, an address, a token or a story. Exceptions are logged by type and place only,
because their messages may quote what a parent typed.
"""

import logging
import sys
import traceback
from types import TracebackType
from typing import Any, Final, TextIO

import structlog

_QUIET: Final = ("uvicorn.error", "uvicorn.access", "asyncio", "aiohttp", "alembic")


def configure(*, json: bool, level: str = "INFO", stream: TextIO | None = None) -> None:
    """Set up logging for the process; called once, by an entry point."""
    renderer: Any = structlog.processors.JSONRenderer() if json else structlog.dev.ConsoleRenderer(colors=False)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(stream or sys.stderr),
        cache_logger_on_first_use=False,
    )
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


def where(error: BaseException) -> dict[str, str | list[str]]:
    """An exception as type and places, without its message."""
    return {"error": type(error).__name__, "at": _places(error.__traceback__)}


def _places(trace: TracebackType | None) -> list[str]:
    frames = traceback.extract_tb(trace)[-6:]
    return [f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno} {frame.name}" for frame in frames]
