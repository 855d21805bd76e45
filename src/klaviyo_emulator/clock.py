"""Time: the injectable clock, and the few forms in which Klaviyo writes an instant.

Instants travel through the package as whole seconds since 1970 (UTC). Only `system_clock` looks at the real time.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

Clock = Callable[[], datetime]
"""Answers the present as an aware datetime."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DATETIME = re.compile(
    r"\d{4}-\d{2}-\d{2}(?:[Tt ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:[Zz]|[+-]\d{2}:?\d{2})?)?", re.ASCII
)
_LONG_FRACTION = re.compile(r"(\.\d{6})\d+")


def system_clock() -> datetime:
    """The machine's own time, in UTC."""
    return datetime.now(UTC)  # noqa: TID251 - the only place that may look


def seconds(moment: datetime) -> float:
    """Seconds since 1970 of an aware datetime."""
    return (moment - EPOCH).total_seconds()


def whole_seconds(moment: datetime) -> int:
    """Seconds since 1970, truncated downwards."""
    return (moment - EPOCH) // timedelta(seconds=1)


def parse_instant(text: str) -> datetime | None:
    """An ISO 8601 instant, None for any other text. Without an offset it is UTC, without a time midnight."""
    if not _DATETIME.fullmatch(text):
        return None
    try:
        moment = datetime.fromisoformat(_LONG_FRACTION.sub(r"\1", text.upper()))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def format_instant(epoch_seconds: int) -> str:
    """`2026-09-04T13:39:33+00:00`, the form of profiles, metrics and events."""
    return (EPOCH + timedelta(seconds=epoch_seconds)).isoformat()
