"""Structured logs: one JSON object a line for machines, aligned text for a terminal.

No log line carries a name, an address, a token or a story. Exceptions are logged by type and place only,
because their messages may quote what a parent typed.
"""

import logging
import sys
import traceback
from contextlib import suppress
from types import TracebackType
from typing import Any, TextIO

import structlog
from typing_extensions import override


class _Wordless(logging.Handler):
    """Libraries' own log records: who and where, without the words, which may quote what was typed."""

    @override
    def emit(self, record: logging.LogRecord) -> None:
        failure = where(record.exc_info[1]) if record.exc_info and record.exc_info[1] else {}
        # Libraries make up levels in between; structlog knows the five of the standard library.
        level = min(record.levelno // 10 * 10, logging.CRITICAL)
        structlog.get_logger().log(
            level, "library.log", logger=record.name, line=f"{record.filename}:{record.lineno}", **failure
        )


class _Lines(structlog.PrintLogger):
    """Writes lines. One that cannot be written is lost: a full disk must end neither a request nor delivery."""

    @override
    def msg(self, message: str) -> None:
        with suppress(OSError):
            super().msg(message)

    log = debug = info = warn = warning = error = exception = critical = fatal = failure = err = msg


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
        logger_factory=lambda *_: _Lines(stream or sys.stderr),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(level=logging.WARNING, handlers=[_Wordless()], force=True)


def where(error: BaseException) -> dict[str, str | list[str]]:
    """An exception as type and places, without its message."""
    return {"error": type(error).__name__, "at": _places(error.__traceback__)}


def _places(trace: TracebackType | None) -> list[str]:
    frames = traceback.extract_tb(trace)[-6:]
    return [f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno} {frame.name}" for frame in frames]
