"""Keyset pages: stable while rows are added, and as quick at the end of a listing as at its beginning."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Sequence

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """Some rows, and whether there are others after and before them."""

    rows: Sequence[Row]
    has_next: bool
    has_previous: bool


@dataclass(frozen=True, slots=True)
class Start:
    """The row that a page comes after (`forward`) or before: its sort key and its tie breaker."""

    key: str | int
    tie: str | int
    forward: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """A query to be paged: `key` and `tie` are SQL expressions; the two together are unique."""

    select: str
    key: str
    tie: str
    where: list[str] = field(default_factory=list[str])
    parameters: list[Any] = field(default_factory=list[Any])

    def restrict(self, condition: str, *parameters: str | float | None) -> None:
        """Add a condition that all rows must meet."""
        self.where.append(condition)
        self.parameters.extend(parameters)


def fetch_page(
    connection: sqlite3.Connection,
    listing: Listing,
    read: Callable[[Sequence[Any]], Row],
    *,
    start: Start | None,
    size: int,
    descending: bool,
) -> Page[Row]:
    """Read one page. One row more than asked for is fetched, to know whether there is another page."""
    forward = start is None or start.forward
    ascending = descending != forward
    where = list(listing.where)
    parameters = list(listing.parameters)
    if start is not None:
        sign = ">" if ascending else "<"
        if listing.key == listing.tie:
            where.append(f"{listing.key} {sign} ?")
            parameters.append(start.tie)
        else:
            where.append(f"({listing.key}, {listing.tie}) {sign} (?, ?)")
            parameters += [start.key, start.tie]
    direction = "ASC" if ascending else "DESC"
    order = dict.fromkeys((listing.key, listing.tie))
    sql = (
        f"{listing.select}{' WHERE ' if where else ''}{' AND '.join(where)} "
        f"ORDER BY {', '.join(f'{column} {direction}' for column in order)} LIMIT ?"
    )
    rows = [read(row) for row in connection.execute(sql, (*parameters, size + 1))]
    more = len(rows) > size
    rows = rows[:size]
    if not forward:
        rows.reverse()
    return Page(rows, has_next=more if forward else True, has_previous=start is not None if forward else more)
