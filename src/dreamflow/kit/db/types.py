"""Column types."""

from datetime import UTC, datetime
from typing import Protocol

from sqlalchemy import DateTime, Dialect
from sqlalchemy.types import TypeDecorator
from typing_extensions import override


class _Process(Protocol):
    def __call__(self, value: datetime | None) -> object: ...


class UtcDateTime(TypeDecorator[datetime]):
    """An aware datetime, stored in UTC; a naive one is a mistake and refused."""

    impl = DateTime(timezone=True)
    cache_ok = True

    @override
    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else _in_utc(value)

    @override
    def bind_processor(self, dialect: Dialect) -> _Process | None:
        # SQLAlchemy puts SQLite's text together field by field, for every value of every row.
        return _sqlite_text if dialect.name == "sqlite" else super().bind_processor(dialect)

    @override
    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        # SQLite keeps no zone; PostgreSQL answers in the session's.
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _in_utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        msg = "a naive datetime cannot be stored"
        raise ValueError(msg)
    return moment.astimezone(UTC)


def _sqlite_text(value: datetime | None) -> str | None:
    """As SQLAlchemy writes it, e.g. "2026-11-24 19:10:00.000000"."""
    return None if value is None else _in_utc(value).isoformat(" ", "microseconds")[: -len("+00:00")]
