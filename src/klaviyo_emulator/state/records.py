"""Resources that are not many: rows of `record`, a JSON body each, with the listing they all share.

A body holds what the resource is made of, as its own module wants it. Instants in a body are whole microseconds since
1970, so that filters and sorts compare numbers.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from klaviyo_emulator.clock import EPOCH
from klaviyo_emulator.state.paging import COMPARE, Listing, Page, fetch_page

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping, Sequence

    from klaviyo_emulator.cursors import Position
    from klaviyo_emulator.filters import Condition, Scalar, Value
    from klaviyo_emulator.query import Sort
    from klaviyo_emulator.state.minting import Mint

Body = dict[str, Any]

_SELECT = "SELECT record.seq, record.type, record.id, record.created_us, record.updated_us, record.body"
_FIND = f"{_SELECT}, '' FROM record WHERE type = ?"
_AMONG = "IN (SELECT value FROM json_each(?))"
_COMPACT = (",", ":")


@dataclass(frozen=True, slots=True)
class Record:
    """One resource as it is stored. `sort_key` is set on the rows of a page."""

    seq: int
    type: str
    id: str
    created_us: int
    updated_us: int
    body: Body = field(compare=False)
    sort_key: str | int = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Subquery:
    """An SQL SELECT of ids, and its parameters."""

    sql: str
    parameters: tuple[str | int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Where a type keeps the fields that it is filtered and sorted by, if not in the body under the field's name."""

    expressions: Mapping[str, str] = field(default_factory=dict[str, str])

    def expression(self, name: str) -> str:
        """The SQL expression of a field."""
        known = {
            "id": "record.id",
            "created": "record.created_us",
            "created_at": "record.created_us",
            "updated": "record.updated_us",
            "updated_at": "record.updated_us",
            "name": "json_extract(record.body, '$.name')",
            **self.expressions,
        }
        path = ".".join(f'"{part}"' for part in name.split("."))
        return known.get(name) or f"json_extract(record.body, '$.{path}')"


def create_record(
    connection: sqlite3.Connection, mint: Mint, kind: str, record_id: str, body: Body, *, at_us: int | None = None
) -> Record:
    """Store a new resource. The caller has made sure that its id is free."""
    now = mint.now_us() if at_us is None else at_us
    cursor = connection.execute(
        "INSERT INTO record (type, id, created_us, updated_us, body) VALUES (?, ?, ?, ?, ?)",
        (kind, record_id, now, now, json.dumps(body, separators=_COMPACT)),
    )
    return Record(int(cursor.lastrowid or 0), kind, record_id, now, now, body)


def change_record(connection: sqlite3.Connection, mint: Mint, record: Record, changes: Body) -> Record:
    """Put the changed members into the body; `updated` moves, also when nothing is different."""
    body = {**record.body, **changes}
    now = mint.now_us()
    connection.execute(
        "UPDATE record SET body = ?, updated_us = ? WHERE seq = ?",
        (json.dumps(body, separators=_COMPACT), now, record.seq),
    )
    return Record(record.seq, record.type, record.id, record.created_us, now, body)


def delete_record(connection: sqlite3.Connection, kind: str, record_id: str) -> bool:
    """Delete a resource with the links that it owns; False when there was none.

    Links of other types to it are theirs to delete: see `links.unlink_target`.
    """
    connection.execute("DELETE FROM link WHERE type = ? AND owner = ?", (kind, record_id))
    return connection.execute("DELETE FROM record WHERE type = ? AND id = ?", (kind, record_id)).rowcount > 0


def find_record(connection: sqlite3.Connection, kind: str, record_id: str) -> Record | None:
    """The resource of this type with this id."""
    row = connection.execute(f"{_FIND} AND id = ?", (kind, record_id)).fetchone()
    return None if row is None else _record(row)


def find_named(connection: sqlite3.Connection, kind: str, name: str) -> Record | None:
    """The first resource of this type with this name."""
    sql = f"{_FIND} AND json_extract(body, '$.name') = ? ORDER BY id"
    row = connection.execute(sql, (kind, name)).fetchone()
    return None if row is None else _record(row)


def all_records(connection: sqlite3.Connection, kind: str) -> list[Record]:
    """Every resource of a type, oldest first."""
    return [_record(row) for row in connection.execute(f"{_FIND} ORDER BY seq", (kind,))]


def count_records(connection: sqlite3.Connection, kind: str) -> int:
    """How many there are of a type."""
    return int(connection.execute("SELECT count(*) FROM record WHERE type = ?", (kind,)).fetchone()[0])


def free_short_id(connection: sqlite3.Connection, mint: Mint) -> str:
    """Six alphanumerics that no record has, of whatever type."""
    while True:
        drawn = mint.short_id()
        if connection.execute("SELECT 1 FROM record WHERE id = ?", (drawn,)).fetchone() is None:
            return drawn


def list_records(
    connection: sqlite3.Connection,
    kind: str,
    conditions: Sequence[Condition],
    *,
    sort: Sort,
    start: Position | None,
    size: int,
    columns: Columns | None = None,
    within: Subquery | None = None,
) -> Page[Record]:
    """A page of the resources of a type; `within` keeps those whose id a subquery selects. Size 0 asks for all."""
    columns = columns or Columns()
    field_name = sort.field or "id"
    key = columns.expression(field_name)
    if field_name not in {"id", "created", "created_at", "updated", "updated_at"}:
        key = f"coalesce({key}, '')"
    listing = Listing(select=f"{_SELECT}, {key} FROM record", key=key, tie="record.id")
    listing.restrict("record.type = ?", kind)
    if within is not None:
        listing.restrict(f"record.id IN ({within.sql})", *within.parameters)
    for condition in conditions:
        restrict(listing, columns.expression(condition.field), condition)
    return fetch_page(connection, listing, _record, start=start, size=size, descending=sort.descending)


def restrict(listing: Listing, expression: str, condition: Condition) -> None:
    """Add a condition of a filter, on an SQL expression, to a listing."""
    value = condition.value
    match condition.operator:
        case "equals" | "any" if isinstance(value, tuple):
            chosen = json.dumps([_comparable(item) for item in value])
            listing.restrict(f"{expression} {_AMONG}", chosen)
        case "equals" | "any":
            listing.restrict(f"{expression} = ?", _comparable(_scalar(value)))
        case "contains":
            listing.restrict(f"instr({expression}, ?) > 0", str(value))
        case "starts-with":
            listing.restrict(f"substr({expression}, 1, length(?)) = ?", str(value), str(value))
        case "ends-with":
            text = str(value)
            listing.restrict(f"(length(?) = 0 OR substr({expression}, -length(?)) = ?)", text, text, text)
        case "has":
            listing.restrict(f"{expression} IS NOT NULL")
        case _:
            listing.restrict(f"{expression} {COMPARE[condition.operator]} ?", _comparable(_scalar(value)))


def _scalar(value: Value) -> Scalar:
    """A condition's value where the operator takes one alone, as `filters.check` has seen to."""
    if isinstance(value, tuple):
        raise TypeError("a single value is needed")
    return value


def _comparable(value: Scalar) -> str | int | float | None:
    """A filter's value as the state holds it: instants in microseconds, booleans as JSON's 0 and 1 in SQL."""
    if isinstance(value, datetime):
        return (value - EPOCH) // timedelta(microseconds=1)
    return int(value) if isinstance(value, bool) else value


def _record(row: Sequence[Any]) -> Record:
    return Record(row[0], row[1], row[2], row[3], row[4], json.loads(row[5]), row[6])
