"""Keyset pages: stable while rows are added, and as quick at the end of a listing as at its beginning.

The latter holds where an index has the rows in order: all of them, or those of each branch. Rows that a filter leaves
out on the way are read all the same.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Sequence

    from klaviyo_emulator.cursors import Position

Row = TypeVar("Row")

COMPARE = {"greater-than": ">", "greater-or-equal": ">=", "less-than": "<", "less-or-equal": "<="}
"""The operators of filters that compare, in SQL."""
_ALL = 1 << 31


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """Some rows, and whether there are others after and before them."""

    rows: Sequence[Row]
    has_next: bool
    has_previous: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Branches:
    """Parts of a listing that an index has in order each, while none has them together.

    Only the first rows of each branch are looked at, and their keys are merged.
    """

    source: str
    """What `FROM` names, such as `(SELECT seq FROM metric) AS branch`."""
    condition: str
    """Which rows are in a branch, such as `event.metric = branch.seq`."""
    parameters: tuple[str, ...] = ()
    """Those of `source`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """A query to be paged: `key` and `tie` are columns or SQL expressions; the two together are unique."""

    select: str
    key: str
    tie: str
    branches: Branches | None = None
    """Needs `key` and `tie` to be columns of one table, `tie` its row number."""
    where: list[str] = field(default_factory=list[str])
    parameters: list[Any] = field(default_factory=list[Any])

    def restrict(self, condition: str, *parameters: str | float | None) -> None:
        """Add a condition that all rows must meet."""
        self.where.append(condition)
        self.parameters.extend(parameters)


class _Question(NamedTuple):
    """One SELECT of a page."""

    condition: str
    parameters: tuple[str | int, ...]
    order: tuple[str, ...]


def fetch_page(
    connection: sqlite3.Connection,
    listing: Listing,
    read: Callable[[Sequence[Any]], Row],
    *,
    start: Position | None,
    size: int,
    descending: bool,
) -> Page[Row]:
    """Read one page; size 0 asks for all rows.

    One row more than asked for is fetched, to know whether there is another page.
    """
    size = size or _ALL
    forward = start is None or start.forward
    ascending = descending != forward
    direction = "ASC" if ascending else "DESC"
    rows: list[Row] = []
    for question in _questions(listing, start, ">" if ascending else "<"):
        where = " AND ".join((*listing.where, question.condition))
        order = ", ".join(f"{column} {direction}" for column in question.order)
        parameters: tuple[Any, ...] = (*listing.parameters, *question.parameters)
        limit = size + 1 - len(rows)
        if listing.branches is not None:
            where = _first_of_branches(listing.branches, listing.tie, where, order)
            parameters = (*listing.branches.parameters, *parameters, limit, limit)
        sql = f"{listing.select} WHERE {where} ORDER BY {order} LIMIT ?"
        rows += [read(row) for row in connection.execute(sql, (*parameters, limit))]
    more = len(rows) > size
    rows = rows[:size]
    if not forward:
        rows.reverse()
    return Page(rows, has_next=more if forward else True, has_previous=start is not None if forward else more)


def _first_of_branches(branches: Branches, tie: str, where: str, order: str) -> str:
    """The condition that holds for the first rows of all branches together; it takes their limit twice."""
    table = tie.partition(".")[0]
    of_one = f"SELECT {tie} FROM {table} WHERE {branches.condition} AND {where} ORDER BY {order} LIMIT ?"  # noqa: S608 - names of columns
    found = f"SELECT {tie} FROM {branches.source} CROSS JOIN {table} ON {tie} IN ({of_one})"  # noqa: S608 - likewise
    found += f" ORDER BY {order} LIMIT ?"
    return f"{tie} IN ({found})"


def _questions(listing: Listing, start: Position | None, sign: str) -> list[_Question]:
    """What to ask, one after the other, for the rows beyond `start`.

    Rows with the same key are asked for apart from those beyond it. Either question has its place in an index; a
    comparison of pairs has none where the key is an expression, and only half of one where the tie is the row number.
    """
    key, tie = listing.key, listing.tie
    order = (tie,) if key == tie else (key, tie)
    if start is None:
        return [_Question("1", (), order)]
    beyond_tie = f"{tie} {sign} ?"
    if key == tie:
        return [_Question(beyond_tie, (start.tie,), order)]
    return [
        _Question(f"{key} = ? AND {beyond_tie}", (start.key, start.tie), (tie,)),
        _Question(f"{key} {sign} ?", (start.key,), order),
    ]
