"""Rows that many functions of one commit want to write, written once for all of them.

A function that calls `gather` does not see its rows: they are written just before the commit, together with those of
the other functions that share it. One statement for sixty callers costs little more than one for one.
"""

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Any, Final, TypeVar, cast

from sqlalchemy import Connection

T = TypeVar("T")
Flush = Callable[[Connection, Sequence[T]], None]
"""Writes what was gathered; called at most once for each commit, or each function that runs apart."""

_KEY: Final = "dreamflow.gathered"


def gather(connection: Connection, flush: Flush[T], items: Sequence[T]) -> None:
    """Have `flush` write these items at the end of the transaction; outside of a `Database.write`, at once."""
    gathered = cast("dict[Flush[T], list[T]] | None", connection.info.get(_KEY))
    if gathered is None:
        flush(connection, items)
    else:
        gathered.setdefault(flush, []).extend(items)


@contextmanager
def gathering(connection: Connection) -> Generator[None]:
    """Gather what the block asks for, and write it at the block's end."""
    gathered: dict[Flush[Any], list[Any]] = {}
    connection.info[_KEY] = gathered
    try:
        yield
        for flush, items in gathered.items():
            flush(connection, items)
    finally:
        del connection.info[_KEY]
